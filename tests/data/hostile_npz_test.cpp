// Whatever a file holds, reading it gives the true values or a data::Error that names it; nothing else.
#include <cstring>
#include <random>

#include <gtest/gtest.h>

#include "tests/data/raw_zip.h"
#include "tests/support/error_of.h"
#include "tests/support/folder.h"
#include "trainer/data/error.h"
#include "trainer/data/limits.h"
#include "trainer/data/npz.h"
#include "trainer/data/npz_write.h"

namespace medley::data {
namespace {

struct Contents {
  std::vector<std::string> names, filenames;
  std::vector<float> x;
  std::vector<double> p;
  friend bool operator==(const Contents& a, const Contents& b) {
    return a.names == b.names && a.filenames == b.filenames && a.x == b.x && a.p == b.p;
  }
};

Contents read_all(const std::filesystem::path& path) {
  const NpzFile npz = NpzFile::open(path);
  return {npz.names(), npz.read_strings("filenames"), npz.read_float32("X"), npz.read_float64("P")};
}

std::string small_archive(const std::filesystem::path& path, Packing packing) {
  write_npz(path,
            {{"X", {3, 4}, std::vector<float>{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}},
             {"filenames", {3}, std::vector<std::string>{"a", "bb", "ccc"}},
             {"P", {2, 2}, std::vector<double>{.1, .2, .3, .4}}},
            packing);
  return test::read_file(path);
}

class HostileNpz : public ::testing::TestWithParam<Packing> {
 protected:
  test::Folder folder_;
  std::filesystem::path path_ = folder_ / "hostile.npz";
  /// "" when reading gives `truth`; the message when it is refused. Anything else fails the test.
  std::string outcome(const std::string& bytes, const Contents& truth) {
    test::write_file(path_, bytes);
    std::string message;
    Contents contents;
    message = test::error_of<Error>([&] { contents = read_all(path_); });
    if (message.empty()) {
      EXPECT_TRUE(contents == truth) << "wrong values were read without an error";
    } else {
      EXPECT_NE(message.find("hostile.npz"), std::string::npos) << message;
    }
    return message;
  }
};

TEST_P(HostileNpz, EveryTruncationIsRefused) {
  const std::string whole = small_archive(path_, GetParam());
  const Contents truth = read_all(path_);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    ASSERT_NE(outcome(whole.substr(0, size), truth), "") << size << " of " << whole.size() << " bytes";
  }
}

TEST_P(HostileNpz, EverySingleBitFlipIsRefusedOrHarmless) {
  const std::string whole = small_archive(path_, GetParam());
  const Contents truth = read_all(path_);
  int refused = 0, flips = 0;
  for (std::size_t byte = 0; byte < whole.size(); ++byte) {
    for (int bit = 0; bit < 8; ++bit, ++flips) {
      std::string bytes = whole;
      bytes[byte] = static_cast<char>(bytes[byte] ^ (1 << bit));
      refused += outcome(bytes, truth).empty() ? 0 : 1;
      ASSERT_FALSE(HasFailure()) << "byte " << byte << ", bit " << bit;
    }
  }
  EXPECT_GT(refused, flips / 2) << "only times, versions and attributes are free to change";
}

TEST_P(HostileNpz, ManyRandomBytesAreRefusedOrHarmless) {
  const std::string whole = small_archive(path_, GetParam());
  const Contents truth = read_all(path_);
  std::mt19937 random(1);
  int refused = 0;
  constexpr int kTrials = 4000;
  for (int trial = 0; trial < kTrials; ++trial) {
    std::string bytes = whole;
    for (unsigned i = 0; i < 1 + random() % 8; ++i) bytes[random() % bytes.size()] = static_cast<char>(random());
    refused += outcome(bytes, truth).empty() ? 0 : 1;
    ASSERT_FALSE(HasFailure()) << "trial " << trial;
  }
  EXPECT_GT(refused, kTrials / 2);
}

INSTANTIATE_TEST_SUITE_P(Packings, HostileNpz, ::testing::Values(Packing::kStored, Packing::kDeflated));

std::string refusal(const std::string& archive) {
  const test::Folder folder;
  test::write_file(folder / "hostile.npz", archive);
  std::vector<float> values;
  const std::string message =
      test::error_of<Error>([&] { values = NpzFile::open(folder / "hostile.npz").read_float32("X"); });
  EXPECT_NE(message, "") << values.size() << " values were read";
  EXPECT_NE(message.find("hostile.npz"), std::string::npos) << message;
  return message;
}

#define EXPECT_SAYS(text, part) EXPECT_NE((text).find(part), std::string::npos) << (text)

const std::string kGood = "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 2), }";

TEST(HostileHeader, TheSameBytesWithAGoodHeaderAreRead) {
  const test::Folder folder;
  for (const RawMember& member : {stored("X.npy", raw_npy(kGood, std::string(24, '\0'))),
                                  deflated("X.npy", raw_npy(kGood, std::string(24, '\0')))}) {
    test::write_file(folder / "good.npz", raw_zip({member}));
    EXPECT_EQ(NpzFile::open(folder / "good.npz").read_float32("X"), std::vector<float>(6, 0));
  }
}

TEST(HostileHeader, EveryMalformedHeaderIsRefused) {
  const std::string before = "{'descr': '<f4', 'fortran_order': False, 'shape': ";
  for (const std::string& header :
       std::vector<std::string>{"",
                                "{",
                                "{}",
                                "()",
                                "{'descr': '<f4'}",
                                kGood + "x",
                                kGood + kGood,
                                before + "(3, 2)",
                                before + "(3, 2)}}",
                                before + "(3, 3)}",
                                before + "(3,, 2)}",
                                before + "(3 2)}",
                                before + "(6)}",
                                before + "[3, 2]}",
                                before + "(-3, -2)}",
                                before + "(3, 2.0)}",
                                before + "(0x3, 2)}",
                                before + "(3, 2, 0)}",
                                before + "(,)}",
                                before + "(4611686018427387904, 8)}",
                                before + "(4294967296, 4294967296, 6)}",
                                before + "(18446744073709551622,)}",
                                before + "(99999999999999999999999999999999,)}",
                                before + "(1, 1, 1, 1, 1, 1, 1, 1, 1, 6)}",
                                before + "(3, 2), 'shape': (3, 2)}",
                                before + "(3, 2), 'extra': 1}",
                                "{'descr': '<f4', 'fortran_order': 0, 'shape': (3, 2)}",
                                "{'descr': '<f4', 'fortran_order': Fals, 'shape': (3, 2)}",
                                "{'descr': '<f9', 'fortran_order': False, 'shape': (3, 2)}",
                                "{'descr': '<f', 'fortran_order': False, 'shape': (3, 2)}",
                                "{'descr': '', 'fortran_order': False, 'shape': (3, 2)}",
                                "{'descr': '<U0', 'fortran_order': False, 'shape': (3, 2)}",
                                "{'descr': '<U99999999999999999999', 'fortran_order': False, 'shape': (3, 2)}",
                                "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (3, 2)}",
                                "{'descr': '<f4, 'fortran_order': False, 'shape': (3, 2)}"}) {
    refusal(raw_zip({stored("X.npy", raw_npy(header, std::string(24, '\0')))}));
    refusal(raw_zip({deflated("X.npy", raw_npy(header, std::string(24, '\0')))}));
  }
}

TEST(HostileHeader, HugeHeaderLengthsAreRefusedUnread) {
  const std::string array = std::string("\x93NUMPY\x02\x00\xff\xff\xff\xff", 12) + kGood + "\n" + std::string(24, '\0');
  EXPECT_SAYS(refusal(raw_zip({stored("X.npy", array)})), "at most 65536 are read");
  EXPECT_SAYS(refusal(raw_zip({stored("X.npy", std::string("\x93NUMPY\x01\x00\xff\xff", 10))})), "");
  EXPECT_SAYS(refusal(raw_zip({stored("X.npy", std::string("\x93NUMPY\x02\x00\x00\x00\x00\x00", 12))})), "header");
  EXPECT_SAYS(refusal(raw_zip({stored("X.npy", std::string("\x93NUMPY\x01\x00\x00\x00", 10))})), "header");
  EXPECT_SAYS(refusal(raw_zip({stored("X.npy", std::string("\x93NUMPY\x04\x00\x10\x00", 10))})),
              "valid: 1.0, 2.0, 3.0");
}

TEST(HostileZip, AMemberThatInflatesToLessOrMoreThanItSaysIsRefused) {
  const std::string large = "{'descr': '<f4', 'fortran_order': False, 'shape': (3000, 2), }";
  RawMember less = deflated("X.npy", raw_npy(large, std::string(24, '\0')));
  less.size = raw_npy(large, std::string(24000, '\0')).size();
  EXPECT_SAYS(refusal(raw_zip({less})), "array 'X'");
  RawMember more = deflated("X.npy", raw_npy(kGood, std::string(100, '\0')));
  more.size = raw_npy(kGood, std::string(24, '\0')).size();
  EXPECT_SAYS(refusal(raw_zip({more})), "array 'X'");
}

TEST(HostileZip, AWrongCrcIsRefused) {
  for (RawMember member : {stored("X.npy", raw_npy(kGood, std::string(24, '\0'))),
                           deflated("X.npy", raw_npy(kGood, std::string(24, '\0')))}) {
    member.crc ^= 1;
    EXPECT_SAYS(refusal(raw_zip({member})), "CRC");
  }
}

TEST(HostileZip, ADeclaredBombIsRefusedBeforeAnyMemoryIsTaken) {
  RawMember bomb = deflated("X.npy", raw_npy("{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000,), }", ""));
  bomb.size = 4'000'000'000 + bomb.size;
  EXPECT_SAYS(refusal(raw_zip({bomb})), "zip bomb");
}

TEST(HostileZip, MemoryAndNotTheRatioLimitsWhatIsInflated) {
  // Counts of words: nearly all zeros, deflated a thousand times.
  const test::Folder folder;
  std::vector<float> counts(std::size_t{17} << 20, 0);
  counts[12345] = 3;
  write_npz(folder / "sparse.npz", {{"X", {17, 1 << 20}, counts}}, Packing::kDeflated);
  EXPECT_LT(std::filesystem::file_size(folder / "sparse.npz"), 1u << 20);
  EXPECT_EQ(NpzFile::open(folder / "sparse.npz").read_float32("X"), counts);

  const std::uint64_t gib = std::uint64_t{1} << 30;
  const auto error = [](std::uint64_t packed, std::uint64_t size, std::uint64_t available) {
    return test::error_of<Error>([&] { check_inflated_size(packed, size, available, "X: "); });
  };
  EXPECT_EQ(error(gib / 1000, gib, 2 * gib), "");
  EXPECT_SAYS(error(gib / 1000, gib + 2, 2 * gib), "at most 1073741824 fit in half of this machine's free memory");
  EXPECT_SAYS(error(gib, 16 * gib + 1, 1000 * gib), "at most 17179869184 fit");
  EXPECT_SAYS(error(gib / 1100, gib, 100 * gib), "zip bomb");  // DEFLATE expands 1032-fold at most
}

TEST(HostileZip, OverlappingMembersAreRefused) {
  // B lies, header and all, inside the data of A.
  const std::string inner = raw_zip({stored("B.npy", raw_npy(kGood, std::string(24, '\0')))});
  const RawMember a = stored("A.npy", inner);
  RawMember b = stored("B.npy", raw_npy(kGood, std::string(24, '\0')));
  b.header_offset = 30 + 5;
  EXPECT_SAYS(refusal(raw_zip({a, b})), "overlap");
  RawMember twice = stored("A.npy", inner);
  twice.header_offset = 0;
  EXPECT_SAYS(refusal(raw_zip({a, twice})), "occurs twice");
  RawMember outside = stored("X.npy", "abc");
  outside.header_offset = 0x7fffffff;
  refusal(raw_zip({a, outside}));
}

TEST(HostileZip, NotAZipIsRefused) {
  refusal("");
  refusal("PK");
  refusal(std::string(100000, 'x'));
  EXPECT_SAYS(refusal(raw_npy(kGood, std::string(24, '\0'))), "a single array (.npy), not an archive");
  EXPECT_SAYS(refusal("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"), "git lfs pull");
  RawMember other = stored("X.npy", "abc");
  other.method = 12;
  EXPECT_SAYS(refusal(raw_zip({other})), "compression method 12");
  EXPECT_SAYS(refusal(raw_zip({})), "no array 'X'");
}

TEST(HostileZip, AMissingFileIsNamed) {
  EXPECT_SAYS(test::error_of<Error>([] { NpzFile::open("nowhere/at-all.npz"); }), "nowhere/at-all.npz: cannot open");
  EXPECT_SAYS(test::error_of<Error>([] { NpzFile::open("/"); }), "not a regular file");
}

}  // namespace
}  // namespace medley::data
