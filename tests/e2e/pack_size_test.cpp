// A worker measures which packs train fastest, says so, remembers it, and gets no larger ones.
#include "tests/e2e/end_to_end.h"

namespace medley::e2e {
namespace {

using PackSize = EndToEnd;

TEST_F(PackSize, IsMeasuredOnceAndKeptToByTheScheduler) {
  make_dataset();
  const std::string sweep = write_sweep("sweep.yaml", "name: packs\nseeds: 3\naxes: {top_n: [1, 2]}\n");
  const auto train = [&](const std::string& store) {
    auto run = start_run(sweep, 0, store);
    Program worker(MEDLEY_WORKER,
                   {"serve", "--coordinator", coordinator(store), "--token-file", path(store) + "/token", "--spool",
                    path("spool"), "--capacity", "8", "--measure-packs"},
                   scratch_);
    EXPECT_EQ(run->wait().exit, 0);
    return worker.wait().err;
  };
  const auto measured = [&] {
    const auto sizes = nlohmann::json::parse(read_file(path("spool") + "/pack-sizes.json"));
    EXPECT_EQ(sizes.size(), 1u) << "one dataset, one kind of model";
    return sizes.begin()->get<int>();
  };
  EXPECT_TRUE(contains(train("store"), "packs of 2: "));
  const int best = measured();
  EXPECT_TRUE(best == 1 || best == 2 || best == 4 || best == 8) << best;
  EXPECT_EQ(results(), 2 * 5 * 3);
  EXPECT_LE(count_in_store("SELECT max(pack_size) FROM result"), best);
  EXPECT_EQ(count_in_store("SELECT max(n) FROM (SELECT count(*) AS n FROM attempt WHERE pack > 1 GROUP BY pack)"), best)
      << "after the first pack the scheduler knows";

  EXPECT_FALSE(contains(train("another"), "packs of 2: ")) << "it was measured already";
  EXPECT_EQ(measured(), best);
}

}  // namespace
}  // namespace medley::e2e
