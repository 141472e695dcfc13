#include "trainer/data/import.h"

#include <algorithm>
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
  std::string import(ImportOptions options = {}) const {
    options.existing = Existing::kOverwrite;
    return test::error_of<Error>(
        [&] { import_dataset(folder / "src", folder / "out", options, [](const ImportProgress&) {}); });
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
  EXPECT_SAYS(source.import(), "face/b.npy: encoder 'face': 1 of 2 clips without a step");
  test::write_file(source.folder / "src/face/b.npy", npy({1, 2, 3}, "(3,)"));
  EXPECT_SAYS(source.import(), "face/b.npy: dim 3, but the encoder's first clip 'a' has 2");
  test::write_file(source.folder / "src/face/b.npy", npy({1, 2, 3, 4, 5, 6, 7, 8}, "(2, 2, 2)"));
  EXPECT_SAYS(source.import(), "face/b.npy: shape (2, 2, 2); valid: [steps, dim]");
  test::write_file(source.folder / "src/face/b.npy", npy({1, 2}, "(1, 2)").substr(0, 20));
  EXPECT_SAYS(source.import(), "face/b.npy: cut short");
  std::filesystem::remove(source.folder / "src/face/b.npy");
  EXPECT_SAYS(source.import(), "src/face: encoder 'face': it has no row for clip 'b'");
}

Dataset imported(const Source& source, const ImportOptions& options = {}) {
  EXPECT_EQ(source.import(options), "");
  return load_dataset(source.folder / "out");
}

TEST(Import, AxesOfLengthOneAreNoSteps) {
  const Source source;
  const std::string fingerprint = imported(source).fingerprint;
  for (const char* shape : {"(6, 1, 2)", "(1, 6, 2)"}) {
    test::write_file(source.folder / "src/face/a.npy", npy(kSeries, shape));
    EXPECT_EQ(imported(source).fingerprint, fingerprint) << shape;
  }
}

TEST(Import, VectorsStayAsTheyAre) {
  const Source source;
  test::write_file(source.folder / "src/face/a.npy", npy({1, 2}, "(2,)"));
  test::write_file(source.folder / "src/face/b.npy", npy({3, 4}, "(1, 2)"));
  const Dataset dataset = imported(source);
  EXPECT_EQ(dataset.encoders.at(0)->dim(), 2);
  std::vector<float> rows(4);
  dataset.encoders[0]->gather({0, 1}, rows.data());
  EXPECT_EQ(rows, (std::vector<float>{1, 2, 3, 4}));
}

TEST(Import, ClipsAreNpzCsvAndInFoldersOfParts) {
  const Source source;
  const std::string fingerprint = imported(source).fingerprint;
  const auto face = source.folder / "src/face";
  std::filesystem::remove(face / "a.npy");
  test::write_file(face / "a.npz", raw_zip({stored("arr_0.npy", npy(kSeries, "(6, 2)"))}));
  EXPECT_EQ(imported(source).fingerprint, fingerprint);
  std::filesystem::remove(face / "a.npz");
  std::string table = "frame, timestamp, confidence, success, AU01_r, AU02_r\n";
  for (std::size_t t = 0; t < 6; ++t) {
    table += std::to_string(t) + ", 0.04, .9, " + (t == 0 ? "0, " : "1, ") + std::to_string(kSeries[2 * t]) + ", " +
             std::to_string(kSeries[2 * t + 1]) + "\n";
  }
  test::write_file(face / "a.csv", table);
  std::vector<std::string> notes;
  ImportOptions options;
  options.existing = Existing::kOverwrite;
  notes = import_dataset(source.folder / "src", source.folder / "out", options, [](const ImportProgress&) {});
  EXPECT_EQ(load_dataset(source.folder / "out").fingerprint, fingerprint);
  ASSERT_EQ(notes.size(), 2u);
  EXPECT_EQ(notes[0],
            "encoder 'face': columns frame, timestamp, confidence, success are no features and were left out");
  EXPECT_EQ(notes[1], "encoder 'face': 1 step with success 0 went into the statistics like all others");

  std::filesystem::create_directories(source.folder / "src/train/face");
  std::filesystem::create_directories(source.folder / "src/test/face");
  std::filesystem::create_directories(source.folder / "src/voice/.ipynb_checkpoints");
  std::filesystem::create_directories(source.folder / "src/.ipynb_checkpoints");
  test::write_file(source.folder / "src/voice/.ipynb_checkpoints/a-checkpoint.npy", "x");
  test::write_file(source.folder / "src/voice/._a.npy", "x");
  std::filesystem::rename(face / "a.csv", source.folder / "src/train/face/a.csv");
  std::filesystem::rename(face / "b.npy", source.folder / "src/test/face/b.npy");
  std::filesystem::remove(face);
  EXPECT_EQ(imported(source).fingerprint, fingerprint);
  notes = import_dataset(source.folder / "src", source.folder / "out", options, [](const ImportProgress&) {});
  EXPECT_SAYS(notes.at(0), ".ipynb_checkpoints: a hidden folder, ignored");
}

