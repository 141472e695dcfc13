#include "sweep/spec/expand.h"

#include <algorithm>
#include <cassert>
#include <limits>
#include <optional>
#include <set>
#include <unordered_map>

#include "sweep/digest.h"
#include "sweep/nearest.h"
#include "sweep/search/halving.h"
#include "sweep/spec/encoder_sets.h"
#include "sweep/spec/impossible.h"
#include "sweep/spec/spec_axis.h"
#include "sweep/spec/spec_family.h"

namespace medley::sweep {
namespace {

using nlohmann::json;

/// An axis with its values on this dataset, and what conditions need of it.
struct Varied {
  const Axis* axis;
  const Setting* setting;
  std::vector<json> values;  ///< empty for a distribution under random search
  bool decides = false;      ///< some condition reads it
  bool ever_varied = false;  ///< in some config
};

/// Where the axes start from: base, or a variant laid over it.
struct Start {
  const Variant* variant;  ///< nullptr: base
  Config config;
  int configs;           ///< that it added, impossible ones too
  std::size_t position;  ///< among the starts
};

using AxisTexts = std::vector<std::optional<std::string>>;  ///< DrawnConfig::texts

/// "a=1, b=2" of "b=2, a=1".
std::string sorted_parts(const std::string& text) {
  std::set<std::string> parts;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t end = std::min(text.find(", ", at), text.size());
    parts.insert(text.substr(at, end - at));
    at = end + 2;
  }
  std::string sorted;
  for (const std::string& part : parts) sorted += (sorted.empty() ? "" : ", ") + part;
  return sorted;
}

class Expander {
 public:
  Expander(const SweepSpec& spec, const DatasetShape& shape)
      : spec_(spec),
        shape_(shape),
        base_(spec.base),
        diagnostics_(spec.file, spec.text),
        warnings_(spec.file, spec.text) {}

  Expansion run() {
    resolve_folds();
    resolve_base();
    resolve_variants();
    resolve_axes();
    resolve_space();
    if (diagnostics_.empty()) result_.families = resolve_families(spec_, shape_, diagnostics_);
    if (!diagnostics_.empty()) throw SpecError(all_errors({}));
    check_size();
    expand_all();
    check_impossible();
    check_idle();
    find_reference();
    check_labels();
    diagnostics_.throw_if_any();
    make_trials();
    result_.warnings = warnings_.take();
    return std::move(result_);
  }

  /// Of a file with other errors, which may leave these settings in doubt.
  std::vector<Diagnostic> errors(const std::set<std::string>& doubtful) {
    resolve_folds();
    resolve_base();
    resolve_variants();
    resolve_axes();
    resolve_space();
    return all_errors(doubtful);
  }

 private:
  /// Those found so far, and what else can be told in spite of them.
  std::vector<Diagnostic> all_errors(const std::set<std::string>& doubtful) {
    find_certainly_impossible(doubtful);
    if (spec_.reference_encoders) encoder_sets(*spec_.reference_encoders, all_encoders(shape_), shape_, diagnostics_);
    return diagnostics_.take();
  }

  void expand_all() {
    if (spec_.search == SweepSpec::Search::kGrid) {
      for (Start& start : starts_) expand_grid(0, start, start.config, AxisTexts(axes_.size()));
    } else {
      for (int draw = 0; draw < spec_.draws; ++draw) expand_draw(draw);
    }
  }

