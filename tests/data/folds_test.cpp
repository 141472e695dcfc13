#include "trainer/data/folds.h"

#include <algorithm>
#include <map>
#include <set>

#include "tests/data/small_dataset.h"

namespace medley::data {
namespace {

TEST(Folds, AreDisjointInActorsAndEvenInClasses) {
  // 20 actors of 6 clips; every third has only class x, the others have x and y alike.
  std::vector<std::string> actors, classes;
  for (int actor = 0; actor < 20; ++actor) {
    for (int clip = 0; clip < 6; ++clip) {
      actors.push_back("A" + std::to_string(actor));
      classes.push_back(actor % 3 == 0 || clip % 2 == 0 ? "x" : "y");
    }
  }
  const std::vector<int> folds = assign_folds(actors, classes, 5, 0);
  std::map<std::string, std::set<int>> of_actor;
  std::map<std::string, std::vector<int>> counts;
  for (std::size_t i = 0; i < folds.size(); ++i) {
    of_actor[actors[i]].insert(folds[i]);
    counts[classes[i]].resize(5);
    ++counts[classes[i]].at(static_cast<std::size_t>(folds[i]));
  }
  for (const auto& [actor, set] : of_actor) EXPECT_EQ(set.size(), 1u) << actor;
  // 39 y clips lie on 13 actors of 3, so that folds have 2 or 3 of them.
  for (const int y : counts["y"]) EXPECT_TRUE(y == 6 || y == 9) << y;
  for (const int x : counts["x"]) EXPECT_LE(std::abs(x - 81 / 5), 3) << x;
  EXPECT_EQ(assign_folds(actors, classes, 5, 0), folds) << "the same seed";
  EXPECT_NE(assign_folds(actors, classes, 5, 1), folds) << "another seed";
}

TEST(Folds, EachHasAnActor) {
  EXPECT_EQ(assign_folds({"a", "b", "c"}, {"x", "y", "z"}, 3, 0).size(), 3u);
  const std::vector<int> folds = assign_folds({"a", "b", "c"}, {"x", "y", "z"}, 3, 0);
  EXPECT_EQ(std::set<int>(folds.begin(), folds.end()).size(), 3u);
}

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
