#include "trainer/data/dataset.h"

#include <gtest/gtest.h>

#include <limits>

#include "tests/data/temporary_folder.h"
#include "trainer/data/metadata.h"
#include "trainer/data/npz_write.h"

namespace medley::data {
namespace {

constexpr char kHeader[] = "filename,video_id,mix,emotion_1,emotion_2,emotion_1_salience,emotion_2_salience,fold\n";

/// Four clips of two actors in two folds, one test clip, one encoder `face` of two numbers.
struct Small {
  TemporaryFolder folder;
  std::string train = std::string(kHeader) +
                      "a1.mov,A,0,ang,,,,0\n"
                      "a2.mov,A,1,ang,sad,70,30,0\n"
                      "b1.mov,B,1,sad,ang,50,50,1\n"
                      "b2.mov,B,0,neu,,,,1\n";
  std::string test = "filename\nt1.mov\n";
  std::string yaml;
  std::vector<std::string> names = {"t1", "b2", "b1", "a2", "a1"};
  std::vector<float> x = {5, 5.5, 4, 4.5, 3, 3.5, 2, 2.5, 1, 1.5};
  Packing packing = Packing::kStored;

  Dataset load() const {
    write_bytes(folder / "train_metadata.csv", train);
    write_bytes(folder / "test_metadata.csv", test);
    if (!yaml.empty()) write_bytes(folder / "dataset.yaml", yaml);
    write_npz(folder / "face_static_features.npz",
              {{"X", {names.size(), 2}, x}, {"filenames", {names.size()}, names}}, packing);
    return load_dataset(folder.path());
  }
  std::string error() const {
    return error_of([&] { load(); });
  }
};

#define EXPECT_SAYS(text, part) EXPECT_NE((text).find(part), std::string::npos) << (text)

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
  EXPECT_SAYS(small.error(), "encoder 'face' has no row for clip 'a2'");
}

TEST(LoadDataset, NanAndInfinityNameRowColumnAndClip) {
  Small small;
  small.x[5] = std::numeric_limits<float>::quiet_NaN();
  small.x[8] = -std::numeric_limits<float>::infinity();
  for (const Packing packing : {Packing::kStored, Packing::kDeflated}) {
    small.packing = packing;
    const std::string error = small.error();
    EXPECT_SAYS(error, "array 'X', row 2, column 1 (clip 'b1') is NaN");
    EXPECT_SAYS(error, "array 'X', row 4, column 0 (clip 'a1') is infinite");
    EXPECT_SAYS(error, "2 mistakes");
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

TEST(StemOf, DropsOnlyExtensions) {
  EXPECT_EQ(stem_of("test_0001.mov"), "test_0001");
  EXPECT_EQ(stem_of("test_0001"), "test_0001");
  EXPECT_EQ(stem_of("clip_v1.5"), "clip_v1.5");
  EXPECT_EQ(stem_of("a.b.mp4"), "a.b");
  EXPECT_EQ(stem_of(".hidden"), ".hidden");
  EXPECT_EQ(stem_of("x.with space"), "x.with space");
}

}  // namespace
}  // namespace medley::data