  /// Reasons that make configs impossible though something else is wrong too. Told only where the errors cannot be
  /// their cause: none that blames a doubtful setting, and none at all where a doubtful one may decide which others
  /// count. Encoders in doubt are taken for all of the dataset: then a top_n that is too large is so for any of its
  /// subsets.
  void find_certainly_impossible(std::set<std::string> doubtful) {
    const bool encoders_known = diagnostics_.empty() && !doubtful.count("encoders");
    doubtful.erase("encoders");
    for (const std::string& name : doubtful) {
      const Setting* setting = find_setting(name);
      const bool decides = !setting || setting->kind == Setting::Kind::kChoice || setting->kind == Setting::Kind::kFlag;
      if (decides) return;
    }
    if (!encoders_known) {
      for (Start& start : starts_) start.config.encoders = shape_.encoders;
      axes_.erase(std::remove_if(axes_.begin(), axes_.end(),
                                 [](const Varied& v) { return v.setting->kind == Setting::Kind::kEncoders; }),
                  axes_.end());
      resolve_space();
    }
    if (spec_.impossible == SweepSpec::Impossible::kSkip || count_grid() > kMaxConfigs) return;
    expand_all();
    for (const ImpossibleConfigs::Reason& reason : impossible_.reasons()) {
      const std::vector<std::string>& blamed = reason.conflict.settings;
      const auto blames = [&](const std::string& name) {
        return std::find(blamed.begin(), blamed.end(), name) != blamed.end();
      };
      const bool caused = std::any_of(doubtful.begin(), doubtful.end(), blames);
      const bool certain = encoders_known || !blames("encoders") || blames("top_n");
      const bool typed = !reason.place.text.empty();  // a default is told of once what is typed is right
      if (typed && !caused && certain) diagnostics_.add(reason.place, reason.conflict.message);
    }
  }

  void resolve_folds() {
    result_.seeds = spec_.seeds;
    if (spec_.regroup) return resolve_regroup();
    result_.folds = spec_.folds.empty() ? shape_.folds : spec_.folds;
    std::string known;
    for (const int fold : shape_.folds) known += (known.empty() ? "" : ", ") + std::to_string(fold);
    if (shape_.folds.size() < 2) {
      diagnostics_.add(spec_.folds_place, "the dataset has " + std::to_string(shape_.folds.size()) +
                                              " folds: nothing is left to train on (2 or more are needed)");
      return;
    }
    for (const int fold : spec_.folds) {
      if (std::find(shape_.folds.begin(), shape_.folds.end(), fold) == shape_.folds.end()) {
        diagnostics_.add(spec_.folds_place,
                         "folds: the dataset has no fold " + std::to_string(fold) + "; valid: " + known);
      }
    }
  }

  void resolve_regroup() {
    const Partition& made = *spec_.regroup;
    result_.partitions.clear();
    for (int repeat = 1; repeat <= spec_.repeats; ++repeat) {
      result_.partitions.push_back(made);
      result_.partitions.back().repeat = repeat;
    }
    result_.folds = shape_.folds = made_folds(made);
    const bool by_actor = made.by == PartitionBy::kActor;
    const int groups = by_actor ? shape_.actor_count : shape_.clip_count;
    if (by_actor && !shape_.actors) {
      diagnostics_.add(spec_.folds_place,
                       "folds: by: actor: a labelled clip of the dataset has no actor; valid: a column of actors in "
                       "the metadata, or by: clip");
    } else if (groups < made.folds) {
      diagnostics_.add(spec_.folds_place, "folds: regroup: " + std::to_string(made.folds) + " folds of " +
                                              std::to_string(groups) + " " + name_of(made.by) +
                                              "s; valid: 2 to the number of " + name_of(made.by) + "s");
    }
    if (!by_actor) {
      warnings_.add(spec_.folds_place,
                    "folds: by: clip: clips of one actor are in several folds, and Scores are too high for new actors");
    }
  }

  void resolve_variants() {
    for (const Variant& variant : spec_.variants) {
      starts_.push_back({&variant, laid_over(base_, variant.settings, variant.encoders, pool_), 0, starts_.size()});
    }
    if (starts_.empty()) starts_.push_back({nullptr, base_, 0, 0});
  }

  /// `config` with these settings; `encoders` chooses among `pool`.
  Config laid_over(Config config, const std::map<std::string, PlacedValue>& settings,
                   const std::optional<EncoderSets>& encoders, const EncoderSet& pool) {
    for (const auto& [name, value] : settings) find_setting(name)->set(config, value.value);
    if (encoders) {
      const auto sets = encoder_sets(*encoders, pool, shape_, diagnostics_);
      if (!sets.empty()) config.encoders = names(sets.front());
    }
    return config;
  }

  std::vector<std::string> names(const EncoderSet& set) const {
    std::vector<std::string> result;
    for (const int encoder : set) result.push_back(shape_.encoders[static_cast<std::size_t>(encoder)]);
    return result;
  }

