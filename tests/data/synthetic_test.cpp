#include "trainer/data/synthetic.h"

#include <array>
#include <cmath>
#include <map>
#include <set>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "sweep/score/metric.h"
#include "tests/support/error_of.h"
#include "tests/support/folder.h"
#include "trainer/data/dataset.h"
#include "trainer/data/error.h"

namespace medley::data {
namespace {

using nlohmann::json;

Dataset make(const test::Folder& folder, const SyntheticOptions& options) {
  make_synthetic(folder / "set", options, Existing::kRefuse);
  return load_dataset(folder / "set");
}

json truth_of(const test::Folder& folder) { return json::parse(test::read_file(folder / "set/truth.json")); }

/// [clip, dim] of one encoder, in clip order.
std::vector<float> all_features(const Dataset& dataset, const std::string& name) {
  std::vector<int> clips(dataset.clips.size());
  for (std::size_t i = 0; i < clips.size(); ++i) clips[i] = static_cast<int>(i);
  for (const auto& encoder : dataset.encoders) {
    if (encoder->name() != name) continue;
    std::vector<float> x(clips.size() * static_cast<std::size_t>(encoder->dim()));
    encoder->gather(clips, x.data());
    return x;
  }
  throw std::runtime_error("no encoder " + name);
}

/// A linear softmax (KL to the soft label, plain gradient descent, z-scored inputs) on the named encoders side by side.
/// Returns the official Score on fold 0, trained on the other folds, with thresholds tuned on fold 0 (paper-style).
double linear_score(const Dataset& dataset, const std::vector<std::string>& names) {
  std::vector<std::vector<float>> parts;
  std::vector<std::size_t> dims;
  std::size_t width = 0;
  for (const std::string& name : names) {
    parts.push_back(all_features(dataset, name));
    dims.push_back(parts.back().size() / dataset.clips.size());
    width += dims.back();
  }
  const auto row_of = [&](std::size_t clip) {
    std::vector<double> row;
    for (std::size_t p = 0; p < parts.size(); ++p) {
      for (std::size_t d = 0; d < dims[p]; ++d) row.push_back(parts[p][clip * dims[p] + d]);
    }
    return row;
  };
  std::vector<std::vector<double>> train, held_out;
  std::vector<sweep::Label> train_labels, held_out_labels;
  for (std::size_t i = 0; i < dataset.clips.size(); ++i) {
    const Clip& clip = dataset.clips[i];
    if (clip.fold < 0) continue;
    (clip.fold == 0 ? held_out : train).push_back(row_of(i));
    (clip.fold == 0 ? held_out_labels : train_labels).push_back(*clip.label);
  }
  const auto n = static_cast<double>(train.size());
  for (std::size_t d = 0; d < width; ++d) {
    double mean = 0, squares = 0;
    for (const auto& row : train) mean += row[d] / n;
    for (const auto& row : train) squares += (row[d] - mean) * (row[d] - mean) / n;
    for (auto* rows : {&train, &held_out}) {
      for (auto& row : *rows) row[d] = (row[d] - mean) / std::sqrt(squares);
    }
  }
  constexpr std::size_t kClasses = 6;
  std::vector<double> w((width + 1) * kClasses, 0);
  const auto predict = [&](const std::vector<double>& row) {
    std::array<double, kClasses> p{};
    for (std::size_t c = 0; c < kClasses; ++c) p[c] = w[width * kClasses + c];
    for (std::size_t d = 0; d < width; ++d) {
      for (std::size_t c = 0; c < kClasses; ++c) p[c] += row[d] * w[d * kClasses + c];
    }
    double sum = 0;
    for (double& value : p) sum += value = std::exp(value);
    for (double& value : p) value /= sum;
    return p;
  };
  for (int step = 0; step < 60; ++step) {
    std::vector<double> gradient(w.size(), 0);
    for (std::size_t i = 0; i < train.size(); ++i) {
      std::array<double, kClasses> error = predict(train[i]);
      const sweep::Label& label = train_labels[i];
      error[static_cast<std::size_t>(label.first)] -= label.salience / 100.0;
      if (label.is_blend()) error[static_cast<std::size_t>(label.second)] -= 1 - label.salience / 100.0;
      for (std::size_t d = 0; d < width; ++d) {
        for (std::size_t c = 0; c < kClasses; ++c) gradient[d * kClasses + c] += train[i][d] * error[c] / n;
      }
      for (std::size_t c = 0; c < kClasses; ++c) gradient[width * kClasses + c] += error[c] / n;
    }
    const double rate = 30.0 / static_cast<double>(width);
    for (std::size_t k = 0; k < w.size(); ++k) w[k] -= rate * (gradient[k] + 1e-3 * w[k]);
  }
  std::vector<double> probabilities;
  for (const auto& row : held_out) {
    const auto p = predict(row);
    probabilities.insert(probabilities.end(), p.begin(), p.end());
  }
  const sweep::ProbabilityView view{probabilities.data(), static_cast<int>(held_out.size()), kClasses};
  return threshold_surface(view, held_out_labels, dataset.classes).best().accuracy.score();
}

TEST(Synthetic, HasTheOfficialShape) {
  const test::Folder folder;
  const Dataset dataset = make(folder, {});
  EXPECT_TRUE(dataset.synthetic);
  EXPECT_EQ(dataset.clips.size(), (47u + 11u) * 54u);
  EXPECT_EQ(dataset.folds, (std::vector<int>{0, 1, 2, 3, 4}));
  const std::vector<int> test = dataset.clips_of_fold(-1);
  ASSERT_EQ(test.size(), 594u);
  EXPECT_EQ(dataset.clips[static_cast<std::size_t>(test[0])].filename, "test_0001.mov");
  EXPECT_EQ(dataset.clips[static_cast<std::size_t>(test[593])].filename, "test_0594.mov");
  std::map<std::string, int> clips_of_actor, blends_of_actor;
  std::set<std::string> neutral_blends;
  for (const Clip& clip : dataset.clips) {
    if (clip.fold < 0) continue;
    ++clips_of_actor[clip.actor];
    blends_of_actor[clip.actor] += clip.label->is_blend() ? 1 : 0;
    EXPECT_FALSE(clip.label->is_blend() && clip.label->second == 5);
  }
  EXPECT_EQ(clips_of_actor.size(), 47u);
  for (const auto& [actor, count] : clips_of_actor) EXPECT_EQ(count, 54) << actor;
  for (const auto& [actor, count] : blends_of_actor) EXPECT_EQ(count, 30) << actor;
  EXPECT_EQ(truth_of(folder)["test_labels"].size(), 594u);
}

TEST(Synthetic, SameSeedGivesTheSameBytesAndAnotherDoesNot) {
  const test::Folder a, b, c;
  SyntheticOptions options;
  options.train_actors = 5;
  options.test_actors = 2;
  make(a, options);
  make(b, options);
  options.seed = 2;
  make(c, options);
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(a / "set")) {
    const std::string name = "set/" + entry.path().filename().string();
    EXPECT_TRUE(test::read_file(a / name) == test::read_file(b / name)) << name;
    ++files;
  }
  EXPECT_EQ(files, 6 + 4);
  EXPECT_FALSE(test::read_file(a / "set/video1_static_features.npz") ==
               test::read_file(c / "set/video1_static_features.npz"));
}

TEST(Synthetic, AnotherEncoderChangesNoOther) {
  const test::Folder a, b;
  SyntheticOptions options;
  options.train_actors = 5;
  make(a, options);
  options.encoders = 8;
  make(b, options);
  for (const char* name : {"set/video1_static_features.npz", "set/noise1_static_features.npz"}) {
    EXPECT_TRUE(test::read_file(a / name) == test::read_file(b / name)) << name;
  }
}

TEST(Synthetic, NearCopiesCorrelateAndOthersDoNot) {
  const test::Folder folder;
  const Dataset dataset = make(folder, {});
  const auto correlation = [&](const std::string& a, const std::string& b) {
    const std::vector<float> x = all_features(dataset, a), y = all_features(dataset, b);
    double xy = 0, xx = 0, yy = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      xy += static_cast<double>(x[i]) * y[i];
      xx += static_cast<double>(x[i]) * x[i];
      yy += static_cast<double>(y[i]) * y[i];
    }
    return xy / std::sqrt(xx * yy);
  };
  EXPECT_EQ(truth_of(folder)["near_copies"], json::parse(R"([["video1", "video1-copy"]])"));
  EXPECT_GT(correlation("video1", "video1-copy"), 0.95);
  EXPECT_LT(std::abs(correlation("video1", "audio1")), 0.2);
}

