#include "trainer/data/synthetic.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <cstdio>
#include <numeric>
#include <thread>
#include <utility>

#include <nlohmann/json.hpp>

#include "storage/files/error.h"
#include "storage/files/write.h"
#include "sweep/label.h"
#include "sweep/philox.h"
#include "trainer/data/error.h"
#include "trainer/data/npz_write.h"

namespace medley::data {
namespace {

constexpr int kClipsPerActor = 54;
constexpr int kEmotions = 5;  // classes 0..4; class 5 is neutral
constexpr int kNeutral = 5;

/// What a random number is for: part of its counter, so that no two purposes share one.
enum Purpose : std::uint32_t {
  kPrototype = 1,
  kMarker,
  kActor,
  kNoise,
  kRelevance,
  kShiftMean,
  kShiftSpread,
  kMixture,
  kFoldOrder,
  kTestOrder
};

class Draws {
 public:
  explicit Draws(std::uint64_t seed) : key_{static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)} {}

  /// Mean 0, variance 1: the sum of eight 16-bit uniforms, scaled. Nearly normal (excess kurtosis -0.15,
  /// within 4.9), and the same bits everywhere, because no library's logarithm is in it.
  double normal(Purpose purpose, std::uint32_t a, std::uint32_t b, std::uint32_t c) const {
    std::uint32_t sum = 0;
    for (const std::uint32_t word : sweep::philox({purpose, a, b, c}, key_)) sum += (word & 0xffffu) + (word >> 16);
    static const double deviation = std::sqrt(8.0 * (65536.0 * 65536.0 - 1.0) / 12.0);
    return (static_cast<double>(sum) - 8 * 32767.5) / deviation;
  }
  /// In [0, 1).
  double uniform(Purpose purpose, std::uint32_t a, std::uint32_t b) const {
    return sweep::philox({purpose, a, b, 0}, key_)[0] * 0x1p-32;
  }
  std::vector<int> shuffled(Purpose purpose, int count) const {
    std::vector<int> order(static_cast<std::size_t>(count));
    std::iota(order.begin(), order.end(), 0);
    const auto rank = [&](int i) {
      return std::pair(sweep::philox({purpose, static_cast<std::uint32_t>(i), 0, 0}, key_)[0], i);
    };
    std::sort(order.begin(), order.end(), [&](int a, int b) { return rank(a) < rank(b); });
    return order;
  }