  void resolve_base() {
    pool_ = encoder_pool(spec_, shape_, diagnostics_);
    base_.encoders = names(pool_);
  }

  void resolve_axes() {
    // Conditions are decided by axes that stand before them: the order of the file, but for those.
    std::vector<const Axis*> waiting;
    for (const Axis& axis : spec_.axes) waiting.push_back(&axis);
    while (!waiting.empty()) {
      const auto next = std::find_if(waiting.begin(), waiting.end(), [&](const Axis* axis) {
        return !axis->when || std::none_of(waiting.begin(), waiting.end(), [&](const Axis* other) {
          return axis->when->values.count(other->setting) > 0;
        });
      });
      assert(next != waiting.end());  // parse_sweep() refuses cycles
      axes_.push_back(resolve(**next));
      waiting.erase(next);
    }
    for (Varied& varied : axes_) {
      varied.decides = std::any_of(spec_.axes.begin(), spec_.axes.end(), [&](const Axis& other) {
        return other.when && other.when->values.count(varied.axis->setting) > 0;
      });
    }
  }

  Varied resolve(const Axis& axis) {
    Varied varied{&axis, find_setting(axis.setting), {}, false, false};
    for (const PlacedValue& value : axis.values) varied.values.push_back(value.value);
    if (spec_.search == SweepSpec::Search::kRandom && is_continuous(axis)) varied.values.clear();
    std::set<EncoderSet> seen;
    std::size_t generated = 0;
    for (const EncoderSets& item : axis.sets) {
      const auto sets = encoder_sets(item, pool_, shape_, diagnostics_);
      generated += sets.size();
      if (generated > static_cast<std::size_t>(kMaxConfigs)) {
        diagnostics_.add(item.place, "encoders: with this item the list makes more than " +
                                         std::to_string(kMaxConfigs) + " subsets");
        break;
      }
      for (const EncoderSet& set : sets) {
        if (seen.insert(set).second) varied.values.push_back(names(set));
      }
    }
    return varied;
  }

  /// What axes and variants span. Axes stand in it as in `axes_`.
  void resolve_space() {
    space_ = {};
    for (const Start& start : starts_) {
      std::set<std::string> said;
      for (const std::string& name : inferred_settings()) {
        if (spec_.base_places.count(name) > 0 || (start.variant && start.variant->settings.count(name) > 0)) {
          said.insert(name);
        }
      }
      space_.starts.push_back({start.variant ? start.variant->name : "", start.config, std::move(said)});
    }
    for (const Varied& varied : axes_) {
      const Axis& axis = *varied.axis;
      space_.parameters.push_back({axis.setting, varied.values, axis.low, axis.high,
                                   axis.kind == Axis::Kind::kLogUniform,
                                   axis.when ? axis.when->values : SettingValues()});
    }
  }

  static bool is_continuous(const Axis& axis) {
    return axis.kind == Axis::Kind::kUniform || axis.kind == Axis::Kind::kLogUniform;
  }

  static bool holds(const Axis& axis, const Config& config) {
    return !axis.when || sweep::holds(axis.when->values, config);
  }

  /// Points of the grid from axis `i` on. Only axes that conditions read are walked; the others multiply.
  std::int64_t count_points(std::size_t i, const Config& config) const {
    if (i == axes_.size()) return 1;
    const Varied& varied = axes_[i];
    if (!holds(*varied.axis, config)) return count_points(i + 1, config);
    const auto size = static_cast<std::int64_t>(varied.values.size());
    if (!varied.decides) return bounded_product(size, count_points(i + 1, config));
    std::int64_t total = 0;
    Config next = config;
    for (const json& value : varied.values) {
      varied.setting->set(next, value);
      total += count_points(i + 1, next);
      if (total > kMaxConfigs) return kCountLimit;  // every step counts at least one point: the walk is bounded
    }
    return total;
  }

  std::int64_t count_grid() const {
    std::int64_t total = 0;
    for (const Start& start : starts_) total = std::min(kCountLimit, total + count_points(0, start.config));
    return total;
  }

