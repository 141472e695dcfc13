#include <algorithm>
#include <cmath>

#include "sweep/config.h"
#include "sweep/report/importance_report.h"
#include "sweep/report/report_text.h"
#include "sweep/score/importance_statistics.h"

namespace medley::sweep {
namespace {

double cka_of(const ImportanceReport& report, const ShapleyInteraction& pair) {
  return report.cka.empty() ? kNaN : report.cka[pair.first * report.encoders.size() + pair.second];
}

/// Ranks of numbers that are all known, 1 the largest.
std::vector<std::string> ranks_of(const std::vector<double>& values) {
  std::vector<std::string> texts;
  for (const double rank : average_ranks(values)) texts.push_back(value_text(nlohmann::json(rank)));
  return texts;
}

Table value_table(const ImportanceReport& report) {
  const ShapleyReport& shapley = *report.shapley;
  Table table;
  table.title = "Shapley values of encoders";
  table.above = {shapley_text(shapley)};
  if (const std::string copies = shared_values_text(report); !copies.empty()) table.above.push_back(copies);
  table.columns = {{"encoder", Table::Align::kLeft},
                   {"value", Table::Align::kRight},
                   {"95 % interval", Table::Align::kRight},
                   {"rank", Table::Align::kRight}};
  if (shapley.probe) {
    table.columns.push_back({"value", Table::Align::kRight, "probe alone"});
    table.columns.push_back({"rank", Table::Align::kRight, "probe alone"});
  }
  std::vector<double> values, probes;
  for (const ShapleyNumber& number : shapley.values) {
    values.push_back(number.value);
    probes.push_back(number.probe.value_or(0));
  }
  const auto rank = ranks_of(values), probe_rank = ranks_of(probes);
  for (std::size_t e = 0; e < shapley.values.size(); ++e) {
    const ShapleyNumber& number = shapley.values[e];
    std::vector<std::string> row = {report.encoders[e].encoder, share_text(number.value),
                                    interval_text(number.interval), rank[e]};
    if (number.probe) row.insert(row.end(), {share_text(*number.probe), probe_rank[e]});
    table.rows.push_back(std::move(row));
  }
  table.notes = {"mean over all orders of what an encoder adds to the Score when it joins, retrained; nobody scores 0",
                 std::string(shapley.held_out ? "held-out Scores" : "paper-style Scores (optimistic)") + " of " +
                     std::to_string(shapley.trainings) + " trainings; interval " +
                     uncertainty_text(shapley.held_out, report.actors, report.repeats) +
                     (shapley.exact ? "" : ", and other subsets"),
                 probe_text(shapley)};
  return table;
}

Table interaction_table(const ImportanceReport& report) {
  const ShapleyReport& shapley = *report.shapley;
  Table table;
  table.title = "interactions of two encoders";
  table.columns = {{"encoder", Table::Align::kLeft},
                   {"with", Table::Align::kLeft},
                   {"interaction", Table::Align::kRight},
                   {"95 % interval", Table::Align::kRight}};
  if (shapley.probe) table.columns.push_back({"probe alone", Table::Align::kRight});
  if (!report.cka.empty()) table.columns.push_back({"CKA", Table::Align::kRight});
  const auto pairs = largest_interactions(shapley);
  const std::size_t all = shapley.interactions.size();
  for (const ShapleyInteraction* pair : pairs) {
    std::vector<std::string> row = {report.encoders[pair->first].encoder, report.encoders[pair->second].encoder,
                                    signed_text(pair->number.value), interval_text(pair->number.interval)};
    if (shapley.probe) row.push_back(signed_text(pair->number.probe.value_or(kNaN)));
    if (!report.cka.empty()) row.push_back(share_text(cka_of(report, *pair)));
    table.rows.push_back(std::move(row));
  }
  table.notes = {
      "Shapley interaction index: what both add together beyond what each adds alone; below 0 they stand in for each "
      "other"};
  if (pairs.size() < all) {
    table.notes.push_back("the " + std::to_string(pairs.size()) + " largest of " + std::to_string(all) +
                          "; --figures and --json have all");
  }
  return table;
}

}  // namespace

std::vector<Table> shapley_tables(const ImportanceReport& report) {
  return {value_table(report), interaction_table(report)};
}

std::vector<const ShapleyInteraction*> largest_interactions(const ShapleyReport& report) {
  std::vector<const ShapleyInteraction*> pairs;
  for (const ShapleyInteraction& pair : report.interactions) pairs.push_back(&pair);
  std::stable_sort(pairs.begin(), pairs.end(), [](const ShapleyInteraction* a, const ShapleyInteraction* b) {
    return std::fabs(a->number.value) > std::fabs(b->number.value);
  });
  pairs.resize(std::min(pairs.size(), kInteractionsShown));
  return pairs;
}

std::string shared_values_text(const ImportanceReport& report) {
  if (!report.shapley || report.cka.empty()) return "";
  std::string pairs;
  for (const ShapleyInteraction& pair : report.shapley->interactions) {
    if (!(cka_of(report, pair) >= kNearCopyCka)) continue;
    pairs += (pairs.empty() ? "" : ", ") + report.encoders[pair.first].encoder + " and " +
             report.encoders[pair.second].encoder + " (CKA " + share_text(cka_of(report, pair)) + ")";
  }
  return pairs.empty() ? "" : "near-copies share one value, and without one the other has more: " + pairs;
}

Table interactions_csv(const ImportanceReport& report) {
  Table table;
  for (const char* head : {"encoder", "with", "interaction", "low", "high", "probe", "cka"}) {
    table.columns.push_back({head, Table::Align::kLeft});
  }
  for (const ShapleyInteraction& pair : report.shapley->interactions) {
    table.rows.push_back({report.encoders[pair.first].encoder, report.encoders[pair.second].encoder,
                          full_text(pair.number.value), full_text(pair.number.interval.low),
                          full_text(pair.number.interval.high), full_text(pair.number.probe.value_or(kNaN)),
                          full_text(cka_of(report, pair))});
  }
  return table;
}

}  // namespace medley::sweep
