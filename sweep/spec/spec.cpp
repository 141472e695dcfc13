#include "sweep/spec/spec.h"

#include <algorithm>
#include <set>

#include "sweep/nearest.h"
#include "sweep/spec/bundle.h"
#include "sweep/spec/spec_axis.h"
#include "sweep/spec/spec_family.h"
#include "sweep/spec/spec_values.h"

namespace medley::sweep {
namespace {

constexpr int kTpeBatch = 8;
constexpr int kHalvingEta = 3;
constexpr std::int64_t kMaxSeed = INT64_MAX;  // the store keeps seeds as signed 64-bit numbers

std::string stem_of(const std::string& file_name) {
  const std::string base = file_name.substr(file_name.find_last_of('/') + 1);
  const std::size_t dot = base.find_last_of('.');
  return dot == std::string::npos || dot == 0 ? base : base.substr(0, dot);
}

/// No control characters.
bool is_one_line(const std::string& text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) >= ' ' && c != 127; });
}

/// Reads the keys of one file into a SweepSpec, collecting every error.
class SpecReader {
 public:
  SpecReader(ParsedSweep& parsed, Diagnostics& diagnostics)
      : spec_(parsed.spec), doubtful_(parsed.doubtful), diagnostics_(diagnostics) {}

  void read(const YamlNode& root) {
    if (!root.is_map()) {
      diagnostics_.add(root.place, "a sweep file holds keys with values, such as 'dataset: data/blemore'");
      doubtful_.insert(kUnknownSetting);
      return;
    }
    check_root_keys(root);
    with(root, "name", [&](const YamlNode& node) { read_name(node); });
    with(root, "description", [&](const YamlNode& node) {
      if (auto text = read_text(node, "description", diagnostics_)) spec_.description = *text;
    });
    with(root, "dataset", [&](const YamlNode& node) { read_dataset(node); });
    with(root, "priority", [&](const YamlNode& node) {
      if (auto value = read_integer(node, "priority", -kMaxPriority, kMaxPriority, diagnostics_)) {
        spec_.priority = static_cast<int>(*value);
      }
    });
    with(root, "folds", [&](const YamlNode& node) { read_folds(node); });
    with(root, "seeds", [&](const YamlNode& node) { read_seeds(node); });
    // How to search comes first: a grid wants more from its axes than random draws do.
    watch(kUnknownSetting, [&] {
      with(root, "search", [&](const YamlNode& node) { read_search(node); });
      with(root, "impossible", [&](const YamlNode& node) { read_impossible(node); });
    });
    with(root, "base", [&](const YamlNode& node) { read_base(node); });
    with(root, "variants", [&](const YamlNode& node) { read_variants(node); });
    with(root, "axes", [&](const YamlNode& node) { read_axes(node); });
    with(root, "when", [&](const YamlNode& node) { read_when(node, find_key(root, "axes")); });
    with(root, "reference", [&](const YamlNode& node) { read_reference(node); });
    with(root, "compare", [&](const YamlNode& node) { read_compare(node); });
    with(root, "threshold_grid", [&](const YamlNode& node) { read_threshold_grid(node); });
    with(root, "head_fusion", [&](const YamlNode& node) { read_head_fusion(node); });
    with(root, "labels", [&](const YamlNode& node) { read_labels(node); });
    with(root, "on", [&](const YamlNode& node) { read_on(node); });
    check_cycles();
    const bool external = adaptive_is(StrategyKind::kExternal);
    for (const char* key : {"reference", "compare"}) {
      if (!adaptive_is(StrategyKind::kHalving) || !find_key(root, key)) continue;
      diagnostics_.add(find_key(root, key)->place,
                       std::string(key) + ": with search: halving few configs are trained to the end: leave it out");
    }
    if ((external || spec_.search == SweepSpec::Search::kRandom) && find_key(root, "reference")) {
      diagnostics_.add(find_key(root, "reference")->place,
                       external ? "reference: an external search holds no config known beforehand"
                                : "reference: a random search holds no config known beforehand: it goes with a grid");
    }
    if (spec_.search == SweepSpec::Search::kRandom && spec_.axes.empty() && spec_.variants.empty() &&
        diagnostics_.empty()) {
      const std::string name = adaptive_is(StrategyKind::kTpe) ? "tpe" : "random";
      diagnostics_.add(find_key(root, "search")->place, "search: " + name + " has no axes to draw from");
    }
    for (const char* key : {"axes", "when", "compare"}) {
      if (!external || !find_key(root, key)) continue;
      diagnostics_.add(find_key(root, key)->place, std::string(key) + ": with search: external whoever sends the " +
                                                       "configs chooses: leave it out");
    }
  }