  static constexpr std::int64_t kCountLimit = std::int64_t{1} << 52;  ///< stands for "too many to count"
  static std::int64_t bounded_product(std::int64_t a, std::int64_t b) {
    return a != 0 && b > kCountLimit / a ? kCountLimit : a * b;
  }

  void check_size() {
    std::string product;
    const Place* place = nullptr;
    if (!spec_.variants.empty()) {
      place = &spec_.variants.front().place;
      product = std::to_string(spec_.variants.size()) + " variants";
    }
    for (const Varied& varied : axes_) {
      if (!place) place = &varied.axis->place;
      product += (product.empty() ? "" : " x ") + varied.axis->setting + " " + std::to_string(varied.values.size());
    }
    result_.points = spec_.search == SweepSpec::Search::kRandom ? spec_.draws : count_grid();
    const auto runs = static_cast<std::int64_t>(result_.runs());
    if (result_.points > kMaxConfigs) {
      const std::string count = result_.points >= kCountLimit ? "far too many" : std::to_string(result_.points);
      diagnostics_.add(*place, "the grid would make " + count + " configs (" + product + "); the most is " +
                                   std::to_string(kMaxConfigs) +
                                   ": cut an axis, add a condition under 'when', or use "
                                   "'search: {random: 1000}'");
    }
    diagnostics_.throw_if_any();
    if (bounded_product(result_.points, runs) > 100 * kMaxTrials) {
      // Not even duplicates could bring this under the limit in reasonable time.
      too_many_trials(result_.points, runs);
      diagnostics_.throw_if_any();
    }
  }

  void too_many_trials(std::int64_t configs, std::int64_t runs) {
    const std::size_t partitions = result_.partitions.size();
    diagnostics_.add(first_place(), std::to_string(configs) + " configs x " +
                                        (partitions > 1 ? std::to_string(partitions) + " partitions x " : "") +
                                        std::to_string(result_.folds.size()) + " folds x " +
                                        std::to_string(result_.seeds.size()) + " seeds would make " +
                                        std::to_string(bounded_product(configs, runs)) + " trials; the most is " +
                                        std::to_string(kMaxTrials));
  }

  /// Of what the sweep varies.
  Place first_place() const {
    if (!spec_.variants.empty()) return spec_.variants.front().place;
    return axes_.empty() ? Place{1, 1, ""} : axes_.front().axis->place;
  }

  void expand_grid(std::size_t i, Start& start, const Config& config, const AxisTexts& texts) {
    if (i == axes_.size()) {
      add_config(start, config, texts);
      return;
    }
    const Varied& varied = axes_[i];
    if (!holds(*varied.axis, config)) {
      expand_grid(i + 1, start, config, texts);
      return;
    }
    Config next = config;
    AxisTexts next_texts = texts;
    for (const json& value : varied.values) {
      varied.setting->set(next, value);
      next_texts[i] = value_text(value);
      expand_grid(i + 1, start, next, next_texts);
    }
  }

  void expand_draw(int draw) {
    const SpacePoint point = draw_point(space_, spec_.search_seed, static_cast<std::uint64_t>(draw));
    const DrawnConfig drawn = config_at(space_, point);
    add_config(starts_[static_cast<std::size_t>(*point[0])], drawn.config, drawn.texts);
  }

  void add_config(Start& start, const Config& config, const AxisTexts& texts) {
    MadeConfig made = make_config(space_, start.position, {config, texts}, shape_);
    const std::string digest = sha256_hex(canonical_text(made.config));
    const auto [seen, is_new] = digest_of_id_.emplace(digest.substr(0, kConfigIdDigits), digest);
    if (!is_new) {
      if (seen->second != digest) throw Error("two configs of this sweep have the id " + seen->first);
      ++result_.duplicates;
      return;
    }
    ++start.configs;
    for (Varied& varied : axes_) {
      varied.ever_varied = varied.ever_varied || made.axis_values.count(varied.setting->name) > 0;
    }
    if (auto& conflict = made.conflict) {
      const Place place = culprit(*conflict, start, texts);
      if (start.variant) conflict->message = "variant '" + start.variant->name + "': " + conflict->message;
      impossible_.add(place, *conflict);
      return;
    }
    result_.configs.push_back({seen->first, std::move(made.config), std::move(made.axis_values)});
  }

