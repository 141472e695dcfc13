// What goes wrong says what and where, ends with 1 or 2, and leaves nothing half-written.
#include <limits>

#include <arpa/inet.h>
#include <sys/socket.h>

#include "tests/e2e/end_to_end.h"
#include "trainer/data/npz_write.h"

namespace medley::e2e {
namespace {

class BadInput : public EndToEnd {
 protected:
  BadInput() { make_dataset(); }

  std::string small_sweep() const { return write_sweep("sweep.yaml", "name: small\nfolds: [0, 1]\nseeds: 1\n"); }

  /// `run` of this file is refused with all of these words, before there is a store.
  void expect_refused(const std::string& file, const std::vector<std::string>& words) const {
    const Ended ended = run_sweep(file, 1);
    EXPECT_TRUE(ended.exit == 1 || ended.exit == 2) << ended.exit;
    for (const std::string& word : words)
      EXPECT_TRUE(contains(ended.err, word)) << "no '" << word << "' in: " << ended.err;
    EXPECT_EQ(ended.out, "");
    EXPECT_FALSE(fs::exists(path("store") + "/medley.db")) << "nothing is written";
  }

  void execute(const std::string& sql) const {
    sqlite3* db = nullptr;
    ASSERT_EQ(sqlite3_open((path("store") + "/medley.db").c_str(), &db), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(db, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK) << sqlite3_errmsg(db);
    sqlite3_close(db);
  }
};

/// A loopback port that somebody else has.
class TakenPort {
 public:
  TakenPort() : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    EXPECT_EQ(::bind(socket_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(::listen(socket_, 1), 0);
    EXPECT_EQ(::getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &size), 0);
    number = std::to_string(ntohs(address.sin_port));
  }
  ~TakenPort() { ::close(socket_); }
  std::string number;

 private:
  int socket_;
};

TEST_F(BadInput, AllErrorsOfASweepFileAreNamedAtOnceWithTheirPlaces) {
  const std::string file = write("bad.yaml",
                                 "dataset: data\n"
                                 "base: {epochs: 3, droput: 0.3, learning_rate: -1}\n"
                                 "axes:\n  top_n: [1, two]\n  encoders: [[vidoe1]]\n"
                                 "whn: {a: b}\nfolds: [0, 9]\n");
  expect_refused(
      file, {"bad.yaml:2:19: unknown setting 'droput'", "did you mean 'dropout'", "bad.yaml:2:47: learning_rate: '-1'",
             "bad.yaml:4:14:", "'two'", "bad.yaml:5:15: encoders: unknown encoder 'vidoe1'; did you mean 'video1'",
             "bad.yaml:6:1: unknown key 'whn'", "'when'", "bad.yaml:7:8: folds: the dataset has no fold 9"});
}

TEST_F(BadInput, SweepsThatTheDatasetCannotServeAreRefused) {
  expect_refused(write_sweep("a.yaml", "axes:\n  encoders: [all, [vidoe1]]\n"),
                 {"a.yaml:4:20:", "'vidoe1'", "'video1'"});
  expect_refused(write_sweep("b.yaml", "axes: {top_n: [1, 5]}\n"), {"b.yaml", "top_n 5", "4 encoders"});
  expect_refused(write_sweep("c.yaml", "folds: [0, 9]\n"), {"c.yaml:3:", "9", "0, 1, 2, 3, 4"});
  expect_refused(write("d.yaml", "dataset: nowhere\nbase: {epochs: 3}\n"), {"nowhere"});
  expect_refused(write("e.yaml", "dataset: [unclosed\n"), {"e.yaml:"});
  expect_refused(path("none.yaml"), {"none.yaml"});
}

TEST_F(BadInput, DamagedFeaturesNameTheFileAndTheCell) {
  const std::string sweep = small_sweep();
  const std::string features = path("data") + "/audio1_static_features.npz";
  const auto whole = fs::file_size(features);
  const std::string bytes = read_file(features);
  fs::resize_file(features, whole / 2);
  expect_refused(sweep, {"audio1_static_features.npz"});

  std::string flipped = bytes;
  flipped[whole / 2] = static_cast<char>(flipped[whole / 2] ^ 0x10);
  write("data/audio1_static_features.npz", flipped);
  expect_refused(sweep, {"audio1_static_features.npz"});

  // Whole again but for one cell: the clips of both metadata files in their order.
  std::vector<std::string> names;
  for (const std::string file : {"train_metadata.csv", "test_metadata.csv"}) {
    std::ifstream in(path("data") + "/" + file);
    std::string line;
    std::getline(in, line);
    while (std::getline(in, line)) names.push_back(line.substr(0, line.find_first_of(",.\r")));
  }
  const std::size_t clips = names.size();
  std::vector<float> x(clips * 2, 0.5f);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i % 7);
  x[2 * 17 + 1] = std::numeric_limits<float>::quiet_NaN();
  data::write_npz(features, {{"X", {clips, 2}, x}, {"filenames", {clips}, names}});
  expect_refused(sweep, {"audio1_static_features.npz", "row 17", "column 1", names[17]});

