// What a result costs besides training, without a network: CPU time of a worker that encodes and spools it, CPU time of
// a coordinator that decodes, checks and stores it, and the bytes that a store grows by. Packs of 8.
//
//   result_bench FOLDER [PACKS]
//
// FOLDER/small and FOLDER/real keep the stores, to be looked at by SQLite's dbstat.
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "storage/writer.h"
#include "sweep/half.h"
#include "sweep/head_fusion.h"
#include "sweep/score/admission.h"
#include "sweep/score/metric.h"
#include "tests/web/sample_store.h"
#include "worker/spool.h"

namespace {

using namespace medley;
namespace fs = std::filesystem;

constexpr std::size_t kPack = 8;

double cpu_ms() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) * 1e-6;
}

/// Five folds, with these numbers of clips a fold, encoders and test clips.
storage::DatasetRecord dataset_of(int clips_a_fold, int encoders, int test_clips) {
  storage::DatasetRecord made = test::sample_dataset();
  const std::vector<storage::ClipRecord> clips = made.clips;
  made.clips.clear();
  for (int fold = 0; fold < 5; ++fold) {
    std::vector<storage::ClipRecord> own;
    for (const auto& clip : clips) {
      if (clip.fold == fold) own.push_back(clip);
    }
    for (int i = 0; i < clips_a_fold; ++i) {
      made.clips.push_back(own[static_cast<std::size_t>(i) % own.size()]);
      made.clips.back().filename = std::to_string(fold) + "-" + std::to_string(i) + ".mov";
    }
  }
  for (int i = 0; i < test_clips; ++i) made.clips.push_back({"test" + std::to_string(i) + ".mov", "", -1, {}});
  made.test_fingerprint = test_clips > 0 ? std::string(64, 'c') : "";
  made.encoders.clear();
  for (int i = 0; i < encoders; ++i) made.encoders.push_back({"encoder" + std::to_string(i), {}, 1024});
  return made;
}

std::vector<float> halves(std::size_t count, std::mt19937_64& random) {
  std::uniform_real_distribution<double> uniform;
  std::vector<float> values(count);
  for (float& value : values) value = sweep::rounded_to_half(uniform(random));
  return values;
}

/// What a decoupled head says: the product of numbers at random.
void fill_heads(sweep::Predictions& said, int clips, std::mt19937_64& random) {
  said = {clips, halves(static_cast<std::size_t>(clips) * 6, random), {}, {}};
  said.salience = halves(said.presence.size(), random);
  said.fused = sweep::product_of_heads(said, 6);
}

sweep::TrialResult result_of(const sweep::TrialSpec& trial, const storage::DatasetRecord& dataset,
                             const sweep::Promise& promise, int epochs) {
  std::mt19937_64 random(std::stoull(trial.id, nullptr, 16));
  sweep::TrialResult result = test::sample_result(trial, dataset, epochs);
  result.test_fingerprint = dataset.test_fingerprint;
  const std::vector<sweep::Label>& truth = promise.labels.at(trial.fold);
  for (sweep::Snapshot* snapshot : {&result.paper, &result.held_out}) {
    fill_heads(snapshot->validation, static_cast<int>(truth.size()), random);
    if (promise.test_clips > 0) fill_heads(snapshot->test, promise.test_clips, random);
    const std::vector<double> fused(snapshot->validation.fused.begin(), snapshot->validation.fused.end());
    snapshot->surface = sweep::threshold_surface({fused.data(), snapshot->validation.clips, 6}, truth, promise.classes);
  }
  for (sweep::EpochMetrics& epoch : result.epochs)
    epoch.terms = {{"presence", epoch.loss / 3}, {"salience", epoch.loss}};
  for (auto& weight : result.importance.weights) weight = sweep::half_bits(halves(1, random)[0]);
  const std::size_t encoders = dataset.encoders.size(), dropped = encoders / 3;
  for (std::size_t clip = 0; clip < truth.size(); ++clip) {
    for (std::size_t i = 0; i < dropped; ++i) result.importance.weights[clip * encoders + (clip + i) % encoders] = 0;
  }
  return result;
}

void measure(const fs::path& folder, const char* name, int clips, int encoders, int test_clips, int epochs, int packs) {
  const auto dataset = dataset_of(clips, encoders, test_clips);
  const sweep::Promise promise = storage::promise_of(dataset);
  storage::SweepConfig config;
  for (const auto& encoder : dataset.encoders) config.config.encoders.push_back(encoder.name);
  config.config.epochs = epochs;
  const auto sweep = test::whole_sweep(name, "name: x\n", {config}, packs * 8 / 5 + 1, dataset);
  storage::Writer writer(folder / name / "store");
  {
    storage::Writer::Group group(writer);
    writer.register_dataset(dataset, 1);
    writer.worker_joined({"w", "host:1", 8, 1, "cpu", "0.1.0"}, 1);
    writer.submit_sweep(sweep, 1);
    group.commit();
  }
  worker::Spool spool(folder / name / "spool", "w");
  double worker_ms = 0, coordinator_ms = 0;
  std::size_t bytes = 0, trials = 0;
  for (int pack = 0; pack < packs; ++pack) {
    std::vector<sweep::TrialResult> results;
    for (std::size_t i = 0; i < kPack; ++i, ++trials) {
      results.push_back(result_of(sweep.trials[trials], dataset, promise, epochs));
    }
    double begin = cpu_ms();
    std::vector<worker::SpooledResult> spooled;
    for (const auto& result : results) spooled.push_back({{result.trial_id, 1}, sweep::encode_result(result)});
    spool.put(spooled);
    std::vector<std::vector<std::uint8_t>> sent;
    for (const auto& result : results) sent.push_back(*spool.read({result.trial_id, 1}));
    for (const auto& result : results) spool.remove({result.trial_id, 1});
    worker_ms += cpu_ms() - begin;
    begin = cpu_ms();
    storage::Writer::Group group(writer);
    std::vector<sweep::AttemptId> attempts;
    for (const auto& result : results) attempts.push_back({result.trial_id, 1});
    writer.begin_attempts("w", writer.next_pack(), attempts, 2);
    for (std::size_t i = 0; i < kPack; ++i) {
      const sweep::ResultRecord record(sent[i]);
      std::string problem = writer.result_problem(attempts[i], record.result);
      if (problem.empty()) {
        problem = sweep::admission_problem(record.result, sweep.trials[trials - kPack + i], promise);
      }
      if (!problem.empty()) throw std::runtime_error(problem);
      writer.accept_result(attempts[i], "w", record, 3);
    }
    group.commit();
    coordinator_ms += cpu_ms() - begin;
    for (const auto& one : sent) bytes += one.size();
  }
  std::printf("%-6s %6.1f KB a result; worker %.3f ms, coordinator %.3f ms of CPU a trial\n", name,
              static_cast<double>(bytes) / 1000 / static_cast<double>(trials), worker_ms / static_cast<double>(trials),
              coordinator_ms / static_cast<double>(trials));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: result_bench FOLDER [PACKS]\n");
    return 2;
  }
  const int packs = argc > 2 ? std::stoi(argv[2]) : 40;
  measure(argv[1], "small", 40, 3, 0, 5, packs);
  measure(argv[1], "real", 491, 12, 594, 30, packs);
}
