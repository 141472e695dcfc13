#include "sweep/spec/bundle.h"

#include <algorithm>
#include <exception>
#include <map>
#include <set>

#include "sweep/config.h"
#include "sweep/error.h"
#include "sweep/spec/spec_values.h"

namespace medley::sweep {
namespace {

/// Maps of which an including file replaces single keys. All but labels have settings as keys.
const std::set<std::string> kJoined = {"base", "axes", "when", "variants", "labels"};

/// `typed` stands in the file `in`. Both are relative to one folder, and so is the result, without "." and, where that
/// can be, without "..". An absolute name stays one.
std::string relative_name(const std::string& in, const std::string& typed) {
  const bool absolute = typed.rfind('/', 0) == 0 || in.rfind('/', 0) == 0;
  const std::string joined = typed.rfind('/', 0) == 0 ? typed : in.substr(0, in.rfind('/') + 1) + typed;
  std::vector<std::string> steps;
  for (std::size_t start = 0; start <= joined.size();) {
    const std::size_t end = std::min(joined.find('/', start), joined.size());
    const std::string step = joined.substr(start, end - start);
    start = end + 1;
    if (step.empty() || step == ".") continue;
    if (step == ".." && !steps.empty() && steps.back() != "..") {
      steps.pop_back();
    } else if (step != ".." || !absolute) {
      steps.push_back(step);
    }
  }
  std::string name = absolute ? "/" : "";
  for (std::size_t i = 0; i < steps.size(); ++i) name += (i > 0 ? "/" : "") + steps[i];
  return name;
}

/// The items of a list, or the one that stands alone.
std::vector<const YamlNode*> items_of(const YamlNode& node) {
  std::vector<const YamlNode*> items;
  if (!node.is_sequence()) return {&node};
  for (const YamlNode& item : node.items) items.push_back(&item);
  return items;
}

/// The scalars of `root` that name a file: under `include`, and under `base`.
std::vector<const YamlNode*> named_files(const YamlNode& root) {
  std::vector<const YamlNode*> named;
  for (const char* key : {"include", "base"}) {
    const YamlNode* node = find_key(root, key);
    if (!node || node->is_map()) continue;
    for (const YamlNode* item : items_of(*node)) {
      if (item->is_scalar()) named.push_back(item);
    }
  }
  return named;
}

/// Lays the entries of `high` over those of `low`. Names of settings that mean the same are the same key.
void lay_over(YamlNode& low, const YamlNode& high, bool join) {
  for (const auto& [key, value] : high.entries) {
    const std::string name = setting_name(key.place.text);
    const auto old = std::find_if(low.entries.begin(), low.entries.end(),
                                  [&](const auto& entry) { return setting_name(entry.first.place.text) == name; });
    if (old == low.entries.end()) {
      low.entries.emplace_back(key, value);
    } else if (join && kJoined.count(name) && old->second.is_map() && value.is_map()) {
      lay_over(old->second, value, false);
    } else {
      *old = {key, value};
    }
  }
}

/// A setting of which two names stand in one map counts once.
void drop_twice_named(YamlNode& map, Diagnostics& diagnostics) {
  std::map<std::string, const YamlNode*> first;
  std::vector<std::pair<YamlNode, YamlNode>> kept;
  for (const auto& entry : map.entries) {
    const std::string& text = entry.first.place.text;
    const auto [old, is_new] = first.emplace(setting_name(text), &entry.first);
    if (is_new) {
      kept.push_back(entry);
    } else {
      diagnostics.add(entry.first.place, "'" + text + "' and '" + old->second->place.text + "' in line " +
                                             std::to_string(old->second->place.line) + " are one setting: keep one");
    }
  }
  map.entries = std::move(kept);
}

class Joiner {
 public:
  Joiner(const std::vector<SweepPart>& parts, Diagnostics& diagnostics) : parts_(parts), diagnostics_(diagnostics) {
    for (std::size_t i = 0; i < parts.size(); ++i) {
      trees_.push_back(parse_yaml(parts[i].text, parts[i].name, diagnostics, static_cast<int>(i)));
      drop_aliases(trees_.back(), parts[i].is_set);
      if (i > 0 && !parts[i].is_set) index_[parts[i].name] = i;
    }
  }

