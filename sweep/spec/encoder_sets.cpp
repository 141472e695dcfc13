#include "sweep/spec/encoder_sets.h"

#include <algorithm>
#include <numeric>

#include "sweep/nearest.h"
#include "sweep/score/shapley.h"

namespace medley::sweep {
namespace {

using Kind = EncoderSets::Kind;

/// Number of subsets of `n` with `k` members, or more than `limit`.
std::int64_t subsets_of_size(std::int64_t n, std::int64_t k, std::int64_t limit) {
  k = std::min(k, n - k);
  std::int64_t count = 1;
  for (std::int64_t i = 1; i <= k; ++i) {
    count = count * (n - k + i) / i;  // exact: a product of i consecutive numbers; count <= limit <= 1e6 before
    if (count > limit) return limit + 1;
  }
  return count;
}

/// All subsets of `pool` with `size` members, in lexicographic order of their positions.
void append_subsets(const EncoderSet& pool, int size, std::vector<EncoderSet>& sets) {
  std::vector<int> chosen(static_cast<std::size_t>(size));
  std::iota(chosen.begin(), chosen.end(), 0);
  const int count = static_cast<int>(pool.size());
  while (true) {
    EncoderSet set;
    for (const int position : chosen) set.push_back(pool[static_cast<std::size_t>(position)]);
    sets.push_back(std::move(set));
    int i = size - 1;
    while (i >= 0 && chosen[static_cast<std::size_t>(i)] == count - size + i) --i;
    if (i < 0) return;
    ++chosen[static_cast<std::size_t>(i)];
    for (int j = i + 1; j < size; ++j)
      chosen[static_cast<std::size_t>(j)] = chosen[static_cast<std::size_t>(j - 1)] + 1;
  }
}

class Generator {
 public:
  Generator(const EncoderSets& item, const EncoderSet& pool, const DatasetShape& shape, Diagnostics& diagnostics)
      : item_(item), pool_(pool), shape_(shape), diagnostics_(diagnostics) {}

  std::vector<EncoderSet> sets() {
    switch (item_.kind) {
      case Kind::kAll:
        return {pool_};
      case Kind::kSingles:
        return sized(1, 1);
      case Kind::kPairs:
        return sized(2, 2);
      case Kind::kSizes:
        return sized(item_.smallest, item_.largest);
      case Kind::kShapley:
        return for_shapley();
      case Kind::kLeaveOneOut:
        return leave_one_out();
      case Kind::kByModality:
        return by_modality();
      case Kind::kModalities:
        return of_modalities();
      case Kind::kNames:
        return of_names();
    }
    return {};
  }

 private:
  std::vector<EncoderSet> wrong(const Place& place, const std::string& message) {
    diagnostics_.add(place, "encoders: " + message);
    return {};
  }

  std::string pool_size() const { return std::to_string(pool_.size()) + " encoder" + (pool_.size() == 1 ? "" : "s"); }

  std::vector<EncoderSet> sized(int smallest, int largest) {
    const int count = static_cast<int>(pool_.size());
    if (smallest > count || (largest > count && smallest == largest)) {
      return wrong(item_.place, "a subset of " + std::to_string(smallest) + " cannot be chosen from " + pool_size());
    }
    largest = std::min(largest, count);  // "up to four" of three encoders
    std::int64_t total = 0;
    for (int size = smallest; size <= largest; ++size) {
      total += subsets_of_size(count, size, kMaxConfigs);
      if (total > kMaxConfigs) {
        return wrong(item_.place, "sizes " + std::to_string(smallest) + " to " + std::to_string(largest) + " of " +
                                      pool_size() + " are more than " + std::to_string(kMaxConfigs) + " subsets");
      }
    }
    std::vector<EncoderSet> result;
    for (int size = smallest; size <= largest; ++size) append_subsets(pool_, size, result);
    return result;
  }

  std::vector<EncoderSet> leave_one_out() {
    if (pool_.size() < 2) return wrong(item_.place, "leave-one-out of " + pool_size() + " leaves none");
    std::vector<EncoderSet> result;
    for (const int left_out : pool_) {
      EncoderSet set;
      std::copy_if(pool_.begin(), pool_.end(), std::back_inserter(set), [&](int e) { return e != left_out; });
      result.push_back(std::move(set));
    }
    return result;
  }

