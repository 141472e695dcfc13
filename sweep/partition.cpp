#include "sweep/partition.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <numeric>
#include <string_view>

#include "sweep/error.h"
#include "sweep/philox.h"

namespace medley::sweep {
namespace {

constexpr const char* kOfficial = "official";
constexpr std::uint32_t kPurpose = 0x464f4c44;  // "FOLD"

/// The scheme without its repeat.
std::string scheme_text(const Partition& partition) {
  return std::to_string(partition.folds) + " by " + name_of(partition.by) +
         (partition.stratify == Stratify::kNone ? "" : std::string(", stratified by ") + name_of(partition.stratify)) +
         ", seed " + std::to_string(partition.seed);
}

/// Reads a text from left to right. Each call tells whether it found what it looks for, and passes it then.
struct Cursor {
  std::string_view left;

  bool word(std::string_view wanted) {
    if (left.substr(0, wanted.size()) != wanted) return false;
    left.remove_prefix(wanted.size());
    return true;
  }
  template <class Number>
  bool number(Number& value) {
    const auto [end, error] = std::from_chars(left.data(), left.data() + left.size(), value);
    left.remove_prefix(static_cast<std::size_t>(end - left.data()));
    return error == std::errc();
  }
  bool name(PartitionBy& by) {
    for (const PartitionBy one : {PartitionBy::kActor, PartitionBy::kClip}) {
      if (word(name_of(one))) return by = one, true;
    }
    return false;
  }
};

std::uint64_t draw(std::size_t group, std::uint64_t seed, int repeat) {
  const auto words = philox({static_cast<std::uint32_t>(group), static_cast<std::uint32_t>(repeat), kPurpose, 0},
                            {static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)});
  return std::uint64_t{words[0]} << 32 | words[1];
}

/// Clips of each stratum.
using Counts = std::map<int, std::uint64_t>;

struct Group {
  Counts counts;
  std::uint64_t clips = 0;
  std::uint64_t draw = 0;
  int fold = -1;
};

/// In 2^-32: exact, so that no rounding decides.
std::uint64_t likeness(const Counts& group, const Counts& fold, const Counts& total) {
  std::uint64_t sum = 0;
  for (const auto& [stratum, clips] : group) {
    const auto there = fold.find(stratum);
    if (there != fold.end()) sum += clips * there->second * ((std::uint64_t{1} << 32) / total.at(stratum));
  }
  return sum;
}

}  // namespace

std::string partition_text(const Partition& partition) {
  if (partition.official()) return kOfficial;
  return scheme_text(partition) + ", repeat " + std::to_string(partition.repeat);
}

Partition partition_of(const std::string& text) {
  if (text == kOfficial) return {};
  Partition partition;
  Cursor cursor{text};
  const bool read = cursor.number(partition.folds) && cursor.word(" by ") && cursor.name(partition.by);
  partition.stratify = cursor.word(", stratified by label") ? Stratify::kLabel : Stratify::kNone;
  if (read && cursor.word(", seed ") && cursor.number(partition.seed) && cursor.word(", repeat ") &&
      cursor.number(partition.repeat) && partition.folds >= 2 && partition.repeat >= 1 &&
      partition_text(partition) == text) {
    return partition;
  }
  throw Error("'" + text + "' is no partition; valid: official, or as '" + partition_text({10}) + "'");
}

std::vector<std::string> partition_texts(const std::vector<Partition>& partitions) {
  std::vector<std::string> texts;
  for (const Partition& partition : partitions) texts.push_back(partition_text(partition));
  return texts;
}

std::string partitions_text(const std::vector<Partition>& repeats) {
  if (repeats.size() == 1) return partition_text(repeats.front());
  return scheme_text(repeats.front()) + ", " + std::to_string(repeats.size()) + " repeats";
}

std::string group_of(const Partition& partition, const std::string& actor, const std::string& filename) {
  if (partition.by == PartitionBy::kClip) return filename;
  if (actor.empty()) throw Error("clip '" + filename + "' has no actor, and folds are made by actor");
  return actor;
}

int stratum_of(const Label& label) { return (label.first * 1000 + label.second + 1) * 1000 + label.salience; }

std::vector<int> made_folds(const Partition& partition) {
  std::vector<int> folds(static_cast<std::size_t>(partition.folds));
  std::iota(folds.begin(), folds.end(), 0);
  return folds;
}

std::vector<int> deal_folds(const std::vector<std::string>& groups, const std::vector<int>& strata, int folds,
                            std::uint64_t seed, int repeat) {
  std::map<std::string, Group> by_name;
  Counts total;
  for (std::size_t clip = 0; clip < groups.size(); ++clip) {
    Group& group = by_name[groups[clip]];
    ++group.counts[strata[clip]];
    ++group.clips;
    ++total[strata[clip]];
  }
  const auto count = static_cast<std::size_t>(folds);
  if (folds < 2 || by_name.size() < count) {
    throw Error(std::to_string(folds) + " folds of " + std::to_string(by_name.size()) +
                " groups; valid: 2 to the number of groups");
  }
  std::vector<Group*> order;
  for (auto& [name, group] : by_name) {
    group.draw = draw(order.size(), seed, repeat);
    order.push_back(&group);
  }
  std::stable_sort(order.begin(), order.end(), [](const Group* a, const Group* b) {
    return std::make_pair(b->clips, a->draw) < std::make_pair(a->clips, b->draw);
  });
  std::vector<Counts> dealt(count);
  for (std::size_t begin = 0; begin < order.size(); begin += count) {
    const auto first = order.begin() + static_cast<std::ptrdiff_t>(begin);
    const auto end = order.begin() + static_cast<std::ptrdiff_t>(std::min(order.size(), begin + count));
    std::stable_sort(first, end, [](const Group* a, const Group* b) { return a->draw < b->draw; });
    std::vector<bool> taken(count, false);
    for (auto it = first; it != end; ++it) {
      std::size_t best = count;
      std::uint64_t least = 0;
      for (std::size_t fold = 0; fold < count; ++fold) {
        if (taken[fold]) continue;
        const std::uint64_t like = likeness((*it)->counts, dealt[fold], total);
        if (best == count || like < least) {
          best = fold;
          least = like;
        }
      }
      taken[best] = true;
      (*it)->fold = static_cast<int>(best);
      for (const auto& [stratum, clips] : (*it)->counts) dealt[best][stratum] += clips;
    }
  }
  std::vector<int> made;
  made.reserve(groups.size());
  for (const std::string& group : groups) made.push_back(by_name.at(group).fold);
  return made;
}

}  // namespace medley::sweep
