#include <algorithm>
#include <cmath>

#include <fmt/core.h>

#include "sweep/report/table.h"
#include "trainer/trainer.h"
#include "worker/bench_trials.h"
#include "worker/gpu_check.h"

namespace medley::worker {
namespace {

using sweep::Precision;
using sweep::TrialResult;
using sweep::TrialSpec;

const BenchShape kSmall{{4, 96, 400}, 32};
constexpr int kEpochs = 4;

/// What the CPU may say otherwise: sums in another order, and products as coarse as the precision makes them.
struct Tolerance {
  Precision precision;
  const char* name;
  double relative;
};
constexpr Tolerance kTolerances[] = {
    {Precision::kFloat64, "float64", 1e-9},
    {Precision::kFloat32, "float32", 1e-3},
    {Precision::kTf32, "tf32", 1e-2},
    {Precision::kBfloat16, "bfloat16", 3e-2},
};

/// Trials that differ in what trials of a pack may differ in; each also clips, drops and stops by its own settings.
std::vector<TrialSpec> trials(const data::Dataset& dataset, int count, Precision precision) {
  std::vector<TrialSpec> all = bench_trials(dataset, kSmall, count, kEpochs);
  for (std::size_t k = 0; k < all.size(); ++k) {
    sweep::Config& config = all[k].config;
    config.precision = precision;
    config.top_n = 1 + static_cast<int>(k % 3);
    config.temperature = 0.5 + 0.25 * static_cast<double>(k);
    config.dropout = 0.1 * static_cast<double>(k % 4);
    config.grad_clip = k % 2 ? 0.5 : 0;
    config.learning_rate = 1e-3 * static_cast<double>(k + 1);
  }
  return all;
}

std::vector<double> trace(const TrialResult& result) {
  std::vector<double> losses;
  for (const auto& e : result.epochs) {
    losses.insert(losses.end(), {e.loss, e.validation_loss});
    for (const auto& term : e.terms) losses.push_back(term.value);
  }
  return losses;
}

/// The largest relative difference; infinite where one trained longer.
double error(const TrialResult& a, const TrialResult& b) {
  const std::vector<double> left = trace(a), right = trace(b);
  if (left.size() != right.size()) return INFINITY;
  double worst = 0;
  for (std::size_t i = 0; i < left.size(); ++i) {
    const double e = std::abs(left[i] - right[i]) / std::abs(left[i]);
    worst = std::max(worst, std::isfinite(e) ? e : INFINITY);
  }
  return worst;
}

Finding compare(const std::string& what, double found, double bound) {
  return {what, found <= bound, fmt::format("losses differ by {:.1e} at most, {:.0e} allowed", found, bound)};
}

}  // namespace

Findings check_trials(const sweep::Device& device) {
  const data::Dataset dataset = data::random_dataset(kSmall);
  trainer::TrainOptions options;
  options.device = sweep::to_string(device);
  const auto train = [&](const std::vector<TrialSpec>& pack) { return trainer::train_pack(dataset, pack, options); };
  Findings all;
  for (const Tolerance& t : kTolerances) {
    const std::vector<TrialSpec> pack = trials(dataset, 4, t.precision);
    const auto here = train(pack), on_cpu = trainer::train_pack(dataset, pack);
    double worst = 0;
    for (std::size_t k = 0; k < pack.size(); ++k) worst = std::max(worst, error(on_cpu[k], here[k]));
    all.push_back(compare(fmt::format("a pack of 4 as on the CPU, {}", t.name), worst, t.relative));
  }
  const std::vector<TrialSpec> pack = trials(dataset, 5, Precision::kFloat64);
  const auto with = [&](std::size_t neighbour) { return train({pack[0], pack[1], pack[neighbour]}); };
  const auto one = with(3), other = with(4);
  all.push_back(
      compare("a trial beside other neighbours", std::max(error(one[0], other[0]), error(one[1], other[1])), 0));
  all.push_back(compare("a trial alone and in a pack, float64", error(train({pack[1]}).front(), one[1]), 1e-10));
  return all;
}

std::string throughput_table(const sweep::Device& device, const std::vector<int>& packs) {
  constexpr int kTimedEpochs = 3;
  const BenchShape shape;
  const data::Dataset dataset = data::random_dataset(shape);
  sweep::Table table;
  table.columns.push_back({"pack", sweep::Table::Align::kRight});
  for (const Tolerance& t : kTolerances) {
    table.columns.push_back({t.name, sweep::Table::Align::kRight, "trial epochs/s"});
  }
  for (const int count : packs) {
    std::vector<std::string> row = {std::to_string(count)};
    for (const Tolerance& t : kTolerances) {
      std::vector<TrialSpec> pack = bench_trials(dataset, shape, count, kTimedEpochs);
      for (TrialSpec& trial : pack) trial.config.precision = t.precision;
      row.push_back(fmt::format("{:.1f}", 1 / cost_of_epoch(dataset, pack, device).wall_seconds));
    }
    table.rows.push_back(std::move(row));
  }
  table.notes.push_back(fmt::format("{} encoders of {} numbers, {} clips, batches of {}, validation included",
                                    shape.encoders, shape.dim, shape.clips, shape.batch));
  return sweep::text_table(table);
}

}  // namespace medley::worker