  /// Where the file set one of the settings to blame for this config: an axis, else its variant, else base. Where it
  /// set none: the variant, else a place without a text.
  Place culprit(const Conflict& conflict, const Start& start, const AxisTexts& texts) const {
    for (const std::string& name : conflict.settings) {
      for (std::size_t i = 0; i < axes_.size(); ++i) {
        if (texts[i] && axes_[i].setting->name == name) return axes_[i].axis->place;
      }
    }
    for (const std::string& name : conflict.settings) {
      if (!start.variant) break;
      const bool of_encoders = name == "encoders" && start.variant->encoders;
      if (of_encoders || start.variant->settings.count(name)) return start.variant->place;
    }
    for (const std::string& name : conflict.settings) {
      const auto place = spec_.base_places.find(name);
      if (place != spec_.base_places.end()) return place->second;
    }
    return start.variant ? start.variant->place : Place{1, 1, ""};
  }

  void check_impossible() {
    result_.dropped = impossible_.count();
    const bool skip = spec_.impossible == SweepSpec::Impossible::kSkip;
    if (skip && !result_.configs.empty()) return;
    impossible_.tell(static_cast<std::int64_t>(result_.configs.size()), diagnostics_);
  }

  /// Axes and base settings that no config reads: an axis is an error, a base setting at least a surprise.
  void check_idle() {
    const bool random = spec_.search == SweepSpec::Search::kRandom;
    for (const Varied& varied : axes_) {
      if (varied.ever_varied) continue;
      const bool read = std::any_of(result_.configs.begin(), result_.configs.end(),
                                    [&](const ExpandedConfig& c) { return varied.setting->active(c.config); });
      std::string why = varied.setting->name + ": this axis changes nothing: ";
      why += !read               ? "the setting matters only where " + varied.setting->active_when
             : varied.axis->when ? "its condition under 'when' never holds"
                                 : "its values train the same here";
      (random ? warnings_ : diagnostics_).add(varied.axis->place, why);
    }
    for (const auto& [name, place] : spec_.base_places) {
      const Setting& setting = *find_setting(name);
      const bool read = std::any_of(result_.configs.begin(), result_.configs.end(),
                                    [&](const ExpandedConfig& c) { return setting.active(c.config); });
      if (read || result_.configs.empty()) continue;
      warnings_.add(place, name + ": no config of this sweep reads it: it matters only where " + setting.active_when);
    }
    for (const Start& start : starts_) {
      if (!start.variant || start.configs > 0 || random) continue;
      warnings_.add(start.variant->place,
                    "variants: '" + start.variant->name + "' trains the same as one before it and is left out");
    }
    if (random && result_.duplicates > 0 && !makes_its_configs()) {
      warnings_.add(first_place(), std::to_string(result_.duplicates) + " of " + std::to_string(result_.points) +
                                       " draws train the same as an earlier one and are left out");
    }
  }

  /// Each must be an axis, a value of an axis with or without it ("top_n=2"), an encoder, or all values of a config.
  void check_labels() {
    std::set<std::string> known(shape_.encoders.begin(), shape_.encoders.end());
    for (const Varied& varied : axes_) {
      const std::string& axis = varied.setting->name;
      known.insert(axis);
      for (const json& value : varied.values) known.insert({value_text(value), axis + "=" + value_text(value)});
    }
    std::set<std::string> configs;
    for (const ExpandedConfig& config : result_.configs) {
      std::string all;
      for (const auto& [axis, value] : config.axis_values) {
        known.insert({axis, value, axis + "=" + value});
        all += (all.empty() ? "" : ", ") + axis + "=" + value;
      }
      configs.insert(all);
    }
    for (LabelSpec label : spec_.labels) {
      if (label.name.find(", ") != std::string::npos) label.name = sorted_parts(label.name);
      if (known.count(label.name) == 0 && configs.count(label.name) == 0) {
        diagnostics_.add(label.place, "labels: '" + label.name + "' is no axis, value, encoder or config" +
                                          suggestion(label.name, {known.begin(), known.end()}));
      }
      result_.labels[label.name] = label.text;
    }
  }