  std::vector<EncoderSet> for_shapley() {
    const int count = static_cast<int>(pool_.size());
    const std::string key = "shapley: " + std::to_string(item_.trainings);
    if (count > kMaxPlayers) {
      return wrong(item_.place, key + ": there are " + pool_size() + "; valid: up to " + std::to_string(kMaxPlayers) +
                                    " (name fewer under base: encoders)");
    }
    const int fewest = fewest_trainings(count);
    if (item_.trainings < fewest) {
      return wrong(item_.place, key + ": " + pool_size() + " want " + std::to_string(fewest) +
                                    " subsets or more: all encoders, each alone and all but each");
    }
    std::vector<EncoderSet> result;
    for (const std::uint32_t members : shapley_design(count, item_.trainings)) {
      EncoderSet& set = result.emplace_back();
      for (int i = 0; i < count; ++i) {
        if (members >> i & 1u) set.push_back(pool_[static_cast<std::size_t>(i)]);
      }
    }
    return result;
  }

  const std::string& modality(int encoder) const { return shape_.modalities[static_cast<std::size_t>(encoder)]; }

  std::vector<std::string> modalities() const {
    std::vector<std::string> names;
    for (const int encoder : pool_) {
      const std::string& name = modality(encoder);
      if (!name.empty() && std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
    }
    return names;
  }

  EncoderSet members(const std::vector<std::string>& names) const {
    EncoderSet set;
    std::copy_if(pool_.begin(), pool_.end(), std::back_inserter(set),
                 [&](int e) { return std::find(names.begin(), names.end(), modality(e)) != names.end(); });
    return set;
  }

  std::vector<EncoderSet> by_modality() {
    for (const int encoder : pool_) {
      if (modality(encoder).empty()) {
        return wrong(item_.place, "by-modality: the dataset does not say the modality of '" +
                                      shape_.encoders[static_cast<std::size_t>(encoder)] + "' (dataset.yaml)");
      }
    }
    std::vector<EncoderSet> result;
    for (const std::string& name : modalities()) result.push_back(members({name}));
    return result;
  }

  std::vector<EncoderSet> of_modalities() {
    const std::vector<std::string> known = modalities();
    std::vector<std::string> wanted;
    for (const PlacedValue& name : item_.names) {
      wanted.push_back(name.value.get<std::string>());
      if (std::find(known.begin(), known.end(), wanted.back()) != known.end()) continue;
      wrong(name.place,
            "unknown modality '" + wanted.back() + "'" +
                (known.empty() ? "; the dataset names none (dataset.yaml)" : suggestion(wanted.back(), known)));
      wanted.pop_back();
    }
    if (wanted.size() != item_.names.size()) return {};
    return {members(wanted)};
  }

  std::vector<EncoderSet> of_names() {
    EncoderSet set;
    for (const PlacedValue& name : item_.names) {
      const auto text = name.value.get<std::string>();
      const auto it = std::find(shape_.encoders.begin(), shape_.encoders.end(), text);
      if (it == shape_.encoders.end()) {
        wrong(name.place, "unknown encoder '" + text + "'" + suggestion(text, shape_.encoders));
      } else {
        set.push_back(static_cast<int>(it - shape_.encoders.begin()));
      }
    }
    if (set.size() != item_.names.size()) return {};
    std::sort(set.begin(), set.end());
    return {set};
  }

  const EncoderSets& item_;
  const EncoderSet& pool_;
  const DatasetShape& shape_;
  Diagnostics& diagnostics_;
};

}  // namespace

EncoderSet all_encoders(const DatasetShape& shape) {
  EncoderSet all(shape.encoders.size());
  std::iota(all.begin(), all.end(), 0);
  return all;
}

EncoderSet encoder_pool(const SweepSpec& spec, const DatasetShape& shape, Diagnostics& diagnostics) {
  EncoderSet all = all_encoders(shape);
  if (!spec.base_encoders) return all;
  const auto sets = encoder_sets(*spec.base_encoders, all, shape, diagnostics);
  return sets.empty() ? all : sets.front();
}

std::vector<EncoderSet> encoder_sets(const EncoderSets& item, const EncoderSet& pool, const DatasetShape& shape,
                                     Diagnostics& diagnostics) {
  return Generator(item, pool, shape, diagnostics).sets();
}

}  // namespace medley::sweep
