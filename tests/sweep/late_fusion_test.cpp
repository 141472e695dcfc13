#include "sweep/report/late_fusion.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <random>

#include <gtest/gtest.h>

#include "sweep/score/ensemble.h"
#include "tests/sweep/noisy_truth.h"

namespace medley::sweep {
namespace {

constexpr int kFolds = 4;
constexpr int kClips = 240;

/// Two configs each of encoders a, b and {a, b}; two seeds. Labels, what each trial says, and its surfaces.
struct Sweep {
  OutOfFold rows;  ///< candidates are configs, seeds averaged
  ReportInput scores;

  explicit Sweep(unsigned seed) {
    std::mt19937 random(seed);
    std::normal_distribution<double> normal;
    rows.classes = Classes::blemore();
    for (int i = 0; i < kClips; ++i) {
      const int a = int(random() % 5);
      const int b = (a + 1 + int(random() % 4)) % 5;
      rows.truth.push_back(i % 2 ? make_blend(a, b, 30 + 20 * int(random() % 3)) : Label{a, -1, 100});
      rows.fold.push_back(i % kFolds);
    }
    scores.folds = {0, 1, 2, 3};
    scores.seeds = {1, 2};
    for (const auto& encoders : {nlohmann::json{"a"}, nlohmann::json{"b"}, nlohmann::json{"a", "b"}}) {
      for (const char* name : {"x", "y"}) {
        const std::string id = encoders.dump() + name;
        scores.configs.push_back({id, {{"encoders", encoders}}, {{"encoders", encoders}}, false});
        std::vector<double> mean(kClips * 6);
        for (std::size_t s = 0; s < scores.seeds.size(); ++s)
          said_[id].push_back(noisy_truth(rows.truth, 3, random, normal));
        for (const auto& p : said_[id]) {
          for (std::size_t i = 0; i < mean.size(); ++i) mean[i] += p[i] / double(scores.seeds.size());
        }
        rows.candidates.push_back(mean);
      }
    }
    measure();
  }

  /// Surfaces and paper-style numbers of every trial by the labels as they are now.
  void measure() {
    scores.trials.clear();
    for (const auto& [id, seeds] : said_) {
      for (std::size_t s = 0; s < seeds.size(); ++s) {
        for (int fold = 0; fold < kFolds; ++fold) {
          TrialScores trial;
          trial.trial_id = id + std::to_string(s) + std::to_string(fold);
          trial.config_id = id;
          trial.fold = fold;
          trial.seed = s + 1;
          trial.held_out_epoch = 1;
          trial.held_out_surface = trial.paper_surface = surface(seeds[s], fold);
          // The next fold is its inner fold: what it chooses is known only where that fold may be seen.
          trial.inner_surface = surface(seeds[s], (fold + 1) % kFolds);
          trial.paper = trial.paper_surface.best().accuracy;
          scores.trials.push_back(trial);
        }
      }
    }
  }

  Ensemble late_fusion(EnsembleMethod method) const {
    EnsembleOptions options;
    options.method = method;
    options.thresholds = EnsembleThresholds::kPerFold;
    options.bags = 2;
    options.rounds = 4;
    return fit_ensemble(rows, options, [this](const std::vector<int>& folds) {
      std::vector<int> listed;
      for (const auto& id : best_of_subsets(scores, folds)) listed.push_back(index_of(id));
      return listed;
    });
  }

  int index_of(const std::string& id) const {
    for (std::size_t m = 0; m < scores.configs.size(); ++m) {
      if (scores.configs[m].id == id) return int(m);
    }
    return -1;
  }

 private:
  std::map<std::string, std::vector<std::vector<double>>> said_;  ///< [config][seed][clip, class]

