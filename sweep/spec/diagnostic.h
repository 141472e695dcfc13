#pragma once

#include <string>
#include <vector>

#include "sweep/error.h"
#include "sweep/spec/sweep_part.h"

namespace medley::sweep {

/// A place in a sweep file. Lines and columns count from 1; 0 means the file as a whole.
struct Place {
  int line = 0;
  int column = 0;    ///< in bytes
  std::string text;  ///< what stands there, as typed
  int part = 0;      ///< of the text: sweep_parts()
};

/// One error (or warning) in a sweep file.
struct Diagnostic {
  std::string file;
  int line = 0;
  int column = 0;
  std::string text;     ///< the offending text
  std::string message;  ///< what is wrong with it and what would be valid
  std::string source;   ///< the line that it stands on; "" for the file as a whole
  int part = 0;         ///< Place::part

  /// `file:line:column: message`, then the source line with the text underlined.
  std::string str() const;
};

/// In the order of their positions.
void sort_diagnostics(std::vector<Diagnostic>& diagnostics);

/// All errors of a sweep file, in the order of their positions. what() is the text of them all.
class SpecError : public Error {
 public:
  explicit SpecError(std::vector<Diagnostic> diagnostics);
  const std::vector<Diagnostic>& diagnostics() const { return diagnostics_; }

 private:
  std::vector<Diagnostic> diagnostics_;
};

/// Collects the errors of one text, of one or more parts. `file` and `text` must outlive it.
class Diagnostics {
 public:
  Diagnostics(const std::string& file, const std::string& text) : file_(file), text_(text) {}

  void add(const Place& place, std::string message);
  bool empty() const { return all_.empty(); }
  std::size_t size() const { return all_.size(); }
  /// Sorted by position; leaves this empty.
  std::vector<Diagnostic> take();
  /// Throws SpecError if there is any.
  void throw_if_any();

 private:
  const std::string& file_;
  const std::string& text_;
  std::vector<SweepPart> parts_;  ///< of the text, once a place is in another than the first
  std::vector<Diagnostic> all_;
};

}  // namespace medley::sweep
