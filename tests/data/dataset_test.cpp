#include "trainer/data/dataset.h"

#include <algorithm>
#include <limits>

#include <gtest/gtest.h>

#include "tests/data/numpy_archives.h"
#include "tests/data/raw_zip.h"
#include "tests/data/small_dataset.h"
#include "tests/support/error_of.h"
#include "tests/support/folder.h"
#include "trainer/data/description.h"
#include "trainer/data/error.h"
#include "trainer/data/metadata.h"
#include "trainer/data/npz.h"
#include "trainer/data/npz_write.h"

namespace medley::data {
namespace {

TEST(LoadDataset, JoinsRowsToClipsByStem) {
  const Small small;
  const Dataset dataset = small.load();
  ASSERT_EQ(dataset.clips.size(), 5u);
  EXPECT_EQ(dataset.clips[0].filename, "a1.mov");
  EXPECT_EQ(dataset.clips[0].stem, "a1");
  EXPECT_EQ(dataset.clips[4].fold, -1);
  EXPECT_EQ(dataset.folds, (std::vector<int>{0, 1}));
  EXPECT_EQ(*dataset.clips[1].label, (sweep::Label{0, 4, 70}));
  EXPECT_EQ(*dataset.clips[2].label, (sweep::Label{0, 4, 50}));
  std::vector<float> out(6);
  dataset.encoders.at(0)->gather({0, 4, 2}, out.data());
  EXPECT_EQ(out, (std::vector<float>{1, 1.5, 5, 5.5, 3, 3.5}));
  const float* matrix = dataset.encoders[0]->matrix();
  ASSERT_NE(matrix, nullptr) << "stored by write_npz(): aligned and used in place";
  EXPECT_EQ(matrix[2 * dataset.encoders[0]->row_of(3)], 4);
}

TEST(LoadDataset, AnActorInTwoFoldsIsNamed) {
  Small small;
  small.train = std::string(kHeader) + "a1,A,0,ang,,,,0\na2,A,0,sad,,,,1\nb1,B,0,sad,,,,1\nb2,B,0,sad,,,,1\n";
  const std::string error = small.error();
  EXPECT_SAYS(error, "train_metadata.csv:3: column 'fold': actor 'A' is in fold 1 and, in line 2, in fold 0");
}

TEST(LoadDataset, AClipWithoutARowNamesClipAndEncoder) {
  Small small;
  small.names[3] = "zz";
  EXPECT_SAYS(small.error(),
              "encoder 'face': it has no row for clip 'a2'; leave such clips out with: medley data import");
}

TEST(LoadDataset, NanAndInfinityNameRowColumnAndClip) {
  Small small;
  small.x[5] = std::numeric_limits<float>::quiet_NaN();
  small.x[8] = -std::numeric_limits<float>::infinity();
  for (const Packing packing : {Packing::kStored, Packing::kDeflated}) {
    small.packing = packing;
    const std::string error = small.error();
    EXPECT_SAYS(error, "encoder 'face': row 2, column 1 (clip 'b1') is NaN; 2 numbers of 2 clips are NaN or infinite");
    EXPECT_SAYS(error, "--missing drop-clip");
    EXPECT_SAYS(error, "1 error\n");
  }
}

TEST(LoadDataset, FingerprintFollowsContentAndNotStorage) {
  Small small;
  const std::string first = small.load().fingerprint;
  small.packing = Packing::kDeflated;
  small.names = {"a1", "ignored", "a2", "b1", "b2", "t1"};
  small.x = {1, 1.5, 9, 9, 2, 2.5, 3, 3.5, 4, 4.5, 5, 5.5};
  EXPECT_EQ(small.load().fingerprint, first) << "packing, row order and rows of other clips do not matter";
  small.x[4] = 2.25;
  EXPECT_NE(small.load().fingerprint, first) << "one number changed";
  small.x[4] = 2;
  small.train.replace(small.train.find("70,30"), 5, "30,70");
  EXPECT_NE(small.load().fingerprint, first) << "one label changed";
}

TEST(LoadDataset, TestClipsHaveAFingerprintOfTheirOwn) {
  Small small;
  const Dataset first = small.load();
  EXPECT_EQ(first.test_fingerprint.size(), 64u);
  small.test = "filename,mix,emotion_1,emotion_2,emotion_1_salience,emotion_2_salience\nt1.mov,0,ang,,,\n";
  EXPECT_EQ(small.load().fingerprint, first.fingerprint) << "labels of test clips";
  EXPECT_EQ(small.load().test_fingerprint, first.test_fingerprint) << "training never reads them";
  small.x[0] = 6;
  EXPECT_EQ(small.load().fingerprint, first.fingerprint) << "features of a test clip";
  EXPECT_NE(small.load().test_fingerprint, first.test_fingerprint);
  small.x[0] = 5;
  small.names.push_back("t2");
  small.x.insert(small.x.end(), {7, 7.5});
  small.test = "filename\nt1.mov\nt2.mov\n";
  EXPECT_EQ(small.load().fingerprint, first.fingerprint) << "a test clip more";
  EXPECT_NE(small.load().test_fingerprint, first.test_fingerprint);
  small.test = "filename\n";
  EXPECT_EQ(small.load().fingerprint, first.fingerprint) << "no test clip";
  EXPECT_EQ(small.load().test_fingerprint, "");
}

TEST(LoadDataset, LabelsOfTestClipsDoNotDecideWhatAClassMayBe) {
  Small small;
  small.test = "filename,mix,emotion_1,emotion_2,emotion_1_salience,emotion_2_salience\nt1.mov,1,ang,neu,30,70\n";
  EXPECT_SAYS(small.error(), "test_metadata.csv:2: column 'emotion_2': 'neu' is exclusive");
}

TEST(LoadClips, ReadsNewClipsAloneWithOrWithoutMetadata) {
  test::Folder folder;
  const sweep::Classes classes{{"x", "y"}, {false, false}};
  write_npz(folder / "face_static_features.npz",
            {{"X", {2, 2}, std::vector<float>{1, 2, 3, 4}}, {"filenames", {2}, std::vector<std::string>{"n1", "n2"}}});
  Dataset dataset = load_clips(folder.path(), classes);
  ASSERT_EQ(dataset.clips.size(), 2u);
  EXPECT_EQ(dataset.clips[1].filename, "n2");
  EXPECT_EQ(dataset.clips[1].fold, -1);
  EXPECT_EQ(dataset.classes.names, classes.names);
  EXPECT_EQ(dataset.fingerprint, "");
  write_npz(folder / "face_static_features.npz", {{"X", {2, 2}, std::vector<float>{1, 2, 3, 4}}});
  write_npz(folder / "voice_static_features.npz", {{"X", {2, 1}, std::vector<float>{5, 6}}});
  dataset = load_clips(folder.path(), classes);
  ASSERT_EQ(dataset.clips.size(), 2u) << "without names the rows are numbered";
  EXPECT_EQ(dataset.clips[1].filename, "row_1");
  float voice = 0;
  dataset.encoders.at(1)->gather({1}, &voice);
  EXPECT_EQ(voice, 6);
  std::filesystem::remove(folder / "voice_static_features.npz");
  write_npz(folder / "face_static_features.npz",
            {{"X", {2, 2}, std::vector<float>{1, 2, 3, 4}}, {"filenames", {2}, std::vector<std::string>{"n1", "n2"}}});
  test::write_file(folder / "test_metadata.csv", "filename,video_id\nn2.mov,A\n");
  dataset = load_clips(folder.path(), classes);
  ASSERT_EQ(dataset.clips.size(), 1u);
  EXPECT_EQ(dataset.clips[0].filename, "n2.mov");
  EXPECT_EQ(dataset.clips[0].actor, "A");
  float read[2] = {};
  dataset.encoders.at(0)->gather({0}, read);
  EXPECT_EQ(read[0], 3);
  test::write_file(folder / "test_metadata.csv", "filename\nn3.mov\n");
  EXPECT_SAYS(test::error_of<Error>([&] { load_clips(folder.path(), classes); }), "no row for clip 'n3'");
}

/// The message for a training file of these rows.
std::string error_for_rows(const std::string& rows) {
  Small small;
  small.train = kHeader + rows;
  return small.error();
}

TEST(LoadDataset, LabelErrorsNameLineColumnValueAndWhatIsValid) {
  EXPECT_SAYS(error_for_rows("a1,A,0,angg,,,,0\n"),
              "train_metadata.csv:2: column 'emotion_1': 'angg' is not an emotion; did you mean 'ang'?");
  EXPECT_SAYS(error_for_rows("a1,A,1,ang,sad,60,40,0\n"),
              "column 'emotion_1_salience': '60' is not a salience; valid: 30, 50, 70");
  EXPECT_SAYS(error_for_rows("a1,A,1,ang,sad,70,70,0\n"), "do not add to 100");
  EXPECT_SAYS(error_for_rows("a1,A,1,ang,ang,50,50,0\n"), "column 'emotion_2': 'ang' is also emotion_1");
  EXPECT_SAYS(error_for_rows("a1,A,0,ang,sad,,,0\n"), "column 'emotion_2': 'sad', but mix is 0");
  EXPECT_SAYS(error_for_rows("a1,A,2,ang,,,,0\n"), "column 'mix': '2' is neither 0");
  EXPECT_SAYS(error_for_rows("a1,A,0,ang,,,,x\na2,A,0,ang,,,,0\n"), "column 'fold': 'x' is not a whole number");
  EXPECT_SAYS(error_for_rows("a1,A,0,ang,,,,1.5\n"), "column 'fold': '1.5' is not a whole number");
  EXPECT_SAYS(error_for_rows("a1,A,0,ang,,,,-1\n"), "column 'fold': '-1' is not a whole number");
  EXPECT_SAYS(error_for_rows("a1.mov,A,0,ang,,,,0\na1.mp4,A,0,ang,,,,0\n"), "clip 'a1' was already in line 2");
  EXPECT_SAYS(error_for_rows("t1.mov,A,0,ang,,,,0\n"),
              "test_metadata.csv: clip 't1' is also in train_metadata.csv (fold 0)");
  EXPECT_SAYS(error_for_rows(""), "train_metadata.csv: it has no clips");
}

TEST(LoadDataset, PandasNumbersAreTaken) {
  Small small;
  small.train =
      std::string(kHeader) + "a1,A,0.0,ang,,,,0.0\na2,A,1.0,ang,sad,70.0,30.0,0\nb1,B,0,sad,,,,1\nb2,B,0,sad,,,,1\n";
  EXPECT_EQ(*small.load().clips[1].label, (sweep::Label{0, 4, 70}));
}

TEST(LoadDataset, AMissingColumnNamesTheNearestPresent) {
  Small small;
  small.train.replace(small.train.find("emotion_2_salience"), 18, "emotion_2_sallience");
  EXPECT_SAYS(small.error(), "column 'emotion_2_salience' is missing; the nearest present is 'emotion_2_sallience'");
}

TEST(LoadDataset, AllErrorsAreCountedAndTheFirstTwentyShown) {
  std::string rows;
  for (int i = 0; i < 30; ++i) rows += "c" + std::to_string(i) + ",A,0,emo" + std::to_string(i) + ",,,,0\n";
  const std::string error = error_for_rows(rows);
  EXPECT_SAYS(error, "31 errors");  // 30 labels, and the clips without a row
  EXPECT_SAYS(error, "and 11 more");
  EXPECT_EQ(std::count(error.begin(), error.end(), '\n'), 21);
}

TEST(LoadDataset, NeutralMayBlendOnlyWhereNothingForbidsIt) {
  Small small;
  small.train.replace(small.train.find("sad,ang,50,50"), 13, "neu,ang,50,50");
  EXPECT_FALSE(small.load().classes.exclusive[5]);
  small.yaml = "classes: [ang, disg, fea, hap, sad, neu]\nexclusive: [neu]\n";
  EXPECT_SAYS(small.error(), "train_metadata.csv:4: column 'emotion_1': 'neu' is exclusive");
  small.yaml = "classes: [ang, disg, fea, hap, sad, neu]\n";
  EXPECT_FALSE(small.load().classes.exclusive[5]);
}

TEST(LoadDataset, DatasetYamlNamesEncodersModalitiesAndSynthetic) {
  Small small;
  small.yaml = "encoders:\n  face: video\nsynthetic: true\n";
  const Dataset dataset = small.load();
  EXPECT_TRUE(dataset.synthetic);
  EXPECT_EQ(dataset.encoders.at(0)->modality(), "video");
  EXPECT_TRUE(dataset.classes.exclusive[5]);
}

TEST(LoadDataset, LabelsOfEncodersAreWordsThatChangeNoFingerprint) {
  Small small;
  const std::string without = small.load().fingerprint;
  small.yaml = "encoders:\n  face:\n    modality: video\n    family: task-adapted\n    2nd_run: yes\n";
  const Dataset dataset = small.load();
  EXPECT_EQ(dataset.encoders.at(0)->labels(),
            (sweep::EncoderLabels{{"modality", "video"}, {"family", "task-adapted"}, {"2nd_run", "yes"}}));
  EXPECT_EQ(dataset.encoders.at(0)->modality(), "video");
  EXPECT_EQ(dataset.fingerprint, without);
  small.yaml = "encoders: {face: {family: adapted}}\n";
  EXPECT_EQ(small.load().encoders.at(0)->modality(), "");
  small.yaml = "encoders: {face: }\n";
  EXPECT_TRUE(small.load().encoders.at(0)->labels().empty());
}

TEST(Description, ComesBackFromItsText) {
  const test::Folder folder;
  Description description;
  description.encoders = {{"a", {{"modality", "video"}}},
                          {"b", {}},
                          {"c", {{"family", "x: y"}, {"modality", "audio"}}},
                          {"d", {{"family", "z"}}}};
  test::write_file(folder / "dataset.yaml", description_text(description));
  const Description read = read_description(folder / "dataset.yaml");
  ASSERT_EQ(read.encoders.size(), description.encoders.size());
  for (std::size_t e = 0; e < read.encoders.size(); ++e) {
    EXPECT_EQ(read.encoders[e].name, description.encoders[e].name);
    EXPECT_EQ(read.encoders[e].labels, description.encoders[e].labels) << read.encoders[e].name;
  }
}

TEST(LoadDataset, DatasetYamlErrorsNameLineAndKey) {
  Small small;
  const auto error = [&](const std::string& yaml) {
    small.yaml = yaml;
    return small.error();
  };
  EXPECT_SAYS(error("clases: [a, b]\n"), "dataset.yaml:1: unknown key 'clases'; did you mean 'classes'?");
  EXPECT_SAYS(error("\nencoders:\n  fase: video\n"),
              "encoder 'fase' has no file fase_static_features.npz; did you mean 'face'?");
  EXPECT_SAYS(error("exclusive: [new]\n"), "'new' is not a class; did you mean 'neu'?");
  EXPECT_SAYS(error("classes: [a]\n"), "valid: 2 to 16");
  EXPECT_SAYS(error("classes: [a, b\n"), "dataset.yaml:");
  EXPECT_SAYS(error("classes: [a, b\xe9]\n"), "dataset.yaml:1: classes: a name: not UTF-8 at byte 1");
  EXPECT_SAYS(error("synthetic: perhaps\n"), "dataset.yaml:1: synthetic: true or false");
  EXPECT_SAYS(error("encoders: [face]\n"), "a mapping of encoder to modality");
  EXPECT_SAYS(error("encoders: {face: [video]}\n"),
              "dataset.yaml:1: the modality of 'face', or its labels, is expected");
  EXPECT_SAYS(error("encoders:\n  face:\n    my family: a\n"),
              "dataset.yaml:3: label 'my family' of 'face': valid are letters, digits, '_' and '-'");
  EXPECT_SAYS(error("encoders: {face: {family: }}\n"), "dataset.yaml:1: the family of 'face' is expected");
  EXPECT_SAYS(error("encoders: {face: {family: a, family: b}}\n"), "label 'family' of 'face' occurs twice");
  EXPECT_SAYS(error("- a\n"), "dataset.yaml:1: a mapping is expected");
  EXPECT_SAYS(error("synthetic: true\nsynthetic: false\n"), "dataset.yaml:2: key 'synthetic' occurs twice");
  EXPECT_SAYS(error("classes: " + std::string(100'000, '[')), "dataset.yaml:1: ");
}

TEST(LoadDataset, TestLabelsAreOptional) {
  Small small;
  small.test = "filename,mix,emotion_1,emotion_2,emotion_1_salience,emotion_2_salience\nt1.mov,1,hap,fea,30,70\n";
  EXPECT_EQ(*small.load().clips[4].label, (sweep::Label{2, 3, 70}));
  small.test = "filename,video_id\nt1.mov,A\n";
  EXPECT_SAYS(small.error(), "test_metadata.csv: actor 'A' of clip 't1' is also in train_metadata.csv (fold 0)");
}

TEST(LoadDataset, StoredFeaturesThatAreNotAlignedAreGatheredButHaveNoMatrix) {
  // Name and headers as numpy.savez writes them put the numbers at an odd offset.
  const Small small;
  small.load();
  const std::string header = "{'descr': '<f4', 'fortran_order': False, 'shape': (5, 2), }";
  const std::string x(reinterpret_cast<const char*>(small.x.data()), small.x.size() * sizeof(float));
  const std::string names = "t1b2b1a2a1";
  for (const std::string pad : {"", " ", "  ", "   "}) {
    test::write_file(small.folder / "face_static_features.npz",
                     raw_zip({stored("X.npy", raw_npy(header + pad, x)),
                              stored("filenames.npy",
                                     raw_npy("{'descr': '|S2', 'fortran_order': False, 'shape': (5,), }", names))}));
    const Dataset dataset = load_dataset(small.folder.path());
    std::vector<float> out(4);
    dataset.encoders[0]->gather({0, 4}, out.data());
    EXPECT_EQ(out, (std::vector<float>{1, 1.5, 5, 5.5}));
    // 30 + 5 bytes of ZIP header, 10 + header + 1 of NumPy's
    const std::size_t offset = 30 + 5 + 10 + header.size() + pad.size() + 1;
    EXPECT_EQ(dataset.encoders[0]->matrix() != nullptr, offset % 4 == 0) << offset;
  }
}

TEST(LoadDataset, EncoderNamesThatCannotStandInASetAreRefused) {
  const Small small;
  small.load();
  std::filesystem::rename(small.folder / "face_static_features.npz", small.folder / "a+b_static_features.npz");
  EXPECT_SAYS(test::error_of<Error>([&] { load_dataset(small.folder.path()); }),
              "encoder name 'a+b': valid are letters");
}

TEST(LoadDataset, DuplicateRowsAreErrors) {
  Small small;
  small.names = {"t1", "b2", "b1", "a2", "a1", "a1"};
  small.x.insert(small.x.end(), {1, 1});
  EXPECT_SAYS(small.error(), "encoder 'face': clip 'a1' has two rows: 4 and 5");
}

/// A dataset of clips a, b and test clip t whose one feature file NumPy wrote.
template <std::size_t size>
Dataset load_numpy(const test::Folder& folder, const unsigned char (&archive)[size]) {
  test::write_file(folder / "train_metadata.csv", std::string(kHeader) + "a,A,0,ang,,,,0\nb,B,0,sad,,,,1\n");
  test::write_file(folder / "test_metadata.csv", "filename\nt.mov\n");
  test::write_file(folder / "e_static_features.npz", std::string(reinterpret_cast<const char*>(archive), size));
  return load_dataset(folder.path());
}

template <std::size_t size>
std::vector<float> numpy_features(const unsigned char (&archive)[size]) {
  const test::Folder folder;
  const Dataset dataset = load_numpy(folder, archive);
  const Encoder& encoder = *dataset.encoders[0];
  std::vector<float> x(3 * static_cast<std::size_t>(encoder.layers() * encoder.dim()));
  encoder.gather({0, 1, 2}, x.data());
  return x;
}

const std::vector<float> kBase = {-0.5f, -0.25f, 0, 0.25f, 0.5f, 0.75f};

TEST(NumpyArchives, EveryTypeAndOrderGivesTheSameFeatures) {
  EXPECT_EQ(numpy_features(kHalfFortran), kBase);
  EXPECT_EQ(numpy_features(kDoubleStored), kBase);
  const test::Folder a, b;
  EXPECT_EQ(load_numpy(a, kHalfFortran).fingerprint, load_numpy(b, kDoubleStored).fingerprint)
      << "the fingerprint is over float32 values, not over how they are stored";
}

TEST(NumpyArchives, LayersAreKeptApartWhateverTheOrderOnDisk) {
  // [clip, layer, dim]: base of clip i is (i / 2 - .5, i / 2 - .25); layers add 0, 1, 5.
  const std::vector<float> expected = {-.5f,  -.25f, .5f,   .75f, 4.5f, 4.75f, 0,     .25f, 1,
                                       1.25f, 5,     5.25f, .5f,  .75f, 1.5f,  1.75f, 5.5f, 5.75f};
  EXPECT_EQ(numpy_features(kLayers), expected);
  EXPECT_EQ(numpy_features(kFortranLayers), expected);
  const test::Folder folder;
  const Dataset dataset = load_numpy(folder, kLayers);
  EXPECT_EQ(dataset.encoders[0]->layers(), 3);
  EXPECT_EQ(dataset.encoders[0]->dim(), 2);
}

TEST(NumpyArchives, GeneralReadersGiveCOrder) {
  const test::Folder folder;
  test::write_file(folder / "e.npz", std::string(reinterpret_cast<const char*>(kFortranLayers), sizeof kFortranLayers));
  const NpzFile npz = NpzFile::open(folder / "e.npz");
  EXPECT_EQ(npz.header("X").shape, (std::vector<std::size_t>{3, 3, 2}));
  EXPECT_EQ(npz.read_float64("X"), (std::vector<double>{-.5, -.25, .5, .75, 4.5, 4.75, 0, .25, 1, 1.25, 5, 5.25, .5,
                                                        .75, 1.5, 1.75, 5.5, 5.75}));
}

TEST(NumpyArchives, BigEndianIsReadAndPickledIsRefusedWithAWayOut) {
  EXPECT_EQ(numpy_features(kBigEndian), kBase);
  const test::Folder folder;
  EXPECT_SAYS(test::error_of<Error>([&] { load_numpy(folder, kPickled); }), "np.array(names, dtype=str)");
}

TEST(StemOf, DropsOnlyExtensions) {
  EXPECT_EQ(stem_of("test_0001.mov"), "test_0001");
  EXPECT_EQ(stem_of("test_0001"), "test_0001");
  EXPECT_EQ(stem_of("clip_v1.5"), "clip_v1.5");
  EXPECT_EQ(stem_of("a.b.mp4"), "a.b");
  EXPECT_EQ(stem_of("A101_0.3s"), "A101_0.3s");
  EXPECT_EQ(stem_of("A101_0.3s.MP4"), "A101_0.3s");
  EXPECT_EQ(stem_of("A101_ang.mp4.npy"), "A101_ang");
  EXPECT_EQ(stem_of(".hidden"), ".hidden");
  EXPECT_EQ(stem_of("x.with space"), "x.with space");
}

}  // namespace
}  // namespace medley::data
