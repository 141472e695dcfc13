// The real programs on a disk that fails: at each call that puts something on it, and at each allocation. Whatever
// happens, the store is sound, files are whole or as they were, errors name the cause, and the same command completes.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <functional>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "storage/check.h"
#include "storage/reader.h"
#include "storage/writer.h"
#include "sweep/digest.h"
#include "tests/coordinator/fake_sweep.h"
#include "tests/e2e/program.h"
#include "tests/support/amount.h"
#include "trainer/data/npz_write.h"

namespace medley::e2e {
namespace {

using nlohmann::json;

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

/// Sets a variable for programs that start while it lives.
class Variable {
 public:
  Variable(const char* name, const std::string& value) : name_(name) { ::setenv(name, value.c_str(), 1); }
  ~Variable() { ::unsetenv(name_); }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  const char* name_;
};

/// What a program did that nothing struck.
struct Counted {
  long calls = 0, syncs = 0, reads = 0, allocations = 0;
};

const std::vector<std::string> kDiskFaults = {"error", "full", "sync", "read", "kill", "power"};

class Faults : public testing::Test {
 protected:
  Faults() { fs::create_directory(disk_); }
  ~Faults() override {
    for (const pid_t pid : workers()) ::kill(pid, SIGKILL);
    if (injected_ > 0) std::printf("%ld faults\n", injected_);
  }

  std::string path(const std::string& name) const { return disk_ / name; }

  /// `medley` beside `worker` under the name of medley-worker.
  void install(const fs::path& worker) {
    fs::create_directory(scratch_ / "bin");
    fs::copy_file(MEDLEY, scratch_ / "bin/medley");
    fs::create_symlink(worker, scratch_ / "bin/medley-worker");
  }

  /// On the store of the test, unless they name another.
  Ended medley(const std::vector<std::string>& arguments) const {
    std::vector<std::string> words = arguments;
    if (std::count(words.begin(), words.end(), "--store") == 0) words.insert(words.end(), {"--store", path("store")});
    return run_program(scratch_ / "bin/medley", words, scratch_);
  }

  std::vector<pid_t> workers() const { return workers_of(disk_); }

  /// A command that meets `fault` number `at` in the first of its processes that comes so far.
  Ended struck(const std::vector<std::string>& arguments, const std::string& program, const std::string& fault,
               long at) {
    fs::remove(said_);
    const Variable preload("LD_PRELOAD", FAILING_DISK), folder("FAILING_DISK_FOLDER", disk_),
        said("FAILING_DISK_SAID", said_), name("FAILING_DISK_PROGRAM", program), kind("FAILING_DISK_FAULT", fault),
        number("FAILING_DISK_AT", std::to_string(at));
    return medley(arguments);
  }

  /// Puts `disk_` back to what it was when remember() was called.
  void remember() { fs::copy(disk_, kept_, fs::copy_options::recursive); }
  void put_back() {
    for (const pid_t pid : workers()) ::kill(pid, SIGKILL);
    fs::remove_all(disk_);
    fs::remove_all(disk_.string() + ".lost");
    fs::copy(kept_, disk_, fs::copy_options::recursive);
  }

  /// What `medley store check` finds; nothing in a store that was interrupted before it held anything.
  static std::string faults_of(const std::string& store) {
    if (!storage::store_exists(store)) return "";
    std::string text;
    try {
      for (const auto& [where, what] : storage::check_store(store).faults) text += where + ": " + what + "\n";
    } catch (const storage::Error& error) {
      if (!contains(error.what(), "the command that made it")) text = error.what();
    }
    return text;
  }

