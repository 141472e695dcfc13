#pragma once

#include <string>
#include <vector>

namespace medley::sweep {

inline constexpr int kMaxClasses = 16;

/// The emotion classes of a dataset, in the order of every probability row.
struct Classes {
  std::vector<std::string> names;  ///< e.g. ang, disg, fea, hap, sad, neu
  std::vector<bool> exclusive;     ///< [class] true: never part of a blend (neutral in BlEmoRe)

  int count() const { return static_cast<int>(names.size()); }
  /// Index of `name`, or -1.
  int index_of(const std::string& name) const;
  /// The six classes of BlEmoRe; `neu` exclusive unless `neutral_may_blend`.
  enum class Neutral { kExclusive, kMayBlend };
  static Classes blemore(Neutral neutral = Neutral::kExclusive);
};

/// The set of emotions in a clip and their saliences. Equality is the official "same set, same saliences".
/// Invariant: single: second == -1 and salience == 100; blend: first < second, salience in {30, 50, 70}.
struct Label {
  int first = 0;
  int second = -1;
  int salience = 100;  ///< percent of `first`; `second` has 100 - salience

  bool is_blend() const { return second >= 0; }
  /// True where the two name the same set, whatever the saliences.
  bool same_set(const Label& other) const { return first == other.first && second == other.second; }
  friend bool operator==(const Label& a, const Label& b) { return a.same_set(b) && a.salience == b.salience; }
  friend bool operator!=(const Label& a, const Label& b) { return !(a == b); }
};

/// Blend of `a` with `a_salience` percent and `b`, put in canonical order.
Label make_blend(int a, int b, int a_salience);

}  // namespace medley::sweep