  SweepTree join() {
    SweepTree tree;
    tree.root = whole(0, "");
    for (std::size_t i = 1; i < parts_.size(); ++i) {
      if (parts_[i].is_set) {
        tree.sets.push_back(trees_[i]);
      } else if (!used_.count(i)) {
        diagnostics_.add({1, 1, "", static_cast<int>(i)}, "neither include nor base names this file");
      }
    }
    return tree;
  }

 private:
  void drop_aliases(YamlNode& root, bool is_set) {
    if (is_set) return;
    for (auto& [key, value] : root.entries) {
      const std::string& name = key.place.text;
      if (name == "base" || name == "axes" || name == "when" || name == "reference")
        drop_twice_named(value, diagnostics_);
      if (name != "variants") continue;
      for (auto& [variant, settings] : value.entries) drop_twice_named(settings, diagnostics_);
    }
  }

  /// The part that `item` names, or 0.
  std::size_t part_of(const YamlNode& item, const std::string& key, const std::string& name) {
    const auto found = index_.find(relative_name(name, item.place.text));
    if (found == index_.end()) {
      diagnostics_.add(item.place, key + ": the file " + shown(item) +
                                       " is not part of this text: `medley submit` sends what a file includes");
      return 0;
    }
    used_.insert(found->second);
    return found->second;
  }

  /// Part `index` with what it includes. `name` is relative to the folder of the first.
  YamlNode whole(std::size_t index, const std::string& name) {
    const auto known = whole_.find(index);
    return known != whole_.end() ? known->second : whole_.emplace(index, joined(index, name)).first->second;
  }

  YamlNode joined(std::size_t index, const std::string& name) {
    YamlNode root = trees_[index];
    if (!root.is_map()) {
      if (index > 0) diagnostics_.add(root.place, "an included file holds keys of a sweep file, such as 'base'");
      return root;
    }
    open_.insert(index);
    YamlNode low;
    low.kind = YamlNode::Kind::kMap;
    low.place = root.place;
    std::vector<std::pair<YamlNode, YamlNode>> own;
    for (auto& entry : root.entries) {
      const std::string& key = entry.first.place.text;
      if (key == "include") {
        include(entry.second, name, low);
        continue;
      }
      if (key == "base") entry.second = whole_base(entry.second, name);
      if (key == "dataset" && entry.second.is_scalar() && !entry.second.place.text.empty()) {
        entry.second.place.text = index == 0 ? entry.second.place.text : relative_name(name, entry.second.place.text);
      }
      if (index > 0 && (key == "name" || key == "description")) continue;  // those of another sweep
      own.push_back(std::move(entry));
    }
    root.entries = std::move(own);
    lay_over(low, root, true);
    open_.erase(index);
    return low;
  }

  void include(const YamlNode& node, const std::string& name, YamlNode& low) {
    if (items_of(node).empty()) diagnostics_.add(node.place, "include: an empty list includes nothing");
    for (const YamlNode* item : items_of(node)) {
      if (!item->is_scalar() || item->place.text.empty()) {
        diagnostics_.add(item->place, "include: " + shown(*item) + " must be a file, or a list of files");
        continue;
      }
      const std::size_t part = part_of(*item, "include", name);
      if (part == 0) continue;
      if (open_.count(part)) {
        diagnostics_.add(item->place, "include: " + shown(*item) + " includes itself");
        continue;
      }
      const YamlNode tree = whole(part, parts_[part].name);
      if (tree.is_map()) lay_over(low, tree, true);
    }
  }

