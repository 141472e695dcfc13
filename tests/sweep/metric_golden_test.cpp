// Every number that the official evaluation code returned, against ours. golden/README.md says where they come from.
#include <filesystem>
#include <fstream>
#include <sstream>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "sweep/score/metric.h"
#include "trainer/data/npz.h"

namespace medley::sweep {
namespace {

using nlohmann::json;

/// The label in a clip's name: A102_ang_int1_ver1, A102_neu_sit1_ver1, A102_mix_ang_disg_70_30_ver1.
Label label_of(const std::string& filename, const Classes& classes) {
  std::vector<std::string> words;
  std::istringstream stream(filename);
  for (std::string word; std::getline(stream, word, '_');) words.push_back(word);
  if (words.at(1) != "mix") return {classes.index_of(words.at(1)), -1, 100};
  return make_blend(classes.index_of(words.at(2)), classes.index_of(words.at(3)), std::stoi(words.at(4)));
}

/// The official form of one prediction: [{"emotion": "ang", "salience": 70.0}, ...].
json to_official(const Label& label, const Classes& classes) {
  const auto entry = [&](int emotion, int salience) {
    return json{{"emotion", classes.names[static_cast<std::size_t>(emotion)]}, {"salience", salience}};
  };
  json entries = json::array({entry(label.first, label.salience)});
  if (label.is_blend()) entries.push_back(entry(label.second, 100 - label.salience));
  return entries;
}

TEST(MetricGolden, EveryNumberIsTheOfficialOne) {
  const std::filesystem::path folder = MEDLEY_SOURCE_DIR "/tests/sweep/golden";
  const json expected = json::parse(std::ifstream(folder / "official_metric_expected.json"));
  const auto inputs = data::NpzFile::open(folder / "official_metric_inputs.npz");
  const Classes classes = Classes::blemore();
  ASSERT_EQ(expected.at("classes").get<std::vector<std::string>>(), classes.names);
  int predictions_compared = 0;
  ASSERT_EQ(expected.at("cases").size(), 9u);
  for (const json& golden : expected.at("cases")) {
    const auto name = golden.at("name").get<std::string>();
    SCOPED_TRACE(name);
    const std::vector<double> p = inputs.read_float64(name + "__P");
    const std::vector<std::string> filenames = inputs.read_strings(name + "__filenames");
    ASSERT_EQ(filenames.size(), golden.at("clips").get<std::size_t>());
    ASSERT_EQ(p.size(), filenames.size() * 6);
    std::vector<Label> truth;
    for (const std::string& filename : filenames) truth.push_back(label_of(filename, classes));
    const ProbabilityView view{p.data(), static_cast<int>(truth.size()), 6};

    const auto best = threshold_surface(view, truth, classes).best();
    const json& search = golden.at("grid_search");
    EXPECT_EQ(best.thresholds.alpha, search.at("alpha").get<double>());
    EXPECT_EQ(best.thresholds.beta, search.at("beta").get<double>());
    EXPECT_EQ(best.accuracy.presence, search.at("acc_presence").get<double>());
    EXPECT_EQ(best.accuracy.salience, search.at("acc_salience").get<double>());
    EXPECT_EQ(best.presence_only, search.at("presence_only").get<double>());
    EXPECT_EQ(best.salience_only, search.at("salience_only").get<double>());

    for (const json& fixed : golden.at("decode")) {
      const Thresholds thresholds{fixed.at("alpha").get<double>(), fixed.at("beta").get<double>()};
      std::vector<Label> said;
      for (int clip = 0; clip < view.clips; ++clip) said.push_back(decode(view.row(clip), classes, thresholds));
      const Accuracy measured = accuracy(said, truth);
      EXPECT_EQ(measured.presence, fixed.at("acc_presence").get<double>());
      EXPECT_EQ(measured.salience, fixed.at("acc_salience").get<double>());
      if (fixed.at("predictions").is_null()) continue;
      for (std::size_t clip = 0; clip < said.size(); ++clip) {
        EXPECT_EQ(to_official(said[clip], classes), fixed.at("predictions").at(filenames[clip])) << filenames[clip];
        ++predictions_compared;
      }
    }
  }
  EXPECT_EQ(predictions_compared, 40);  // 8 clips of the edge case at 5 pairs of thresholds
}

}  // namespace
}  // namespace medley::sweep