TEST(Import, ATableWithoutAHeaderIsNumbersOnly) {
  const Source source;
  const std::string fingerprint = imported(source).fingerprint;
  std::filesystem::remove(source.folder / "src/face/b.npy");
  test::write_file(source.folder / "src/face/b.csv", "1.0e+00,2.0e+00\n");  // numpy.savetxt(delimiter=",")
  EXPECT_EQ(imported(source).fingerprint, fingerprint);
}

TEST(Import, StatisticsAreChosen) {
  const Source source;
  ImportOptions options;
  options.statistics = {Statistic::parse("max"), Statistic::parse("mean")};
  const Dataset dataset = imported(source, options);
  std::vector<float> row(4);
  dataset.encoders.at(0)->gather({0}, row.data());
  EXPECT_EQ(row[0], 1.96f);
  EXPECT_EQ(row[1], 5.36f);
  EXPECT_FLOAT_EQ(row[2], static_cast<float>(kStatisticsOfSeries[0]));
  EXPECT_SAYS(test::error_of<Error>([] { Statistic::parse("p101"); }),
              "valid: mean, std, min, median, max, p0 to p100");
}

TEST(Import, MissingNumbersAreDroppedOrFilledAndSaid) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const Source source;
  test::write_file(source.folder / "src/train_metadata.csv",
                   "filename,video_id,mix,emotion_1,emotion_2,emotion_1_salience,emotion_2_salience,fold\n"
                   "a.mov,A,0,ang,,,,0\nb.mov,B,1,sad,ang,70,30,1\nc.mov,B,0,ang,,,,1\nd.mov,B,0,ang,,,,1\n");
  std::filesystem::remove_all(source.folder / "src/voice");
  test::write_file(source.folder / "src/face/a.npy", npy({1, 2}, "(2,)"));
  test::write_file(source.folder / "src/face/b.npy", npy({nan, 4}, "(2,)"));
  test::write_file(source.folder / "src/face/c.npy", npy({5, 6}, "(2,)"));
  test::write_file(source.folder / "src/face/d.npy", npy({7, 8}, "(2,)"));
  EXPECT_SAYS(source.import(), "--missing drop-clip (or zero, fold-mean)");
  const auto rows = [&](Missing missing, std::string* said) {
    ImportOptions options;
    options.missing = missing;
    const Dataset dataset = imported(source, options);
    *said = dataset.prepared.empty() ? "" : dataset.prepared.at(0);
    std::vector<int> clips(dataset.clips.size());
    for (std::size_t i = 0; i < clips.size(); ++i) clips[i] = static_cast<int>(i);
    std::vector<float> values(2 * clips.size());
    dataset.encoders.at(0)->gather(clips, values.data());
    return values;
  };
  std::string said;
  EXPECT_EQ(rows(Missing::kZero, &said), (std::vector<float>{1, 2, 0, 4, 5, 6, 7, 8}));
  EXPECT_EQ(said, "encoder face: 1 missing number of 1 clip, set to 0");
  EXPECT_EQ(rows(Missing::kFoldMean, &said), (std::vector<float>{1, 2, 6, 4, 5, 6, 7, 8}));
  EXPECT_EQ(said, "encoder face: 1 missing number of 1 clip, set to the mean of the clip's fold");
  EXPECT_EQ(rows(Missing::kDropClip, &said), (std::vector<float>{1, 2, 5, 6, 7, 8}));
  EXPECT_EQ(said, "encoder face: 1 missing number of 1 clip, which were dropped");
}

