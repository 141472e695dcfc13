#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "sweep/report/report.h"

namespace medley::sweep {

/// A config in its report, and the config that it is compared with.
struct ConfigRow {
  const Report& report;
  const ConfigReport& config;
  const ConfigReport& reference;
};

/// `config` less `reference` in the Scores that the report compares; none for itself, below two shared folds, and where
/// a search decided by them.
std::optional<PairedComparison> difference_of(const ConfigRow& row);

enum class Shown { kDefault, kOnDemand };

/// What a leaderboard says of a config: text, Markdown, LaTeX, CSV, JSON and the page have these columns.
/// In `heading` and `note`, {reference} stands for the reference, by its rank or id, {chosen} for how it came to be it,
/// {comparisons} for their number, {compared} for a protocol, {and repeats} for these where there are several, and
/// {... uncertainty} for uncertainty_text().
struct Column {
  const char* id;
  const char* group;  ///< "held-out" or "paper-style", the protocol; "" neither
  const char* heading;
  /// Names of its numbers in CSV, in JSON and for order=. The first is what the column sorts by, larger first.
  std::vector<const char*> numbers;
  /// As many as `numbers`; null where there is none.
  std::vector<nlohmann::json> (*values)(const ConfigRow& row);
  /// For people; "-" where there is none.
  std::string (*text)(const ConfigRow& row, Detail detail);
  const char* note = "";            ///< a footnote; "" none
  Shown in_text = Shown::kDefault;  ///< kOnDemand: with --wide
  Shown on_page =
      Shown::kDefault;       ///< kOnDemand: where the reader chooses it, as all of the protocol that does not rank
  int expendable = 0;        ///< text that is too wide drops the columns of 1, then those of 2, and so on; 0 stays
  bool marked = false;       ///< carries the marks of incomplete and diverged configs
  bool is_interval = false;  ///< its numbers are the low and the high end
  /// With another config: not in a table of one, nor where a search looked at the differences after every round.
  bool compares = false;
  bool of_search = false;  ///< only where a search stopped a config
  /// The first of `values` alone, where the others take long; null elsewhere.
  nlohmann::json (*first)(const ConfigRow& row) = nullptr;

  bool applies_to(const Report& report) const {
    const bool searched = !report.search.empty();
    const auto is_stopped = [](const ConfigReport& config) { return config.stopped.has_value(); };
    return (!compares || (report.configs.size() > 1 && !searched)) &&
           (!of_search || std::any_of(report.configs.begin(), report.configs.end(), is_stopped));
  }

  // How one row of the list says so.
  Column with_marks() const {
    Column column = *this;
    column.marked = true;
    return column;
  }
  Column as_interval() const {
    Column column = *this;
    column.is_interval = true;
    return column;
  }
  Column between_configs() const {
    Column column = *this;
    column.compares = true;
    return column;
  }
  Column sorted_by(nlohmann::json (*first_value)(const ConfigRow& row)) const {
    Column column = *this;
    column.first = first_value;
    return column;
  }
  Column where_searched() const {
    Column column = *this;
    column.of_search = true;
    return column;
  }
  Column dropped_in_turn(int turn) const {
    Column column = *this;
    column.expendable = turn;
    return column;
  }
  Column on_demand_on_page() const {
    Column column = *this;
    column.on_page = Shown::kOnDemand;
    return column;
  }
  Column on_demand() const {
    Column column = on_demand_on_page();
    column.in_text = Shown::kOnDemand;
    return column;
  }
};
const std::vector<Column>& columns();

/// One number of a column.
struct ColumnNumber {
  const Column* column;
  std::size_t index;
  nlohmann::json value(const ConfigRow& row) const {
    return index == 0 && column->first != nullptr ? column->first(row) : column->values(row)[index];
  }
};
std::optional<ColumnNumber> find_number(const std::string& name);

/// `text`, a heading or a note, with what its names in braces stand for.
std::string filled(const std::string& text, const Report& report, const ConfigReport& reference);

/// How the numbers of a group are taken.
std::string group_note(const std::string& group, const Report& report);

/// The columns as JSON: id, group, heading, note, shown, numbers. The page shows those of the ranking protocol by
/// default.
nlohmann::json columns_json(const Report& report, const ConfigReport& reference);
/// The config at `index` of the report as a row of JSON: who it is, `values` by the names of numbers, `texts` by the
/// ids of columns.
nlohmann::json row_json(const ConfigRow& row, std::size_t index);

}  // namespace medley::sweep
