// A large store of synthetic results, through the store's own writer, to measure pages on, and a writer at work on it.
//
//   store_generator FOLDER [CONFIGS [SEEDS [EPOCHS [SWEEPS]]]]
//       SWEEPS sweeps of CONFIGS x 5 folds x SEEDS trials; 4000, 5, 100, 1: 100,000 trials
//   store_generator FOLDER write SECONDS
//       accepts results, a pack of 8 a commit, ten commits a second; prints how long commits took
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <iostream>
#include <map>
#include <string>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include "storage/reader.h"
#include "storage/report_input.h"
#include "storage/writer.h"
#include "tests/web/sample_store.h"

namespace {

using namespace medley;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kPack = 8;
constexpr int kBatch = 2000;  ///< trials a commit, while generating
constexpr int kDraws = 12;    ///< results that trials of the same encoders, n and fold share
constexpr const char* kWorkers[] = {"bench-1", "bench-2", "bench-3", "bench-4"};

/// Every subset of the encoders, n, learning rate and dropout until there are enough.
std::vector<storage::SweepConfig> make_configs(int count, const std::vector<std::string>& encoders) {
  std::vector<storage::SweepConfig> configs;
  for (int i = 0; static_cast<int>(configs.size()) < count; ++i) {
    const int subset = 1 + i % 31;
    const int rate = i / 31 % 20;
    const int dropout = i / 31 / 20;
    storage::SweepConfig one;
    std::string names;
    for (std::size_t e = 0; e < encoders.size(); ++e) {
      if (!(subset >> e & 1)) continue;
      one.config.encoders.push_back(encoders[e]);
      names += (names.empty() ? "" : "+") + encoders[e];
    }
    one.config.top_n = 1 + i % static_cast<int>(one.config.encoders.size());
    one.config.learning_rate = 1e-4 * (1 + rate);
    one.config.dropout = 0.05 * dropout;
    one.axis_values = {{"encoders", names},
                       {"top_n", std::to_string(one.config.top_n)},
                       {"learning_rate", sweep::value_text(one.config.learning_rate)},
                       {"dropout", sweep::value_text(one.config.dropout)}};
    configs.push_back(one);
  }
  return configs;
}

storage::SweepSubmission make_sweep(const std::string& name, const std::vector<storage::SweepConfig>& configs,
                                    int seeds, const storage::DatasetRecord& dataset) {
  const std::string yaml = "name: " + name + "\naxes:\n  top_n: [1, 2]\ncompare:\n  - {axis: top_n, baseline: 1}\n";
  storage::SweepSubmission made = test::whole_sweep(name, yaml, configs, seeds, dataset);
  made.families = {{"top_n", "1", 0.01}};
  return made;
}

/// Measuring a result takes longer than storing it: each is made once.
class Results {
 public:
  Results(const storage::DatasetRecord& dataset, int epochs) : dataset_(dataset), epochs_(epochs) {}

  const sweep::TrialResult& of(const sweep::TrialSpec& trial) {
    const int draw = static_cast<int>(std::stoull(trial.id, nullptr, 16) % kDraws);
    const Key key{trial.config.encoders, trial.config.top_n, trial.fold, draw};
    auto known = made_.find(key);
    if (known == made_.end()) known = made_.emplace(key, test::sample_result(trial, dataset_, epochs_)).first;
    known->second.trial_id = trial.id;
    return known->second;
  }