TEST(Import, TakesADatasetOfFeatureFilesToo) {
  const Source source;
  const std::string fingerprint = imported(source).fingerprint;
  std::filesystem::rename(source.folder / "out", source.folder / "again");
  const std::string x(2 * 14 * 4, '\0');
  import_dataset(source.folder / "again", source.folder / "out", {}, [](const ImportProgress&) {});
  EXPECT_EQ(load_dataset(source.folder / "out").fingerprint, fingerprint);
}

TEST(Import, StepsInOneArrayBecomeStatisticsWhereItIsSaid) {
  const Source source;
  const std::string fingerprint = imported(source).fingerprint;
  std::filesystem::remove_all(source.folder / "src/voice");
  std::filesystem::remove_all(source.folder / "src/face");
  std::vector<float> both = kSeries;
  both.insert(both.end(), kSeries.begin(), kSeries.end());
  const std::string x(reinterpret_cast<const char*>(both.data()), both.size() * sizeof(float));
  test::write_file(
      source.folder / "src/face_static_features.npz",
      raw_zip({stored("X.npy", raw_npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 6, 2), }", x)),
               stored("filenames.npy", raw_npy("{'descr': '|S1', 'fortran_order': False, 'shape': (2,), }", "ab"))}));
  ImportOptions options;
  options.axes = Axes::kClipsTimeDim;
  std::filesystem::remove_all(source.folder / "out");
  const Dataset dataset = imported(source, options);
  ASSERT_EQ(dataset.encoders.at(0)->dim(), 14);
  std::vector<float> row(14);
  dataset.encoders[0]->gather({1}, row.data());
  for (std::size_t i = 0; i < row.size(); ++i) EXPECT_FLOAT_EQ(row[i], static_cast<float>(kStatisticsOfSeries[i])) << i;
}

/// The folder `face` has these files of clips a, b, c and d, which share a fold but for a.
struct FaceFolder {
  Source source;
  FaceFolder() {
    std::filesystem::remove_all(source.folder / "src/voice");
    std::filesystem::remove_all(source.folder / "src/face");
    std::filesystem::create_directories(source.folder / "src/face");
    test::write_file(source.folder / "src/train_metadata.csv",
                     "filename,video_id,mix,emotion_1,emotion_2,emotion_1_salience,emotion_2_salience,fold\n"
                     "a.mov,A,0,ang,,,,0\nb.mov,B,1,sad,ang,70,30,1\nc.mov,B,0,ang,,,,1\nd.mov,B,0,ang,,,,1\n");
  }
  void write(const std::string& file, const std::string& bytes) const {
    test::write_file(source.folder / "src/face" / file, bytes);
  }
  std::string command() const {
    return "medley data import " + (source.folder / "src").string() + " --out " + (source.folder / "out").string();
  }
};