  x[2 * 17 + 1] = 0;
  names[17] = "somebody_else";
  data::write_npz(features, {{"X", {clips, 2}, x}, {"filenames", {clips}, names}});
  expect_refused(sweep, {"audio1", "S001_"});
}

TEST_F(BadInput, AnActorInTwoFoldsIsNamed) {
  const std::string sweep = small_sweep();
  std::string table = read_file(path("data") + "/train_metadata.csv");
  const std::size_t first = table.find('\n') + 1, end = table.find('\n', first);
  const char fold = table[end - 1];
  table[end - 1] = fold == '0' ? '1' : '0';
  write("data/train_metadata.csv", table);
  expect_refused(sweep, {"S001", std::string(1, fold), std::string(1, table[end - 1])});
}

TEST_F(BadInput, AStoreOfANewerVersionIsLeftAlone) {
  const std::string sweep = small_sweep();
  ASSERT_EQ(run_sweep(sweep, 1).exit, 0);
  execute("PRAGMA user_version = 9999");
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"run", sweep}, {"report"}, {"status"}, {"ensemble"}}) {
    const Ended ended = medley(words);
    EXPECT_EQ(ended.exit, 1) << words[0];
    EXPECT_TRUE(contains(ended.err, "medley.db") && contains(ended.err, "9999")) << words[0] << ": " << ended.err;
  }
  EXPECT_EQ(results(), 2);
}

TEST_F(BadInput, AStoreIsOneCoordinatorsAtATime) {
  const std::string endless = write_sweep("endless.yaml", "name: endless\nfolds: [0]\nseeds: 1\n", "epochs: 20000");
  auto first = start_run(endless, 1);
  ASSERT_TRUE(eventually([&] { return count_in_store("SELECT count(*) FROM attempt WHERE state = 'running'") > 0; }));
  const Ended second = run_sweep(small_sweep(), 1);
  EXPECT_EQ(second.exit, 1);
  EXPECT_TRUE(contains(second.err, std::to_string(first->pid()))) << "the holder is named: " << second.err;
  EXPECT_EQ(count_in_store("SELECT count(*) FROM sweep"), 1) << "nothing of the second is in the store";
  EXPECT_EQ(medley({"status"}).exit, 0) << "reading is always possible";
  EXPECT_EQ(waitpid(first->pid(), nullptr, WNOHANG), 0) << "the first is not harmed";
}

