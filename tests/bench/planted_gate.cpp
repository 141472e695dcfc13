// On how many clips does a gate keep encoders that carry signal there, as was planted, and what is its Score?
//
// usage: planted_gate ACTORS DATASETS [SETTINGS]...    settings laid over the defaults, such as "gate=query epochs=20";
// one line of a Markdown table each. A dataset is one of `medley data make` with ACTORS actors: four encoders with
// signal on 60 % of the clips each, a near-copy and one of noise. Three folds are trained. At top_n = n only clips with
// n relevant encoders or more count; the interval is of datasets.
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <exception>
#include <set>
#include <sstream>

#include "sweep/half.h"
#include "sweep/score/statistics.h"
#include "tests/trainer/planted_truth.h"

namespace medley::tests {
namespace {

using sweep::Config;

Config config_of(const std::string& settings) {
  Config config;
  config.renormalise = false;  // else a gate that keeps one encoder never learns which
  config.top_n = 1;
  std::istringstream words(settings);
  for (std::string word; words >> word;) {
    const std::size_t equals = word.find('=');
    const std::string text = word.substr(equals + 1);
    nlohmann::json value = nlohmann::json::parse(text, nullptr, false);
    if (value.is_discarded()) value = text;
    sweep::checked_setting(word.substr(0, equals), value).set(config, value);
  }
  return config;
}

/// Of the encoders that are kept, on clips that have enough relevant ones: how many are relevant. And the same of a
/// draw at random.
struct Kept {
  double kept = 0, relevant = 0, by_chance = 0;

  void add(const Planted& planted, const sweep::TrialResult& result, int fold, int n) {
    const auto& encoders = result.importance.encoders;
    const std::vector<int> clips = planted.dataset.clips_of_fold(fold);
    for (std::size_t i = 0; i < clips.size(); ++i) {
      const std::string& stem = planted.dataset.clips[static_cast<std::size_t>(clips[i])].stem;
      const auto truth = planted.truth["relevant_encoders"][stem].get<std::set<std::string>>();
      if (static_cast<int>(truth.size()) < n) continue;
      for (std::size_t e = 0; e < encoders.size(); ++e) {
        if (sweep::half_value(result.importance.weights[i * encoders.size() + e]) <= 0) continue;
        ++kept;
        relevant += static_cast<double>(truth.count(encoders[e].encoder));
        by_chance += static_cast<double>(truth.size()) / static_cast<double>(encoders.size());
      }
    }
  }
};

/// Held-out: thresholds from the other folds.
double score_of(const std::vector<sweep::TrialResult>& results) {
  sweep::ThresholdSurface all;
  for (const auto& result : results) all += result.held_out.surface;
  sweep::Tally tally;
  for (const auto& result : results) {
    sweep::ThresholdSurface others = all;
    others -= result.held_out.surface;
    const auto best = others.best();
    tally += sweep::tally_at(result.held_out.surface, best.alpha_index, best.beta_index);
  }
  return tally.accuracy().score();
}

std::string with_interval(const std::vector<double>& values) {
  const double half = sweep::student_t_quantile(.975, static_cast<double>(values.size() - 1)) *
                      sweep::sample_sd(values) / std::sqrt(static_cast<double>(values.size()));
  char text[60];
  std::snprintf(text, sizeof text, "%.3f ± %.3f", sweep::mean(values), half);
  return text;
}

void print_table(int actors, int datasets, const std::vector<std::string>& all) {
  std::deque<Planted> planted;
  for (int seed = 1; seed <= datasets; ++seed) {
    data::SyntheticOptions options;
    options.train_actors = actors;
    options.test_actors = 1;
    options.seed = static_cast<std::uint64_t>(seed);
    planted.emplace_back(options);
  }
  std::printf("%d actors, %d datasets\n\n| settings | relevant | by chance | Score | s |\n|---|---|---|---|---|\n",
              actors, datasets);
  for (const std::string& settings : all) {
    const Config config = config_of(settings);
    std::vector<double> relevant, scores;
    double by_chance = 0, seconds = 0;
    for (std::size_t d = 0; d < planted.size(); ++d) {
      const auto results = train(planted[d], config, {0, 1, 2}, {d + 1});
      Kept kept;
      for (std::size_t fold = 0; sweep::is_gated(config) && fold < results.size(); ++fold)
        kept.add(planted[d], results[fold], static_cast<int>(fold),
                 config.selection == sweep::Selection::kAll ? 1 : config.top_n);
      if (kept.kept > 0) relevant.push_back(kept.relevant / kept.kept);
      by_chance += kept.kept > 0 ? kept.by_chance / kept.kept / datasets : 0;
      scores.push_back(score_of(results));
      for (const auto& result : results) seconds += result.seconds / (3.0 * datasets);
    }
    std::printf("| %s | %s | %.3f | %s | %.2f |\n", settings.c_str(),
                relevant.empty() ? "" : with_interval(relevant).c_str(), by_chance, with_interval(scores).c_str(),
                seconds);
    std::fflush(stdout);
  }
}

}  // namespace
}  // namespace medley::tests

int main(int argc, char** argv) {
  if (argc < 3 || std::atoi(argv[1]) < 5 || std::atoi(argv[2]) < 2) {
    std::fprintf(stderr, "usage: planted_gate ACTORS DATASETS [SETTINGS]...\n");
    return 2;
  }
  try {
    medley::tests::print_table(std::atoi(argv[1]), std::atoi(argv[2]), {argv + 3, argv + argc});
  } catch (const std::exception& error) {
    std::fprintf(stderr, "planted_gate: %s\n", error.what());
    return 1;
  }
  return 0;
}