TEST(Import, ClipsWithoutAStepAreCountedAndDroppedInEveryForm) {
  const std::string empty_array = raw_npy("{'descr': '<f4', 'fortran_order': False, 'shape': (0, 2), }", "");
  const std::pair<const char*, std::string> forms[] = {{"npy", npy({}, "(0, 2)")},
                                                       {"npy", npy({}, "(0,)")},
                                                       {"npy", ""},
                                                       {"npz", raw_zip({stored("X.npy", empty_array)})},
                                                       {"npz", ""},
                                                       {"csv", ""},
                                                       {"csv", "\n"},
                                                       {"csv", "frame,AU01_r,AU02_r\n"}};
  for (const auto& [extension, bytes] : forms) {
    SCOPED_TRACE(std::string(extension) + " of " + std::to_string(bytes.size()) + " bytes");
    const FaceFolder face;
    face.write("a." + std::string(extension), bytes);
    face.write("b.npy", npy({1, 2, 3, 4}, "(2, 2)"));
    face.write("c." + std::string(extension), bytes);
    face.write("d.npy", npy({5, 6}, "(1, 2)"));
    EXPECT_SAYS(face.source.import(), "face/a." + std::string(extension) +
                                          ": encoder 'face': 2 of 4 clips without a step; say what to do with: " +
                                          face.command() + " --missing drop-clip");
    ImportOptions options;
    options.missing = Missing::kDropClip;
    const Dataset dropped = imported(face.source, options);
    EXPECT_EQ(dropped.clips.size(), 2u);
    EXPECT_EQ(dropped.encoders.at(0)->dim(), 14);
    options.missing = Missing::kFoldMean;
    EXPECT_EQ(imported(face.source, options).clips.size(), 4u);
    face.write("b.npy", npy({}, "(0, 2)"));
    face.write("d.npy", npy({}, "(0, 2)"));
    EXPECT_SAYS(face.source.import(options), "none of 4 clips has a step");
  }
}

TEST(Import, AnArchiveWithAnEmptyArrayOfAClipCountsIt) {
  const FaceFolder face;
  std::filesystem::remove(face.source.folder / "src/face");
  test::write_file(face.source.folder / "src/face_static_features.npz",
                   raw_zip({stored("a.npy", npy({1, 2}, "(2,)")), stored("b.npy", npy({}, "(0,)")),
                            stored("c.npy", npy({3, 4}, "(2,)")), stored("d.npy", npy({5, 6}, "(2,)"))}));
  EXPECT_SAYS(face.source.import(), "1 of 4 clips without a step");
  ImportOptions options;
  options.missing = Missing::kDropClip;
  EXPECT_EQ(imported(face.source, options).clips.size(), 3u);
}

TEST(Import, RowsOfSeveralFacesAreRefusedUnlessOneIsChosen) {
  const FaceFolder face;
  const std::string header = "frame, face_id, timestamp, confidence, success, AU01_r\n";
  face.write("a.csv", header + "1, 0, 0.0, .9, 1, 1.0\n1, 1, 0.0, .9, 1, 9.0\n2, 0, 0.1, .9, 1, 3.0\n");
  face.write("b.csv", header + "1, 0, 0.0, .9, 1, 2.0\n2, 2, 0.1, .9, 1, 9.0\n");
  face.write("c.csv", header + "1, 0, 0.0, .9, 1, 5.0\n");
  face.write("d.csv", header + "1, 1, 0.0, .9, 1, 6.0\n");
  const std::string error = face.source.import();
  EXPECT_SAYS(error, "face/a.csv: encoder 'face': 2 of 4 clips with rows of several faces (face_id 0, 1, 2)");
  EXPECT_SAYS(error, "; keep one face with: " + face.command() + " --face 0");
  ImportOptions options;
  options.face = 0;
  EXPECT_SAYS(face.source.import(options),
              "face/d.csv: encoder 'face': 1 of 4 clips without a step; say what to do "
              "with: " +
                  face.command() + " --face 0 --missing drop-clip");
  options.missing = Missing::kDropClip;
  options.statistics = {Statistic::parse("mean"), Statistic::parse("max")};
  const Dataset dataset = imported(face.source, options);
  std::vector<float> rows(6);
  dataset.encoders.at(0)->gather({0, 1, 2}, rows.data());
  EXPECT_EQ(rows, (std::vector<float>{2, 3, 2, 2, 5, 5}));
}

