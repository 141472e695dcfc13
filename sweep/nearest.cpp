#include "sweep/nearest.h"

#include <algorithm>
#include <numeric>

namespace medley::sweep {
namespace {

/// Letters of either case, and '-' and '_', are the same: AdamW and adamw, top-n and top_n.
char folded(char c) {
  if (c >= 'A' && c <= 'Z') return static_cast<char>(c - 'A' + 'a');
  return c == '-' || c == ' ' ? '_' : c;
}

/// Insertions, deletions, replacements and swaps of neighbours (optimal string alignment).
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before(b.size() + 1);
  std::vector<std::size_t> above(b.size() + 1);
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  const auto same = [&](std::size_t i, std::size_t j) { return folded(a[i - 1]) == folded(b[j - 1]); };
  for (std::size_t i = 1; i <= a.size(); ++i) {
    before.swap(above);
    above.swap(row);
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({above[j] + 1, row[j - 1] + 1, above[j - 1] + (same(i, j) ? 0 : 1)});
      if (i > 1 && j > 1 && same(i, j - 1) && same(i - 1, j)) row[j] = std::min(row[j], before[j - 2] + 1);
    }
  }
  return row.back();
}

}  // namespace

std::string nearest_name(std::string_view text, const std::vector<std::string>& names) {
  std::string best;
  std::size_t best_distance = 0;
  for (const std::string& name : names) {
    const std::size_t limit = std::max<std::size_t>(1, std::max(text.size(), name.size()) / 3);
    // No two texts are nearer than their lengths, so a text of a megabyte costs nothing here.
    if (std::max(text.size(), name.size()) - std::min(text.size(), name.size()) > limit) continue;
    const std::size_t distance = edit_distance(text, name);
    if (distance > limit) continue;
    if (best.empty() || distance < best_distance) {
      best = name;
      best_distance = distance;
    }
  }
  return best;
}

std::string suggestion(std::string_view text, const std::vector<std::string>& names) {
  const std::string near = nearest_name(text, names);
  if (!near.empty()) return "; did you mean '" + near + "'?";
  std::string all = "; valid: ";
  for (std::size_t i = 0; i < names.size(); ++i) all += (i ? ", " : "") + names[i];
  return names.empty() ? std::string() : all;
}

}  // namespace medley::sweep