  /// Of --set: it must reach every config.
  void lay_over_base(const YamlNode& node) {
    if (!want_map(node, "--set")) return;
    for (const auto& [key, value] : node.entries) {
      const std::string name = setting_name(key.place.text);
      if (is_axis(name)) diagnostics_.add(key.place, name + " is an axis of the sweep");
      for (const Variant& variant : spec_.variants) {
        if (!sets(variant, name)) continue;
        diagnostics_.add(key.place, "the variant '" + variant.name + "' sets " + name + " itself");
      }
    }
    read_settings(node);
  }

 private:
  template <class Read>
  void with(const YamlNode& map, const std::string& key, Read read) {
    const YamlNode* node = find_key(map, key);
    if (node == nullptr) return;
    if (!node->is_null()) return read(*node);
    YamlNode empty = *node;  // its own place is wherever the next key begins
    for (const auto& [name, value] : map.entries) {
      if (&value == node) empty.place = name.place;
    }
    read(empty);
  }

  bool want_map(const YamlNode& node, const std::string& what) {
    if (node.is_map()) return true;
    doubtful_.insert(kUnknownSetting);
    if (node.is_null()) {
      diagnostics_.add(node.place, what + " is empty: put settings under it, indented, or leave it out");
      return false;
    }
    diagnostics_.add(node.place, what + ": " + shown(node) + " must hold settings with values");
    return false;
  }

  void check_root_keys(const YamlNode& root) {
    const std::vector<std::string>& known = sweep_file_keys();
    for (const auto& [key, value] : root.entries) {
      const std::string& text = key.place.text;
      if (std::find(known.begin(), known.end(), text) != known.end()) continue;
      if (find_setting(text)) {
        diagnostics_.add(key.place, "'" + text + "' is a setting: put it under 'base' or 'axes'");
        doubtful_.insert(setting_name(text));
      } else {
        diagnostics_.add(key.place, "unknown key " + shown(key) + suggestion(text, known));
        const std::string meant = nearest_name(text, known);
        static const std::set<std::string> deciding = {"", "base", "variants", "axes", "when", "search", "impossible"};
        if (deciding.count(meant)) doubtful_.insert(kUnknownSetting);
      }
    }
  }

  void read_name(const YamlNode& node) {
    const auto text = read_text(node, "name", diagnostics_);
    if (!text) return;
    if (!is_sweep_name(*text)) {
      diagnostics_.add(node.place, "name: must be one line of 1 to " + std::to_string(kMaxSweepName) + " bytes");
      return;
    }
    spec_.name = *text;
  }

  void read_dataset(const YamlNode& node) {
    const auto text = read_text(node, "dataset", diagnostics_);
    if (!text) return;
    if (text->empty() || !is_one_line(*text)) diagnostics_.add(node.place, "dataset: must name a folder");
    spec_.dataset = *text;
  }

  void read_folds(const YamlNode& node) {
    spec_.folds_place = node.place;
    if (node.is_scalar() && node.place.text == "all") return;
    if (node.is_map()) return read_regroup(node);
    if (!node.is_sequence() || node.items.empty()) {
      diagnostics_.add(node.place,
                       "folds: " + shown(node) + " must be all, a list of folds: [0, 1], or made folds: {regroup: 10}");
      return;
    }
    std::set<int> seen;
    for (const YamlNode& item : node.items) {
      const auto fold = read_integer(item, "folds", 0, INT32_MAX, diagnostics_);
      if (fold && !seen.insert(static_cast<int>(*fold)).second) {
        diagnostics_.add(item.place, "folds: " + shown(item) + " stands twice in the list");
      }
    }
    spec_.folds.assign(seen.begin(), seen.end());
  }

