#include "sweep/class_names.h"

#include <cctype>
#include <set>

namespace medley::sweep {
namespace {

struct Alias {
  const char* name;  ///< the challenge's
  const char* written;
};

constexpr Alias kAliases[] = {
    {"ang", "ang"},      {"ang", "anger"},      {"ang", "angry"}, {"disg", "disg"},     {"disg", "dis"},
    {"disg", "disgust"}, {"disg", "disgusted"}, {"fea", "fea"},   {"fea", "fear"},      {"fea", "fearful"},
    {"fea", "afraid"},   {"hap", "hap"},        {"hap", "happy"}, {"hap", "happiness"}, {"hap", "joy"},
    {"sad", "sad"},      {"sad", "sadness"},    {"neu", "neu"},   {"neu", "neutral"},   {"neu", "neutrality"},
};

/// Index of the one class of which `same` says true, or -1.
template <class Same>
int only_class(const Classes& classes, Same same) {
  int found = -1;
  for (int c = 0; c < classes.count(); ++c) {
    if (!same(classes.names[static_cast<std::size_t>(c)])) continue;
    if (found >= 0) return -1;
    found = c;
  }
  return found;
}

}  // namespace

std::string plain_name(std::string_view name) {
  const auto blank = [](char c) { return std::isspace(static_cast<unsigned char>(c)) != 0; };
  while (!name.empty() && blank(name.front())) name.remove_prefix(1);
  while (!name.empty() && blank(name.back())) name.remove_suffix(1);
  std::string plain;
  for (const char c : name) plain += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return plain;
}

std::optional<std::string> challenge_class(std::string_view name) {
  const std::string plain = plain_name(name);
  for (const Alias& alias : kAliases) {
    if (plain == alias.written) return alias.name;
  }
  return std::nullopt;
}

int class_index(const Classes& classes, std::string_view name) {
  const int exact = classes.index_of(std::string(name));
  if (exact >= 0) return exact;
  const std::string plain = plain_name(name);
  const int near = only_class(classes, [&](const std::string& one) { return plain_name(one) == plain; });
  if (near >= 0) return near;
  const auto meant = challenge_class(name);
  if (!meant) return -1;
  return only_class(classes, [&](const std::string& one) { return challenge_class(one) == meant; });
}

std::optional<Classes> challenge_classes(const Classes& classes) {
  Classes renamed = classes;
  std::set<std::string> used;
  for (std::string& name : renamed.names) {
    const auto meant = challenge_class(name);
    if (!meant || !used.insert(*meant).second) return std::nullopt;
    name = *meant;
  }
  return renamed;
}

}  // namespace medley::sweep
