#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace medley::sweep {

/// What a sweep file asks under `compare`: every value of an axis against its baseline, everything else held. All the
/// comparisons of one family are judged together.
struct Family {
  std::string axis;
  std::string baseline;  ///< value_text() of the axis's value
  double margin = 0.01;  ///< smallest difference of Scores that matters
  /// Results of the sweep when this was declared: 0 where it came before all of them, -1 where the store does not say.
  int results_before = -1;
  std::int64_t declared_ms = 0;  ///< when, since 1970-01-01 UTC; with results_before >= 0
};

/// What is compared, without when it was declared.
bool same_question(const Family& a, const Family& b);
/// 12 hexadecimal digits of the question and of its declaration. A declaration counts only with its digest.
std::string declaration_digest(const Family& family);
/// "declared before the first result", "declared after 12 results"; "" where the store does not say.
std::string declaration_text(const Family& family);

/// A list of {axis, baseline, margin}, with results_before, declared_ms and digest where they are known.
nlohmann::json to_json(const std::vector<Family>& families);
/// Throws Error for what to_json() does not write. A declaration that does not fit its digest is not known.
std::vector<Family> families_from_json(const nlohmann::json& list);

}  // namespace medley::sweep