  /// Those here are only what even draws would give.
  bool makes_its_configs() const { return spec_.adaptive && makes_configs(spec_.adaptive->kind); }

  void find_reference() {
    if (spec_.reference.empty() && !spec_.reference_encoders && spec_.reference_variant.empty()) return;
    Start of{nullptr, base_, 0, 0};
    for (const Start& start : starts_) {
      if (start.variant && start.variant->name == spec_.reference_variant) of = start;
    }
    const std::size_t errors = diagnostics_.size();
    Config config = laid_over(of.config, spec_.reference, spec_.reference_encoders, all_encoders(shape_));
    if (diagnostics_.size() > errors) return;
    std::set<std::string> said = space_.starts[of.position].said;
    for (const auto& [name, value] : spec_.reference) said.insert(name);
    infer_settings(config, said);
    const std::string id = config_id(config);
    const bool known = std::any_of(result_.configs.begin(), result_.configs.end(),
                                   [&](const ExpandedConfig& c) { return c.id == id; });
    if (known) {
      result_.reference_id = id;
    } else {
      diagnostics_.add(spec_.reference_place,
                       "reference: base with these settings is not a config of this sweep" + nearest_reference(config));
    }
  }

  /// Which axis misses the value of the reference, when one does.
  std::string nearest_reference(const Config& config) const {
    for (const Varied& varied : axes_) {
      const json value = varied.setting->get(config);
      if (!varied.setting->active(config) || !holds(*varied.axis, config)) continue;
      if (std::find(varied.values.begin(), varied.values.end(), value) != varied.values.end()) continue;
      return ": " + varied.setting->name + " " + value_text(value) + " is not among the values of its axis";
    }
    return "";
  }

  void make_trials() {
    const auto runs = static_cast<std::int64_t>(result_.runs());
    const auto configs = static_cast<std::int64_t>(result_.configs.size());
    if (bounded_product(configs, runs) > kMaxTrials) {
      too_many_trials(configs, runs);
      diagnostics_.throw_if_any();
    }
    check_search();
    result_.trials.reserve(static_cast<std::size_t>(configs * runs));
    for (const ExpandedConfig& expanded : result_.configs) {
      for (const Partition& partition : result_.partitions) {
        for (const std::uint64_t seed : result_.seeds) {
          for (const int fold : result_.folds) {
            result_.trials.push_back(
                {trial_id(expanded.config, fold, seed, shape_.fingerprint, shape_.test_fingerprint, partition),
                 expanded.config, fold, seed, partition});
          }
        }
      }
    }
  }

  /// Rungs become the last parameter of the space, and the configs its points.
  void add_rungs(SearchSettings& settings) {
    const int epochs = result_.configs.front().config.epochs;
    for (const ExpandedConfig& expanded : result_.configs) {
      const Config& config = expanded.config;
      if (config.epochs == epochs && config.stop_after == 0 && !is_fitted(config)) continue;
      diagnostics_.add(spec_.adaptive_place,
                       is_fitted(config) ? "halving trains by epochs, and optimizer lbfgs has none"
                                         : "halving trains all configs by the same epochs, and sets stop_after itself");
      return;
    }
    const std::vector<int> rungs = Halving::rungs(settings.first, settings.eta, epochs);
    if (rungs.size() < 2) {
      diagnostics_.add(spec_.adaptive_place, "halving: its first rung, " + std::to_string(settings.first) +
                                                 ", is not below the " + std::to_string(epochs) + " epochs");
      return;
    }
    for (const ExpandedConfig& expanded : result_.configs) {
      settings.points.push_back(point_of(space_, json(expanded.axis_values)));
      const MadeConfig made = make_config(space_, settings.points.back(), shape_);
      if (config_id(made.config) != expanded.id) throw Error("config " + expanded.id + " is not that of its point");
    }
    std::size_t in = settings.points.size();
    settings.configs = 0;
    for (std::size_t rung = 0; rung < rungs.size(); ++rung) {
      settings.configs += static_cast<int>(in);
      in = (in + static_cast<std::size_t>(settings.eta) - 1) / static_cast<std::size_t>(settings.eta);
    }
    space_.parameters.push_back({"stop_after", {rungs.begin(), rungs.end()}, 0, 0, false, {}});
  }