  /// Strikes `arguments` in `program` at about `points` places for each kind of fault, or at all (MEDLEY_FAULT_STEP=1).
  /// `whole`: whether all is there that a command promises that exits with 0. `check`: what else must hold, also after
  /// a death. `clean`: what lies there before.
  struct Command {
    std::vector<std::string> arguments;
    std::function<void(const Ended&)> whole = [](const Ended&) {};
    std::function<void()> check = [] {};
  };
  void strike_everywhere(const Command& command, const std::string& program, long points, long of_memory,
                         const std::vector<std::string>& faults = kDiskFaults) {
    Counted counted;
    {
      put_back();
      const Ended undisturbed = struck(command.arguments, program, "count", 0);
      ASSERT_EQ(undisturbed.exit, 0) << undisturbed.err;
      command.whole(undisturbed);
      std::istringstream(read_file(said_)) >> counted.calls >> counted.syncs >> counted.reads >> counted.allocations;
      ASSERT_GT(counted.calls, 0) << read_file(said_);
    }
    const auto each = [&](const std::string& fault, long count, long step, long first) {
      for (long at = 1 + first % step; at <= count; at += step) {
        const testing::ScopedTrace trace(__FILE__, __LINE__,
                                         command.arguments[0] + ": " + fault + " " + std::to_string(at));
        strike(command, program, fault, at);
        if (HasFatalFailure()) return;
      }
    };
    long kind = 0;
    for (const std::string& fault : faults) {
      const long count = fault == "sync" ? counted.syncs : fault == "read" ? counted.reads : counted.calls;
      const long step = test::amount("MEDLEY_FAULT_STEP", std::max(1l, count / points));
      each(fault, count, step, kind++ * step / static_cast<long>(faults.size()));
    }
    if (of_memory > 0) {
      const long wanted = std::getenv("MEDLEY_FAULT_STEP") != nullptr ? 200 : of_memory;
      const long step = std::max(1l, counted.allocations / wanted);
      each("memory", counted.allocations, step, step / 2);
    }
  }

  void strike(const Command& command, const std::string& program, const std::string& fault, long at) {
    put_back();
    const Ended ended = struck(command.arguments, program, fault, at);
    const std::string what = read_file(said_);
    // A trial that runs out of memory alone is failed at once, and stays so until somebody retries it.
    const bool outgrown = fault == "memory" && contains(ended.err, "trials failed");
    const testing::ScopedTrace trace(__FILE__, __LINE__, "at " + what);
    if (!what.empty()) ++injected_;
    for (const pid_t pid : workers()) ::kill(pid, SIGKILL);
    ASSERT_EQ(faults_of(path("store")), "") << ended.err;
    if (ended.exit == 0) {
      command.whole(ended);
    } else if (ended.exit < 128) {
      EXPECT_EQ(ended.exit, 1) << ended.err;
      EXPECT_TRUE(contains(ended.err, "medley: ")) << ended.err;
      if (fault == "memory") {
        EXPECT_TRUE(outgrown || contains(ended.err, "memory") || contains(ended.err, "Malloc failure")) << ended.err;
      } else {
        EXPECT_TRUE(contains(ended.err, disk_)) << ended.err;
        EXPECT_TRUE(contains(ended.err, "Input/output error") || contains(ended.err, "No space left on device") ||
                    contains(ended.err, "disk full") || contains(ended.err, "cannot copy") ||
                    contains(ended.err, "no worker is left") || contains(ended.err, "unable to get the page"))
            << ended.err;
      }
    } else {
      // Libraries end the process where memory is out in a function that may not throw.
      const bool of_memory =
          fault == "memory" && (contains(ended.err, "terminate called") || contains(ended.err, "Assertion"));
      EXPECT_EQ(ended.exit, 128 + (of_memory ? SIGABRT : SIGKILL)) << ended.err;
      EXPECT_TRUE(of_memory || fault == "kill" || fault == "power") << ended.err;
    }
    command.check();
    const Ended again = medley(command.arguments);
    if (outgrown) {
      EXPECT_EQ(again.exit, 1);
      EXPECT_TRUE(contains(again.err, "trials failed")) << again.err;
      EXPECT_EQ(faults_of(path("store")), "");
      return;
    }
    EXPECT_EQ(again.exit, 0) << again.err;
    command.whole(again);
    EXPECT_EQ(faults_of(path("store")), "");
  }