 private:
  std::array<std::uint32_t, 2> key_;
};

struct PlannedClip {
  int actor = 0;
  int number = 0;  ///< 0..53 within the actor
  sweep::Label label;
  int intensity = 0;  ///< 1..4; 0 for blends
  int fold = -1;
  std::string filename, stem;
  std::uint32_t id() const { return static_cast<std::uint32_t>(actor * kClipsPerActor + number); }
};

struct PlannedEncoder {
  enum class Kind { kSignal, kCopy, kNoise };
  Kind kind = Kind::kSignal;
  std::string name, modality;
  int source = -1;           ///< kCopy: index of the encoder it follows
  double strength = 0;       ///< of the signal
  std::uint32_t stream = 0;  ///< its place in every counter
};

std::string actor_name(int actor) {
  char text[16];
  std::snprintf(text, sizeof text, "S%03d", actor + 1);
  return text;
}

std::vector<PlannedClip> plan_actor(int actor, const sweep::Classes& classes) {
  std::vector<PlannedClip> clips;
  const auto add = [&](sweep::Label label, int intensity, const std::string& rest) {
    PlannedClip clip;
    clip.actor = actor;
    clip.number = static_cast<int>(clips.size());
    clip.label = label;
    clip.intensity = intensity;
    clip.filename = clip.stem = actor_name(actor) + "_" + rest;
    clips.push_back(clip);
  };
  for (int emotion = 0; emotion <= kNeutral; ++emotion) {
    for (int level = 1; level <= 4; ++level) {
      const std::string& name = classes.names[static_cast<std::size_t>(emotion)];
      if (emotion == kNeutral) {
        add({emotion, -1, 100}, 1, name + "_sit" + std::to_string(level) + "_ver1");
      } else {
        add({emotion, -1, 100}, level, name + "_int" + std::to_string(level) + "_ver1");
      }
    }
  }
  for (int a = 0; a < kEmotions; ++a) {
    for (int b = a + 1; b < kEmotions; ++b) {
      for (const int salience : {30, 50, 70}) {
        add({a, b, salience}, 0,
            "mix_" + classes.names[static_cast<std::size_t>(a)] + "_" + classes.names[static_cast<std::size_t>(b)] +
                "_" + std::to_string(salience) + "_" + std::to_string(100 - salience) + "_ver1");
      }
    }
  }
  return clips;
}

struct Plan {
  sweep::Classes classes = sweep::Classes::blemore();
  std::vector<PlannedClip> clips;  ///< labelled first, then test clips in the order of their names
  std::size_t labelled = 0;
  std::vector<PlannedEncoder> encoders;
  std::vector<std::vector<char>> relevant;  ///< [encoder, clip]
};

void check(const SyntheticOptions& o) {
  const auto bad = [](const std::string& what) { throw Error("data make: " + what); };
  const auto within = [&](const char* name, double value, double low, double high) {
    if (!(value >= low && value <= high)) {
      char text[160];
      std::snprintf(text, sizeof text, "%s is %g; valid: %g to %g", name, value, low, high);
      bad(text);
    }
  };
  within("actors", o.train_actors, 2, 10000);
  within("test actors", o.test_actors, 0, 185);  // test clips have four digits
  within("folds", o.folds, 2, std::min(o.train_actors, 100));
  within("encoders", o.encoders, 1, 64);
  within("near-copies", o.near_copies, 0, 63);
  within("noise encoders", o.noise_encoders, 0, 63);
  within("dim", o.dim, 2, 65536);
  within("signal", o.signal, 0, 1000);
  within("falloff", o.falloff, 0, 1);
  within("relevance", o.relevance, 0.01, 1);
  within("marker", o.marker, 0, 1000);
  within("identity", o.identity, 0, 1000);
  within("copy noise", o.copy_noise, 0, 1000);
  within("shift", o.shift, 0, 1000);
  if (o.near_copies + o.noise_encoders >= o.encoders) {
    bad(std::to_string(o.near_copies) + " near-copies and " + std::to_string(o.noise_encoders) +
        " noise encoders leave none with signal of " + std::to_string(o.encoders));
  }
  if (o.modalities.empty()) bad("at least one modality is needed");
  for (const std::string& modality : o.modalities) {
    if (modality.empty() || modality.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") != std::string::npos) {
      bad("modality '" + modality + "' is not a word of small letters, digits and -");
    }
  }
}

std::vector<PlannedEncoder> plan_encoders(const SyntheticOptions& options) {
  const int with_signal = options.encoders - options.near_copies - options.noise_encoders;
  const int modalities = static_cast<int>(options.modalities.size());
  std::vector<PlannedEncoder> encoders;
  double strength = options.signal;
  for (int i = 0; i < with_signal; ++i, strength *= options.falloff) {
    const std::string& modality = options.modalities[static_cast<std::size_t>(i % modalities)];
    encoders.push_back({PlannedEncoder::Kind::kSignal, modality + std::to_string(i / modalities + 1), modality, -1,
                        strength, static_cast<std::uint32_t>(i)});
  }
  for (int i = 0; i < options.near_copies; ++i) {
    const int source = i % with_signal;
    const PlannedEncoder& original = encoders[static_cast<std::size_t>(source)];
    const int turn = i / with_signal;
    encoders.push_back({PlannedEncoder::Kind::kCopy, original.name + "-copy" + (turn ? std::to_string(turn + 1) : ""),
                        original.modality, source, original.strength, 1000u + static_cast<std::uint32_t>(i)});
  }
  for (int i = 0; i < options.noise_encoders; ++i) {
    encoders.push_back({PlannedEncoder::Kind::kNoise, "noise" + std::to_string(i + 1),
                        options.modalities[static_cast<std::size_t>(i % modalities)], -1, 0,
                        2000u + static_cast<std::uint32_t>(i)});
  }
  return encoders;
}

Plan make_plan(const SyntheticOptions& options, const Draws& draws) {
  Plan plan;
  const std::vector<int> order = draws.shuffled(kFoldOrder, options.train_actors);
  std::vector<int> fold_of(static_cast<std::size_t>(options.train_actors));
  for (std::size_t i = 0; i < order.size(); ++i) {
    fold_of[static_cast<std::size_t>(order[i])] = static_cast<int>(i) % options.folds;
  }
  for (int actor = 0; actor < options.train_actors; ++actor) {
    for (PlannedClip& clip : plan_actor(actor, plan.classes)) {
      clip.fold = fold_of[static_cast<std::size_t>(actor)];
      plan.clips.push_back(std::move(clip));
    }
  }
  plan.labelled = plan.clips.size();
  std::vector<PlannedClip> test;
  for (int actor = 0; actor < options.test_actors; ++actor) {
    for (PlannedClip& clip : plan_actor(options.train_actors + actor, plan.classes)) test.push_back(std::move(clip));
  }
  int number = 0;
  for (const int i : draws.shuffled(kTestOrder, static_cast<int>(test.size()))) {
    PlannedClip clip = test[static_cast<std::size_t>(i)];
    char stem[32];
    std::snprintf(stem, sizeof stem, "test_%04d", ++number);
    clip.stem = stem;
    clip.filename = clip.stem + ".mov";
    plan.clips.push_back(std::move(clip));
  }
  plan.encoders = plan_encoders(options);
  plan.relevant.assign(plan.encoders.size(), std::vector<char>(plan.clips.size(), 0));
  for (std::size_t clip = 0; clip < plan.clips.size(); ++clip) {
    for (std::size_t e = 0; e < plan.encoders.size(); ++e) {
      const PlannedEncoder& encoder = plan.encoders[e];
      if (encoder.kind != PlannedEncoder::Kind::kSignal) continue;
      plan.relevant[e][clip] = draws.uniform(kRelevance, encoder.stream, plan.clips[clip].id()) < options.relevance;
    }
    for (std::size_t e = 0; e < plan.encoders.size(); ++e) {
      if (plan.encoders[e].kind == PlannedEncoder::Kind::kCopy) {
        plan.relevant[e][clip] = plan.relevant[static_cast<std::size_t>(plan.encoders[e].source)][clip];
      }
    }
  }
  return plan;
}

/// The directions of one encoder, each [dim] with unit expected squared length.
struct Directions {
  std::vector<std::vector<double>> prototype;  ///< [class]
  std::vector<double> marker, shift_mean, shift_spread;