TEST(Import, ClipsOfAnotherDimAreCountedWithTheRemedy) {
  const FaceFolder face;
  face.write("a.npy", npy({1, 2, 3, 4}, "(2, 2)"));
  face.write("b.npy", npy({1, 2, 3, 4, 5, 6}, "(2, 3)"));
  face.write("c.npy", npy({1, 2, 3, 4}, "(2, 2)"));
  face.write("d.npy", npy({1, 2, 3, 4, 5, 6}, "(2, 3)"));
  EXPECT_SAYS(face.source.import(),
              "face/b.npy: dim 3, but the encoder's first clip 'a' has 2; 2 of 4 clips differ from it; extract all "
              "clips alike, or remove the files of one kind and use: " +
                  face.command() + " --missing drop-clip");
  std::filesystem::remove(face.source.folder / "src/face/b.npy");
  std::filesystem::remove(face.source.folder / "src/face/d.npy");
  ImportOptions options;
  options.missing = Missing::kDropClip;
  EXPECT_EQ(imported(face.source, options).clips.size(), 2u);
}

TEST(Import, ArraysWithStepsInColumnsAreNamed) {
  const FaceFolder face;  // librosa.feature.mfcc() gives [n_mfcc, steps]
  face.write("a.npy", npy({1, 2, 3, 4, 5, 6}, "(2, 3)"));
  face.write("b.npy", npy({1, 2, 3, 4}, "(2, 2)"));
  face.write("c.npy", npy({1, 2, 3, 4, 5, 6}, "(2, 3)"));
  face.write("d.npy", npy({1, 2}, "(2, 1)"));
  EXPECT_SAYS(face.source.import(),
              "face/b.npy: dim 2, but the encoder's first clip 'a' has 3; 2 of 4 clips differ from it; all have 2 "
              "steps, so the arrays seem to be [dim, steps]; save their transpose");
}

TEST(Import, ExtensionsHaveAnyLetterCase) {
  const Source source;
  const std::string fingerprint = imported(source).fingerprint;
  const auto face = source.folder / "src/face";
  std::filesystem::rename(face / "a.npy", face / "a.NPY");
  EXPECT_EQ(imported(source).fingerprint, fingerprint);
  std::filesystem::remove(face / "a.NPY");
  test::write_file(face / "a.Npz", raw_zip({stored("X.NPY", npy(kSeries, "(6, 2)"))}));
  std::filesystem::remove(face / "b.npy");
  test::write_file(face / "b.CSV", "f1,f2\n1,2\n");
  EXPECT_EQ(imported(source).fingerprint, fingerprint);
  test::write_file(face / "b.npy", npy({1, 2}, "(1, 2)"));
  EXPECT_SAYS(source.import(), "keep one kind of file in a folder");
}

TEST(Import, AFailedImportLeavesNothing) {
  const Source source;
  const auto names = [&](const std::filesystem::path& folder) {
    std::vector<std::string> list;
    for (const auto& entry : std::filesystem::directory_iterator(folder))
      list.push_back(entry.path().filename().string());
    std::sort(list.begin(), list.end());
    return list;
  };
  test::write_file(source.folder / "src/voice/b.npy", npy({1, 2}, "(1, 2)"));  // found after `face` was written
  EXPECT_SAYS(test::error_of<Error>([&] {
                import_dataset(source.folder / "src", source.folder / "new/er/out", {}, [](const ImportProgress&) {});
              }),
              "voice/b.npy: dim 2");
  EXPECT_EQ(names(source.folder.path()), (std::vector<std::string>{"src"}));
  std::filesystem::create_directories(source.folder / "out");
  test::write_file(source.folder / "out/mine.txt", "mine");
  EXPECT_SAYS(source.import(), "voice/b.npy: dim 2");
  EXPECT_EQ(names(source.folder / "out"), (std::vector<std::string>{"mine.txt"}));
}

}  // namespace
}  // namespace medley::data
