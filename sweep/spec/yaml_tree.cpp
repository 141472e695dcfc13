#include "sweep/spec/yaml_tree.h"

#include <algorithm>
#include <map>
#include <optional>
#include <sstream>

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

namespace medley::sweep {
namespace {

constexpr std::size_t kMaxDepth = 16;

/// Builds the tree from the parser's events. Reading events rather than yaml-cpp's own nodes keeps the places
/// of keys, both entries of a duplicate key, and the refusals before anything is expanded.
class TreeBuilder : public YAML::EventHandler {
 public:
  TreeBuilder(const std::string& text, const std::string& file, int part) : text_(text), file_(file), part_(part) {}

  YamlNode take_root() { return std::move(root_); }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnAnchor(const YAML::Mark& mark, const std::string& name) override {
    refuse(mark, "&" + name, "anchors and aliases are not used in sweep files: write the value out");
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    refuse(mark, "*", "anchors and aliases are not used in sweep files: write the value out");
  }
  void OnNull(const YAML::Mark& mark, YAML::anchor_t) override { put(YamlNode::Kind::kNull, mark, ""); }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t, const std::string& value) override {
    check_tag(mark, tag);
    if (value.find('\0') != std::string::npos) refuse(mark, "", "text with a NUL character is not used in sweep files");
    put(YamlNode::Kind::kScalar, mark, value);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t,
                       YAML::EmitterStyle::value) override {
    check_tag(mark, tag);
    open(YamlNode::Kind::kSequence, mark);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t, YAML::EmitterStyle::value) override {
    check_tag(mark, tag);
    open(YamlNode::Kind::kMap, mark);
  }
  void OnMapEnd() override { close(); }

  [[noreturn]] void refuse(const YAML::Mark& mark, const std::string& text, const std::string& message) {
    Diagnostics diagnostics(file_, text_);
    Place place = place_of(mark, text);
    place.part = 0;  // of the text alone
    place.line = std::max(place.line, 1);
    place.column = std::max(place.column, 1);
    diagnostics.add(place, message);
    throw SpecError(diagnostics.take());
  }

 private:
  Place place_of(const YAML::Mark& mark, const std::string& text) const {
    return {mark.line + 1, mark.column + 1, text, part_};
  }

  void check_tag(const YAML::Mark& mark, const std::string& tag) {
    if (!tag.empty() && tag != "?" && tag != "!") refuse(mark, tag, "tags ('" + tag + "') are not used in sweep files");
  }

  YamlNode node(YamlNode::Kind kind, const YAML::Mark& mark, const std::string& text) {
    YamlNode result;
    result.kind = kind;
    result.place = place_of(mark, text);
    return result;
  }

  void open(YamlNode::Kind kind, const YAML::Mark& mark) {
    if (open_.size() >= kMaxDepth) {
      refuse(mark, "", "nested deeper than " + std::to_string(kMaxDepth) + " levels");
    }
    open_.push_back({node(kind, mark, ""), {}, false});
  }

  void close() {
    YamlNode done = std::move(open_.back().node);
    open_.pop_back();
    attach(std::move(done));
  }

  void put(YamlNode::Kind kind, const YAML::Mark& mark, const std::string& text) { attach(node(kind, mark, text)); }

  void attach(YamlNode child) {
    if (open_.empty()) {
      root_ = std::move(child);
      return;
    }
    Open& parent = open_.back();
    if (parent.node.is_sequence()) {
      parent.node.items.push_back(std::move(child));
    } else if (!parent.has_key) {
      parent.key = std::move(child);
      parent.has_key = true;
    } else {
      parent.node.entries.emplace_back(std::move(parent.key), std::move(child));
      parent.has_key = false;
    }
  }