 private:
  using Key = std::tuple<std::vector<std::string>, int, int, int>;  ///< encoders, n, fold, draw
  const storage::DatasetRecord& dataset_;
  int epochs_;
  std::map<Key, sweep::TrialResult> made_;
};

void finish(storage::Writer& writer, const std::vector<sweep::TrialSpec>& trials, std::size_t begin, std::size_t end,
            Results& results, storage::TimeMs time) {
  for (std::size_t i = begin; i < end; i += kPack) {
    const std::string worker = kWorkers[i / kPack % std::size(kWorkers)];
    std::vector<sweep::AttemptId> pack;
    for (std::size_t k = i; k < std::min(end, i + kPack); ++k) pack.push_back({trials[k].id, 1});
    writer.begin_attempts(worker, writer.next_pack(), pack, time);
    for (std::size_t k = i; k < std::min(end, i + kPack); ++k) {
      writer.accept_result({trials[k].id, 1}, "w", results.of(trials[k]), time + 7000);
    }
  }
}

/// As a coordinator does (coordinator/run_scores.h).
void measure(storage::Writer& writer, const std::string& id) {
  storage::Reader reader(writer.folder());
  const auto sweep = reader.stored_sweep(id);
  const auto progress = reader.config_progress(id);
  storage::GrowingReport growing;
  const auto report = growing.make(reader, sweep, progress, {});
  const auto measured = storage::measured_configs(growing, report, progress);
  storage::Writer::Group group(writer);
  writer.keep_measured(id, sweep.decode, measured, {0, measured.size()});
  group.commit();
}

void generate(const std::string& folder, int configs, int seeds, int epochs, int sweeps) {
  const auto dataset = test::sample_dataset();
  std::vector<std::string> encoders;
  for (const auto& encoder : dataset.encoders) encoders.push_back(encoder.name);
  storage::Writer writer(folder);
  Results results(dataset, epochs);
  storage::TimeMs time = storage::now_ms() - 86'400'000;
  for (int number = 1; number <= sweeps; ++number) {
    auto made = make_configs(configs, encoders);
    for (auto& one : made) one.config.weight_decay = 1e-4 * number;
    const auto sweep = make_sweep(number == 1 ? "bench" : "bench " + std::to_string(number), made, seeds, dataset);
    {
      storage::Writer::Group group(writer);
      writer.register_dataset(dataset, time);
      for (const char* worker : kWorkers) {
        writer.worker_joined({worker, std::string("node:") + worker, 8, 1, "cpu", "0.1.0"}, time);
      }
      writer.submit_sweep(sweep, time);
      group.commit();
    }
    for (std::size_t begin = 0; begin < sweep.trials.size(); begin += kBatch) {
      const std::size_t end = std::min(sweep.trials.size(), begin + kBatch);
      storage::Writer::Group group(writer);
      finish(writer, sweep.trials, begin, end, results, time);
      group.commit();
      time += 60'000;
      std::fprintf(stderr, "\r%zu of %zu trials of sweep %d", end, sweep.trials.size(), number);
    }
    measure(writer, storage::sweep_id(sweep));
    storage::Writer::Group group(writer);
    if (number < sweeps) writer.set_sweep_state(storage::sweep_id(sweep), sweep::SweepState::kFinished, time);
    group.commit();
  }
  std::fprintf(stderr, "\n");
}

void write(const std::string& folder, double seconds) {
  const auto dataset = test::sample_dataset();
  storage::Writer writer(folder);
  auto configs = make_configs(400, {"clip", "imagebind", "videomae", "hubert", "wavlm"});
  for (auto& one : configs) one.config.weight_decay = 1e-5 * static_cast<double>(storage::now_ms() % 1'000'000);
  const auto sweep = make_sweep("writing " + std::to_string(storage::now_ms()), configs, 5, dataset);
  {
    storage::Writer::Group group(writer);
    writer.submit_sweep(sweep, storage::now_ms());
    group.commit();
  }
  Results results(dataset, 100);
  std::vector<double> took;
  const auto begin = Clock::now();
  for (std::size_t i = 0; i + kPack <= sweep.trials.size(); i += kPack) {
    if (Clock::now() - begin > std::chrono::duration<double>(seconds)) break;
    storage::Writer::Group group(writer);
    finish(writer, sweep.trials, i, i + kPack, results, storage::now_ms());
    const auto start = Clock::now();
    group.commit();
    took.push_back(std::chrono::duration<double, std::milli>(Clock::now() - start).count());
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  std::sort(took.begin(), took.end());
  const auto at = [&](double share) {
    return took[static_cast<std::size_t>(share * static_cast<double>(took.size() - 1))];
  };
  std::printf("%zu commits of %zu results: median %.1f ms, 95 %% %.1f ms, longest %.1f ms\n", took.size(), kPack,
              at(.5), at(.95), took.back());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::cerr << "usage: store_generator FOLDER [CONFIGS [SEEDS [EPOCHS [SWEEPS]]]] | FOLDER write SECONDS\n";
    return 2;
  }
  if (argc > 3 && std::string(argv[2]) == "write") {
    write(argv[1], std::stod(argv[3]));
    return 0;
  }
  const auto number = [&](int index, int absent) { return argc > index ? std::stoi(argv[index]) : absent; };
  generate(argv[1], number(2, 4000), number(3, 5), number(4, 100), number(5, 1));
  return 0;
}
