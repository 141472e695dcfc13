#include "trainer/data/folds.h"

#include <algorithm>
#include <map>
#include <set>

#include "tests/data/small_dataset.h"

namespace medley::data {
namespace {

struct Metadata {
  Small small;
  FoldOptions options;
  Metadata() {
    options.folds = 2;
    small.load();
    write(
        "filename;speaker;mix;emotion_1;emotion_2;emotion_1_salience;emotion_2_salience\n"
        "a1.mov;A;0;ang;;;\na2.mov;A;1;ang;sad;70,0;30,0\nb1.mov;B;1;sad;ang;50;50\nb2.mov;B;0;neu;;;\n");
  }
  void write(const std::string& text) const { test::write_file(small.folder / "train_metadata.csv", text); }
  std::string add(const std::string& out = "") const {
    return test::error_of<Error>(
        [&] { add_folds(small.folder.path(), out.empty() ? std::filesystem::path() : small.folder / out, options); });
  }
};

TEST(Folds, TakeThePlaceOfAFileThatIsKept) {
  const Metadata metadata;
  const auto path = metadata.small.folder / "train_metadata.csv";
  const std::string before = test::read_file(path);
  ASSERT_EQ(metadata.add(), "");
  EXPECT_EQ(test::read_file(path.string() + ".before-folds"), before);
  const Dataset dataset = load_dataset(metadata.small.folder.path());
  EXPECT_EQ(dataset.folds, (std::vector<int>{0, 1}));
  EXPECT_EQ(*dataset.clips.at(1).label, (sweep::Label{0, 4, 70})) << "all other fields are as they were";
  EXPECT_SAYS(metadata.add(), "it has a column 'fold'; --force to put other folds in it");
}

TEST(Folds, OverwriteNoFileUnasked) {
  Metadata metadata;
  ASSERT_EQ(metadata.add("folds.csv"), "");
  EXPECT_SAYS(metadata.add("folds.csv"), "folds.csv is already there; --force to overwrite it");
  metadata.options.existing = Existing::kOverwrite;
  EXPECT_EQ(metadata.add("folds.csv"), "");
}

TEST(Folds, NeedActorsAndEnoughOfThem) {
  Metadata metadata;
  metadata.options.folds = 3;
  EXPECT_SAYS(metadata.add(), "2 actors for 3 folds; valid: 2 to the number of actors");
  metadata.options.folds = 2;
  metadata.write("filename,who,emotion_1\na,A,ang\nb,B,sad\n");
  EXPECT_SAYS(metadata.add(),
              "no column names the actor, whom folds must not share; say which with --actor, of filename, "
              "who, emotion_1");
  metadata.options.actor_column = "who";
  EXPECT_EQ(metadata.add("o.csv"), "");
  metadata.write("filename,who,emotion_1\na,A,ang\nb,NA,sad\n");
  EXPECT_SAYS(metadata.add("p.csv"), ":3: column 'who': it is empty, so the clip's fold is unknown");
}

}  // namespace
}  // namespace medley::data