TEST_F(BadInput, AStrangerIsRefusedWithAReasonAndTheSweepGoesOn) {
  const std::string endless = write_sweep("endless.yaml", "name: endless\nfolds: [0]\nseeds: 1\n", "epochs: 20000");
  auto run = start_run(endless, 1);
  ASSERT_TRUE(eventually([&] { return count_in_store("SELECT count(*) FROM attempt WHERE state = 'running'") > 0; }));
  std::string token = read_file(path("store") + "/token");
  token[0] = token[0] == '0' ? '1' : '0';
  const std::string wrong = write("wrong-token", token);
  fs::permissions(wrong, fs::perms::owner_read | fs::perms::owner_write);
  const Ended stranger =
      run_program(MEDLEY_WORKER,
                  {"serve", "--coordinator", coordinator(), "--token-file", wrong, "--spool", path("spool")}, scratch_);
  EXPECT_EQ(stranger.exit, 1) << stranger.err;
  EXPECT_TRUE(contains(stranger.err, "token")) << stranger.err;
  EXPECT_EQ(count_in_store("SELECT count(*) FROM worker"), 1) << "it never joined";
  EXPECT_EQ(workers().size(), 1u);
}

TEST_F(BadInput, APortInUseIsNamed) {
  const std::string sweep = small_sweep();
  const TakenPort taken;
  const Ended workers_port = start_run(sweep, 1, "store", {"--no-web", "--port", taken.number})->wait();
  EXPECT_EQ(workers_port.exit, 1);
  EXPECT_TRUE(contains(workers_port.err, taken.number)) << workers_port.err;
  const Ended web_port = start_run(sweep, 1, "store", {"--web-port", taken.number})->wait();
  EXPECT_EQ(web_port.exit, 1);
  EXPECT_TRUE(contains(web_port.err, taken.number)) << web_port.err;
  EXPECT_TRUE(eventually([&] { return workers().empty(); }));
  EXPECT_EQ(std::max(0, count_in_store("SELECT count(*) FROM result")), 0);
  EXPECT_EQ(run_sweep(sweep, 1).exit, 0) << "and nothing is broken";
}

TEST_F(BadInput, AFullDiskEndsTheRunAndTheSameCommandContinues) {
  const std::string sweep = write_sweep("sweep.yaml", "name: full\nseeds: 2\naxes: {top_n: [1, 2, 3]}\n");
  // No file may grow past 1 MiB: some of the results fit.
  const std::string command = std::string("trap '' XFSZ; ulimit -f 1024; exec ") + MEDLEY + " --store " +
                              path("store") + " run " + sweep + " --workers 2 --no-web";
  const Ended full = run_program("/bin/bash", {"-c", command}, scratch_);
  EXPECT_EQ(full.exit, 1) << full.err;
  EXPECT_TRUE(contains(full.err, "medley.db") && contains(full.err, "disk")) << full.err;
  EXPECT_TRUE(workers().empty()) << "no orphan stays";
  EXPECT_LT(results(), 30);
  EXPECT_EQ(run_sweep(sweep).exit, 0);
  ASSERT_EQ(run_sweep(sweep, 1, "other").exit, 0);
  EXPECT_EQ(medley({"report"}).out, medley({"report"}, "other").out);
}

TEST_F(BadInput, MistypedCommandsAreUsageErrors) {
  const std::string sweep = small_sweep();
  for (const std::vector<std::string>& words : {std::vector<std::string>{},
                                                {"rum", sweep},
                                                {"run"},
                                                {"run", sweep, "--wokers", "2"},
                                                {"run", sweep, "--workers", "-1"},
                                                {"report", "--json", "--csv"},
                                                {"ensemble", "--method", "best"}}) {
    const Ended ended = medley(words);
    EXPECT_EQ(ended.exit, 2) << (words.empty() ? "no command" : words[0]);
    EXPECT_FALSE(ended.err.empty());
  }
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"report"}, {"status"}, {"serve", "--read-only"}, {"export"}}) {
    const Ended ended = medley(words, "no-such-store");
    EXPECT_TRUE(ended.exit == 1 || ended.exit == 2) << words[0];
    EXPECT_TRUE(contains(ended.err, "no-such-store")) << words[0] << ": " << ended.err;
    EXPECT_FALSE(fs::exists(path("no-such-store"))) << words[0];
  }
}

}  // namespace
}  // namespace medley::e2e
