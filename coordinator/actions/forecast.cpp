#include "coordinator/actions/forecast.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "storage/report_input.h"

namespace medley::coordinator {
namespace {

using nlohmann::json;

/// A forecast reads the newest of the dataset, for a second or so.
constexpr std::size_t kMostSweeps = 4;
constexpr std::size_t kMostConfigs = 24;
constexpr std::size_t kFewestOwn = 4;
constexpr std::size_t kShownDesigns = 5;

struct Counts {
  double clips = 0, blends = 0;
  int actors = 0;  ///< 0: one at least is not known
};

/// Labelled clips of `folds`. `Clip` has a fold, a label and an actor.
template <class Clip>
Counts count_clips(const std::vector<Clip>& clips, const std::vector<int>& folds) {
  Counts counts;
  std::set<std::string> actors;
  for (const Clip& clip : clips) {
    if (!clip.label || std::find(folds.begin(), folds.end(), clip.fold) == folds.end()) continue;
    ++counts.clips;
    counts.blends += clip.label->second >= 0;
    actors.insert(clip.actor);
  }
  counts.actors = actors.count("") > 0 ? 0 : static_cast<int>(actors.size());
  return counts;
}

using Pair = std::pair<std::string, std::string>;  // ids of two configs, ascending
Pair pair_of(const std::string& one, const std::string& other) { return std::minmax(one, other); }

/// The pairs of configs that each family of the file compares.
std::vector<std::set<Pair>> compared_pairs(const SweepFile& file) {
  std::vector<sweep::ConfigReport> configs;
  for (const sweep::ExpandedConfig& expanded : file.expansion.configs) {
    sweep::ConfigReport& config = configs.emplace_back();
    config.id = expanded.id;
    config.settings = sweep::to_json(expanded.config);
    config.axis_values = expanded.axis_values;
  }
  std::vector<std::set<Pair>> pairs;
  for (const sweep::Family& family : file.expansion.families) {
    auto& of = pairs.emplace_back();
    for (const auto& row : sweep::judge(family, configs, static_cast<int>(file.expansion.folds.size())).rows) {
      of.insert(pair_of(row.config, row.baseline_config));
    }
  }
  return pairs;
}

/// The differences and times of a sweep of the store.
struct MeasuredSweep {
  bool own = false;                              ///< of configs of the planned sweep alone
  std::vector<sweep::DifferenceVariance> pairs;  ///< of every two configs
  std::vector<Pair> ids;                         ///< of `pairs`
  std::vector<double> seconds_per_epoch;         ///< of one trial; one value a config
};

/// Of kMostConfigs complete configs at most, evenly spaced in the order of the sweep. Those of `planned` (ids) alone,
/// where they are kFewestOwn. Pairs of `compared` come first. Without any below two folds.
MeasuredSweep measure_sweep(storage::Reader& reader, const storage::SweepSummary& sweep,
                            const std::set<std::string>& planned, const std::vector<std::set<Pair>>& compared) {
  const storage::Reader::Snapshot snapshot(reader);
  MeasuredSweep measured;
  const auto dataset = reader.find_dataset(sweep.dataset);
  if (!dataset || sweep.folds.size() < 2) return measured;
  const auto folds = static_cast<int>(sweep.folds.size());
  const auto seeds = static_cast<int>(sweep.seeds.size());
  const auto repeats = static_cast<int>(sweep.partitions.size());
  const double clips = count_clips(sweep::partitioned(*dataset, sweep.partitions.front()).clips, sweep.folds).clips;
  std::vector<storage::ConfigProgress> complete, own;
  for (const storage::ConfigProgress& config : reader.config_progress(sweep.id)) {
    if (config.finished != folds * seeds * repeats) continue;
    complete.push_back(config);
    if (planned.count(config.config) > 0) own.push_back(config);
  }
  measured.own = own.size() >= kFewestOwn;
  if (measured.own) complete = own;
  std::set<std::string> known, first;
  for (const storage::ConfigProgress& config : complete) known.insert(config.config);
  for (const std::set<Pair>& family : compared) {
    for (const auto& [one, other] : family) {
      if (first.size() + 2 <= kMostConfigs && known.count(one) * known.count(other) > 0) first.insert({one, other});
    }
  }
  const auto rest = std::stable_partition(complete.begin(), complete.end(),
                                          [&](const auto& config) { return first.count(config.config) > 0; });
  std::vector<storage::ConfigProgress> chosen(complete.begin(), rest);
  const auto others = static_cast<std::size_t>(complete.end() - rest);
  const std::size_t number = std::min(others, kMostConfigs - chosen.size());
  for (std::size_t i = 0; i < number; ++i) {
    chosen.push_back(*(rest + static_cast<std::ptrdiff_t>(i * others / number)));
  }

  const sweep::Report report = storage::GrowingReport().make(reader, sweep, chosen, {});
  const auto score = report.ranks_held_out() ? &sweep::RunScore::held_out : &sweep::RunScore::paper;
  for (const sweep::ConfigReport& config : report.configs) {
    if (config.diverged > 0) continue;
    measured.seconds_per_epoch.push_back(config.mean_seconds / config.settings.at("epochs").get<double>());
    for (const sweep::ConfigReport& other : report.configs) {
      if (&other == &config) break;
      if (other.diverged > 0) continue;
      const auto comparison = sweep::compare_runs(config, other, score, folds);
      if (!comparison) continue;
      measured.pairs.push_back(sweep::variance_of(*comparison, folds, seeds * repeats, clips));
      measured.ids.push_back(pair_of(config.id, other.id));
    }
  }
  return measured;
}

/// In the folds of the sweep.
std::vector<data::Clip> clips_of(const SweepFile& file) {
  std::vector<data::Clip> clips = file.dataset.clips;
  sweep::put_in_folds(clips, file.expansion.partitions.front());
  return clips;
}

/// `clips` in the folds of the sweep.
sweep::Design design_of(const SweepFile& file, const std::vector<data::Clip>& clips, const std::vector<int>& folds) {
  return {static_cast<int>(folds.size()), count_clips(clips, folds).clips,
          static_cast<int>(file.expansion.seeds.size()), static_cast<int>(file.expansion.partitions.size())};
}

/// `ids`: of `pairs`.
Forecast::Settling settle(const SweepFile& file, const std::vector<data::Clip>& clips,
                          std::vector<sweep::DifferenceVariance> pairs, const std::vector<Pair>& ids,
                          const std::vector<std::set<Pair>>& compared, std::optional<double> wished) {
  const std::vector<int>& folds = file.expansion.folds;
  const sweep::Design design = design_of(file, clips, folds);
  Forecast::Settling settling;
  const bool assumed = pairs.empty();
  if (assumed) {
    const Counts counts = count_clips(clips, folds);
    pairs.push_back(sweep::assumed_variance(counts.clips, counts.blends, counts.actors));
  }
  settling.by = pairs.front().by;
  settling.seeds_seen = pairs.front().seeds != 1;
  if (!assumed) sweep::share_lasting(pairs);  // by all pairs, before those that are compared are picked
  const auto pairs_of = [&](const std::vector<std::set<Pair>>& families) {
    std::vector<sweep::DifferenceVariance> of;
    for (std::size_t i = 0; i < ids.size(); ++i) {
      const auto has = [&](const std::set<Pair>& family) { return family.count(ids[i]) > 0; };
      if (std::any_of(families.begin(), families.end(), has)) of.push_back(pairs[i]);
    }
    return of;
  };
  std::vector<std::vector<sweep::DifferenceVariance>> of_families;
  for (const std::set<Pair>& family : compared) of_families.push_back(pairs_of({family}));
  if (auto of_file = pairs_of(compared); !of_file.empty()) {
    settling.compared = true;
    pairs = std::move(of_file);
  }
  if (!assumed) settling.pairs = static_cast<int>(pairs.size());
  const auto median = [&](const sweep::Design& of, double found) {
    return sweep::quantile(sweep::smallest_differences(pairs, of, found), .5);
  };
  settling.half_width = median(design, .5);
  settling.found = median(design, .8);
  settling.wide = sweep::quantile(sweep::smallest_differences(pairs, design), .8);
  sweep::Design endless = design;
  endless.seeds = sweep::kEndlessSeeds;
  settling.floor = median(endless, .5);
  for (std::size_t f = 0; f < file.expansion.families.size(); ++f) {
    const sweep::Family& family = file.expansion.families[f];
    const auto& of = of_families[f].empty() ? pairs : of_families[f];
    const auto widths = sweep::smallest_differences(of, design);
    const double half_width = sweep::quantile(widths, .5);
    const auto own = of_families[f].size();
    const auto within = std::count_if(widths.begin(), widths.end(), [&](double one) { return one <= family.margin; });
    const auto reaching = sweep::cheapest_designs(of, family.margin, {design}, kMostSeeds);
    settling.margins.push_back(
        {family.axis, family.margin, static_cast<int>(own), own > 0 ? static_cast<int>(within) : 0, half_width,
         reaching.empty() ? std::nullopt : std::optional<int>(reaching.front().seeds), half_width <= family.margin});
  }
  if (!wished) return settling;
  settling.wished = wished;
  std::vector<sweep::Design> shapes;
  for (std::size_t count = 2; count <= folds.size(); ++count) {
    shapes.push_back(design_of(file, clips, {folds.begin(), folds.begin() + static_cast<std::ptrdiff_t>(count)}));
  }
  settling.cheapest = sweep::cheapest_designs(pairs, *wished, shapes, kMostSeeds);
  if (settling.cheapest.size() > kShownDesigns) settling.cheapest.resize(kShownDesigns);
  return settling;
}

/// Leaves those of which `holds`, if there are any.
template <class Item, class Holds>
void keep_any(std::vector<Item>& items, const Holds& holds) {
  if (std::none_of(items.begin(), items.end(), holds)) return;
  items.erase(std::remove_if(items.begin(), items.end(), [&](const Item& item) { return !holds(item); }), items.end());
}

}  // namespace

double bytes_of_result(sweep::Head head, double clips_of_fold, double test_clips, int classes) {
  constexpr double kProtocols = 2, kHalf = 2, kElse = 20'000;
  const double parts = head == sweep::Head::kSoftmax ? 1 : 2;
  return parts * kProtocols * kHalf * classes * (clips_of_fold + test_clips) + kElse;
}

Forecast make_forecast(const SweepFile& file, const std::vector<const sweep::TrialSpec*>& left,
                       const std::filesystem::path& store, std::optional<double> wished) {
  std::set<std::string> planned;
  for (const sweep::ExpandedConfig& config : file.expansion.configs) planned.insert(config.id);
  struct Told {
    std::string sweep;
    MeasuredSweep measured;
  };
  std::vector<Told> told;
  const std::vector<std::set<Pair>> compared = compared_pairs(file);
  std::vector<double> seconds_per_epoch;
  if (storage::store_exists(store)) {
    storage::Reader reader(store);
    for (const storage::SweepSummary& sweep : reader.sweeps()) {
      if (sweep.dataset != file.dataset.fingerprint || told.size() == kMostSweeps) continue;
      MeasuredSweep measured = measure_sweep(reader, sweep, planned, compared);
      const auto& seconds = measured.seconds_per_epoch;
      seconds_per_epoch.insert(seconds_per_epoch.end(), seconds.begin(), seconds.end());
      if (!measured.pairs.empty()) told.push_back({sweep.name, std::move(measured)});
    }
  }
  // One seed tells less than several, and other configs less than those of the sweep itself.
  keep_any(told, [](const Told& of) { return of.measured.pairs.front().seeds > 1; });
  keep_any(told, [](const Told& of) { return of.measured.own; });
  std::vector<sweep::DifferenceVariance> pairs;
  std::vector<Pair> ids;
  std::vector<std::string> names;
  for (const Told& of : told) {
    ids.insert(ids.end(), of.measured.ids.begin(), of.measured.ids.end());
    pairs.insert(pairs.end(), of.measured.pairs.begin(), of.measured.pairs.end());
    names.push_back(of.sweep);
  }

  Forecast forecast;
  forecast.left = static_cast<int>(left.size());
  const std::vector<int>& folds = file.expansion.folds;
  const std::vector<data::Clip> clips = clips_of(file);
  const Counts counts = count_clips(clips, folds);
  if (folds.size() >= 2 && counts.clips > 0 && (!pairs.empty() || counts.blends > 0)) {
    forecast.settling = settle(file, clips, std::move(pairs), ids, compared, wished);
    forecast.settling->sweeps = names;
  }
  if (!seconds_per_epoch.empty()) {
    double epochs = 0;
    for (const sweep::TrialSpec* trial : left) epochs += last_epoch(trial->config);
    forecast.seconds = epochs * sweep::mean(seconds_per_epoch);
  }
  const auto test = std::count_if(file.dataset.clips.begin(), file.dataset.clips.end(),
                                  [](const data::Clip& clip) { return clip.fold < 0; });
  const double per_fold = folds.empty() ? 0 : counts.clips / static_cast<double>(folds.size());
  for (const sweep::TrialSpec* trial : left) {
    forecast.bytes +=
        bytes_of_result(trial->config.head, per_fold, static_cast<double>(test), file.dataset.classes.count());
  }
  return forecast;
}

std::string difference_text(double difference) {
  const std::string text = fmt::format("{:.4f}", difference);
  return text.front() == '0' ? text.substr(1) : text;
}

json forecast_json(const Forecast& forecast) {
  json settling;
  if (const auto& of = forecast.settling) {
    json margins = json::array();
    for (const auto& margin : of->margins) {
      margins.push_back({{"axis", margin.axis},
                         {"margin", margin.margin},
                         {"pairs", margin.pairs},
                         {"within", margin.within},
                         {"half_width", margin.half_width},
                         {"reached", margin.reached},
                         {"seeds", margin.seeds ? json(*margin.seeds) : json()}});
    }
    json designs = json::array();
    for (const sweep::Design& design : of->cheapest) {
      designs.push_back({{"folds", design.folds},
                         {"repeats", design.repeats},
                         {"seeds", design.seeds},
                         {"trainings", static_cast<std::int64_t>(design.trainings())}});
    }
    settling = {{"by", name_of(of->by)},        {"pairs", of->pairs},
                {"compared", of->compared},     {"sweeps", of->sweeps},
                {"half_width", of->half_width}, {"half_width_of_most", of->wide},
                {"found_by_most", of->found},   {"half_width_floor", of->floor},
                {"margins", margins},           {"wished", of->wished ? json(*of->wished) : json()},
                {"cheapest", designs}};
  }
  return {{"settles", settling},
          {"training_seconds", forecast.seconds ? json(*forecast.seconds) : json()},
          {"store_bytes", forecast.bytes}};
}

}  // namespace medley::coordinator
