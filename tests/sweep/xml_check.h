#pragma once

#include <map>
#include <string>
#include <vector>

namespace medley::sweep {

/// What is wrong with `xml`, or "": tags that do not match, attributes given twice or not quoted, bare & or <. Knows
/// what figures use: elements, attributes, text and the five named entities (and &#39;). Counts `element.class`.
inline std::string xml_error(const std::string& xml, std::map<std::string, int>* count = nullptr) {
  std::vector<std::string> open;
  const auto bad_text = [](const std::string& text) {
    for (std::size_t at = text.find('&'); at != std::string::npos; at = text.find('&', at + 1)) {
      bool known = false;
      for (const char* entity : {"&amp;", "&lt;", "&gt;", "&quot;", "&#39;"}) {
        known = known || text.compare(at, std::string(entity).size(), entity) == 0;
      }
      if (!known) return true;
    }
    return text.find('<') != std::string::npos;
  };
  std::size_t at = 0;
  bool root = false;
  while (at < xml.size()) {
    const std::size_t begin = xml.find('<', at);
    const std::string text = xml.substr(at, begin == std::string::npos ? begin : begin - at);
    if (bad_text(text)) return "bad text: " + text;
    if (open.empty() && text.find_first_not_of(" \n") != std::string::npos) return "text outside the root: " + text;
    if (begin == std::string::npos) break;
    // The end of the tag, not counting '>' within quotes.
    std::size_t end = begin;
    char quote = 0;
    while (++end < xml.size() && (quote || xml[end] != '>')) {
      if (quote ? xml[end] == quote : xml[end] == '"') quote = quote ? 0 : '"';
    }
    if (end >= xml.size()) return "a tag does not end";
    std::string tag = xml.substr(begin + 1, end - begin - 1);
    at = end + 1;
    if (tag[0] == '/') {
      if (open.empty() || open.back() != tag.substr(1)) return "</" + tag + "> closes nothing";
      open.pop_back();
      continue;
    }
    const bool empty = tag.back() == '/';
    if (empty) tag.pop_back();
    const std::string name = tag.substr(0, tag.find(' '));
    std::map<std::string, std::string> attributes;
    for (std::size_t i = name.size(); i < tag.size();) {
      if (tag[i] != ' ') return "no space before an attribute in <" + tag + ">";
      const std::size_t equals = tag.find("=\"", i);
      if (equals == std::string::npos) return "an attribute without a value in <" + tag + ">";
      const std::size_t close = tag.find('"', equals + 2);
      if (close == std::string::npos) return "an attribute that does not end in <" + tag + ">";
      const std::string value = tag.substr(equals + 2, close - equals - 2);
      if (bad_text(value)) return "bad attribute in <" + tag + ">";
      if (!attributes.emplace(tag.substr(i + 1, equals - i - 1), value).second) return "twice in <" + tag + ">";
      if (value.find("nan") != std::string::npos || value.find("inf") != std::string::npos) return "no number: " + tag;
      i = close + 1;
    }
    if (open.empty() && root) return "two roots";
    root = true;
    if (count) ++(*count)[name + "." + attributes["class"]];
    if (count && attributes["class"] != "") ++(*count)["." + attributes["class"]];
    if (!empty) open.push_back(name);
  }
  return open.empty() ? "" : "<" + open.back() + "> is not closed";
}

}  // namespace medley::sweep
