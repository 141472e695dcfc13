#include "trainer/data/npz.h"

#include <gtest/gtest.h>

#include "tests/support/error_of.h"
#include "tests/support/folder.h"
#include "trainer/data/error.h"
#include "trainer/data/npz_write.h"

namespace medley::data {
namespace {

std::vector<NamedArray> one_of_each() {
  return {{"floats", {2, 3}, std::vector<float>{1, -2, 3.5f, 0, 1e-30f, 6}},
          {"doubles", {1, 2, 2}, std::vector<double>{0.1, 0.2, -1e300, 4}},
          {"halves", {3}, std::vector<std::uint16_t>{0, 0x3c00, 65535}},
          {"counts", {}, std::vector<std::int64_t>{-5}},
          {"names", {2}, std::vector<std::string>{"test_0001", "Zo\xc3\xab \xf0\x9f\x98\x80"}},
          {"nothing", {0, 4}, std::vector<float>{}}};
}

class NpzRoundTrip : public ::testing::TestWithParam<Packing> {};

TEST_P(NpzRoundTrip, GivesBackEveryArray) {
  const test::Folder folder;
  write_npz(folder / "a.npz", one_of_each(), GetParam());
  const NpzFile npz = NpzFile::open(folder / "a.npz");
  EXPECT_EQ(npz.names(), (std::vector<std::string>{"floats", "doubles", "halves", "counts", "names", "nothing"}));
  EXPECT_EQ(npz.read_float32("floats"), (std::vector<float>{1, -2, 3.5f, 0, 1e-30f, 6}));
  EXPECT_EQ(npz.read_float64("doubles"), (std::vector<double>{0.1, 0.2, -1e300, 4}));
  EXPECT_EQ(npz.header("doubles").shape, (std::vector<std::size_t>{1, 2, 2}));
  EXPECT_EQ(npz.read_uint16("halves"), (std::vector<std::uint16_t>{0, 0x3c00, 65535}));
  EXPECT_EQ(npz.read_int64("counts"), (std::vector<std::int64_t>{-5}));
  EXPECT_EQ(npz.read_strings("names"), (std::vector<std::string>{"test_0001", "Zo\xc3\xab \xf0\x9f\x98\x80"}));
  EXPECT_TRUE(npz.read_float32("nothing").empty());
}

TEST_P(NpzRoundTrip, SameArraysGiveSameBytes) {
  const test::Folder folder;
  write_npz(folder / "a.npz", one_of_each(), GetParam());
  write_npz(folder / "b.npz", one_of_each(), GetParam());
  EXPECT_EQ(test::read_file(folder / "a.npz"), test::read_file(folder / "b.npz"));
}

INSTANTIATE_TEST_SUITE_P(Packings, NpzRoundTrip, ::testing::Values(Packing::kStored, Packing::kDeflated));

TEST(Npz, TheTextOfACheckpointOf128EncodersIsRead) {
  const test::Folder folder;
  const std::string text(12'000, 'a');
  write_npz(folder / "a.npz", {{"trial", {1}, std::vector<std::string>{text}}});
  EXPECT_EQ(NpzFile::open(folder / "a.npz").read_strings("trial").at(0), text);
}

TEST(Npz, StoredArraysLieInTheFileAligned) {
  const test::Folder folder;
  write_npz(folder / "a.npz", one_of_each());
  const NpzFile npz = NpzFile::open(folder / "a.npz");
  for (const char* name : {"floats", "doubles", "names"}) {
    const ArrayReader reader = npz.reader(name);
    ASSERT_NE(reader.in_place(), nullptr);
    EXPECT_EQ((reader.in_place() - npz.file()->data()) % 64, 0) << name;
  }
}

TEST(Npz, MissingArrayNamesTheNearest) {
  const test::Folder folder;
  write_npz(folder / "a.npz", one_of_each());
  const NpzFile npz = NpzFile::open(folder / "a.npz");
  const std::string message = test::error_of<Error>([&] { npz.read_float32("float"); });
  EXPECT_NE(message.find("a.npz: it has no array 'float'; did you mean 'floats'?"), std::string::npos) << message;
}

TEST(Npz, WrongTypeSaysWhichAreValid) {
  const test::Folder folder;
  write_npz(folder / "a.npz", one_of_each());
  const NpzFile npz = NpzFile::open(folder / "a.npz");
  EXPECT_NE(test::error_of<Error>([&] { npz.read_float64("names"); }).find("array 'names' is <U9; valid: numbers"),
            std::string::npos)
      << test::error_of<Error>([&] { npz.read_float64("names"); });
}

TEST(Npz, AFailedWriteLeavesTheOldFile) {
  const test::Folder folder;
  write_npz(folder / "a.npz", one_of_each());
  const std::string before = test::read_file(folder / "a.npz");
  EXPECT_NE(test::error_of<Error>([&] { write_npz(folder / "a.npz", {{"x", {3}, std::vector<float>{1, 2}}}); }), "");
  EXPECT_EQ(test::read_file(folder / "a.npz"), before);
}

}  // namespace
}  // namespace medley::data