  void read_regroup(const YamlNode& node) {
    Partition partition;
    const std::size_t before = diagnostics_.size();
    check_keys(node, "folds", {"regroup", "repeats", "by", "seed", "stratify"}, diagnostics_);
    if (!find_key(node, "regroup") && diagnostics_.size() == before) {
      diagnostics_.add(node.place, "folds: 'regroup' is missing: the number of folds to make");
    }
    with(node, "regroup", [&](const YamlNode& folds) {
      if (auto value = read_integer(folds, "folds: regroup", 2, kMostMadeFolds, diagnostics_)) {
        partition.folds = static_cast<int>(*value);
        spec_.folds_place = folds.place;
      }
    });
    with(node, "repeats", [&](const YamlNode& repeats) {
      if (auto value = read_integer(repeats, "folds: repeats", 1, kMostRepeats, diagnostics_)) {
        spec_.repeats = static_cast<int>(*value);
      }
    });
    with(node, "by", [&](const YamlNode& by) { read_named(by, "folds: by", partition.by); });
    with(node, "seed", [&](const YamlNode& seed) {
      if (auto value = read_integer(seed, "folds: seed", 0, kMaxSeed, diagnostics_)) {
        partition.seed = static_cast<std::uint64_t>(*value);
      }
    });
    with(node, "stratify", [&](const YamlNode& strata) { read_named(strata, "folds: stratify", partition.stratify); });
    if (partition.folds > 0) spec_.regroup = partition;
  }

  /// An enumerator of a MEDLEY_NAMED_ENUM.
  template <class E>
  void read_named(const YamlNode& node, const std::string& key, E& value) {
    const auto named = node.is_scalar() ? find_named<E>(node.place.text) : std::nullopt;
    if (named) value = *named;
    const std::vector<std::string> valid = all_names<E>();
    if (!named)
      diagnostics_.add(node.place, key + ": unknown value " + shown(node) + suggestion(node.place.text, valid));
  }

  void read_seeds(const YamlNode& node) {
    if (node.is_scalar()) return read_seeds_up_to(node);
    if (node.is_map()) return read_until_settled(node);
    if (!node.is_sequence() || node.items.empty()) {
      diagnostics_.add(
          node.place,
          "seeds: " + shown(node) + " must be how many (1, 2, ...), a list of seeds, or {until: settled, at_most: N}");
      return;
    }
    spec_.seeds.clear();
    std::set<std::int64_t> seen;
    for (const YamlNode& item : node.items) {
      const auto seed = read_integer(item, "seeds", 0, kMaxSeed, diagnostics_);
      if (!seed) continue;
      if (!seen.insert(*seed).second)
        diagnostics_.add(item.place, "seeds: " + shown(item) + " stands twice in the list");
      spec_.seeds.push_back(static_cast<std::uint64_t>(*seed));
    }
  }

  void read_until_settled(const YamlNode& node) {
    check_keys(node, "seeds", {"until", "at_most", "margin"}, diagnostics_);
    const YamlNode* until = find_key(node, "until");
    if (!until || !until->is_scalar() || until->place.text != "settled") {
      diagnostics_.add(until ? until->place : node.place, "seeds: 'until' must be settled");
    }
    if (const YamlNode* most = find_key(node, "at_most")) {
      read_seeds_up_to(*most);
    } else {
      diagnostics_.add(node.place, "seeds: 'at_most' is missing: how many seeds a config may get");
    }
    choose_adaptive(StrategyKind::kUntilSettled, node, find_key(node, "margin"));
  }

  void read_seeds_up_to(const YamlNode& node) {
    const auto count = read_integer(node, "seeds", 1, kMaxAxisValues, diagnostics_);
    if (!count) return;
    spec_.seeds.clear();
    for (std::int64_t seed = 1; seed <= *count; ++seed) spec_.seeds.push_back(static_cast<std::uint64_t>(seed));
  }

  void choose_adaptive(const SearchSettings& settings, const YamlNode& node) {
    if (spec_.adaptive) {
      diagnostics_.add(node.place, std::string("search: ") + name_of(settings.kind) +
                                       " chooses its runs itself, so that seeds cannot be until settled, too: give "
                                       "seeds as how many a config may get");
      return;
    }
    spec_.adaptive = settings;
    spec_.adaptive_place = node.place;
  }

  bool adaptive_is(StrategyKind kind) const { return spec_.adaptive && spec_.adaptive->kind == kind; }

