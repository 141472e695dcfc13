// Workers on three hosts, which are cut off, lose their power, and sit at the end of a bad line.
#include "tests/cluster/hosts.h"

#include <iostream>

#include "tests/e2e/end_to_end.h"

namespace medley::hosts {
namespace {

using e2e::contains;
using e2e::Ended;
using nlohmann::json;

constexpr int kDetectionLimitMs = 15'000;

class HostsTest : public e2e::EndToEnd {
 protected:
  void SetUp() override {
    const std::string missing = Hosts::missing();
    if (!missing.empty()) GTEST_SKIP() << missing;
    hosts_ = std::make_unique<Hosts>(3, scratch_.path(), fs::path(MEDLEY).parent_path());
    make_dataset();
    file_ = write_sweep("sweep.yaml", "axes: {top_n: [1, 2, 3, 4]}\nseeds: 4\n", "epochs: 100");
  }
  ~HostsTest() override {
    if (hosts_) medley({"cluster", "down", "--grace", "1"});
  }

  std::unique_ptr<e2e::Program> start_coordinator() const {
    auto run = start_run(file_, 0, "store", {"--no-web", "--listen", hosts_->here()});
    EXPECT_TRUE(test::eventually([&] { return fs::exists(scratch_ / "store/endpoint"); }));
    return run;
  }
  std::string endpoint() const {
    std::string text;
    std::ifstream(scratch_ / "store/endpoint") >> text;
    return text;
  }
  cluster::Process start_worker(int host) const {
    cluster::ProcessSpec spec;
    spec.argv = hosts_->on(host, {MEDLEY_WORKER, "serve", "--coordinator", endpoint(), "--token-file",
                                  path("store/token"), "--spool", "/tmp/spool"});
    spec.environment = {{"OMP_NUM_THREADS", "1"}, {"OPENBLAS_NUM_THREADS", "1"}};
    spec.log = path("worker" + std::to_string(host) + ".log");
    return cluster::Process::start(spec);
  }
  int joined() const { return count_in_store("SELECT count(*) FROM worker WHERE state = 'joined'"); }

  static bool can_mpirun() {
    setenv("OMPI_ALLOW_RUN_AS_ROOT", "1", 1);
    setenv("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1", 1);
    return cluster::run_command({"sh", "-c", "command -v mpirun"}).exit.code == 0;
  }
  /// `medley cluster up --launcher mpirun` on these hosts.
  Ended up(const std::string& hosts, const std::vector<std::string>& more) const {
    write("hosts.txt", hosts);
    std::string words;
    for (const auto& [name, value] :
         std::vector<std::pair<std::string, std::string>>{{"plm_rsh_agent", hosts_->agent().string()},
                                                          {"plm_rsh_no_tree_spawn", "1"},
                                                          {"btl", "tcp,self"},
                                                          {"btl_tcp_if_include", hosts_->network()},
                                                          {"oob_tcp_if_include", hosts_->network()}}) {
      words += (words.empty() ? "" : ", ") + ("--mca, " + name + ", \"" + value + "\"");
    }
    write("site.yaml", "mpirun_arguments: [" + words + "]\n");
    std::vector<std::string> all = {"cluster",         "up",        "--launcher",     "mpirun", "--hosts",
                                    path("hosts.txt"), "--profile", path("site.yaml")};
    all.insert(all.end(), more.begin(), more.end());
    return medley(all);
  }
  std::string logs() const {
    std::string text;
    for (const auto& entry : fs::directory_iterator(scratch_ / "store/logs")) {
      text += "---- " + entry.path().filename().string() + "\n" + e2e::read_file(entry.path());
    }
    return text;
  }
  /// All that ever joined from a host.
  int workers_of(const std::string& host) const {
    return count_in_store("SELECT count(*) FROM worker WHERE name LIKE '" + host + ":%'");
  }
  /// Number of lost attempts of a host's workers; below, the time from `since` until the last of them was lost.
  int lost(const std::string& host) const {
    return count_in_store(
        "SELECT count(*) FROM attempt a JOIN worker w ON a.worker = w.key WHERE a.state = 'lost' AND "
        "w.name LIKE '" +
        host + ":%'");
  }
  int detected_after_ms(const std::string& host, std::int64_t since) const {
    return count_in_store("SELECT max(a.ended) - " + std::to_string(since) +
                          " FROM attempt a JOIN worker w ON a.worker = w.key WHERE a.state = 'lost' AND w.name LIKE '" +
                          host + ":%'");
  }
  static std::int64_t wall_ms() {
    return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
        .count();
  }

