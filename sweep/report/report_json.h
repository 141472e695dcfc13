#pragma once

#include <nlohmann/json.hpp>

#include "sweep/report/importance_report.h"
#include "sweep/report/report.h"

namespace medley::sweep {

// Numbers as commands with --json and /api/v1 send them: null where there is none, never 0.

/// null unless finite: JSON has no NaN.
nlohmann::json finite(double value);
nlohmann::json accuracy_json(const Accuracy& accuracy);
/// `count`, `mean`, `sd`.
nlohmann::json spread_json(const ScoreSpread& spread);
/// Adds `low` and `high` to an object.
void add_interval(nlohmann::json& object, const Interval& interval);
nlohmann::json comparison_json(const PairedComparison& comparison);
/// The same of its result, with the components of its variance and `nadeau_bengio`, which takes all pairs as if
/// exchangeable.
nlohmann::json comparison_json(const Comparison& comparison, const PairedComparison& nadeau_bengio);
/// What a search decided of a config. `against`: id; "" none.
nlohmann::json decision_json(const Decision& decision, const std::string& config, const std::string& against);
nlohmann::json family_json(const FamilyReport& family);
nlohmann::json importance_json(const ImportanceReport& report);
/// "held-out" or "paper".
const char* protocol_name(bool held_out);

}  // namespace medley::sweep
