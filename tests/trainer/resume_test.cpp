// A trial that was interrupted, wherever, and trained on by another process ends with the bits of one that was not.
#include <cerrno>
#include <fstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/storage/faulty_calls.h"
#include "tests/support/amount.h"
#include "tests/support/folder.h"
#include "tests/trainer/one_trial.h"
#include "tests/trainer/planted_dataset.h"
#include "tests/trainer/switches.h"
#include "trainer/data/npz.h"
#include "trainer/saved_headers.h"
#include "trainer/trainer.h"

namespace medley::tests {
namespace {

namespace fs = std::filesystem;
using sweep::Config;
using sweep::TrialSpec;
using trainer::Stop;

/// Trains `trials` until the trainer has asked `polls` times whether it should stop, and stops it then.
void interrupt(const data::Dataset& dataset, const std::vector<TrialSpec>& trials, const fs::path& folder, int polls,
               Stop how, std::chrono::milliseconds save_every = std::chrono::hours(1),
               const std::string& arithmetic = "") {
  trainer::TrainOptions options;
  options.resume = folder;
  options.arithmetic = arithmetic;
  options.save_every = save_every;
  options.stop = [&polls, how] { return --polls < 0 ? how : Stop::kNo; };
  EXPECT_THROW(trainer::train_pack(dataset, trials, options), trainer::Interrupted);
}

struct Resumed {
  std::vector<sweep::TrialResult> results;
  std::vector<std::string> notes;
  int polls = 0;  ///< steps that were still to do
};

Resumed resume(const data::Dataset& dataset, const std::vector<TrialSpec>& trials, const fs::path& folder,
               const std::string& arithmetic = "") {
  Resumed resumed;
  trainer::TrainOptions options;
  options.resume = folder;
  options.arithmetic = arithmetic;
  options.note = [&](const std::string& note) { resumed.notes.push_back(note); };
  options.stop = [&] { return ++resumed.polls, Stop::kNo; };
  resumed.results = trainer::train_pack(dataset, trials, options);
  return resumed;
}

Config resumable(const char* settings) {
  Config config = with(small_config(), settings);
  config.epochs = 3;
  config.inner_fold = true;
  return config;
}

class ResumeOf : public testing::TestWithParam<Switch> {};

TEST_P(ResumeOf, EndsWithTheSameBitsWhereverItWasInterrupted) {
  const data::Dataset dataset = planted_dataset();
  const TrialSpec spec = trial(resumable(GetParam().settings));
  Resumed whole;
  {
    const test::Folder folder;
    whole = resume(dataset, {spec}, folder.path());
    ASSERT_TRUE(whole.notes.empty());
  }
  // Before the first step, in the middle of an epoch, between two epochs, before the last step.
  const int an_epoch = whole.polls / 3;
  for (const int done : {0, an_epoch / 2, an_epoch, an_epoch + 1, whole.polls - 1}) {
    const test::Folder folder;
    interrupt(dataset, {spec}, folder.path(), done, Stop::kSave);
    const Resumed rest = resume(dataset, {spec}, folder.path());
    EXPECT_EQ(rest.polls, whole.polls - done) << "steps were done twice";
    ASSERT_EQ(rest.notes.size(), 1u);
    EXPECT_NE(rest.notes.front().find("resumes at epoch " + std::to_string(done / an_epoch + 1)), std::string::npos)
        << rest.notes.front();
    EXPECT_EQ(bits(rest.results.front()), bits(whole.results.front())) << "after " << done << " steps";
  }
}

INSTANTIATE_TEST_SUITE_P(Switches, ResumeOf, testing::ValuesIn(kSwitches), switch_name);

TEST(Resume, ResumesEachTrialOfAPackInAnyOtherPack) {
  const data::Dataset dataset = planted_dataset();
  Config slow = small_config(), fast = small_config(), wild = small_config();
  fast.epochs = 2;
  wild.learning_rate = 1e30;  // diverges in its first epoch
  const std::vector<TrialSpec> pack = {trial(slow), trial(fast, 1), trial(wild, 2), trial(slow, 1, 2)};
  int polls = 0;
  {
    const test::Folder folder;
    polls = resume(dataset, pack, folder.path()).polls;
  }
  for (const int done : {polls / 10, polls / 2, polls - 2}) {
    const test::Folder folder;
    interrupt(dataset, pack, folder.path(), done, Stop::kSave);
    for (const auto& part : {std::vector<TrialSpec>{pack[2], pack[0]}, std::vector<TrialSpec>{pack[3], pack[1]}}) {
      const Resumed rest = resume(dataset, part, folder.path());
      EXPECT_EQ(rest.notes.size(), 2u);
      for (std::size_t i = 0; i < part.size(); ++i) {
        EXPECT_EQ(bits(rest.results[i]), bits(alone(dataset, part[i]))) << "after " << done << " steps";
      }
    }
  }
}

TEST_P(ResumeOf, TakesUpAShorterTrialAndEndsWithTheSameBits) {
  const data::Dataset dataset = planted_dataset();
  for (const bool inner_fold : {false, true}) {
    Config config = resumable(GetParam().settings);
    config.inner_fold = inner_fold;
    Config shorter = config;
    shorter.stop_after = 1;
    Config longer = config;
    longer.stop_after = 2;
    const test::Folder folder;
    const Resumed first = resume(dataset, {trial(shorter)}, folder.path());
    ASSERT_EQ(first.results.front().epochs.size(), 1u);
    EXPECT_EQ(bits(first.results.front()), bits(alone(dataset, trial(shorter))));
    EXPECT_EQ(first.results.front().held_out.epoch, 1) << "the only one";
    const Resumed second = resume(dataset, {trial(longer)}, folder.path());
    EXPECT_EQ(second.polls, first.polls) << "one epoch, not two";
    EXPECT_EQ(bits(second.results.front()), bits(alone(dataset, trial(longer))));
    const Resumed again = resume(dataset, {trial(shorter)}, folder.path());
    EXPECT_EQ(bits(again.results.front()), bits(first.results.front())) << "what goes further is no use to it";
    const Resumed whole = resume(dataset, {trial(config)}, folder.path());
    EXPECT_EQ(whole.polls, 2 * first.polls) << "the last of the shorter ones to end was of one epoch";
    EXPECT_EQ(bits(whole.results.front()), bits(alone(dataset, trial(config))));
  }
}

TEST(Resume, AKilledAttemptResumesWhereItLastSaved) {
  const data::Dataset dataset = planted_dataset();
  const TrialSpec spec = trial(small_config());
  const test::Folder folder;
  // Saves before every step: what is lost by an end without notice is none.
  interrupt(dataset, {spec}, folder.path(), 13, Stop::kAbandon, std::chrono::milliseconds(-1));
  const Resumed rest = resume(dataset, {spec}, folder.path());
  EXPECT_EQ(rest.notes.size(), 1u);
  EXPECT_EQ(bits(rest.results.front()), bits(alone(dataset, spec)));
}

TEST(Resume, AnAbandonedPackWritesNothing) {
  const data::Dataset dataset = planted_dataset();
  const test::Folder folder;
  interrupt(dataset, {trial(small_config())}, folder.path(), 7, Stop::kAbandon);
  EXPECT_TRUE(fs::is_empty(folder.path()));
}

TEST(Resume, ATrialOfAnotherArithmeticStartsAtItsFirstStepAndSaysSo) {
  const data::Dataset dataset = planted_dataset();
  const TrialSpec spec = trial(small_config());
  const test::Folder folder;
  constexpr int kDone = 8;
  const int steps = resume(dataset, {spec}, folder / "none", "here").polls;
  interrupt(dataset, {spec}, folder.path(), kDone, Stop::kSave, std::chrono::hours(1), "elsewhere");
  const Resumed other = resume(dataset, {spec}, folder.path(), "here");
  EXPECT_EQ(other.polls, steps);
  ASSERT_EQ(other.notes.size(), 1u);
  EXPECT_NE(other.notes.front().find("it is of arithmetic 'elsewhere', this worker's is 'here'"), std::string::npos)
      << other.notes.front();
  EXPECT_EQ(other.results.front().arithmetic, "here");
  const Resumed same = resume(dataset, {spec}, folder.path(), "elsewhere");
  EXPECT_EQ(same.polls, steps - kDone);
  EXPECT_EQ(same.results.front().arithmetic, "elsewhere");
}

TEST(Resume, ADiskThatFailsCostsNoTrialAndItsFilesAreWholeOrAbsent) {
  const data::Dataset dataset = planted_dataset();
  Config config = small_config();
  config.epochs = 2;
  const std::vector<TrialSpec> pack = {trial(config), trial(config, 1)};
  const std::vector<std::vector<std::uint8_t>> expected = {bits(alone(dataset, pack[0])),
                                                           bits(alone(dataset, pack[1]))};
  int faults = 0, unwritten = 0;
  for (const char* call : {"fsync", "rename"}) {
    for (int nth = 1;; nth += static_cast<int>(test::amount("MEDLEY_FAULT_STEP", 7))) {
      const test::Folder folder(test::Folder::Where::kMemory);
      storage::testing_store::FaultyCalls disk(folder.path());
      disk.fail(call, nth, ENOSPC);
      Resumed saved;
      trainer::TrainOptions options;
      options.resume = options.checkpoints = folder.path();
      options.save_every = std::chrono::milliseconds(-1);  // before every step
      options.note = [&](const std::string& note) { saved.notes.push_back(note); };
      saved.results = trainer::train_pack(dataset, pack, options);
      for (std::size_t i = 0; i < pack.size(); ++i) {
        EXPECT_EQ(bits(saved.results[i]), expected[i]) << call << " " << nth;
        const fs::path checkpoint = folder / (pack[i].id + ".npz");
        if (fs::exists(checkpoint)) {
          EXPECT_EQ(trainer::read_checkpoint_header(data::NpzFile::open(checkpoint)).trial.id, pack[i].id);
        } else {
          ++unwritten;
        }
        EXPECT_EQ(bits(resume(dataset, {pack[i]}, folder.path()).results.front()), expected[i]) << call << " " << nth;
      }
      if (saved.notes.empty()) break;  // beyond the last
      ++faults;
      ASSERT_EQ(saved.notes.size(), 1u);
      EXPECT_EQ(saved.notes.front().rfind(folder.path().string(), 0), 0u) << saved.notes.front();
      EXPECT_NE(saved.notes.front().find("No space left on device"), std::string::npos) << saved.notes.front();
    }
  }
  EXPECT_GT(faults, 10);
  EXPECT_LE(unwritten, faults);
}

TEST(Resume, ADamagedOrForeignFileIsSaidAndTheTrialStartsAnew) {
  const data::Dataset dataset = planted_dataset();
  const TrialSpec spec = trial(small_config());
  const auto expected = bits(alone(dataset, spec));
  const test::Folder folder;
  const fs::path file = folder / (spec.id + ".resume");
  const auto restarts = [&](const char* why) {
    const Resumed rest = resume(dataset, {spec}, folder.path());
    ASSERT_EQ(rest.notes.size(), 1u);
    EXPECT_NE(rest.notes.front().find(file.string()), std::string::npos) << rest.notes.front();
    EXPECT_NE(rest.notes.front().find(why), std::string::npos) << rest.notes.front();
    EXPECT_EQ(bits(rest.results.front()), expected);
  };
  interrupt(dataset, {spec}, folder.path(), 8, Stop::kSave);
  fs::resize_file(file, fs::file_size(file) / 2);
  restarts("the trial starts at its first step");

  const TrialSpec other = trial(small_config(), 1);
  interrupt(dataset, {other}, folder.path(), 8, Stop::kSave);
  fs::rename(folder / (other.id + ".resume"), file);
  restarts("of another trial");

  std::ofstream(file) << "not an archive";
  restarts("the trial starts at its first step");
}

}  // namespace
}  // namespace medley::tests