  /// Settings, of which some may lie in files.
  YamlNode whole_base(const YamlNode& node, const std::string& name) {
    if (node.is_map() || node.is_null()) return node;
    YamlNode all;
    all.kind = YamlNode::Kind::kMap;
    all.place = node.place;
    for (const YamlNode* item : items_of(node)) {
      const bool is_file = item->is_scalar();
      const std::size_t part = is_file ? part_of(*item, "base", name) : 0;
      if (is_file && part == 0) continue;
      YamlNode settings = is_file ? trees_[part] : *item;
      if (settings.is_map()) {
        drop_twice_named(settings, diagnostics_);
        lay_over(all, settings, false);
      } else {
        diagnostics_.add(settings.place, "base: " + shown(settings) +
                                             (is_file ? " must hold settings with values"
                                                      : " must hold settings, or be a file of settings"));
      }
    }
    return all;
  }

  const std::vector<SweepPart>& parts_;
  Diagnostics& diagnostics_;
  std::vector<YamlNode> trees_;
  std::map<std::string, std::size_t> index_;  ///< by name
  std::set<std::size_t> used_;
  std::map<std::size_t, YamlNode> whole_;  ///< each is joined once
  std::set<std::size_t> open_;             ///< that are being joined
};

/// A file as a part: its own start of a document would be one too many.
std::string part_text(std::string text) {
  if (text.rfind("---\n", 0) == 0) text.erase(0, 3);
  if (text.empty() || text.back() != '\n') text += '\n';
  return text;
}

class Bundler {
 public:
  Bundler(std::string text, const ReadPart& read) : text_(std::move(text)), read_(read) {}

  void add_named(const SweepPart& part, const std::string& name) {
    Diagnostics diagnostics(part.name, part.text);
    const YamlNode root = parse_yaml(part.text, part.name, diagnostics);
    diagnostics.take();  // they are told with the errors of the whole
    for (const YamlNode* item : named_files(root)) {
      const std::string wanted = relative_name(name, item->place.text);
      if (!known_.insert(wanted).second) continue;
      try {
        if (known_.size() > kMaxIncluded) throw Error("more than " + std::to_string(kMaxIncluded) + " files");
        if (wanted.find('\n') != std::string::npos) throw Error("a name is one line");
        SweepPart next{wanted, part_text(read_(wanted))};
        if (text_.back() != '\n') text_ += '\n';
        text_ += kFileHead + wanted + '\n' + next.text;
        add_named(next, wanted);
      } catch (const SpecError&) {
        throw;
      } catch (const std::exception& error) {
        diagnostics.add(item->place, error.what());
      }
    }
    diagnostics.throw_if_any();
  }

  void know(const std::string& name) { known_.insert(name); }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
  const ReadPart& read_;
  std::set<std::string> known_;
};

}  // namespace

std::string bundle_sweep(const std::string& text, const std::string& file, const ReadPart& read) {
  const std::vector<SweepPart> parts = sweep_parts(text, file);
  Bundler bundler(text, read);
  for (std::size_t i = 1; i < parts.size(); ++i) {
    if (!parts[i].is_set) bundler.know(parts[i].name);
  }
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (!parts[i].is_set) bundler.add_named(parts[i], i == 0 ? "" : parts[i].name);
  }
  return bundler.text();
}

std::string with_setting(const std::string& text, const std::string& set) {
  const std::size_t equals = set.find('=');
  const std::string value = equals == std::string::npos ? "" : set.substr(equals + 1);
  if (value.empty() || set.find('\n') != std::string::npos) throw Error("--set " + set + ": wants SETTING=VALUE");
  const std::string gap = text.empty() || text.back() == '\n' ? "" : "\n";
  return text + gap + kSetHead + "\n" + set.substr(0, equals) + ": " + value + "\n";
}

SweepTree parse_parts(const std::string& text, const std::string& file, Diagnostics& diagnostics) {
  const std::vector<SweepPart> parts = sweep_parts(text, file);
  const auto files = std::count_if(parts.begin(), parts.end(), [](const SweepPart& part) { return !part.is_set; });
  if (static_cast<std::size_t>(files) > kMaxIncluded + 1) {
    diagnostics.add({1, 1, ""}, "it includes more than " + std::to_string(kMaxIncluded) + " files");
    diagnostics.throw_if_any();
  }
  return Joiner(parts, diagnostics).join();
}

}  // namespace medley::sweep