  const Scratch scratch_, memory_{test::Folder::Where::kMemory};
  const fs::path disk_ = memory_ / "disk", kept_ = memory_ / "kept", said_ = memory_ / "said";
  long injected_ = 0;
};

// ---- Training ---------------------------------------------------------------------------------------------------

class FaultyRun : public Faults {
 protected:
  /// The files of tests/coordinator/fake_sweep.h's dataset, and a sweep on it.
  FaultyRun() {
    install(FAKE_WORKER);
    fs::create_directory(scratch_ / "data");
    const std::vector<std::string> names = sweep::Classes::blemore().names;
    std::string rows = "filename,video_id,mix,emotion_1,emotion_2,emotion_1_salience,emotion_2_salience,fold\n";
    std::vector<std::string> stems;
    for (std::size_t i = 0; i < 2 * fake::kClipsPerFold; ++i) {
      const sweep::Label label = fake::fake_truth()[i / 2];
      const auto name = [&](int of_class) { return names[static_cast<std::size_t>(of_class)]; };
      stems.push_back("clip" + std::to_string(i));
      rows += stems.back() + ",v" + std::to_string(i) + (label.is_blend() ? ",1," : ",0,") + name(label.first) + ",";
      rows += label.is_blend() ? name(label.second) + "," + std::to_string(label.salience) + "," +
                                     std::to_string(100 - label.salience)
                               : ",,";
      rows += "," + std::to_string(i % 2) + "\n";
    }
    test::write_file(scratch_ / "data/train_metadata.csv", rows);
    for (const char* encoder : {"a", "b"}) {
      std::vector<float> values(stems.size() * 2);
      for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i % 5) - 2;
      data::write_npz(scratch_ / "data" / (std::string(encoder) + "_static_features.npz"),
                      {{"X", {stems.size(), 2}, values}, {"filenames", {stems.size()}, stems}});
    }
    test::write_file(sweep_,
                     "name: fake\ndataset: data\nbase: {fusion: mean, epochs: 1}\n"
                     "axes: {learning_rate: [0.001, 0.01]}\n");
    remember();
    run_.arguments = {"run", sweep_, "--workers", "1", "--no-web"};
    const Ended undisturbed = medley(run_.arguments);
    EXPECT_EQ(undisturbed.exit, 0) << undisturbed.err;
    run_.whole = [table = undisturbed.out](const Ended& ended) { EXPECT_EQ(ended.out, table); };
  }

  const fs::path sweep_ = scratch_ / "sweep.yaml";
  Command run_;
};

TEST_F(FaultyRun, OfTheCoordinatorEndsWithTheTableOfAnUndisturbedOne) { strike_everywhere(run_, "medley", 2, 4); }

TEST_F(FaultyRun, OfAWorkerEndsWithTheTableOfAnUndisturbedOne) { strike_everywhere(run_, "medley-worker", 1, 2); }

TEST_F(FaultyRun, AResultThatCouldNotBeReadOnceIsNotTrainedAgain) {
  fs::remove_all(kept_);
  remember();
  const auto whole = run_.whole;
  run_.whole = [&](const Ended& ended) {
    whole(ended);
    EXPECT_TRUE(contains(ended.err, "nothing to train")) << ended.err;
  };
  strike_everywhere(run_, "medley", 8, 0, {"read"});
}

TEST_F(FaultyRun, OfTheTrainersWorkerEndsWithTheTableOfAnUndisturbedOne) {
  fs::remove(scratch_ / "bin/medley-worker");
  fs::create_symlink(MEDLEY_WORKER, scratch_ / "bin/medley-worker");
  fs::remove_all(disk_ / "store");
  const Ended undisturbed = medley(run_.arguments);
  ASSERT_EQ(undisturbed.exit, 0) << undisturbed.err;
  run_.whole = [&](const Ended& ended) { EXPECT_EQ(ended.out, undisturbed.out); };
  strike_everywhere(run_, "medley-worker", 1, 0, {"error", "power"});
}

// ---- Commands that write files ----------------------------------------------------------------------------------

class FaultyCommand : public Faults {
 protected:
  /// A store of a small sweep with all its results, checkpoints and two ensembles; an export and a backup of yesterday.
  FaultyCommand() {
    install(FAKE_WORKER);
    fill(path("store"));
    expect_done({"ensemble", "fake", "--method", "mean", "--k", "1", "--name", "old"});
    expect_done({"ensemble", "fake", "--method", "mean", "--k", "2", "--name", "new"});
    expect_done({"export", "old", "--out", archive_});
    expect_done({"store", "backup", backup_});
    old_archive_ = read_file(archive_), old_backup_ = read_file(backup_);
    fill(path("other"), "other", 4);
    remember();
  }

  void expect_done(const std::vector<std::string>& arguments) const {
    const Ended ended = medley(arguments);
    EXPECT_EQ(ended.exit, 0) << ended.err;
  }

  static void fill(const fs::path& store, const std::string& name = "fake", int configs = 3) {
    constexpr int kTestClips = 3;
    storage::DatasetRecord dataset = fake::fake_dataset();
    dataset.test_fingerprint = sweep::sha256_hex("test clips");
    for (int i = 0; i < kTestClips; ++i) {
      storage::ClipRecord clip;
      clip.filename = "test" + std::to_string(i) + ".mov";
      clip.fold = -1;
      dataset.clips.push_back(clip);
    }
    const storage::SweepSubmission sweep = fake::fake_sweep(configs, name);
    storage::Writer writer(store);
    storage::Writer::Group group(writer);
    writer.register_dataset(dataset, 1);
    writer.worker_joined({"w", "host:1", 8, 1, "cpu", "0", "0123456789ab"}, 1);
    writer.submit_sweep(sweep, 1);
    for (const sweep::TrialSpec& trial : sweep.trials) {
      sweep::TrialResult result = fake::fake_result(trial);
      result.test_fingerprint = dataset.test_fingerprint;
      for (sweep::Snapshot* snapshot : {&result.paper, &result.held_out}) {
        const std::vector<float>& rows = snapshot->validation.fused;
        snapshot->test.clips = kTestClips;
        snapshot->test.fused.assign(rows.begin(), rows.begin() + kTestClips * dataset.classes.count());
      }
      writer.begin_attempts("w", writer.next_pack(), {{trial.id, 1}}, 2);
      writer.accept_result({trial.id, 1}, "w", result, 3);
      test::write_file(store / "checkpoints" / (trial.id + ".npz"), "weights of " + trial.id);
    }
    group.commit();
  }