  struct Open {
    YamlNode node;
    YamlNode key;
    bool has_key;
  };
  const std::string& text_;
  const std::string& file_;
  const int part_;
  std::vector<Open> open_;
  YamlNode root_;
};

/// Length of the UTF-8 character at `i`, or 0 where there is none. The text later enters JSON, which must be UTF-8.
std::size_t character_length(const std::string& text, std::size_t i) {
  const auto byte = [&](std::size_t at) { return at < text.size() ? static_cast<unsigned char>(text[at]) : 0u; };
  const unsigned first = byte(i);
  if (first < 0x80) return 1;
  const std::size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4) return 0;
  for (std::size_t k = 1; k < length; ++k) {
    if ((byte(i + k) & 0xC0) != 0x80) return 0;
  }
  const unsigned second = byte(i + 1);
  const bool overlong = (first == 0xE0 && second < 0xA0) || (first == 0xF0 && second < 0x90);
  const bool beyond = (first == 0xED && second > 0x9F) || (first == 0xF4 && second > 0x8F);
  return overlong || beyond ? 0 : length;
}

/// The mark of the first byte that is not UTF-8 text, if any.
std::optional<YAML::Mark> first_bad_byte(const std::string& text) {
  YAML::Mark mark;
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t length = text[i] == '\0' ? 0 : character_length(text, i);
    if (length == 0) return mark;
    if (text[i] == '\n') {
      ++mark.line;
      mark.column = 0;
    } else {
      mark.column += static_cast<int>(length);
    }
    i += length;
  }
  return std::nullopt;
}

/// The mark of the first tab that indents a line, if any: YAML takes spaces only, and its errors do not say so.
std::optional<YAML::Mark> first_indenting_tab(const std::string& text) {
  YAML::Mark mark;
  bool indenting = true;
  for (const char c : text) {
    if (indenting && c == '\t') return mark;
    indenting = c == '\n' || (indenting && c == ' ');
    mark.line += c == '\n';
    mark.column = c == '\n' ? 0 : mark.column + 1;
  }
  return std::nullopt;
}

/// Keeps the first of several entries with one key; keys that are not scalars are refused.
void check_keys(YamlNode& node, Diagnostics& diagnostics) {
  for (YamlNode& item : node.items) check_keys(item, diagnostics);
  std::vector<std::pair<YamlNode, YamlNode>> kept;
  std::map<std::string, int> lines;
  for (auto& [key, value] : node.entries) {
    check_keys(value, diagnostics);
    if (!key.is_scalar()) {
      diagnostics.add(key.place, "a key must be a name");
      continue;
    }
    const auto [first, is_new] = lines.emplace(key.place.text, key.place.line);
    if (!is_new) {
      diagnostics.add(key.place,
                      "key '" + key.place.text + "' stands twice; first in line " + std::to_string(first->second));
      continue;
    }
    kept.emplace_back(std::move(key), std::move(value));
  }
  node.entries = std::move(kept);
}

}  // namespace

YamlNode parse_yaml(const std::string& text, const std::string& file, Diagnostics& diagnostics, int part) {
  TreeBuilder builder(text, file, part);
  const auto refuse = [&](const std::string& message) { builder.refuse(YAML::Mark(), "", message); };
  if (const auto bad = first_bad_byte(text)) builder.refuse(*bad, "", "this byte is not text: a sweep file is UTF-8");
  try {
    std::istringstream stream(text);
    YAML::Parser parser(stream);
    const bool any = parser.HandleNextDocument(builder);
    YamlNode root = builder.take_root();
    if (!any || root.is_null()) refuse("the file is empty: `medley init` writes one to begin with");
    TreeBuilder second(text, file, part);
    if (parser.HandleNextDocument(second)) {
      second.refuse(YAML::Mark(), "", "holds more than one document: keep one sweep a file");
    }
    check_keys(root, diagnostics);
    return root;
  } catch (const YAML::Exception& e) {
    if (const auto tab = first_indenting_tab(text))
      builder.refuse(*tab, "", "this line is indented with a tab: use spaces");
    builder.refuse(e.mark, "", "not valid YAML: " + e.msg);
  }
}

}  // namespace medley::sweep
