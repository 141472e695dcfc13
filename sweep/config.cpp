#include "sweep/config.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <set>

#include "sweep/digest.h"
#include "sweep/error.h"
#include "sweep/nearest.h"

namespace medley::sweep {
namespace {

using nlohmann::json;
using Kind = Setting::Kind;
using Sharing = Setting::Sharing;

bool is_always(const Config&) { return true; }
bool has_one_encoder(const Config& c) { return c.encoders.size() == 1; }
bool is_fusing(const Config& c) { return c.fusion == Fusion::kConcat || !has_one_encoder(c); }
/// A gate over one encoder decides nothing.
bool is_choosing(const Config& c) { return is_gated(c) && !has_one_encoder(c); }
bool is_counting(const Config& c) {
  return is_choosing(c) &&
         (c.selection == Selection::kLearned || c.selection == Selection::kRandom || c.selection == Selection::kFixed);
}
bool is_by_mass(const Config& c) { return is_choosing(c) && c.selection == Selection::kThreshold; }
/// The weight of the only encoder kept is 1, whatever its score.
bool is_weighable(const Config& c) {
  const bool only_one = is_counting(c) && c.top_n == 1;
  return is_choosing(c) && !(only_one && (c.renormalise || c.weights == Weights::kUniform));
}
bool is_weighing(const Config& c) { return is_weighable(c) && c.weights != Weights::kUniform; }
bool is_deciding(const Config& c) {
  return is_weighing(c) ||
         (is_choosing(c) && (c.selection == Selection::kLearned || c.selection == Selection::kThreshold));
}
bool is_tempered(const Config& c) { return is_weighing(c) || is_by_mass(c); }
bool is_cutting(const Config& c) { return is_weighing(c) && c.selection != Selection::kAll; }
bool is_scoring(const Config& c) { return is_deciding(c) && c.gate == Gate::kScorer; }
bool is_concatenating(const Config& c) { return c.fusion == Fusion::kConcat; }
bool is_decoupled(const Config& c) { return c.head == Head::kDecoupled; }
bool has_two_terms(const Config& c) { return c.head == Head::kDecoupled || c.head == Head::kSetRatio; }
bool is_of_labels(const Config& c) { return c.head == Head::kLabel; }
bool is_aligning(const Config& c) { return is_decoupled(c) && c.alignment; }
bool is_adapting(const Config& c) { return c.adaptation != Adaptation::kNone; }
bool is_linear(const Config& c) { return c.fusion == Fusion::kConcat && c.hidden == 0; }
bool is_dropping(const Config& c) { return !is_linear(c); }
bool is_stepping(const Config& c) { return !is_fitted(c); }
bool is_decaying(const Config& c) { return !is_fitted(c) || !c.tune_decay; }
bool is_comparing_moments(const Config& c) { return c.adaptation == Adaptation::kCmd; }

/// When a setting matters, as a predicate and in words.
struct Active {
  bool (*holds)(const Config&);
  const char* words;
};
constexpr Active kAlways{is_always, ""};
constexpr Active kProjecting{is_projecting, "fusion is not concat"};
constexpr Active kFusing{is_fusing, "fusion is concat or there are several encoders"};
constexpr Active kGated{is_choosing, "fusion gates several encoders (it is neither mean nor concat)"};
constexpr Active kWeighable{is_weighable,
                            "fusion gates, and top_n is not 1 or weights are cut after all (renormalise: false)"};
constexpr Active kCounting{is_counting, "fusion gates and selection is learned, random or fixed"};
constexpr Active kByMass{is_by_mass, "fusion gates and selection is threshold"};
constexpr Active kScored{is_deciding, "fusion gates, and its scores decide weights or selection"};
constexpr Active kWeighing{is_weighing, "fusion gates and its scores decide weights"};
constexpr Active kTempered{is_tempered, "fusion gates, and weights is not uniform or selection is threshold"};
constexpr Active kCutting{is_cutting, "fusion gates, weights is not uniform and selection is not all"};
constexpr Active kScoring{is_scoring, "fusion gates, its scores are read and gate is scorer"};
constexpr Active kConcatenating{is_concatenating, "fusion is concat"};
constexpr Active kDecoupled{is_decoupled, "head is decoupled"};
constexpr Active kTwoTerms{has_two_terms, "head is decoupled or set-ratio"};
constexpr Active kOfLabels{is_of_labels, "head is label"};
constexpr Active kAligning{is_aligning, "head is decoupled and alignment is true"};
constexpr Active kAdapting{is_adapting, "adaptation is not none"};
constexpr Active kAdaptingByLoss{has_adaptation_loss, "adaptation is coral, mmd, dann, cdan or cmd"};
constexpr Active kDropping{is_dropping, "fusion is not concat or hidden is not 0"};
constexpr Active kStepping{is_stepping, "optimizer is not lbfgs"};
constexpr Active kFitted{is_fitted, "optimizer is lbfgs"};
constexpr Active kDecaying{is_decaying, "optimizer is not lbfgs or tune_decay is false"};
constexpr Active kComparingMoments{is_comparing_moments, "adaptation is cmd"};

template <auto Member>
Setting integer(const char* name, Sharing sharing, int low, int high, const char* unit, const char* meaning,
                Active active = kAlways) {
  return {name,
          Kind::kInteger,
          sharing,
          double(low),
          double(high),
          {},
          unit,
          meaning,
          active.holds,
          [](const Config& c) { return json(c.*Member); },
          [](Config& c, const json& v) { c.*Member = v.get<int>(); },
          active.words};
}

template <auto Member>
Setting number(const char* name, double low, double high, const char* meaning, Active active = kAlways) {
  return {name,
          Kind::kNumber,
          Sharing::kPerTrial,
          low,
          high,
          {},
          "",
          meaning,
          active.holds,
          [](const Config& c) { return json(c.*Member); },
          // + 0.0 turns -0 into 0: the two train the same, so they must have one text.
          [](Config& c, const json& v) { c.*Member = v.get<double>() + 0.0; },
          active.words};
}

template <auto Member>
Setting choice(const char* name, Sharing sharing, const char* meaning, Active active = kAlways) {
  using E = std::decay_t<decltype(std::declval<Config&>().*Member)>;
  return {name,
          Kind::kChoice,
          sharing,
          0,
          0,
          all_names<E>(),
          "",
          meaning,
          active.holds,
          [](const Config& c) { return json(name_of(c.*Member)); },
          [](Config& c, const json& v) { c.*Member = *find_named<E>(v.get<std::string>()); },
          active.words};
}

template <auto Member>
Setting flag(const char* name, Sharing sharing, const char* meaning, Active active = kAlways) {
  return {name,
          Kind::kFlag,
          sharing,
          0,
          0,
          {},
          "",
          meaning,
          active.holds,
          [](const Config& c) { return json(c.*Member); },
          [](Config& c, const json& v) { c.*Member = v.get<bool>(); },
          active.words};
}

Setting encoders() {
  return {"encoders",
          Kind::kEncoders,
          Sharing::kPerTrial,
          0,
          0,
          {},
          "",
          "encoders the model may use; the others are as if absent",
          is_always,
          [](const Config& c) { return json(c.encoders); },
          [](Config& c, const json& v) { c.encoders = v.get<std::vector<std::string>>(); },
          ""};
}

Setting layers() {
  return {"layers",
          Kind::kLayers,
          Sharing::kPerPack,
          0,
          0,
          {},
          "",
          "layers to average, counted from 0, of encoders that have several",
          is_always,
          [](const Config& c) { return json(c.layers.text()); },
          [](Config& c, const json& v) { c.layers = *Layers::parse(v.get<std::string>()); },
          "",
          "all"};
}

/// A setting that came later: configs made before it were trained as with `value`, and keep their ids.
Setting later(Setting setting, json value) {
  setting.traceless = std::move(value);
  return setting;
}

Setting called(std::string alias, Setting setting) {
  setting.alias = std::move(alias);
  return setting;
}

constexpr auto kTrial = Sharing::kPerTrial;
constexpr auto kPack = Sharing::kPerPack;

std::vector<Setting> make_settings() {
  using C = Config;
  return {
      encoders(),
      layers(),
      choice<&C::fusion>("fusion", kPack,
                         "gated encoders summed, side by side in rank order, or summed by modality; without a gate "
                         "their mean, or plain concatenation",
                         kFusing),
      choice<&C::gate>("gate", kPack, "how an encoder's importance is scored", kScored),
      later(number<&C::gate_noise>("gate_noise", 0, 100, "sd of the noise on the gate's scores in training", kScored),
            0.0),
      later(
          number<&C::balance_weight>("balance_weight", 0, 1e3,
                                     "weight of the squared coefficient of variation of mean gate weights", kWeighing),
          0.0),
      choice<&C::selection>("selection", kPack,
                            "keep the top_n encoders of each clip, all, random or fixed ones, or by mass", kGated),
      integer<&C::top_n>("top_n", kTrial, 1, 64, "encoders", "encoders kept for each clip", kCounting),
      number<&C::mass>("mass", 1e-6, 1, "keep the fewest best encoders whose weights reach this sum", kByMass),
      later(choice<&C::weights>("weights", kPack, "how scores become weights", kWeighable), "softmax"),
      later(flag<&C::renormalise>("renormalise", kPack, "weights over the kept encoders, or over all and then cut",
                                  kCutting),
            true),
      number<&C::temperature>("temperature", 1e-3, 1e3, "divides the gate's scores before the weights", kTempered),
      integer<&C::gate_dim>("gate_dim", kPack, 1, 4096, "units", "hidden width of the scorer gate", kScoring),
      integer<&C::projection_dim>("projection_dim", kPack, 1, 4096, "units", "width of the space encoders share",
                                  kProjecting),
      integer<&C::fusion_dim>("fusion_dim", kPack, 1, 8192, "units", "width of the fused representation", kProjecting),
      integer<&C::hidden>("hidden", kPack, 0, 8192, "units",
                          "hidden width of the baseline: 0 linear, 256 MLP-256, 512 MLP-512", kConcatenating),
      choice<&C::head>(
          "head", kPack,
          "presence and salience heads fused by probability, one softmax, sets and ratios, or one softmax of labels"),
      number<&C::presence_weight>("presence_weight", 0, 1e3, "weight of the presence loss (BCE), or of the set's",
                                  kTwoTerms),
      number<&C::salience_weight>("salience_weight", 0, 1e3, "weight of the salience loss (KL), or of the ratio's",
                                  kTwoTerms),
      later(flag<&C::alignment>("alignment", kPack, "whether a loss pulls presence and salience together", kDecoupled),
            false),
      number<&C::alignment_weight>("alignment_weight", 0, 1e3, "weight of the alignment loss (KL between the heads)",
                                   kAligning),
      later(number<&C::focal_gamma>("focal_gamma", 0, 16, "g in (1 - exp(-KL))^g KL; 0 is plain KL"), 0.0),
      choice<&C::adaptation>(
          "adaptation", kPack,
          "unsupervised domain adaptation: a loss of the fused features, or inputs matched by moments"),
      number<&C::adaptation_weight>("adaptation_weight", 0, 1e6,
                                    "weight of the adaptation loss; unsaid 20 of coral, 1 of mmd, 0.3 of others",
                                    kAdaptingByLoss),
      integer<&C::adaptation_moments>("adaptation_moments", kPack, 1, 10, "moments",
                                      "highest order of the central moments that cmd compares", kComparingMoments),
      choice<&C::adaptation_target>("adaptation_target", kTrial, "unlabelled clips to adapt to", kAdapting),
      choice<&C::normalize>("normalize", kTrial,
                            "z-score by encoder on training rows; 'actor': within each actor first"),
      choice<&C::optimizer>("optimizer", kPack,
                            "AdamW (decoupled decay), Adam (L2), or for linear models a convex fit by L-BFGS (L2)"),
      called("lr", number<&C::learning_rate>("learning_rate", 1e-9, 10, "peak step size", kStepping)),
      called("wd",
             number<&C::weight_decay>("weight_decay", 0, 10, "decay of all weights but biases and norms", kDecaying)),
      later(flag<&C::tune_decay>("tune_decay", kTrial, "choose the weight decay by the training folds, of 1e-4 to 1",
                                 kFitted),
            true),
      choice<&C::schedule>("schedule", kTrial, "cosine to zero, or constant, after the warm-up", kStepping),
      integer<&C::warmup_epochs>("warmup_epochs", kTrial, 0, 10000, "epochs", "linear warm-up", kStepping),
      called("bs", integer<&C::batch_size>("batch_size", kPack, 2, 65536, "clips", "clips a step", kStepping)),
      integer<&C::epochs>("epochs", kTrial, 1, 100000, "epochs", "passes over the training rows", kStepping),
      number<&C::dropout>("dropout", 0, 0.95, "share of projected units dropped", kDropping),
      number<&C::label_smoothing>("label_smoothing", 0, 0.9, "mass moved from the label to all classes evenly"),
      later(number<&C::ratio_smoothing>("ratio_smoothing", 0, 0.99, "mass moved from a blend's ratio to its neighbours",
                                        kOfLabels),
            0.0),
      later(number<&C::mixup>("mixup", 0, 100, "a of Beta(a, a) that clips are mixed by; 0 is off"), 0.0),
      later(number<&C::rdrop_weight>("rdrop_weight", 0, 1e3, "weight of R-Drop: two dropouts of a clip agree; 0 is off",
                                     kDropping),
            0.0),
      number<&C::grad_clip>("grad_clip", 0, 1e6, "largest gradient norm of a trial; 0 is off", kStepping),
      integer<&C::patience>("patience", kTrial, 0, 100000, "epochs",
                            "epochs without a better Score after which training stops; 0 is off", kStepping),
      later(integer<&C::stop_after>("stop_after", kTrial, 0, 100000, "epochs",
                                    "of `epochs`, after which training stops early and may be taken up; 0 is off",
                                    kStepping),
            0),
      flag<&C::inner_fold>("inner_fold", kTrial, "hold out the next fold too, to choose epoch and thresholds on it"),
      choice<&C::precision>("precision", kPack,
                            "arithmetic of the trainer; tf32 and bfloat16: of its products alone, in float32"),
  };
}

/// A layer number: digits only, below 10,000.
std::optional<int> layer_of(const std::string& text) {
  if (text.empty() || text.size() > 4 || text.find_first_not_of("0123456789") != std::string::npos) return std::nullopt;
  return std::stoi(text);
}

/// The weight of an adaptation loss that gave most of planted shifts back and cost nothing without one.
double usual_weight(Adaptation adaptation) {
  switch (adaptation) {
    case Adaptation::kCoral:
      return 20;
    case Adaptation::kDann:
    case Adaptation::kCdan:
    case Adaptation::kCmd:
      return 0.3;
    case Adaptation::kMmd:
    case Adaptation::kNone:
    case Adaptation::kMoments:
    case Adaptation::kCoralInput:
      break;
  }
  return Config().adaptation_weight;
}

/// Why a config with `optimizer: lbfgs` has no convex loss with one optimum, if so.
std::optional<Conflict> find_not_convex(const Config& config) {
  const auto conflict = [](std::vector<std::string> settings, const std::string& wants) {
    return Conflict{std::move(settings), "optimizer lbfgs fits convex losses: " + wants};
  };
  if (!is_linear(config)) return conflict({"optimizer", "fusion", "hidden"}, "it needs fusion concat and hidden 0");
  if (has_adaptation_loss(config)) {
    return conflict({"adaptation", "optimizer"}, "adaptation must be none, moments or coral-input");
  }
  if (is_aligning(config)) return conflict({"alignment", "optimizer"}, "alignment must be false");
  if (config.focal_gamma > 0) return conflict({"focal_gamma", "optimizer"}, "focal_gamma must be 0");
  if (config.mixup > 0) return conflict({"mixup", "optimizer"}, "mixup must be 0, as there are no batches");
  if (!config.tune_decay && config.weight_decay == 0) {
    return conflict({"weight_decay", "optimizer"}, "weight_decay must be above 0, else there may be no optimum");
  }
  return std::nullopt;
}

std::string number_text(double value) {
  char text[32];
  const auto end = std::to_chars(text, text + sizeof text, value);
  return std::string(text, end.ptr);
}

/// Keeps the texts of two lists apart whatever their names hold: "a+b" alone is not "a" and "b".
std::string escaped(const std::string& name) {
  std::string text;
  for (const char c : name) {
    if (c == '+' || c == '\\') text += '\\';
    if (c == '\n')
      text += "\\n";
    else
      text += c;
  }
  return text;
}

const std::vector<const Setting*>& settings_by_name() {
  static const std::vector<const Setting*> sorted = [] {
    std::vector<const Setting*> all;
    for (const Setting& setting : settings()) all.push_back(&setting);
    std::sort(all.begin(), all.end(), [](const Setting* a, const Setting* b) { return a->name < b->name; });
    return all;
  }();
  return sorted;
}

std::string text_of(const Config& config, bool per_pack_only) {
  std::string text;
  text.reserve(1024);
  for (const Setting* setting : settings_by_name()) {
    if (per_pack_only ? setting->sharing != Sharing::kPerPack : !setting->active(config)) continue;
    const json value = setting->get(config);
    if (value == setting->traceless) continue;
    text.append(setting->name).append("=").append(value_text(value)).append("\n");
  }
  return text;
}

}  // namespace

std::string Layers::text() const {
  if (all()) return "all";
  return first == last ? std::to_string(first) : std::to_string(first) + "-" + std::to_string(last);
}

std::optional<Layers> Layers::parse(const std::string& text) {
  if (text == "all") return Layers{};
  const auto dash = text.find('-');
  const auto first = layer_of(text.substr(0, dash));
  const auto last = dash == std::string::npos ? first : layer_of(text.substr(dash + 1));
  if (!first || !last || *first > *last) return std::nullopt;
  return Layers{*first, *last};
}

const std::vector<Setting>& settings() {
  static const std::vector<Setting> all = make_settings();
  return all;
}

const Setting* find_setting(const std::string& name) {
  for (const Setting& setting : settings()) {
    if (setting.name == name || (!name.empty() && setting.alias == name)) return &setting;
  }
  return nullptr;
}

std::string setting_name(const std::string& text) {
  const Setting* setting = find_setting(text);
  return setting ? setting->name : text;
}

const Setting& checked_setting(const std::string& name, const json& value) {
  const Setting* setting = find_setting(name);
  if (!setting) throw Error("unknown setting '" + name + "'" + suggestion(name, setting_names()));
  const std::string wrong = check_value(*setting, value);
  if (!wrong.empty()) throw Error(name + ": '" + value_text(value) + "' " + wrong);
  return *setting;
}

std::vector<std::string> setting_names() {
  std::vector<std::string> names;
  for (const Setting& setting : settings()) names.push_back(setting.name);
  return names;
}

std::string check_value(const Setting& setting, const json& value) {
  switch (setting.kind) {
    case Kind::kInteger:
      if (!value.is_number_integer()) return "must be a whole number";
      [[fallthrough]];
    case Kind::kNumber: {
      if (!value.is_number()) return "must be a number";
      const double x = value.get<double>();
      if (!(x >= setting.minimum && x <= setting.maximum)) {
        return "must be between " + number_text(setting.minimum) + " and " + number_text(setting.maximum);
      }
      return "";
    }
    case Kind::kChoice: {
      if (!value.is_string()) return "must be a name" + suggestion("", setting.choices);
      const auto text = value.get<std::string>();
      const bool known = std::find(setting.choices.begin(), setting.choices.end(), text) != setting.choices.end();
      return known ? "" : "is not a value of " + setting.name + suggestion(text, setting.choices);
    }
    case Kind::kFlag:
      return value.is_boolean() ? "" : "must be true or false";
    case Kind::kEncoders: {
      if (!value.is_array() || value.empty()) return "must be a list of encoder names";
      const bool names = std::all_of(value.begin(), value.end(), [](const json& v) {
        return v.is_string() && !v.get_ref<const std::string&>().empty();
      });
      return names ? "" : "must be a list of encoder names";
    }
    case Kind::kLayers:
      return value.is_string() && Layers::parse(value.get<std::string>())
                 ? ""
                 : "must be all, a layer counted from 0 (7), or a range of them (6-12)";
  }
  return "";
}

const std::vector<std::string>& inferred_settings() {
  static const std::vector<std::string> names = {"top_n", "adaptation_weight"};
  return names;
}

void infer_settings(Config& config, const std::set<std::string>& said) {
  if (said.count("top_n") == 0) {
    config.top_n = std::min(Config().top_n, std::max(1, static_cast<int>(config.encoders.size())));
  }
  if (said.count("adaptation_weight") == 0) config.adaptation_weight = usual_weight(config.adaptation);
}

std::optional<Conflict> check_config(const Config& config) {
  const int encoder_count = static_cast<int>(config.encoders.size());
  if (encoder_count == 0) return Conflict{{"encoders"}, "encoders: none is left"};
  const std::set<std::string> distinct(config.encoders.begin(), config.encoders.end());
  if (distinct.size() != config.encoders.size()) {
    return Conflict{{"encoders"}, "encoders: one stands twice in " + value_text(config.encoders)};
  }
  if (is_counting(config) && config.top_n > encoder_count) {
    return Conflict{{"top_n", "encoders"},
                    "top_n " + std::to_string(config.top_n) + " is larger than the " + std::to_string(encoder_count) +
                        " encoder" + (encoder_count == 1 ? "" : "s") + " of this config"};
  }
  if (is_fitted(config)) {
    if (auto conflict = find_not_convex(config)) return conflict;
  }
  if (is_stepping(config) && config.warmup_epochs >= config.epochs) {
    return Conflict{{"warmup_epochs", "epochs"},
                    "warmup_epochs " + std::to_string(config.warmup_epochs) + " leaves none of the " +
                        std::to_string(config.epochs) + " epochs"};
  }
  if (is_stepping(config) && config.stop_after >= config.epochs) {
    return Conflict{{"stop_after", "epochs"},
                    "stop_after " + std::to_string(config.stop_after) + " is not below the " +
                        std::to_string(config.epochs) + " epochs; 0 trains them all"};
  }
  if (has_two_terms(config) && config.presence_weight == 0 && config.salience_weight == 0) {
    return Conflict{{"presence_weight", "salience_weight"},
                    "presence_weight and salience_weight are both 0: nothing is learned"};
  }
  return std::nullopt;
}

bool is_projecting(const Config& config) { return config.fusion != Fusion::kConcat; }

bool is_gated(const Config& config) { return is_projecting(config) && config.fusion != Fusion::kMean; }

bool is_scored(const Config& config) {
  return is_gated(config) && (config.weights != Weights::kUniform || config.selection == Selection::kLearned ||
                              config.selection == Selection::kThreshold);
}

bool has_adaptation_loss(const Config& config) {
  return config.adaptation != Adaptation::kNone && !adapts_input(config);
}

bool adapts_input(const Config& config) {
  return config.adaptation == Adaptation::kMoments || config.adaptation == Adaptation::kCoralInput;
}

bool is_transductive(const Config& config) {
  const bool to_the_fold =
      config.adaptation != Adaptation::kNone && config.adaptation_target == AdaptationTarget::kValidation;
  return to_the_fold || config.normalize == Normalize::kActor;
}

bool reads_test_clips(const Config& config) {
  return config.adaptation != Adaptation::kNone && config.adaptation_target == AdaptationTarget::kTest;
}

Config canonical(Config config) {
  if (is_counting(config) && config.top_n == static_cast<int>(config.encoders.size())) {
    config.selection = Selection::kAll;
  }
  static const Config defaults;
  const Config read = config;
  for (const Setting& setting : settings()) {
    if (!setting.active(read)) setting.set(config, setting.get(defaults));
  }
  return config;
}

std::string canonical_text(const Config& config) { return text_of(canonical(config), false); }

std::string config_id(const Config& config) { return sha256_hex(canonical_text(config)).substr(0, kConfigIdDigits); }

std::string fusibility_key(const Config& config) { return text_of(config, true); }

json to_json(const Config& given) {
  const Config config = canonical(given);
  json object = json::object();
  for (const Setting& setting : settings()) {
    if (setting.active(config)) object[setting.name] = setting.get(config);
  }
  return object;
}

Config config_from_json(const json& object) {
  if (!object.is_object()) throw Error("a config must be an object of settings");
  Config config;
  for (const auto& [name, value] : object.items()) {
    checked_setting(name, value).set(config, value);
  }
  std::set<std::string> said;
  for (const std::string& name : inferred_settings()) {
    if (object.contains(name)) said.insert(name);
  }
  infer_settings(config, said);
  if (const auto conflict = check_config(config)) throw Error(conflict->message);
  return config;
}

std::string value_text(const json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_number_float()) return number_text(value.get<double>());
  if (value.is_array()) {
    std::string text;
    for (const json& item : value) text += (text.empty() ? "" : "+") + escaped(value_text(item));
    return text;
  }
  return value.dump();
}

}  // namespace medley::sweep