  Directions(const Draws& draws, std::uint32_t stream, int classes, int dim) {
    const double scale = 1 / std::sqrt(static_cast<double>(dim));
    const auto direction = [&](Purpose purpose, int which) {
      std::vector<double> values(static_cast<std::size_t>(dim));
      for (std::size_t d = 0; d < values.size(); ++d) {
        values[d] =
            scale * draws.normal(purpose, stream, static_cast<std::uint32_t>(which), static_cast<std::uint32_t>(d));
      }
      return values;
    };
    for (int c = 0; c < classes; ++c) prototype.push_back(direction(kPrototype, c));
    marker = direction(kMarker, 0);
    shift_mean = direction(kShiftMean, 0);
    shift_spread = direction(kShiftSpread, 0);
  }
};

/// [clip, dim]: class prototypes by salience and intensity where relevant, the marker, the actor, noise; then
/// the shift.
std::vector<float> features(const Plan& plan, std::size_t e, const SyntheticOptions& options, const Draws& draws) {
  const PlannedEncoder& encoder = plan.encoders[e];
  const bool is_copy = encoder.kind == PlannedEncoder::Kind::kCopy;
  const std::uint32_t stream =
      is_copy ? plan.encoders[static_cast<std::size_t>(encoder.source)].stream : encoder.stream;
  const Directions directions(draws, stream, plan.classes.count(), options.dim);
  const auto dim = static_cast<std::size_t>(options.dim);
  const double scale = 1 / std::sqrt(static_cast<double>(dim));
  std::vector<float> x(plan.clips.size() * dim);
  std::vector<double> actor_mean(dim);
  int actor = -1;
  std::vector<std::size_t> by_actor(plan.clips.size());
  std::iota(by_actor.begin(), by_actor.end(), std::size_t{0});
  std::stable_sort(by_actor.begin(), by_actor.end(),
                   [&](std::size_t a, std::size_t b) { return plan.clips[a].actor < plan.clips[b].actor; });
  for (const std::size_t i : by_actor) {
    const PlannedClip& clip = plan.clips[i];
    if (clip.actor != actor) {
      actor = clip.actor;
      for (std::size_t d = 0; d < dim; ++d) {
        actor_mean[d] = options.identity * scale *
                        draws.normal(kActor, stream, static_cast<std::uint32_t>(actor), static_cast<std::uint32_t>(d));
      }
    }
    const bool relevant = plan.relevant[e][i] != 0;
    // How the clip was acted: its own mixture around the label's (the same in every encoder), weaker at low
    // intensity.
    double first = clip.label.salience / 100.0;
    if (clip.label.is_blend()) first = std::clamp(first + 0.08 * draws.normal(kMixture, clip.id(), 0, 0), 0.0, 1.0);
    const double intensity = clip.intensity == 0 ? 1.0 : 0.6 + 0.2 * clip.intensity;
    const double strength = relevant ? encoder.strength * intensity : 0;
    const double marker = encoder.kind == PlannedEncoder::Kind::kNoise ? 0 : options.marker * (relevant ? 0.5 : -0.5);
    const double first_weight = strength * first, second_weight = strength * (1 - first);
    const auto& prototype = directions.prototype[static_cast<std::size_t>(clip.label.first)];
    const auto& other = directions.prototype[static_cast<std::size_t>(std::max(0, clip.label.second))];
    const double shift = i >= plan.labelled ? options.shift : 0;
    float* out = x.data() + i * dim;
    for (std::size_t d = 0; d < dim; ++d) {
      double value = first_weight * prototype[d] + marker * directions.marker[d] + actor_mean[d] +
                     draws.normal(kNoise, stream, clip.id(), static_cast<std::uint32_t>(d));
      if (clip.label.is_blend()) value += second_weight * other[d];
      if (is_copy)
        value += options.copy_noise * draws.normal(kNoise, encoder.stream, clip.id(), static_cast<std::uint32_t>(d));
      const double spread = 1 + shift * (directions.shift_spread[d] > 0 ? 1 : 0);
      out[d] = static_cast<float>(value * spread + shift * directions.shift_mean[d] / scale);
    }
  }
  return x;
}

void write_features(const std::filesystem::path& folder, const Plan& plan, const SyntheticOptions& options,
                    const Draws& draws) {
  std::vector<std::string> stems;
  for (const PlannedClip& clip : plan.clips) stems.push_back(clip.stem);
  std::atomic<std::size_t> next{0};
  std::vector<std::exception_ptr> failures(plan.encoders.size());
  const auto work = [&] {
    for (std::size_t e = next++; e < plan.encoders.size(); e = next++) {
      try {
        std::vector<float> x = features(plan, e, options, draws);
        write_npz(folder / (plan.encoders[e].name + "_static_features.npz"),
                  {{"X", {stems.size(), static_cast<std::size_t>(options.dim)}, std::move(x)},
                   {"filenames", {stems.size()}, stems}});
      } catch (...) {
        failures[e] = std::current_exception();
      }
    }
  };
  std::vector<std::thread> threads;
  const std::size_t wanted =
      std::min<std::size_t>(plan.encoders.size(), std::max(1u, std::thread::hardware_concurrency()));
  for (std::size_t i = 1; i < wanted; ++i) threads.emplace_back(work);
  work();
  for (std::thread& thread : threads) thread.join();
  for (const std::exception_ptr& failure : failures) {
    if (failure) std::rethrow_exception(failure);
  }
}

void write_metadata(const std::filesystem::path& folder, const Plan& plan) {
  const auto& names = plan.classes.names;
  std::string train =
      "filename,video_id,mix,emotion_1,emotion_2,emotion_1_salience,emotion_2_salience,intensity_level,"
      "fold\n";
  std::string test = "filename\n";
  for (std::size_t i = 0; i < plan.clips.size(); ++i) {
    const PlannedClip& clip = plan.clips[i];
    if (i >= plan.labelled) {
      test += clip.filename + "\n";
      continue;
    }
    const sweep::Label& label = clip.label;
    train += clip.filename + "," + actor_name(clip.actor) + (label.is_blend() ? ",1," : ",0,") +
             names[static_cast<std::size_t>(label.first)] + ",";
    train += label.is_blend() ? names[static_cast<std::size_t>(label.second)] + "," + std::to_string(label.salience) +
                                    "," + std::to_string(100 - label.salience)
                              : ",,";
    train += "," + (clip.intensity > 0 ? std::to_string(clip.intensity) : "") + "," + std::to_string(clip.fold) + "\n";
  }
  files::write(folder / "train_metadata.csv", train, files::Durability::kDurable);
  std::filesystem::remove(folder / "test_metadata.csv");  // of an earlier set
  if (plan.labelled < plan.clips.size()) files::write(folder / "test_metadata.csv", test, files::Durability::kDurable);
  std::string yaml =
      "# Made-up data: `medley data make`. What was planted is in truth.json.\nsynthetic: true\nclasses: [";
  for (std::size_t i = 0; i < names.size(); ++i) yaml += (i ? ", " : "") + names[i];
  yaml += "]\nexclusive: [neu]\nencoders:  # encoder: modality\n";
  for (const PlannedEncoder& encoder : plan.encoders) yaml += "  " + encoder.name + ": " + encoder.modality + "\n";
  files::write(folder / "dataset.yaml", yaml, files::Durability::kDurable);
}

void write_truth(const std::filesystem::path& folder, const Plan& plan, const SyntheticOptions& options) {
  using nlohmann::json;
  json truth;
  truth["synthetic"] = true;
  truth["options"] = {{"seed", options.seed},
                      {"train_actors", options.train_actors},
                      {"test_actors", options.test_actors},
                      {"folds", options.folds},
                      {"encoders", options.encoders},
                      {"near_copies", options.near_copies},
                      {"noise_encoders", options.noise_encoders},
                      {"dim", options.dim},
                      {"modalities", options.modalities},
                      {"signal", options.signal},
                      {"falloff", options.falloff},
                      {"relevance", options.relevance},
                      {"marker", options.marker},
                      {"identity", options.identity},
                      {"copy_noise", options.copy_noise},
                      {"shift", options.shift}};
  json groups = json::array(), noise = json::array();
  truth["encoders"] = json::array();
  for (std::size_t e = 0; e < plan.encoders.size(); ++e) {
    const PlannedEncoder& encoder = plan.encoders[e];
    static constexpr const char* kKinds[] = {"signal", "copy", "noise"};
    json entry = {{"name", encoder.name},
                  {"modality", encoder.modality},
                  {"kind", kKinds[static_cast<int>(encoder.kind)]},
                  {"strength", encoder.strength}};
    if (encoder.source >= 0) entry["copy_of"] = plan.encoders[static_cast<std::size_t>(encoder.source)].name;
    truth["encoders"].push_back(entry);
    if (encoder.kind == PlannedEncoder::Kind::kNoise) noise.push_back(encoder.name);
    json group = {encoder.name};
    for (const PlannedEncoder& other : plan.encoders) {
      if (other.source == static_cast<int>(e)) group.push_back(other.name);
    }
    if (group.size() > 1) groups.push_back(group);
  }
  truth["near_copies"] = groups;
  truth["noise_encoders"] = noise;
  truth["shift"] = {{"on", "test actors"}, {"strength", options.shift}};
  json relevant = json::object(), labels = json::object(), test_actors = json::object();
  for (std::size_t i = 0; i < plan.clips.size(); ++i) {
    const PlannedClip& clip = plan.clips[i];
    json names = json::array();
    for (std::size_t e = 0; e < plan.encoders.size(); ++e) {
      if (plan.relevant[e][i]) names.push_back(plan.encoders[e].name);
    }
    relevant[clip.stem] = names;
    if (i < plan.labelled) continue;
    const auto& classes = plan.classes.names;
    json label = {
        {{"emotion", classes[static_cast<std::size_t>(clip.label.first)]}, {"salience", clip.label.salience}}};
    if (clip.label.is_blend()) {
      label.push_back(
          {{"emotion", classes[static_cast<std::size_t>(clip.label.second)]}, {"salience", 100 - clip.label.salience}});
    }
    labels[clip.filename] = label;
    test_actors[clip.filename] = actor_name(clip.actor);
  }
  truth["relevant_encoders"] = relevant;
  truth["test_labels"] = labels;
  truth["test_actors"] = test_actors;
  files::write(folder / "truth.json", truth.dump(1) + "\n", files::Durability::kDurable);
}

}  // namespace

void make_synthetic(const std::filesystem::path& folder, const SyntheticOptions& options, Existing existing) {
  check(options);
  const Draws draws(options.seed);
  const Plan plan = make_plan(options, draws);
  make_folder(folder, existing);
  files::rethrow_as<Error>([&] {
    write_features(folder, plan, options, draws);
    write_truth(folder, plan, options);
    write_metadata(folder, plan);
  });
}

}  // namespace medley::data