  /// A search that compares.
  void choose_adaptive(StrategyKind kind, const YamlNode& node, const YamlNode* margin) {
    SearchSettings settings;
    settings.kind = kind;
    settings.margin = FamilySpec().margin;
    if (const auto value = margin ? read_number(*margin, "margin", diagnostics_) : std::nullopt) {
      if (*value >= 0 && *value <= 1) {
        settings.margin = *value;
      } else {
        diagnostics_.add(margin->place, "margin: " + shown(*margin) + " must be a difference of Scores, 0 to 1");
      }
    }
    choose_adaptive(settings, node);
  }

  void read_race(const YamlNode& node) {
    const YamlNode* margin = nullptr;
    if (node.is_map()) {
      check_keys(node, "search: race", {"margin"}, diagnostics_);
      margin = find_key(node, "margin");
    } else {
      diagnostics_.add(node.place, "search: race: " + shown(node) + " must be {margin: M}");
    }
    choose_adaptive(StrategyKind::kRace, node, margin);
  }

  /// Configs drawn where good ones are likelier. Axes are read as those of a random search.
  void read_tpe(const YamlNode& node) {
    spec_.search = SweepSpec::Search::kRandom;
    spec_.draws = 1;
    check_keys(node, "search", {"tpe", "batch", "seed"}, diagnostics_);
    spec_.impossible = SweepSpec::Impossible::kSkip;
    SearchSettings settings;
    settings.kind = StrategyKind::kTpe;
    settings.batch = kTpeBatch;
    settings.seed = spec_.search_seed;
    if (const auto count = read_integer(*find_key(node, "tpe"), "search: tpe", 1, kMaxDrawn, diagnostics_)) {
      spec_.draws = settings.configs = static_cast<int>(*count);
    }
    with(node, "batch", [&](const YamlNode& batch) {
      if (const auto size = read_integer(batch, "search: batch", 1, kMaxDrawn, diagnostics_)) {
        settings.batch = static_cast<int>(*size);
      }
    });
    with(node, "seed", [&](const YamlNode& seed) {
      if (const auto value = read_integer(seed, "search: seed", 0, kMaxSeed, diagnostics_)) {
        spec_.search_seed = settings.seed = static_cast<std::uint64_t>(*value);
      }
    });
    choose_adaptive(settings, node);
  }

  /// Configs that come over HTTP, `most` at most.
  void read_external(const YamlNode& node, const YamlNode* most) {
    SearchSettings settings;
    settings.kind = StrategyKind::kExternal;
    if (most) {
      check_keys(node, "search", {"external"}, diagnostics_);
      if (const auto count = read_integer(*most, "search: external", 1, kMaxDrawn, diagnostics_)) {
        settings.configs = static_cast<int>(*count);
      }
    }
    choose_adaptive(settings, node);
  }