  std::unique_ptr<Hosts> hosts_;
  std::string file_;
};

TEST_F(HostsTest, ASweepWhoseHostsAreCutOffCrashAndLosePacketsEndsWithTheSameTable) {
  const auto run = start_coordinator();
  const std::string spoilt = hosts_->spoil(3);
  std::vector<cluster::Process> workers;
  for (const int host : {1, 2, 3}) workers.push_back(start_worker(host));
  ASSERT_TRUE(test::eventually([&] { return joined() == 3; }));
  ASSERT_TRUE(test::eventually([&] { return results() >= 8; }));

  const std::int64_t cut_at = wall_ms();
  hosts_->cut(1);
  const std::int64_t crashed_at = wall_ms();
  hosts_->crash(2);
  ASSERT_TRUE(test::eventually([&] { return lost("h1") > 0 && lost("h2") > 0; }, std::chrono::seconds(20)));
  const int cut_ms = detected_after_ms("h1", cut_at);
  const int crash_ms = detected_after_ms("h2", crashed_at);
  EXPECT_LE(cut_ms, kDetectionLimitMs);
  EXPECT_LE(crash_ms, kDetectionLimitMs);
  hosts_->heal(1);  // its worker trained on all the while, and brings what it has

  const Ended ended = run->wait(std::chrono::seconds(60));
  ASSERT_EQ(ended.exit, 0) << ended.err;
  EXPECT_EQ(ended.out, undisturbed_report(file_));
  EXPECT_EQ(lost("h3"), 0) << "a bad line costs nothing but time";
  EXPECT_GT(hosts_->lost_packets(3), 0);
  EXPECT_EQ(count_in_store("SELECT count(*) FROM trial WHERE state = 'failed'"), 0);
  std::cout << "cut off: noticed after " << cut_ms << " ms, " << lost("h1") << " trials repeated or adopted late\n"
            << "power lost: noticed after " << crash_ms << " ms, " << lost("h2") << " trials repeated\n"
            << "bad line (" << spoilt << "): " << hosts_->lost_packets(3) << " packets lost, no trial repeated\n";
}

TEST_F(HostsTest, AnMpirunAWorkerIsStartedAgainAloneWhenItsWorkerOrItsHostDies) {
  if (!can_mpirun()) GTEST_SKIP() << "needs mpirun (Debian: openmpi-bin)";
  const auto run = start_coordinator();
  const Ended launched = up("h1 slots=1\nh2 slots=1\nh3 slots=1\n", {"--workers", "3"});
  ASSERT_EQ(launched.exit, 0) << launched.err;
  ASSERT_TRUE(test::eventually([&] { return joined() == 3; })) << e2e::read_file(path("store/logs/cluster-1-1.log"));
  ASSERT_TRUE(test::eventually([&] { return results() >= 8; }));
  const std::int64_t crashed_at = wall_ms();
  hosts_->crash(2);
  const std::int64_t killed_at = wall_ms();
  cluster::run_command(hosts_->on(1, {"sh", "-c", "kill -9 $(pidof medley-worker)"}));
  ASSERT_TRUE(test::eventually([&] { return workers_of("h1") == 2; })) << logs();
  const std::int64_t back_ms = wall_ms() - killed_at;
  ASSERT_TRUE(test::eventually([&] { return lost("h2") > 0; }, std::chrono::seconds(20)));
  const int crash_ms = detected_after_ms("h2", crashed_at);
  EXPECT_LE(crash_ms, kDetectionLimitMs);
  const Ended ended = run->wait(std::chrono::seconds(60));
  ASSERT_EQ(ended.exit, 0) << ended.err;
  EXPECT_EQ(ended.out, undisturbed_report(file_));
  EXPECT_EQ(lost("h3"), 0) << "the others' deaths are nothing to it";
  EXPECT_EQ(workers_of("h3"), 1);
  const int killed_ms = detected_after_ms("h1", killed_at);
  EXPECT_LE(killed_ms, kDetectionLimitMs);
  ASSERT_EQ(medley({"cluster", "down", "--grace", "5"}).exit, 0);
  std::cout << "rank killed -9: noticed after " << killed_ms
            << " ms; its mpirun ended, another worker had joined after " << back_ms << " ms\n"
            << "power lost: noticed after " << crash_ms << " ms\n";
}

TEST_F(HostsTest, AGangOnTwoHostsEndsWhenOneIsCutOffAndItsTrialsAreTrainedElsewhere) {
  if (!can_mpirun()) GTEST_SKIP() << "needs mpirun (Debian: openmpi-bin)";
  // Shorter trials: a step of a gang takes longer than the tiny model's arithmetic.
  file_ = write_sweep("short.yaml", "axes: {top_n: [1, 2, 3, 4]}\nseeds: 4\n", "epochs: 40, precision: float64");
  const auto run = start_coordinator();
  const Ended launched =
      up("h1 slots=1\nh2 slots=1\n", {"--workers", "1", "--ranks-per-worker", "2", "--nodes-per-worker", "2"});
  ASSERT_EQ(launched.exit, 0) << launched.err;
  ASSERT_TRUE(test::eventually([&] { return joined() == 1; })) << logs();
  EXPECT_EQ(count_in_store("SELECT ranks FROM worker"), 2);
  ASSERT_TRUE(test::eventually([&] { return results() >= 4; })) << logs();
  start_worker(3);
  const std::int64_t cut_at = wall_ms();
  hosts_->cut(2);
  ASSERT_TRUE(test::eventually([&] { return lost("h1") > 0; }, std::chrono::seconds(30))) << logs();
  const int cut_ms = detected_after_ms("h1", cut_at);
  EXPECT_LE(cut_ms, kDetectionLimitMs);
  const Ended ended = run->wait(std::chrono::seconds(60));
  ASSERT_EQ(ended.exit, 0) << ended.err << logs();
  // A gang adds in another order than one process: the table says so, and has the same digits.
  std::string table = ended.out;
  const auto note = table.find(" results of arithmetic ");
  ASSERT_NE(note, std::string::npos) << table;
  const auto begin = table.rfind('\n', note), end = table.find('\n', note);
  table.erase(begin, end - begin);
  EXPECT_EQ(table, undisturbed_report(file_)) << "to the digits of the table";
  EXPECT_EQ(lost("h3"), 0);
  std::cout << "a host of a gang cut off: noticed after " << cut_ms << " ms, " << lost("h1") << " trials repeated\n";
}

}  // namespace
}  // namespace medley::hosts