TEST(Synthetic, TruthSaysWhichEncodersCarrySignalWhere) {
  const test::Folder folder;
  const Dataset dataset = make(folder, {});
  const json truth = truth_of(folder);
  std::map<std::string, int> clips;
  for (const auto& [stem, names] : truth["relevant_encoders"].items()) {
    ASSERT_FALSE(stem.empty());
    for (const json& name : names) ++clips[name];
  }
  EXPECT_EQ(clips.count("noise1"), 0u);
  EXPECT_EQ(clips["video1"], clips["video1-copy"]);
  // Binomial, 3132 clips at .6; 5 standard deviations.
  EXPECT_NEAR(clips["audio1"] / 3132.0, 0.6, 5 * std::sqrt(0.24 / 3132));
}

TEST(Synthetic, FusionPaysAndNoiseDoesNot) {
  const test::Folder folder;
  const Dataset dataset = make(folder, {});
  const double one = linear_score(dataset, {"video1"}), other = linear_score(dataset, {"audio1"});
  const double all = linear_score(dataset, {"video1", "audio1", "video2", "audio2"});
  const double noise = linear_score(dataset, {"noise1"});
  RecordProperty("video1", std::to_string(one));
  RecordProperty("all", std::to_string(all));
  std::printf("Score: video1 %.3f audio1 %.3f, four together %.3f, noise1 %.3f\n", one, other, all, noise);
  EXPECT_GT(one, 0.15);
  EXPECT_LT(one, 0.35);
  EXPECT_GT(all, one + 0.08);
  EXPECT_GT(all, other + 0.08);
  EXPECT_LT(noise, 0.09) << "Trivial predictions get at most (.078 + 0) / 2 or (.057 + .035) / 2";
}

TEST(Synthetic, ImpossibleOptionsAreNamed) {
  const test::Folder folder;
  SyntheticOptions options;
  options.near_copies = 5;
  EXPECT_NE(test::error_of<Error>([&] { make(folder, options); }).find("5 near-copies and 1 noise encoders leave none"),
            std::string::npos);
  options = {};
  options.relevance = 1.5;
  EXPECT_NE(test::error_of<Error>([&] { make(folder, options); }).find("relevance is 1.5; valid: 0.01 to 1"),
            std::string::npos);
  options = {};
  make(folder, options);
  EXPECT_NE(test::error_of<Error>([&] { make(folder, options); }).find("the folder is not empty"), std::string::npos);
}

}  // namespace
}  // namespace medley::data