  int results_of(const std::string& store) const { return storage::check_store(store).results; }

  const std::string archive_ = path("submission.zip"), manifest_ = path("submission.manifest.json"),
                    backup_ = path("backup.zip");
  std::string old_archive_, old_backup_;
};

TEST_F(FaultyCommand, AnEnsembleIsThereOrNot) {
  strike_everywhere({{"ensemble", "fake", "--method", "simplex", "--name", "best"},
                     [&](const Ended& ended) {
                       EXPECT_TRUE(contains(ended.out, "best")) << ended.out;
                       EXPECT_EQ(storage::Reader(path("store")).ensembles().front().request.name, "best");
                     }},
                    "medley", 2, 4);
}

TEST_F(FaultyCommand, AnExportIsTheOldOneOrTheNewOneAndItsManifestIsWhole) {
  std::string new_archive;
  strike_everywhere({{"export", "new", "--out", archive_},
                     [&](const Ended&) {
                       if (new_archive.empty()) new_archive = read_file(archive_);
                       EXPECT_EQ(read_file(archive_), new_archive);
                       EXPECT_NE(new_archive, old_archive_);
                       EXPECT_EQ(json::parse(read_file(manifest_)).at("sha256"), sweep::sha256_hex(new_archive));
                     },
                     [&] {
                       const std::string archive = read_file(archive_);
                       EXPECT_TRUE(archive == old_archive_ || archive == new_archive);
                       const json manifest = json::parse(read_file(manifest_));
                       if (archive == new_archive) {
                         EXPECT_EQ(manifest.at("sha256"), sweep::sha256_hex(archive));
                       }
                     }},
                    "medley", 2, 5);
}

TEST_F(FaultyCommand, ABackupIsTheOldOneOrTheNewOne) {
  const auto restore = [&] {
    const std::string restored = path("restored");
    fs::remove_all(restored);
    expect_done({"store", "restore", backup_, "--store", restored});
    EXPECT_EQ(results_of(restored), 6);
    fs::remove_all(restored);
  };
  strike_everywhere({{"store", "backup", backup_, "--force"},
                     [&](const Ended&) {
                       EXPECT_NE(read_file(backup_), old_backup_);
                       restore();
                     },
                     restore},
                    "medley", 2, 5);
}

TEST_F(FaultyCommand, ARestoredStoreIsWholeOrAbsent) {
  const fs::path restored = path("restored");
  strike_everywhere({{"store", "restore", backup_, "--store", restored},
                     [&](const Ended&) {
                       EXPECT_EQ(faults_of(restored), "");
                       EXPECT_EQ(results_of(restored), 6);
                       for (const auto& entry : fs::directory_iterator(path("store/checkpoints"))) {
                         EXPECT_EQ(read_file(restored / "checkpoints" / entry.path().filename()),
                                   read_file(entry.path()));
                       }
                     },
                     [&] {
                       if (!fs::exists(restored)) return;
                       EXPECT_EQ(faults_of(restored), "");
                       EXPECT_EQ(results_of(restored), 6);
                       fs::remove_all(restored);
                     }},
                    "medley", 2, 5);
}

TEST_F(FaultyCommand, AMergeIsDoneOrCanBeDoneAgain) {
  strike_everywhere({{"store", "merge", path("other")},
                     [&](const Ended&) { EXPECT_EQ(results_of(path("store")), 8); },
                     [&] { EXPECT_EQ(results_of(path("other")), 8); }},
                    "medley", 1, 4);
}

TEST_F(FaultyCommand, TidyingLosesNothing) {
  for (const char* how : {"compact", "gc"}) {
    strike_everywhere({{"store", how}, [&](const Ended&) { EXPECT_EQ(results_of(path("store")), 6); }}, "medley", 1, 3);
  }
}

}  // namespace
}  // namespace medley::e2e