  void read_halving(const YamlNode& node) {
    SearchSettings settings;
    settings.kind = StrategyKind::kHalving;
    settings.first = 1;
    settings.eta = kHalvingEta;
    if (node.is_map()) {
      check_keys(node, "search: halving", {"first", "eta"}, diagnostics_);
      with(node, "first", [&](const YamlNode& first) {
        const auto epochs = read_integer(first, "search: halving: first", 1, 100'000, diagnostics_);
        if (epochs) settings.first = static_cast<int>(*epochs);
      });
      with(node, "eta", [&](const YamlNode& eta) {
        if (const auto value = read_integer(eta, "search: halving: eta", 2, 100, diagnostics_)) {
          settings.eta = static_cast<int>(*value);
        }
      });
    }
    if (!node.is_map() || !find_key(node, "first")) {
      diagnostics_.add(node.place, "search: halving: wants the epochs of its first rung: {first: 3, eta: 3}");
    }
    choose_adaptive(settings, node);
  }

  void read_search(const YamlNode& node) {
    if (node.is_scalar() && node.place.text == "grid") return;
    if (node.is_scalar() && node.place.text == "race") return choose_adaptive(StrategyKind::kRace, node, nullptr);
    if (node.is_scalar() && node.place.text == "external") return read_external(node, nullptr);
    if (!node.is_map()) {
      const std::string& text = node.place.text;
      const bool counts = node.is_scalar() && (text == "random" || text == "tpe");
      const std::string hint =
          counts ? " wants a number of configs: {" + text + ": 100}"
                 : " must be grid, race, {race: {margin: M}}, {random: N, seed: S}, "
                   "{tpe: N, batch: B, seed: S}, {halving: {first: E, eta: 3}}, external, or {external: N}";
      diagnostics_.add(node.place, "search: " + shown(node) + hint);
      return;
    }
    if (find_key(node, "tpe")) return read_tpe(node);
    if (const YamlNode* most = find_key(node, "external")) return read_external(node, most);
    with(node, "race", [&](const YamlNode& race) { read_race(race); });
    with(node, "halving", [&](const YamlNode& halving) { read_halving(halving); });
    if ((find_key(node, "race") || find_key(node, "halving")) && !find_key(node, "random")) {
      check_keys(node, "search", {"random", "seed", "race", "halving"}, diagnostics_);
      if (const YamlNode* seed = find_key(node, "seed")) {
        diagnostics_.add(seed->place, "search: 'seed' is that of random draws");
      }
      return;
    }
    // Whatever is wrong below, the author means a random search: axes are read as such.
    spec_.search = SweepSpec::Search::kRandom;
    spec_.draws = 1;
    check_keys(node, "search", {"random", "seed", "race", "halving"}, diagnostics_);
    const YamlNode* draws = find_key(node, "random");
    if (!draws) {
      diagnostics_.add(node.place, "search: 'random' is missing: how many configs to draw");
    } else if (auto count = read_integer(*draws, "search: random", 1, kMaxConfigs, diagnostics_)) {
      spec_.draws = static_cast<int>(*count);
    }
    with(node, "seed", [&](const YamlNode& seed) {
      if (auto value = read_integer(seed, "search: seed", 0, kMaxSeed, diagnostics_)) {
        spec_.search_seed = static_cast<std::uint64_t>(*value);
      }
    });
  }

  void read_impossible(const YamlNode& node) {
    if (adaptive_is(StrategyKind::kTpe) || adaptive_is(StrategyKind::kExternal)) {
      diagnostics_.add(node.place, std::string("impossible: search: ") + name_of(spec_.adaptive->kind) +
                                       " trains only what is possible: leave it out");
      return;
    }
    if (node.is_scalar() && node.place.text == "error") return;
    if (node.is_scalar() && node.place.text == "skip") {
      spec_.impossible = SweepSpec::Impossible::kSkip;
      return;
    }
    diagnostics_.add(node.place, "impossible: " + shown(node) + " must be error or skip" +
                                     suggestion(node.place.text, {"error", "skip"}));
  }

  void read_base(const YamlNode& node) {
    if (want_map(node, "base")) read_settings(node);
  }

  void read_settings(const YamlNode& node) {
    for (const auto& [key, value] : node.entries) {
      const Setting* setting = known_setting(key);
      if (!setting) continue;
      spec_.base_places[setting->name] = key.place;
      watch(setting->name, [&, &value = value] {
        if (setting->kind == Setting::Kind::kEncoders) {
          spec_.base_encoders = read_encoder_set(value, diagnostics_);
        } else if (const auto read = read_value(value, *setting, diagnostics_)) {
          setting->set(spec_.base, read->value);
        }
      });
    }
  }

  void read_variants(const YamlNode& node) {
    if (!want_map(node, "variants")) return;
    for (const auto& [key, settings] : node.entries) {
      Variant variant;
      variant.name = key.place.text;
      variant.place = key.place;
      if (variant.name.empty() || variant.name.size() > kMaxSweepName || !is_one_line(variant.name)) {
        diagnostics_.add(key.place,
                         "variants: a name must be one line of 1 to " + std::to_string(kMaxSweepName) + " bytes");
        continue;
      }
      if (!want_map(settings, "variants: " + variant.name)) continue;
      read_laid_over(settings, variant.settings, variant.encoders);
      spec_.variants.push_back(std::move(variant));
    }
  }

  /// Settings with one value each, to be laid over base. What is wrong among them is in doubt.
  void read_laid_over(const YamlNode& node, std::map<std::string, PlacedValue>& settings,
                      std::optional<EncoderSets>& encoders) {
    for (const auto& [key, value] : node.entries) {
      const Setting* setting = known_setting(key);
      if (!setting) continue;
      watch(setting->name, [&, &value = value] {
        if (setting->kind == Setting::Kind::kEncoders) {
          encoders = read_encoder_set(value, diagnostics_);
        } else if (const auto read = read_value(value, *setting, diagnostics_)) {
          settings[setting->name] = *read;
        }
      });
    }
  }

  void read_axes(const YamlNode& node) {
    if (!want_map(node, "axes")) return;
    for (const auto& [key, value] : node.entries) {
      const std::string name = setting_name(key.place.text);
      watch(find_setting(name) ? name : nearest_name(name, setting_names()), [&, &key = key, &value = value] {
        if (auto axis = read_axis(key, value, spec_.search, diagnostics_)) spec_.axes.push_back(std::move(*axis));
      });
      for (const Variant& variant : spec_.variants) {
        if (!sets(variant, name)) continue;
        diagnostics_.add(key.place,
                         "axes: the variant '" + variant.name + "' sets " + name + " too: vary it or set it");
      }
    }
  }

  void read_when(const YamlNode& node, const YamlNode* axes) {
    if (!want_map(node, "when")) return;
    std::vector<std::string> names;
    if (axes) {
      for (const auto& [key, value] : axes->entries) names.push_back(setting_name(key.place.text));
    }
    for (const auto& [key, conditions] : node.entries) {
      const std::string name = setting_name(key.place.text);
      if (std::find(names.begin(), names.end(), name) == names.end()) {
        diagnostics_.add(key.place, "when: " + shown(key) + " is not one of the axes" + suggestion(name, names));
        doubtful_.insert(nearest_name(name, names));
      }
      std::optional<Condition> condition;
      watch(name, [&, &key = key, &conditions = conditions] { condition = read_condition(key, conditions); });
      for (Axis& axis : spec_.axes) {
        if (axis.setting == name) axis.when = condition;
      }
    }
  }

  std::optional<Condition> read_condition(const YamlNode& axis, const YamlNode& node) {
    if (!node.is_map() || node.entries.empty()) {
      diagnostics_.add(node.place, "when: " + axis.place.text + ": " + shown(node) +
                                       " must name settings and their values: {selection: learned}");
      return std::nullopt;
    }
    Condition condition;
    condition.place = axis.place;
    for (const auto& [key, wanted] : node.entries) {
      const Setting* setting = known_setting(key);
      if (!setting) continue;
      if (setting->name == setting_name(axis.place.text)) {
        diagnostics_.add(key.place, "when: " + shown(key) + " cannot be its own condition");
        continue;
      }
      if (setting->kind == Setting::Kind::kEncoders) {
        diagnostics_.add(key.place, "when: encoders cannot be a condition");
        continue;
      }
      auto& values = condition.values[setting->name];
      if (wanted.is_sequence() && wanted.items.empty()) {
        diagnostics_.add(wanted.place, "when: " + setting->name + ": an empty list never holds");
      } else if (wanted.is_sequence()) {
        for (const YamlNode& item : wanted.items) {
          if (auto value = read_value(item, *setting, diagnostics_)) values.push_back(value->value);
        }
      } else if (auto value = read_value(wanted, *setting, diagnostics_)) {
        values.push_back(value->value);
      }
    }
    return condition;
  }

  void read_threshold_grid(const YamlNode& node) {
    if (!want_map(node, "threshold_grid")) return;
    for (const auto& [key, value] : node.entries) {
      const std::string& name = key.place.text;
      if (name == "from") {
        if (const auto from = read_number(value, "threshold_grid: from", diagnostics_)) {
          const bool fits = *from >= 0.0001 && *from <= 0.9;
          if (!fits)
            diagnostics_.add(value.place, "threshold_grid: from " + shown(value) + " must be between 0.0001 and 0.9");
          if (fits) spec_.decode.grid.from = *from;
        }
      } else if (name == "points") {
        if (const auto points = read_integer(value, "threshold_grid: points", 2, kGridSize, diagnostics_)) {
          spec_.decode.grid.points = static_cast<int>(*points);
        }
      } else {
        diagnostics_.add(key.place, "threshold_grid: unknown key " + shown(key) + suggestion(name, {"from", "points"}));
      }
    }
  }

  void read_head_fusion(const YamlNode& node) {
    const std::string& text = node.place.text;
    const auto choices = head_fusion_choices();
    if (node.is_scalar() && std::find(choices.begin(), choices.end(), text) != choices.end()) {
      spec_.decode.head_fusion = head_fusion_of(text);
      return;
    }
    diagnostics_.add(node.place, "head_fusion: unknown value " + shown(node) + suggestion(text, choices));
  }

  /// Names are checked by expand(), which knows the encoders.
  void read_labels(const YamlNode& node) {
    if (!node.is_map() || node.entries.empty()) {
      diagnostics_.add(node.place, "labels: " + shown(node) + " must hold names with texts: {top_n: n, learned: ours}");
      return;
    }
    std::set<std::string> texts;
    for (const auto& [key, value] : node.entries) {
      const auto text = read_text(value, "labels: " + key.place.text, diagnostics_);
      if (!text) continue;
      if (text->empty() || text->size() > kMaxSweepName || !is_one_line(*text)) {
        diagnostics_.add(value.place,
                         "labels: a text must be one line of 1 to " + std::to_string(kMaxSweepName) + " bytes");
      } else if (!texts.insert(*text).second) {
        diagnostics_.add(value.place, "labels: '" + *text + "' stands for two names");
      } else {
        spec_.labels.push_back({key.place, setting_name(key.place.text), *text});
      }
    }
  }

  void read_on(const YamlNode& node) {
    spec_.on_place = node.place;
    if (!node.is_map() || node.entries.empty()) {
      diagnostics_.add(node.place, "on: " + shown(node) +
                                       " must hold events with a command or an address: "
                                       "{finished: ./tell-me.sh}");
      return;
    }
    check_keys(node, "on", notified_events(), diagnostics_);
    for (const auto& [key, value] : node.entries) {
      const std::vector<YamlNode> one = {value};
      for (const YamlNode& item : value.is_sequence() ? value.items : one) {
        const auto text = read_text(item, "on: " + key.place.text, diagnostics_);
        if (!text) continue;
        if (text->empty() || !is_one_line(*text)) {
          diagnostics_.add(item.place, "on: " + key.place.text + ": must be a command or an address, in one line");
        } else {
          spec_.on[key.place.text].push_back(*text);
        }
      }
    }
  }

  void read_reference(const YamlNode& node) {
    spec_.reference_place = node.place;
    if (!node.is_map() || node.entries.empty()) {
      diagnostics_.add(node.place, "reference: " + shown(node) + " must hold settings with values");
      return;
    }
    YamlNode settings = node;
    if (const YamlNode* variant = find_key(node, kVariantAxis)) {
      spec_.reference_variant = known_variant(*variant, "reference");
      settings.entries.erase(std::find_if(settings.entries.begin(), settings.entries.end(),
                                          [](const auto& entry) { return entry.first.place.text == kVariantAxis; }));
    }
    read_laid_over(settings, spec_.reference, spec_.reference_encoders);
  }

  std::string known_variant(const YamlNode& node, const std::string& key) {
    std::vector<std::string> names;
    for (const Variant& variant : spec_.variants) {
      if (variant.name == node.place.text) return variant.name;
      names.push_back(variant.name);
    }
    diagnostics_.add(node.place, key + ": " + shown(node) + " is not a variant" + suggestion(node.place.text, names));
    return "";
  }

  void read_compare(const YamlNode& node) {
    if (spec_.adaptive) {
      diagnostics_.add(node.place, std::string("compare: ") + name_of(spec_.adaptive->kind) +
                                       " looks at differences after every round, and its decisions are its verdicts: "
                                       "planned comparisons want a sweep that trains all");
      return;
    }
    if (spec_.search == SweepSpec::Search::kRandom) {
      diagnostics_.add(node.place, "compare: a random search holds no configs that differ in one axis: use a grid");
      return;
    }
    const std::vector<YamlNode> one = {node};
    for (const YamlNode& item : node.is_sequence() ? node.items : one) {
      if (auto family = read_family(item, spec_, diagnostics_)) spec_.families.push_back(std::move(*family));
    }
  }

  const Setting* known_setting(const YamlNode& key) {
    const Setting* setting = find_setting(key.place.text);
    if (!setting) {
      diagnostics_.add(key.place, "unknown setting " + shown(key) + suggestion(key.place.text, setting_names()));
      doubtful_.insert(nearest_name(key.place.text, setting_names()));  // "", kUnknownSetting, when none is near
    }
    return setting;
  }

  /// Conditions that wait for each other could never be decided.
  void check_cycles() {
    std::set<std::string> decided;
    for (bool progress = true; progress;) {
      progress = false;
      for (const Axis& axis : spec_.axes) {
        if (decided.count(axis.setting) || !ready(axis, decided)) continue;
        decided.insert(axis.setting);
        progress = true;
      }
    }
    for (const Axis& axis : spec_.axes) {
      if (decided.count(axis.setting)) continue;
      doubtful_.insert(kUnknownSetting);
      diagnostics_.add(axis.when->place, "when: the condition of '" + axis.setting + "' depends on itself, by way of " +
                                             waits_for(axis, decided));
    }
  }

  static bool sets(const Variant& variant, const std::string& setting) {
    return variant.settings.count(setting) > 0 || (setting == "encoders" && variant.encoders);
  }

  bool is_axis(const std::string& setting) const {
    return std::any_of(spec_.axes.begin(), spec_.axes.end(), [&](const Axis& a) { return a.setting == setting; });
  }

  bool ready(const Axis& axis, const std::set<std::string>& decided) const { return waits_for(axis, decided).empty(); }

  std::string waits_for(const Axis& axis, const std::set<std::string>& decided) const {
    if (!axis.when) return "";
    for (const auto& [setting, values] : axis.when->values) {
      if (is_axis(setting) && !decided.count(setting)) return "'" + setting + "'";
    }
    return "";
  }

  /// Calls `read`; `setting` is doubtful when that finds an error.
  template <class Read>
  void watch(const std::string& setting, Read read) {
    const std::size_t before = diagnostics_.size();
    read();
    if (diagnostics_.size() > before) doubtful_.insert(setting);
  }

  SweepSpec& spec_;
  std::set<std::string>& doubtful_;
  Diagnostics& diagnostics_;
};

}  // namespace

