#pragma once

#include <string>
#include <vector>

namespace medley::data {

/// The errors found in a dataset: all are counted, the first kMaxShown are shown.
class Problems {
 public:
  static constexpr std::size_t kMaxShown = 20;

  void add(const std::string& message) {
    if (++count_ <= kMaxShown) shown_.push_back(message);
  }
  void add(const Problems& others) {
    for (const std::string& message : others.shown_) add(message);
    count_ += others.count_ - others.shown_.size();
  }
  bool empty() const { return count_ == 0; }
  std::size_t count() const { return count_; }
  const std::vector<std::string>& shown() const { return shown_; }
  /// One error a line, then "and N more".
  std::string text() const {
    std::string text;
    for (const std::string& message : shown_) text += (text.empty() ? "" : "\n") + message;
    if (count_ > shown_.size()) text += "\nand " + std::to_string(count_ - shown_.size()) + " more";
    return text;
  }

 private:
  std::vector<std::string> shown_;
  std::size_t count_ = 0;
};

}  // namespace medley::data
