#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "coordinator/actions/sweep_file.h"
#include "storage/reader.h"
#include "sweep/score/power.h"

namespace medley::coordinator {

/// Designs are looked for up to this number of seeds.
inline constexpr int kMostSeeds = 50;

/// What a sweep can settle, and at what cost.
struct Forecast {
  /// How wide the intervals of differences will be. None below two folds, and without labelled blends.
  struct Settling {
    sweep::Clusters by = sweep::Clusters::kActors;
    int pairs = 0;                    ///< of configs of finished sweeps; 0: variances are assumed
    bool compared = false;            ///< they are pairs that `compare` of the file means; else any
    bool seeds_seen = true;           ///< false: they have one seed, which does not tell what more of them average away
    std::vector<std::string> sweeps;  ///< that they are of
    double half_width = 0;            ///< of the 95 % interval, median over pairs
    double wide = 0;                  ///< of four pairs in five it is at most this
    double found = 0;                 ///< true difference that is found in four sweeps of five, median
    double floor = 0;                 ///< what more seeds leave of half_width

    /// Of `compare`. The median is over its own pairs, or over those above where the store has none of them.
    struct Margin {
      std::string axis;
      double margin = 0;
      int pairs = 0;             ///< of the family in the store
      int within = 0;            ///< of these, whose half width is within the margin
      double half_width = 0;     ///< median
      std::optional<int> seeds;  ///< with which the median is within the margin; none: not with kMostSeeds
      bool reached = false;      ///< by the sweep's own number
    };
    std::vector<Margin> margins;

    std::optional<double> wished;         ///< half width
    std::vector<sweep::Design> cheapest;  ///< that reach it, fewest trainings first
  };
  std::optional<Settling> settling;
  std::optional<double> seconds;  ///< of training all that is left on one worker; none: no trial of the dataset yet
  double bytes = 0;               ///< that the database grows by
  int left = 0;                   ///< trials
};

/// `left`: trials without a result. `wished`: a half width to look for designs of. Throws storage::Error when the store
/// cannot be read. One that does not exist tells nothing.
Forecast make_forecast(const SweepFile& file, const std::vector<const sweep::TrialSpec*>& left,
                       const std::filesystem::path& store, std::optional<double> wished);

/// Bytes of a result in the database. Probabilities of each clip of the fold and each test clip are halves of every
/// class, at the paper-style and at the held-out epoch. A softmax head stores one of them a class, others two. All else
/// has some 20 kB. The store of a real sweep of four encoders had 73 kB a result.
double bytes_of_result(sweep::Head head, double clips_of_fold, double test_clips, int classes);

/// With four digits, one more than Scores have: .0120.
std::string difference_text(double difference);

nlohmann::json forecast_json(const Forecast& forecast);

}  // namespace medley::coordinator
