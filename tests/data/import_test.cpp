#include "trainer/data/import.h"

#include <limits>

#include <gtest/gtest.h>

#include "tests/data/raw_zip.h"
#include "tests/support/error_of.h"
#include "tests/support/folder.h"
#include "trainer/data/dataset.h"
#include "trainer/data/error.h"

namespace medley::data {
namespace {

const std::vector<float> kSeries = {0.0f,  1.19f, -1.1f,  -3.56f, -1.82f, -3.97f,
                                    0.24f, 5.36f, -1.97f, -2.48f, 1.96f,  1.43f};

// NumPy 1.24.2, x = kSeries as float32 [6, 2], in float64: concatenate([x.mean(0), x.std(0)] + [percentile(x,
// p, axis=0) for p in (10, 25, 50, 75, 90)])
const std::vector<double> kStatisticsOfSeries = {
    -0.44833334535360336, -0.3383333086967468, 1.3599316019398113,  3.3188523308809645, -1.8950000405311584,
    -3.7649999856948853,  -1.64000004529953,   -3.2899999618530273, -0.550000011920929, -0.6449999809265137,
    0.17999997599668648,  1.3699999749660492,  1.1000000163912773,  3.3950000405311584};

TEST(StaticFeatures, AreThoseOfNumpy) {
  const std::vector<float> row = static_features(kSeries, 6, 2);
  ASSERT_EQ(row.size(), 14u);
  for (std::size_t i = 0; i < row.size(); ++i) EXPECT_FLOAT_EQ(row[i], static_cast<float>(kStatisticsOfSeries[i])) << i;
}

TEST(StaticFeatures, OneStepIsItsOwnEveryPercentile) {
  EXPECT_EQ(static_features({3, -4}, 1, 2), (std::vector<float>{3, -4, 0, 0, 3, -4, 3, -4, 3, -4, 3, -4, 3, -4}));
}

std::string npy(const std::vector<float>& values, const std::string& shape, bool fortran = false) {
  const std::string data(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float));
  return raw_npy(
      "{'descr': '<f4', 'fortran_order': " + std::string(fortran ? "True" : "False") + ", 'shape': " + shape + ", }",
      data);
}

/// Two clips in two folds, two encoders.
struct Source {
  test::Folder folder;
  Source() {
    std::filesystem::create_directories(folder / "src/face");
    std::filesystem::create_directories(folder / "src/voice");
    test::write_file(folder / "src/train_metadata.csv",
                     "filename,video_id,mix,emotion_1,emotion_2,emotion_1_salience,emotion_2_salience,fold\n"
                     "a.mov,A,0,ang,,,,0\nb.mov,B,1,sad,ang,70,30,1\n");
    test::write_file(folder / "src/face/a.npy", npy(kSeries, "(6, 2)"));
    test::write_file(folder / "src/face/b.npy", npy({1, 2}, "(1, 2)"));
    test::write_file(folder / "src/voice/a.npy", npy({1, 2, 3, 4}, "(4, 1)"));
    test::write_file(folder / "src/voice/b.npy", npy({5, 5}, "(2, 1)"));
  }
  std::string import() const {
    return test::error_of<Error>(
        [&] { import_dataset(folder / "src", folder / "out", Existing::kOverwrite, [](const ImportProgress&) {}); });
  }
};

#define EXPECT_SAYS(text, part) EXPECT_NE((text).find(part), std::string::npos) << (text)

TEST(Import, MakesADatasetThatLoads) {
  const Source source;
  ASSERT_EQ(source.import(), "");
  const Dataset dataset = load_dataset(source.folder / "out");
  EXPECT_EQ(dataset.encoder_names(), (std::vector<std::string>{"face", "voice"}));
  EXPECT_EQ(dataset.encoders[0]->dim(), 14);
  std::vector<float> row(14);
  dataset.encoders[0]->gather({0}, row.data());
  for (std::size_t i = 0; i < row.size(); ++i) EXPECT_FLOAT_EQ(row[i], static_cast<float>(kStatisticsOfSeries[i])) << i;
}

TEST(Import, FortranOrderIsTheSameSeries) {
  const Source source;
  std::vector<float> columns;
  for (std::size_t d = 0; d < 2; ++d) {
    for (std::size_t t = 0; t < 6; ++t) columns.push_back(kSeries[t * 2 + d]);
  }
  ASSERT_EQ(source.import(), "");
  const std::string fingerprint = load_dataset(source.folder / "out").fingerprint;
  test::write_file(source.folder / "src/face/a.npy", npy(columns, "(6, 2)", true));
  ASSERT_EQ(source.import(), "");
  EXPECT_EQ(load_dataset(source.folder / "out").fingerprint, fingerprint);
}

TEST(Import, ErrorsNameTheFile) {
  const Source source;
  test::write_file(source.folder / "src/face/b.npy", npy({1, std::numeric_limits<float>::quiet_NaN()}, "(1, 2)"));
  EXPECT_SAYS(source.import(), "face/b.npy: step 0, column 1 is NaN");
  test::write_file(source.folder / "src/face/b.npy", npy({1, 2, 3}, "(1, 3)"));
  EXPECT_SAYS(source.import(), "face/b.npy: dim 3, but the encoder's first clip 'a' has 2");
  test::write_file(source.folder / "src/face/b.npy", npy({}, "(0, 2)"));
  EXPECT_SAYS(source.import(), "face/b.npy: shape (0, 2)");
  test::write_file(source.folder / "src/face/b.npy", npy({1, 2, 3}, "(3,)"));
  EXPECT_SAYS(source.import(), "face/b.npy: shape (3,)");
  test::write_file(source.folder / "src/face/b.npy", npy({1, 2}, "(1, 2)").substr(0, 20));
  EXPECT_SAYS(source.import(), "face/b.npy: cut short");
  std::filesystem::remove(source.folder / "src/face/b.npy");
  EXPECT_SAYS(source.import(), "face/b.npy: missing: encoder 'face' has no file for clip 'b'");
}

}  // namespace
}  // namespace medley::data