bool is_sweep_name(const std::string& text) {
  return !text.empty() && text.size() <= kMaxSweepName && is_one_line(text);
}

const std::vector<std::string>& notified_events() {
  static const std::vector<std::string> events = {"finished", "failed", "quarantined", "disk_low"};
  return events;
}

const std::vector<std::string>& sweep_file_keys() {
  static const std::vector<std::string> keys = {"name",        "description", "dataset",   "priority", "base",
                                                "variants",    "axes",        "when",      "folds",    "seeds",
                                                "search",      "impossible",  "reference", "compare",  "threshold_grid",
                                                "head_fusion", "labels",      "include",   "on"};
  return keys;
}

SweepSpec parse_sweep(const std::string& yaml_text, const std::string& file_name) {
  ParsedSweep parsed = read_sweep(yaml_text, file_name);
  if (!parsed.errors.empty()) throw SpecError(std::move(parsed.errors));
  return std::move(parsed.spec);
}

ParsedSweep read_sweep(const std::string& yaml_text, const std::string& file_name) {
  ParsedSweep parsed;
  SweepSpec& spec = parsed.spec;
  spec.file = file_name;
  spec.name = stem_of(file_name);
  spec.seeds = {1};
  Diagnostics diagnostics(file_name, yaml_text);
  if (yaml_text.size() > kMaxSpecBytes) {
    diagnostics.add({1, 1, ""}, "the file has " + std::to_string(yaml_text.size()) +
                                    " bytes; a sweep file has at most " + std::to_string(kMaxSpecBytes));
    diagnostics.throw_if_any();
  }
  spec.text = yaml_text;
  const SweepTree tree = parse_parts(yaml_text, file_name, diagnostics);
  if (!diagnostics.empty()) parsed.doubtful.insert(kUnknownSetting);  // a key stands twice: which is meant?
  SpecReader reader(parsed, diagnostics);
  reader.read(tree.root);
  for (const YamlNode& set : tree.sets) reader.lay_over_base(set);
  parsed.errors = diagnostics.take();
  return parsed;
}

}  // namespace medley::sweep