  /// Its rounds are decided by held-out Scores of several folds.
  void check_search() {
    if (!spec_.adaptive) return;
    result_.search = spec_.adaptive;
    if (makes_its_configs()) {
      const auto runs = static_cast<std::int64_t>(result_.runs());
      int& most = result_.search->configs;
      if (spec_.adaptive->kind == StrategyKind::kHalving) add_rungs(*result_.search);
      if (most == 0) most = static_cast<int>(std::clamp<std::int64_t>(kMaxTrials / runs, 1, kMaxDrawn));
      if (bounded_product(most, runs) > kMaxTrials) too_many_trials(most, runs);
      result_.search->space = space_;
    }
    const std::string name = name_of(spec_.adaptive->kind);
    if (result_.folds.size() < 2) {
      diagnostics_.add(spec_.adaptive_place, name + " compares configs over folds: name two or more");
    }
    if (result_.partitions.size() > 1) {
      diagnostics_.add(spec_.adaptive_place, name + " takes one partition: leave `repeats` out, and give more seeds");
    }
    for (const ExpandedConfig& expanded : result_.configs) {
      if (expanded.config.patience == 0 || expanded.config.inner_fold) continue;
      diagnostics_.add(spec_.adaptive_place,
                       name + " decides by held-out Scores, and `patience` without `inner_fold` leaves none");
      break;
    }
    diagnostics_.throw_if_any();
  }

  const SweepSpec& spec_;
  DatasetShape shape_;  ///< with the folds of the sweep's partitions
  Config base_;
  Diagnostics diagnostics_;
  Diagnostics warnings_;
  EncoderSet pool_;
  std::vector<Start> starts_;
  std::vector<Varied> axes_;
  std::unordered_map<std::string, std::string> digest_of_id_;  ///< of every config met, impossible ones too
  ImpossibleConfigs impossible_;
  ParameterSpace space_;  ///< that the configs are of
  Expansion result_;
};

bool holds_value(const ParameterSpace::Parameter& parameter, const json& value) {
  return std::find(parameter.values.begin(), parameter.values.end(), value) != parameter.values.end();
}

}  // namespace

MadeConfig make_config(const ParameterSpace& space, std::size_t start, DrawnConfig drawn, const DatasetShape& shape) {
  MadeConfig made;
  std::set<std::string> said = space.starts[start].said;
  for (std::size_t p = 0; p < space.parameters.size(); ++p) {
    if (drawn.texts[p]) said.insert(space.parameters[p].setting);
  }
  made.config = std::move(drawn.config);
  infer_settings(made.config, said);
  made.conflict = find_conflict(made.config, shape);
  if (!made.conflict) made.config = canonical(std::move(made.config));
  if (!space.starts[start].variant.empty()) made.axis_values[kVariantAxis] = space.starts[start].variant;
  for (std::size_t p = 0; p < space.parameters.size(); ++p) {
    const ParameterSpace::Parameter& parameter = space.parameters[p];
    const Setting& setting = *find_setting(parameter.setting);
    if (!drawn.texts[p] || !setting.active(made.config)) continue;
    // A config that trains the same as another value of the axis has that one's, if the axis has it.
    const json value = setting.get(made.config);
    if (value_text(value) != *drawn.texts[p] && !holds_value(parameter, value)) continue;
    made.axis_values[parameter.setting] = value_text(value);
  }
  return made;
}

MadeConfig make_config(const ParameterSpace& space, const SpacePoint& point, const DatasetShape& shape) {
  return make_config(space, static_cast<std::size_t>(point[0].value()), config_at(space, point), shape);
}

