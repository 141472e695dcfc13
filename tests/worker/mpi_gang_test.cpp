// Sums, broadcasts, shared memory and agreement of real MPI ranks; every rank runs every test. Started by mpirun.
#include "worker/mpi_gang.h"

#include <cmath>
#include <cstdio>
#include <cstring>
#include <vector>

#include <gtest/gtest.h>

#include "worker/gang_trainer.h"
#include "worker/spool.h"

namespace medley::worker {
namespace {

MpiGang* gang = nullptr;

TEST(MpiGang, SumsAreThoseOfTheFormula) {
  const int n = gang->size();
  for (const std::size_t count : {std::size_t{1}, std::size_t{1000}, std::size_t{300'000}}) {
    std::vector<float> floats(count);
    std::vector<double> doubles(count);
    for (std::size_t i = 0; i < count; ++i) {
      floats[i] = static_cast<float>((gang->rank() + 1) * static_cast<double>(i % 100));
      doubles[i] = (gang->rank() + 1) * static_cast<double>(i);
    }
    gang->collective().all_reduce_sum(floats.data(), count);
    gang->collective().all_reduce_sum(doubles.data(), count);
    const double ranks = n * (n + 1) / 2.0;
    for (std::size_t i = 0; i < count; ++i) {
      ASSERT_EQ(floats[i], static_cast<float>(ranks * static_cast<double>(i % 100)));
      ASSERT_EQ(doubles[i], ranks * static_cast<double>(i));
    }
  }
}

TEST(MpiGang, SumsHaveTheSameBitsOnEveryRank) {
  std::vector<float> numbers(50'000);
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    numbers[i] = std::sin(static_cast<float>(i * 7 + static_cast<std::size_t>(gang->rank()) * 13)) * 1e-3f;
  }
  gang->collective().all_reduce_sum(numbers.data(), numbers.size());
  std::uint64_t hash = 1469598103934665603u;
  for (const float number : numbers) {
    std::uint32_t bits = 0;
    std::memcpy(&bits, &number, sizeof bits);
    hash = (hash ^ bits) * 1099511628211u;
  }
  EXPECT_NO_THROW(gang->agree("", std::to_string(hash)));
}

TEST(MpiGang, BroadcastsFromAnyRank) {
  for (int root = 0; root < gang->size(); ++root) {
    std::vector<int> numbers(1000, gang->rank());
    gang->collective().broadcast(numbers.data(), numbers.size() * sizeof(int), root);
    for (const int number : numbers) ASSERT_EQ(number, root);
  }
  const std::string text = "what the first says" + std::string(100'000, '!');
  EXPECT_EQ(gang->from_first(gang->rank() == 0 ? text : ""), text);
  EXPECT_EQ(gang->from_first(""), "");
}

TEST(MpiGang, AgreesOrSaysWhoDoesNot) {
  const auto said = [](const std::string& error, const std::string& digest) -> std::string {
    try {
      gang->agree(error, digest);
    } catch (const Error& e) {
      return e.what();
    }
    return "";
  };
  EXPECT_EQ(said("", "same"), "");
  const int last = gang->size() - 1;
  const std::string who =
      gang->size() > 1 ? "rank " + std::to_string(last) + " of " + std::to_string(gang->size()) + ": " : "";
  EXPECT_EQ(said(gang->rank() == last ? "out of memory" : "", ""), who + "out of memory");
  if (gang->size() > 1) {
    EXPECT_EQ(said("", gang->rank() == last ? "other" : "same"),
              "rank " + std::to_string(last) + " of the gang came to another result than rank 0");
  }
}

TEST(MpiGang, GathersWhatEachRankSays) {
  std::vector<std::string> expected;
  for (int rank = 0; rank < gang->size(); ++rank) expected.push_back("rank " + std::to_string(rank));
  EXPECT_EQ(gang->gather("rank " + std::to_string(gang->rank())), expected);
  EXPECT_EQ(gang->gather(std::string(300, 'a')).front(), std::string(255, 'a'));
}

TEST(MpiGang, HasTheArithmeticOfItsRanksOrRefusesOnAllOfThem) {
  const std::string ranks = gang->size() > 1 ? "x" + std::to_string(gang->size()) : "";
  EXPECT_EQ(agree_on_arithmetic(*gang, "0123456789ab"), "0123456789ab" + ranks);
  if (gang->size() == 1) return;
  const bool last = gang->rank() == gang->size() - 1;
  try {
    agree_on_arithmetic(*gang, last ? "ba9876543210" : "0123456789ab");
    FAIL() << "it took two arithmetics";
  } catch (const Error& e) {
    const std::string text = e.what();
    EXPECT_NE(text.find("these have 2: 0123456789ab on "), std::string::npos) << text;
    EXPECT_NE(text.find("; ba9876543210 on "), std::string::npos) << text;
  }
}

TEST(MixedArithmetic, NamesTheHostsOfEach) {
  EXPECT_EQ(mixed_arithmetic({{"n1", "aa"}, {"n2", "aa"}}), "");
  EXPECT_EQ(mixed_arithmetic({{"n1", "aa"}, {"n1", "aa"}, {"n3", "bb"}, {"n2", "aa"}}),
            "the ranks of a gang must have one arithmetic, these have 2: aa on n1, n2; bb on n3; start each gang on "
            "hosts with CPUs and devices of one kind");
}

TEST(MpiGang, SharesMemoryOnAHost) {
  ASSERT_EQ(gang->node_size(), gang->size()) << "mpirun started them on one host";
  for (const std::size_t size : {std::size_t{64}, std::size_t{5'000'000}}) {
    MpiGang::Shared shared = gang->share(gang->node_rank() == 0 ? size : 0);
    ASSERT_EQ(shared.size, size);
    if (gang->node_rank() == 0) std::memset(shared.bytes.get(), 42, size);
    gang->meet_on_node(shared);
    EXPECT_EQ(shared.bytes.get()[0], std::byte{42});
    EXPECT_EQ(shared.bytes.get()[size - 1], std::byte{42});
  }
}

}  // namespace
}  // namespace medley::worker

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  medley::worker::MpiGang gang(medley::worker::GangDeadlines{});
  medley::worker::gang = &gang;
  if (argc > 1 && gang.size() != std::stoi(argv[1])) {
    std::fprintf(stderr, "started %s ranks, MPI says %d\n", argv[1], gang.size());
    return 1;
  }
  return RUN_ALL_TESTS();
}