  ThresholdSurface surface(const std::vector<double>& said, int fold) const {
    std::vector<double> p;
    std::vector<Label> truth;
    for (std::size_t i = 0; i < rows.truth.size(); ++i) {
      if (rows.fold[i] != fold) continue;
      p.insert(p.end(), said.begin() + std::ptrdiff_t(i) * 6, said.begin() + std::ptrdiff_t(i + 1) * 6);
      truth.push_back(rows.truth[i]);
    }
    return threshold_surface({p.data(), int(truth.size()), 6}, truth, rows.classes);
  }
};

TEST(LateFusion, TakesOfEachSubsetTheConfigThatTheReportRanksFirst) {
  for (unsigned seed = 0; seed < 5; ++seed) {
    Sweep sweep(seed);
    for (TrialScores& trial : sweep.scores.trials) trial.inner_surface = {};
    const auto best = best_of_subsets(sweep.scores, sweep.scores.folds);
    ASSERT_EQ(best.size(), 3u);
    std::vector<std::string> expected;
    for (const ConfigReport& config : make_report(sweep.scores).configs) {
      const std::string twin = config.id.substr(0, config.id.size() - 1);
      const bool taken = std::any_of(expected.begin(), expected.end(),
                                     [&](const std::string& id) { return id.substr(0, id.size() - 1) == twin; });
      if (!taken) expected.push_back(config.id);
    }
    EXPECT_EQ(best, expected);
  }
}

TEST(LateFusion, RanksUnderTheFusionOfHeadsThatTheReportChooses) {
  // What config y of encoder a decodes by itself is worth nothing, while its salience head knows the labels. Fold 3 is
  // not asked for: nothing is known of its clips.
  Sweep sweep(2);
  sweep.scores.clips.classes = sweep.rows.classes;
  const auto classes = static_cast<std::size_t>(sweep.rows.classes.count());
  for (int fold = 0; fold < 3; ++fold) {
    for (int clip = fold; clip < kClips; clip += kFolds) {
      sweep.scores.clips.folds[{1, fold}].truth.push_back(sweep.rows.truth[std::size_t(clip)]);
    }
  }
  for (TrialScores& trial : sweep.scores.trials) {
    trial.inner_surface = {};
    if (trial.config_id != "[\"a\"]y" || trial.fold == 3) continue;
    const std::vector<Label>& truth = sweep.scores.clips.folds.at({1, trial.fold}).truth;
    trial.held_out.clips = static_cast<int>(truth.size());
    for (const Label& label : truth) {
      std::vector<float> salience(classes, 0);
      salience[std::size_t(label.first)] = static_cast<float>(label.salience) / 100;
      if (label.second >= 0) salience[std::size_t(label.second)] = 1 - static_cast<float>(label.salience) / 100;
      trial.held_out.salience.insert(trial.held_out.salience.end(), salience.begin(), salience.end());
      for (std::size_t c = 0; c < classes; ++c) {
        trial.held_out.presence.push_back(.5f);
        trial.held_out.fused.push_back(1 / static_cast<float>(classes));
      }
    }
    const std::vector<double> fused(trial.held_out.fused.begin(), trial.held_out.fused.end());
    trial.held_out_surface =
        threshold_surface({fused.data(), trial.held_out.clips, sweep.rows.classes.count()}, truth, sweep.rows.classes);
  }
  const auto of_a = [&] {
    for (const std::string& id : best_of_subsets(sweep.scores, {0, 1, 2})) {
      if (id.rfind("[\"a\"]", 0) == 0) return id;
    }
    return std::string();
  };
  EXPECT_EQ(of_a(), "[\"a\"]y") << "fitted";
  sweep.scores.decode.head_fusion = HeadFusion::kOwn;
  EXPECT_EQ(of_a(), "[\"a\"]x");
}

TEST(LateFusion, ChoosesByTheHeldOutScoreOverTheGivenFolds) {
  // Fold 3 alone would have config y of encoder a; folds 0 to 2 have x.
  Sweep sweep(1);
  for (TrialScores& trial : sweep.scores.trials) {
    if (trial.config_id.rfind("[\"a\"]", 0) != 0) continue;
    const bool x = trial.config_id.back() == 'x';
    trial.held_out_surface.presence_hits.fill((trial.fold == 3) == x ? 10 : trial.fold == 3 ? 60 : 15);
  }
  const auto chosen = [&](const std::vector<int>& folds) {
    for (const auto& id : best_of_subsets(sweep.scores, folds)) {
      if (id.rfind("[\"a\"]", 0) == 0) return id;
    }
    return std::string();
  };
  EXPECT_EQ(chosen({0, 1, 2}), "[\"a\"]x");
  EXPECT_EQ(chosen({0, 1, 2, 3}), "[\"a\"]y");
}

TEST(LateFusion, NothingOfTheHeldFoldReachesItsFit) {
  // Poison every label of fold 2, and so every surface that counts hits on its clips, inner ones too. The choice and
  // the fit for fold 2 stay the same to the bit. Those for other folds do not.
  int choices_changed = 0;
  for (unsigned seed = 0; seed < 6; ++seed) {
    const Sweep held_out(seed);
    Sweep poisoned(seed);
    for (std::size_t i = 0; i < poisoned.rows.truth.size(); ++i) {
      if (poisoned.rows.fold[i] == 2) poisoned.rows.truth[i] = {int(i / 4) % 5, -1, 100};
    }
    poisoned.measure();
    EXPECT_EQ(best_of_subsets(held_out.scores, {0, 1, 3}), best_of_subsets(poisoned.scores, {0, 1, 3}));
    choices_changed += best_of_subsets(held_out.scores, {1, 2, 3}) != best_of_subsets(poisoned.scores, {1, 2, 3});
    for (const auto method : {EnsembleMethod::kMean, EnsembleMethod::kSimplex, EnsembleMethod::kCaruana}) {
      const auto a = held_out.late_fusion(method);
      const auto b = poisoned.late_fusion(method);
      EXPECT_EQ(a.folds[2].fitted.weights, b.folds[2].fitted.weights);
      EXPECT_EQ(a.folds[2].fitted.thresholds.alpha, b.folds[2].fitted.thresholds.alpha);
      EXPECT_EQ(a.folds[2].fitted.thresholds.beta, b.folds[2].fitted.thresholds.beta);
      if (method != EnsembleMethod::kSimplex) continue;
      EXPECT_NE(a.folds[1].fitted.weights, b.folds[1].fitted.weights);
    }
  }
  EXPECT_GT(choices_changed, 0);
}

}  // namespace
}  // namespace medley::sweep
