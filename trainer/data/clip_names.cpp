#include "trainer/data/clip_names.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <string_view>
#include <unordered_map>

#include "sweep/nearest.h"
#include "trainer/data/error.h"
#include "trainer/data/text.h"

namespace medley::data {
namespace {

constexpr std::array<std::string_view, 37> kExtensions = {
    "mov", "mp4", "m4v",  "avi", "mkv",  "webm", "wmv",  "flv", "mpg",  "mpeg", "mts", "3gp", "ogv",
    "wav", "mp3", "m4a",  "aac", "flac", "ogg",  "opus", "wma", "aif",  "aiff", "npy", "npz", "csv",
    "txt", "tsv", "json", "pt",  "pth",  "pkl",  "mat",  "h5",  "hdf5", "arff", "htk"};

struct Rule {
  const char* word;
  bool NameRules::*member;
  const char* cause;
};
constexpr Rule kRules[] = {{"folders", &NameRules::folders, "have folders"},
                           {"case", &NameRules::case_, "differ in letter case"},
                           {"zeros", &NameRules::zeros, "differ in leading zeros"},
                           {"extension", &NameRules::extension, "have another extension"}};

/// Rows by key; the first of equal ones.
std::unordered_map<std::string, int> rows_by_key(const std::vector<std::string>& names, const NameRules& rules) {
  std::unordered_map<std::string, int> rows;
  for (std::size_t row = 0; row < names.size(); ++row) rows.emplace(name_key(names[row], rules), static_cast<int>(row));
  return rows;
}

std::size_t count_found(const std::vector<std::string>& names, const std::vector<std::string>& stems,
                        const NameRules& rules) {
  const auto rows = rows_by_key(names, rules);
  return static_cast<std::size_t>(std::count_if(
      stems.begin(), stems.end(), [&](const std::string& stem) { return rows.count(name_key(stem, rules)) > 0; }));
}

/// The fewest rules that find the most clips, beside the `given`.
NameRules best_rules(const std::vector<std::string>& names, const std::vector<std::string>& stems,
                     const NameRules& given, std::size_t found) {
  NameRules best = given;
  std::size_t best_size = 0;
  for (unsigned set = 1; set < 1u << std::size(kRules); ++set) {
    NameRules rules = given;
    std::size_t size = 0;
    for (std::size_t i = 0; i < std::size(kRules); ++i) {
      if ((set >> i & 1) == 0) continue;
      rules.*kRules[i].member = true;
      ++size;
    }
    const std::size_t now = count_found(names, stems, rules);
    if (now < found || (now == found && size >= best_size)) continue;
    best = rules;
    best_size = size;
    found = now;
  }
  return best;
}

std::string quoted(const std::string& name) { return "'" + name + "'"; }

}  // namespace

std::string stem_of(const std::string& filename) {
  std::string stem(trim(filename));
  while (true) {
    const std::size_t dot = stem.rfind('.');
    if (dot == std::string::npos || dot == 0) break;
    std::string extension = stem.substr(dot + 1);
    for (char& c : extension) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    if (std::find(kExtensions.begin(), kExtensions.end(), extension) == kExtensions.end()) break;
    stem.resize(dot);
  }
  return composed(stem);
}

std::string without_folders(const std::string& name) { return name.substr(name.find_last_of("/\\") + 1); }

std::string NameRules::text() const {
  std::string text;
  for (const Rule& rule : kRules) {
    if (this->*rule.member) text += (text.empty() ? "" : ",") + std::string(rule.word);
  }
  return text;
}

const std::vector<std::string>& NameRules::words() {
  static const std::vector<std::string> kWords = [] {
    std::vector<std::string> words;
    for (const Rule& rule : kRules) words.emplace_back(rule.word);
    return words;
  }();
  return kWords;
}

NameRules NameRules::parse(const std::vector<std::string>& words) {
  NameRules rules;
  for (const std::string& word : words) {
    const auto* rule =
        std::find_if(std::begin(kRules), std::end(kRules), [&](const Rule& r) { return r.word == word; });
    if (rule == std::end(kRules)) throw Error("--match: '" + word + "'" + sweep::suggestion(word, NameRules::words()));
    rules.*rule->member = true;
  }
  return rules;
}

std::string name_key(const std::string& name, const NameRules& rules) {
  std::string key = stem_of(rules.folders ? without_folders(name) : name);
  if (rules.extension) {
    if (const std::size_t dot = key.rfind('.'); dot != std::string::npos && dot > 0) key.resize(dot);
  }
  if (rules.case_) key = folded(key);
  if (rules.zeros) {
    std::string without;
    const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
    for (std::size_t i = 0; i < key.size(); ++i) {
      const bool starts = i == 0 || !is_digit(key[i - 1]);
      if (starts) {
        while (key[i] == '0' && i + 1 < key.size() && is_digit(key[i + 1])) ++i;
      }
      without += key[i];
    }
    key = without;
  }
  return key;
}

NameMatch match_names(const std::vector<std::string>& names, const std::vector<std::string>& stems,
                      const NameRules& rules, bool may_miss, const std::string& where, const std::string& remedy,
                      Problems& problems) {
  NameMatch match;
  match.row_of_clip.assign(stems.size(), -1);
  match.clip_of_row.assign(names.size(), -1);
  std::unordered_map<std::string, int> clip_of_key;
  for (std::size_t clip = 0; clip < stems.size(); ++clip) {
    const auto [it, added] = clip_of_key.emplace(name_key(stems[clip], rules), static_cast<int>(clip));
    if (!added) {
      problems.add(where + "clips " + quoted(stems[static_cast<std::size_t>(it->second)]) + " and " +
                   quoted(stems[clip]) + " are one under --match " + rules.text());
    }
  }
  std::unordered_map<std::string, std::size_t> row_of_key;
  std::size_t twice = 0;
  std::string first_twice;
  for (std::size_t row = 0; row < names.size(); ++row) {
    const std::string key = name_key(names[row], rules);
    const auto [first, added] = row_of_key.emplace(key, row);
    if (!added) {
      if (twice++ == 0) {
        first_twice =
            "clip " + quoted(key) + " has two rows: " + std::to_string(first->second) + " and " + std::to_string(row);
        if (names[row] != names[first->second]) {
          first_twice += " (" + quoted(names[first->second]) + " and " + quoted(names[row]) + ")";
        }
      }
      continue;
    }
    const auto clip = clip_of_key.find(key);
    if (clip == clip_of_key.end()) continue;
    match.clip_of_row[row] = clip->second;
    match.row_of_clip[static_cast<std::size_t>(clip->second)] = static_cast<int>(row);
  }
  if (twice > 0 && row_of_key.size() == 1) {
    problems.add(where + "all " + std::to_string(names.size()) + " rows have the name " + quoted(names[0]) +
                 "; each needs the name of its clip");
    return match;
  }
  if (twice > 0) {
    std::string text = where + first_twice;
    if (twice > 1) text += "; so have " + std::to_string(twice - 1) + " more clips";
    if (twice + 1 >= row_of_key.size())
      text += "; reduce each clip's steps to one row, or give each clip a file and import them";
    problems.add(text);
  }
  std::vector<std::size_t> missing;
  for (std::size_t clip = 0; clip < stems.size(); ++clip) {
    if (match.row_of_clip[clip] < 0) missing.push_back(clip);
  }
  match.missing = missing.size();
  if (missing.empty()) return match;

  const std::size_t found = stems.size() - missing.size();
  const NameRules better = best_rules(names, stems, rules, found);
  if (better.text() != rules.text()) {
    std::string causes;
    for (const Rule& rule : kRules) {
      if (better.*rule.member && !(rules.*rule.member))
        causes += (causes.empty() ? "" : " and ") + std::string(rule.cause);
    }
    const auto rows = rows_by_key(names, better);
    const std::size_t explained = count_found(names, stems, better) - found;
    std::string example;
    for (const std::size_t clip : missing) {
      const auto row = rows.find(name_key(stems[clip], better));
      if (row == rows.end()) continue;
      example = quoted(names[static_cast<std::size_t>(row->second)]) + " for clip " + quoted(stems[clip]);
      break;
    }
    problems.add(where + std::to_string(explained) + " of " + std::to_string(stems.size()) + " clips " +
                 (explained == 1 ? "has no row" : "have no row") + ", because the names of its rows " + causes + " (" +
                 example + "); match them with: " + remedy + " --match " + better.text());
    missing.erase(std::remove_if(missing.begin(), missing.end(),
                                 [&](std::size_t clip) { return rows.count(name_key(stems[clip], better)) > 0; }),
                  missing.end());
  }
  if (missing.empty() || (may_miss && found > 0)) return match;
  std::string text = where + "it has no row for clip " + quoted(stems[missing[0]]);
  if (missing.size() > 1)
    text += " and " + std::to_string(missing.size() - 1) + " of " + std::to_string(stems.size() - 1) + " others";
  if (found == 0 && !names.empty()) {
    text += "; none of its names is a clip's, as " + quoted(names[0]);
    if (names[0].substr(0, 2) == "b'") text += ", which is bytes of Python; save name.decode() instead of str(name)";
  }
  if (found > 0) text += "; leave such clips out with: " + remedy + " --missing drop-clip";
  problems.add(text);
  return match;
}

}  // namespace medley::data