MadeConfig posted_config(const ParameterSpace& space, const json& settings, const DatasetShape& shape) {
  if (!settings.is_object()) throw Error("a config must be an object of settings");
  std::vector<std::string> variants;
  for (const ParameterSpace::Start& start : space.starts) variants.push_back(start.variant);
  std::size_t start = 0;
  if (!variants.front().empty()) {
    const std::string variant = settings.contains(kVariantAxis) ? value_text(settings[kVariantAxis]) : "";
    const auto found = std::find(variants.begin(), variants.end(), variant);
    if (found == variants.end()) {
      throw Error("variant: '" + variant + "' is not one of the sweep's" + suggestion(variant, variants));
    }
    start = static_cast<std::size_t>(found - variants.begin());
  }
  ParameterSpace own{{space.starts[start]}, {}};
  DrawnConfig drawn{space.starts[start].config, {}};
  for (const auto& [name, value] : settings.items()) {
    if (name == kVariantAxis && !variants.front().empty()) continue;
    const Setting& setting = checked_setting(name, value);
    const json kept = value.is_number_float() ? json(rounded(value.get<double>(), kPointDigits)) : json(value);
    if (setting.kind == Setting::Kind::kEncoders) {
      for (const json& encoder : value) {
        const std::string text = encoder.get<std::string>();
        if (std::find(shape.encoders.begin(), shape.encoders.end(), text) == shape.encoders.end()) {
          throw Error("encoders: the dataset has no '" + text + "'" + suggestion(text, shape.encoders));
        }
      }
    }
    const auto same = [&](const ParameterSpace::Parameter& other) { return other.setting == setting.name; };
    if (std::any_of(own.parameters.begin(), own.parameters.end(), same)) {
      throw Error("'" + setting.name + "' and '" + setting.alias + "' are one setting: keep one");
    }
    setting.set(drawn.config, kept);
    drawn.texts.push_back(value_text(kept));
    own.parameters.push_back({setting.name, {kept}, 0, 0, false, {}});
  }
  return make_config(own, 0, std::move(drawn), shape);
}

Expansion expand(const SweepSpec& spec, const DatasetShape& shape) {
  assert(shape.modalities.size() == shape.encoders.size());
  return Expander(spec, shape).run();
}

std::vector<Diagnostic> find_errors(const ParsedSweep& parsed, const DatasetShape& shape) {
  assert(shape.modalities.size() == shape.encoders.size());
  return Expander(parsed.spec, shape).errors(parsed.doubtful);
}

std::vector<AxisCount> count_by_axis(const SweepSpec& spec, const Expansion& expansion,
                                     const std::function<bool(const std::string& trial_id)>& done) {
  const std::size_t runs = expansion.runs();
  std::vector<std::int64_t> done_of(expansion.configs.size(), 0);
  for (std::size_t i = 0; i < expansion.trials.size(); ++i) {
    if (done(expansion.trials[i].id)) ++done_of[i / runs];  // trials stand by config
  }
  /// `range_text`: of an axis drawn from a range, which has too many values for a row each; "" for others.
  const auto count_of = [&](const std::string& name, const std::string& range_text) {
    AxisCount count{name, {}};
    ValueCount not_varied;
    std::unordered_map<std::string, std::size_t> row_of;
    for (std::size_t i = 0; i < expansion.configs.size(); ++i) {
      const auto& values = expansion.configs[i].axis_values;
      const auto it = values.find(name);
      ValueCount* row = &not_varied;
      if (it != values.end()) {
        const std::string text = range_text.empty() ? it->second : range_text;
        const auto [known, is_new] = row_of.emplace(text, count.values.size());
        if (is_new) count.values.push_back({text, 0, 0, 0});
        row = &count.values[known->second];
      }
      row->configs += 1;
      row->trials += static_cast<std::int64_t>(runs);
      row->done += done_of[i];
    }
    if (not_varied.configs > 0) count.values.push_back(not_varied);
    return count;
  };
  std::vector<AxisCount> counts;
  if (!spec.variants.empty()) counts.push_back(count_of(kVariantAxis, ""));
  for (const Axis& axis : spec.axes) {
    const bool drawn = spec.search == SweepSpec::Search::kRandom &&
                       (axis.kind == Axis::Kind::kUniform || axis.kind == Axis::Kind::kLogUniform);
    counts.push_back(count_of(axis.setting, drawn ? value_text(axis.low) + " to " + value_text(axis.high) : ""));
  }
  return counts;
}

}  // namespace medley::sweep
