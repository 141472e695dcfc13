// report, show, ensemble, export and evaluate on a store of made-up results whose numbers are worked out here by
// definition.
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <random>
#include <regex>
#include <sstream>

#include <gtest/gtest.h>
#include <unistd.h>

#include "coordinator/actions/evaluate.h"
#include "coordinator/actions/sweep_results.h"
#include "coordinator/commands/command.h"
#include "storage/probe_file.h"
#include "storage/writer.h"
#include "sweep/half.h"
#include "tests/support/error_of.h"
#include "tests/support/folder.h"
#include "trainer/data/error.h"
#include "trainer/data/npz.h"
#include "trainer/data/npz_write.h"
#include "trainer/data/submission_check.h"
#include "web/site.h"

namespace medley::coordinator {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr int kFolds = 3;
constexpr int kTestClips = 7;

/// 60 labelled clips whose folds alternate (so that pooling must put rows back in order), 7 test clips.
storage::DatasetRecord dataset() {
  storage::DatasetRecord record;
  record.fingerprint = std::string(64, 'd');
  record.folder = "/nowhere";
  record.name = "made-up";
  record.synthetic = true;
  record.classes = sweep::Classes::blemore();
  record.folds = {0, 1, 2};
  for (int i = 0; i < 60; ++i) {
    storage::ClipRecord clip;
    clip.filename = "clip_" + std::to_string(i);
    clip.fold = i % kFolds;
    clip.actor = "A" + std::to_string(i % 12);
    clip.label =
        i % 2 ? sweep::make_blend(i % 5, (i + 1 + i / 20) % 5, 30 + 20 * (i % 3)) : sweep::Label{i % 6, -1, 100};
    record.clips.push_back(clip);
  }
  for (int i = 0; i < kTestClips; ++i) record.clips.push_back({"test_000" + std::to_string(i) + ".mov", "", -1, {}});
  record.encoders = {{"clip", {{"modality", "video"}, {"family", "adapted"}}, 4},
                     {"wavlm", {{"modality", "audio"}}, 4}};
  return record;
}

/// Probabilities of a clip under a config: near its label with this strength.
std::vector<float> row(const storage::ClipRecord& clip, double strength, std::mt19937& random) {
  std::normal_distribution<double> normal;
  std::vector<double> p(6);
  double total = 0;
  for (int c = 0; c < 6; ++c) {
    const double share = !clip.label               ? 0
                         : c == clip.label->first  ? clip.label->salience / 100.0
                         : c == clip.label->second ? 1 - clip.label->salience / 100.0
                                                   : 0;
    total += p[std::size_t(c)] = std::exp(strength * share + normal(random));
  }
  std::vector<float> made;
  for (const double value : p) made.push_back(sweep::rounded_to_half(value / total));
  return made;
}

/// Predictions of all clips, [clip][class], of each trial id.
using Said = std::map<std::string, std::vector<std::vector<float>>>;

sweep::Snapshot snapshot(const storage::DatasetRecord& data, const std::vector<std::vector<float>>& said, int fold,
                         int epoch) {
  sweep::Snapshot made;
  made.epoch = epoch;
  std::vector<double> p;
  std::vector<sweep::Label> truth;
  for (std::size_t i = 0; i < data.clips.size(); ++i) {
    auto* part = data.clips[i].fold == fold ? &made.validation : data.clips[i].fold == -1 ? &made.test : nullptr;
    if (!part) continue;
    ++part->clips;
    part->fused.insert(part->fused.end(), said[i].begin(), said[i].end());
    if (part != &made.validation) continue;
    p.insert(p.end(), said[i].begin(), said[i].end());
    truth.push_back(*data.clips[i].label);
  }
  made.surface = sweep::threshold_surface({p.data(), int(truth.size()), 6}, truth, data.classes);
  return made;
}

sweep::Config config_of(std::vector<std::string> encoders, int epochs) {
  sweep::Config config;
  config.top_n = static_cast<int>(encoders.size());
  config.encoders = std::move(encoders);
  config.epochs = epochs;
  return config;
}

const std::vector<sweep::Config> kDepths = {config_of({"clip", "wavlm"}, 10), config_of({"clip", "wavlm"}, 20),
                                            config_of({"clip", "wavlm"}, 30)};

/// One encoder has all of the weight. Of two the first has a quarter on average over the folds; the weights add up to
/// .8 only, as those that are cut and not renormalised.
sweep::Importance gate(const sweep::TrialSpec& trial) {
  sweep::Importance importance;
  const std::size_t count = trial.config.encoders.size();
  for (std::size_t e = 0; e < count; ++e) {
    sweep::EncoderImportance encoder;
    encoder.encoder = trial.config.encoders[e];
    const double first = .2 + .05 * trial.fold;
    encoder.mean = count == 1 ? 1 : .8 * (e == 0 ? first : 1 - first);
    encoder.selection_frequency = 1;
    encoder.quantiles = {1, 1, 1, 1, 1};
    encoder.histogram = std::vector<std::int64_t>(20);
    encoder.histogram.back() = 20;
    encoder.ranks = std::vector<double>(count, 1.0 / double(count));
    importance.encoders.push_back(encoder);
  }
  importance.weights.assign(20 * count, 0x3c00);  // one in half precision
  importance.cka.assign(count * count, 1);
  return importance;
}

/// Three configs, unless told, of two seeds and three folds; the last config lacks its last trial. A config says the
/// truth the better the more epochs it has. Labels of `poisoned_fold` are of others than what the models learnt.
struct Store {
  test::Folder folder;
  storage::DatasetRecord data = dataset();
  storage::SweepSubmission sweep;
  Said said;

  explicit Store(const std::vector<sweep::Config>& configs = kDepths, int poisoned_fold = -1,
                 const std::string& yaml = "name: depth\naxes: {epochs: [10, 20, 30]}\n",
                 const std::vector<std::string>& class_names = {},
                 const std::vector<sweep::Partition>& partitions = {{}}) {
    if (!class_names.empty()) data.classes.names = class_names;
    const storage::DatasetRecord learnt = data;
    for (auto& clip : data.clips) {
      if (clip.fold == poisoned_fold && clip.label) clip.label = sweep::Label{(clip.label->first + 2) % 6, -1, 100};
    }
    sweep.name = "depth";
    sweep.yaml = yaml;
    sweep.families = {{"epochs", "10", 0.02}};
    sweep.dataset = data.fingerprint;
    sweep.partitions = partitions;
    sweep.folds = {0, 1, 2};
    sweep.seeds = {1, 2};
    std::mt19937 random(4);
    for (const sweep::Config& config : configs) {
      sweep.configs.push_back({config, {{"epochs", config.epochs}}});
      for (const sweep::Partition& partition : partitions) {
        for (const std::uint64_t seed : sweep.seeds) {
          for (const int fold : sweep.folds) {
            const std::string id = trial_id(config, fold, seed, data.fingerprint, "", partition);
            sweep.trials.push_back({id, config, fold, seed, partition});
          }
        }
      }
    }
    storage::Writer writer(folder.path());
    storage::Writer::Group group(writer);
    writer.register_dataset(data, 1);
    writer.submit_sweep(sweep, 2);
    storage::WorkerRecord worker;
    worker.id = "w1";
    worker.name = "host-1";
    writer.worker_joined(worker, 3);
    for (std::size_t i = 0; i + 1 < sweep.trials.size(); ++i) {
      const sweep::TrialSpec& trial = sweep.trials[i];
      auto& rows = said[trial.id];
      for (const auto& clip : learnt.clips) rows.push_back(row(clip, trial.config.epochs / 6.0, random));
      sweep::TrialResult result;
      result.trial_id = trial.id;
      const storage::DatasetRecord divided = sweep::partitioned(data, trial.partition);
      result.paper = snapshot(divided, rows, trial.fold, 3);
      result.held_out = snapshot(divided, rows, trial.fold, trial.config.epochs);
      const auto best = result.paper.surface.best();
      for (int epoch = 1; epoch <= trial.config.epochs; ++epoch) {
        sweep::EpochMetrics metrics;
        metrics.epoch = epoch;
        metrics.loss = 1.0 / epoch;
        metrics.thresholds = best.thresholds;
        if (epoch == 3) metrics.validation = best.accuracy;
        result.epochs.push_back(metrics);
      }
      if (trial.config.fusion != sweep::Fusion::kConcat) result.importance = gate(trial);
      result.seconds = 1;
      writer.begin_attempts("w1", std::int64_t(i + 1), {{trial.id, 1}}, 4);
      writer.accept_result({trial.id, 1}, "w", result, 5);
    }
    group.commit();
  }
};

/// What a command prints.
std::string run(const fs::path& store, const std::string& line) {
  CLI::App app{"", "medley"};
  app.require_subcommand(1);
  Globals globals;
  globals.store = store;
  add_report_commands(app, globals);
  add_trials_command(app, globals);
  add_predictions_command(app, globals);
  add_replay_command(app, globals);
  add_run_commands(app, globals);
  add_evaluate_command(app, globals);
  add_ensemble_commands(app, globals);
  testing::internal::CaptureStdout();
  try {
    app.parse(line);
  } catch (...) {
    testing::internal::GetCapturedStdout();
    throw;
  }
  std::fflush(stdout);
  return testing::internal::GetCapturedStdout();
}

TEST(ResultsCommands, PooledPredictionsAreInDatasetOrder) {
  Store store;
  storage::Reader reader(store.folder.path());
  const auto pooled = pool_predictions(reader, choose_sweep(reader, "depth"), {}, sweep::Protocol::kHeldOut);
  ASSERT_EQ(pooled.candidates.size(), 5u);  // the sixth misses a fold
  EXPECT_EQ(pooled.left_out, 1);
  ASSERT_EQ(pooled.rows.clips(), 60);
  EXPECT_EQ(pooled.actors.size(), 12u);
  for (std::size_t m = 0; m < 5; ++m) {
    for (std::size_t clip = 0; clip < 60; ++clip) {
      EXPECT_EQ(pooled.rows.fold[clip], int(clip % 3));
      EXPECT_EQ(pooled.rows.truth[clip], *store.data.clips[clip].label);
      const auto& trial = pooled.candidates[m].trials[clip % 3];
      for (std::size_t c = 0; c < 6; ++c) {
        EXPECT_EQ(pooled.rows.candidates[m][clip * 6 + c], double(store.said.at(trial)[clip][c]));
      }
    }
  }
}

/// Held-out hits of the trials of one config and seed by definition: for each fold, every pair of thresholds is tried
/// on the other folds with plain decode().
std::vector<sweep::Tally> held_out_folds(const Store& store, std::size_t first_trial,
                                         const std::array<double, sweep::kGridSize>& grid = sweep::threshold_grid()) {
  const auto measure = [&](sweep::Thresholds thresholds, auto&& wants) {
    sweep::Tally tally;
    for (std::size_t clip = 0; clip < 60; ++clip) {
      if (!wants(int(clip % 3))) continue;
      const auto& p = store.said.at(store.sweep.trials[first_trial + clip % 3].id)[clip];
      const std::vector<double> row(p.begin(), p.end());
      tally.add(sweep::decode(row.data(), store.data.classes, thresholds), *store.data.clips[clip].label);
    }
    return tally;
  };
  std::vector<sweep::Tally> folds;
  for (int fold = 0; fold < kFolds; ++fold) {
    sweep::Thresholds best;
    double best_score = -1;
    for (const double alpha : grid) {
      for (const double beta : grid) {
        const double score = measure({alpha, beta}, [&](int f) { return f != fold; }).accuracy().score();
        if (score > best_score) {
          best_score = score;
          best = {alpha, beta};
        }
      }
    }
    folds.push_back(measure(best, [&](int f) { return f == fold; }));
  }
  return folds;
}

double held_out_score(const Store& store, std::size_t first_trial,
                      const std::array<double, sweep::kGridSize>& grid = sweep::threshold_grid()) {
  sweep::Tally pooled;
  for (const sweep::Tally& fold : held_out_folds(store, first_trial, grid)) pooled += fold;
  return pooled.accuracy().score();
}

TEST(ResultsCommands, ReportSaysTheHeldOutScoreByItsDefinition) {
  Store store;
  const json report = json::parse(run(store.folder.path(), "report --json"));
  ASSERT_EQ(report["rows"].size(), 3u);
  EXPECT_TRUE(report["synthetic"].get<bool>());
  const std::string strongest = sweep::config_id(store.sweep.configs[1].config);  // of the complete ones
  const json& first = report["rows"][0];
  EXPECT_EQ(first["config"], strongest);
  EXPECT_NEAR(first["values"]["held_out_score"].get<double>(),
              (held_out_score(store, 6) + held_out_score(store, 9)) / 2, 1e-12);
  EXPECT_EQ(report["rows"][2]["values"]["runs_done"], 5);
  EXPECT_EQ(report["rows"][2]["values"]["held_out_score_sd"], nullptr);  // one seed has all folds
  EXPECT_FALSE(report["rows"][2]["complete"].get<bool>());
}

TEST(ResultsCommands, TrialsHaveTheHeldOutScoreOfTheirFoldByItsDefinition) {
  Store store;
  const json list = json::parse(run(store.folder.path(), "trials depth --json"))["trials"];
  ASSERT_EQ(list.size(), store.sweep.trials.size());
  for (std::size_t first = 0; first < list.size(); first += kFolds) {
    const bool complete = first + kFolds < list.size();  // the last seed lacks a fold
    const auto folds = complete ? held_out_folds(store, first) : std::vector<sweep::Tally>();
    for (std::size_t fold = 0; fold < kFolds; ++fold) {
      const json& line = list[first + fold];
      const sweep::TrialSpec& trial = store.sweep.trials[first + fold];
      EXPECT_EQ(line["trial"], trial.id);
      EXPECT_EQ(line["fold"], trial.fold);
      EXPECT_EQ(line["seed"], trial.seed);
      EXPECT_EQ(line["epochs"], trial.config.epochs);
      if (!complete) {
        EXPECT_EQ(line["held_out_score"], nullptr);
        continue;
      }
      EXPECT_EQ(line["state"], "finished");
      EXPECT_EQ(line["worker"], "host-1");
      const sweep::Accuracy accuracy = folds[fold].accuracy();
      EXPECT_NEAR(line["held_out_score"].get<double>(), accuracy.score(), 1e-12);
      EXPECT_NEAR(line["held_out_acc_presence"].get<double>(), accuracy.presence, 1e-12);
      EXPECT_NEAR(line["held_out_acc_salience"].get<double>(), accuracy.salience, 1e-12);
      EXPECT_GE(line["paper_score"].get<double>(), accuracy.score()) << "optimistic";
    }
  }
  EXPECT_EQ(list.back()["state"], "pending");
}

TEST(ResultsCommands, TrialsAreChosenSortedAndCut) {
  Store store;
  const fs::path folder = store.folder.path();
  const auto rows = [&](const std::string& words) {
    std::istringstream csv(run(folder, "trials depth --csv " + words));
    std::vector<std::string> lines;
    for (std::string line; std::getline(csv, line);) lines.push_back(line);
    return lines;
  };
  EXPECT_EQ(rows("--columns epochs,fold,seed --where epochs>=20 --where fold=1 --where seed!=1"),
            (std::vector<std::string>{"epochs,fold,seed", "20,1,2", "30,1,2"}));
  EXPECT_EQ(rows("--where state=pending --columns trial")[1], store.sweep.trials.back().id);
  EXPECT_EQ(rows("--failed").size(), 1u);  // the head
  const auto sorted = rows("--sort score --columns score");
  ASSERT_EQ(sorted.size(), 19u);
  for (std::size_t i = 2; i < 16; ++i) EXPECT_GE(std::stod(sorted[i - 1]), std::stod(sorted[i]));
  EXPECT_EQ(sorted.back(), "") << "without a number last";
  EXPECT_EQ(rows("--top 2").size(), 3u);
  const auto refused = [&](const std::string& words) {
    return test::error_of<UsageError>([&] { run(folder, "trials depth " + words); });
  };
  EXPECT_NE(refused("--sort scor").find("did you mean 'score'?"), std::string::npos) << refused("--sort scor");
  EXPECT_NE(refused("--where epoch=3").find("did you mean 'epochs'?"), std::string::npos);
  EXPECT_NE(refused("--where epochs").find("is no condition"), std::string::npos);
  const std::string text = run(folder, "trials depth --top 1");
  EXPECT_NE(text.find("depth on made-up (synthetic data): 1 of 18 trials"), std::string::npos) << text;
  const std::string none = run(folder, "trials depth --where seed=1 --where epochs=25");
  EXPECT_NE(none.find("epochs=25 holds for no trial; epochs is 10, 20, 30"), std::string::npos) << none;
}

TEST(ResultsCommands, TextHasTheNamesOfReports) {
  Store store;
  const fs::path folder = store.folder.path();
  store.sweep.name = "named";
  for (auto& config : store.sweep.configs) {
    std::string encoders;
    for (const std::string& one : config.config.encoders) encoders += (encoders.empty() ? "" : "+") + one;
    config.axis_values = {{"encoders", encoders}, {"epochs", std::to_string(config.config.epochs)}};
  }
  store.sweep.labels = {{"epochs=20", "deep"}, {"wavlm", "WavLM-L"}};
  {
    storage::Writer writer(folder);
    storage::Writer::Group group(writer);
    writer.submit_sweep(store.sweep, 9);
    group.commit();
  }
  const std::string trials = run(folder, "trials named");
  EXPECT_NE(trials.find("all 2"), std::string::npos) << trials;
  EXPECT_NE(trials.find("deep"), std::string::npos) << trials;
  EXPECT_EQ(trials.find("clip+wavlm"), std::string::npos) << trials;
  EXPECT_NE(run(folder, "trials named --csv").find("clip+wavlm"), std::string::npos) << "raw values for programs";
  const std::string selected = "trials named --csv --columns trial --where ";
  EXPECT_EQ(run(folder, selected + "epochs=deep"), run(folder, selected + "epochs=20"));
  const std::string deep = sweep::config_id(store.sweep.configs[1].config);
  const std::string dropped = sweep::config_id(store.sweep.configs[0].config);
  for (const auto& [command, id] : {std::pair("ensemble named --method mean", deep), {"replay named", dropped}}) {
    const std::string text = run(folder, command);
    EXPECT_NE(text.find("deep"), std::string::npos) << text;
    EXPECT_EQ(text.find(id), std::string::npos) << text;
    EXPECT_NE(run(folder, std::string(command) + " --ids").find(id), std::string::npos) << command;
  }
  run(folder, "report named --figures " + (folder / "figures").string());
  std::ifstream svg(folder / "figures" / "importance_by_fold.svg");
  const std::string drawn{std::istreambuf_iterator<char>(svg), {}};
  EXPECT_NE(drawn.find("WavLM-L"), std::string::npos);
  EXPECT_EQ(drawn.find("wavlm"), std::string::npos);
}

TEST(ResultsCommands, ClipsOfTheTestCountNowhereThoughTheyHaveLabels) {
  Store store;
  const fs::path folder = store.folder.path();
  const std::string before = run(folder, "report --methods"), explained = run(folder, "report --explain");
  EXPECT_NE(before.find("60 labelled clips of 12 actors"), std::string::npos) << before;
  for (auto& clip : store.data.clips) {
    if (clip.fold >= 0) continue;
    clip.label = sweep::Label{0, -1, 100};
    clip.actor = "of the test";
  }
  {
    storage::Writer writer(folder);
    storage::Writer::Group group(writer);
    writer.register_dataset(store.data, 9);
    group.commit();
  }
  EXPECT_EQ(run(folder, "report --methods"), before);
  EXPECT_EQ(run(folder, "report --explain"), explained);
}

TEST(ResultsCommands, NamesThatMeanSomethingElseAreRefused) {
  Store store;
  const auto error = [&](const std::string& line) {
    return test::error_of<UsageError>([&] { run(store.folder.path(), line); });
  };
  EXPECT_EQ(error("ensemble --method mean --name 1"), "an ensemble cannot be called '1': a number is the id of one");
  EXPECT_EQ(error("predictions --out p.csv"), "--out p.csv: predictions are NPZ arrays, and its name must end in .npz");
}

TEST(ResultsCommands, PredictionsAreWhatTheModelsSaidOfClipsThatTheyDidNotSee) {
  Store store;
  const fs::path folder = store.folder.path(), out = folder / "p.npz";
  const std::string text = run(folder, "predictions depth --out " + out.string());
  EXPECT_NE(text.find("sweep depth, 60 clips, 7 test clips"), std::string::npos) << text;
  const data::NpzFile npz = data::NpzFile::open(out);
  EXPECT_EQ(npz.header("fused").shape, (std::vector<std::size_t>{5, 60, 6}));
  EXPECT_EQ(npz.header("test_fused").shape, (std::vector<std::size_t>{5, 3, 7, 6}));
  const auto fused = npz.read_float32("fused"), test = npz.read_float32("test_fused");
  const auto configs = npz.read_strings("configs");
  const auto seeds = npz.read_int64("seeds"), folds = npz.read_int64("folds"), labels = npz.read_int64("labels");
  for (std::size_t m = 0; m < 5; ++m) {
    EXPECT_EQ(configs[m], sweep::config_id(store.sweep.trials[m * kFolds].config));
    EXPECT_EQ(seeds[m], std::int64_t(store.sweep.trials[m * kFolds].seed));
    for (std::size_t clip = 0; clip < 60; ++clip) {
      EXPECT_EQ(folds[clip], int(clip % 3));
      const auto& said = store.said.at(store.sweep.trials[m * kFolds + clip % 3].id);
      for (std::size_t c = 0; c < 6; ++c) EXPECT_EQ(fused[(m * 60 + clip) * 6 + c], said[clip][c]);
    }
    for (std::size_t fold = 0; fold < kFolds; ++fold) {
      const auto& said = store.said.at(store.sweep.trials[m * kFolds + fold].id);
      for (std::size_t clip = 0; clip < 7; ++clip) {
        for (std::size_t c = 0; c < 6; ++c) {
          EXPECT_EQ(test[((m * kFolds + fold) * 7 + clip) * 6 + c], said[60 + clip][c]);
        }
      }
    }
  }
  EXPECT_EQ(npz.read_strings("clips")[4], "clip_4");
  EXPECT_EQ(npz.read_strings("actors")[4], "A4");
  EXPECT_EQ(labels[3], store.data.clips[1].label->first);
  EXPECT_TRUE(std::isnan(npz.read_float32("presence")[0])) << "a head that says nothing of it";

  run(folder, "predictions " + configs[2].substr(0, 6) + " --out " + out.string());
  EXPECT_EQ(data::NpzFile::open(out).header("fused").shape, (std::vector<std::size_t>{2, 60, 6}));
  const std::string nobody = test::error_of<UsageError>([&] { run(folder, "predictions nix --out " + out.string()); });
  EXPECT_NE(nobody.find("no sweep, config or ensemble 'nix'"), std::string::npos) << nobody;
}

TEST(ResultsCommands, PredictionsOfAnEnsembleGiveItsNestedScore) {
  Store store;
  const fs::path folder = store.folder.path(), out = folder / "p.npz";
  for (const char* words : {"--method caruana --name a", "--method simplex --mix geometric --name b",
                            "--method mean --per-subset --name c"}) {
    run(folder, std::string("ensemble depth ") + words);
    run(folder, std::string("predictions ") + std::strrchr(words, ' ') + " --out " + out.string());
    const data::NpzFile npz = data::NpzFile::open(out);
    const auto fused = npz.read_float32("fused");
    ASSERT_EQ(fused.size(), 60u * 6);
    storage::Reader reader(folder);
    const storage::EnsembleRecord ensemble = reader.ensembles().front();
    sweep::Tally hits;
    for (std::size_t clip = 0; clip < 60; ++clip) {
      const std::vector<double> row(&fused[clip * 6], &fused[clip * 6] + 6);
      const sweep::Thresholds thresholds = ensemble.folds.at(clip % 3).thresholds;
      hits.add(sweep::decode(row.data(), store.data.classes, thresholds), *store.data.clips[clip].label);
    }
    EXPECT_NEAR(hits.accuracy().score(), ensemble.nested.score(), 1e-12) << words;

    // Of the test clips by definition: the weighted mean of the members, or the normalised product of their powers.
    const bool geometric = ensemble.request.options.mix == sweep::Mix::kGeometric;
    EXPECT_EQ(npz.header("test_fused").shape, (std::vector<std::size_t>{7, 6})) << words;
    const auto test = npz.read_float32("test_fused");
    const auto labels = npz.read_int64("test_labels");
    const auto names = npz.read_strings("test_clips");
    for (std::size_t i = 0; i < 7; ++i) {
      std::vector<double> p(6, geometric ? 1 : 0);
      double total = 0;
      for (const storage::MemberRecord& member : ensemble.members) {
        const auto& said = store.said.at(member.trial)[60 + i];
        total += member.weight;
        for (std::size_t c = 0; c < 6; ++c) {
          p[c] = geometric ? p[c] * std::pow(std::max(1e-12, double(said[c])), member.weight)
                           : p[c] + member.weight * said[c];
        }
      }
      EXPECT_NEAR(total, 1, 1e-12);
      // Numbers of half precision, whose sum is 1 but for their rounding, are averaged as they are.
      const double sum = geometric ? std::accumulate(p.begin(), p.end(), 0.0) : 1;
      for (std::size_t c = 0; c < 6; ++c) EXPECT_NEAR(test[i * 6 + c], p[c] /= sum, 1e-6) << words;
      const sweep::Label label = sweep::decode(p.data(), store.data.classes, ensemble.thresholds);
      EXPECT_EQ(labels[i * 3], label.first) << words;
      EXPECT_EQ(labels[i * 3 + 1], label.second) << words;
      EXPECT_EQ(labels[i * 3 + 2], label.salience) << words;
      EXPECT_EQ(names[i], store.data.clips[60 + i].filename);
    }
  }
}

TEST(ResultsCommands, ASearchIsReplayedOnWhatIsThere) {
  Store store;
  const fs::path folder = store.folder.path();
  const json race = json::parse(run(folder, "replay depth --json --orders 20"));
  EXPECT_EQ(race["trials"], 12) << "the third config lacks a trial";
  EXPECT_EQ(race["search"], (json{{"kind", "race"}, {"margin", 0.01}}));
  EXPECT_LE(race["most_asked"], 12);
  EXPECT_GE(race["least_asked"], 6) << "three folds of both, before anything is dropped";
  EXPECT_EQ(race["orders"], 20);
  EXPECT_EQ(race["same_winner"], 1);  // 20 epochs say much more than 10
  EXPECT_EQ(race["regret"], 0);
  EXPECT_EQ(race["tied_lost"], 0);
  EXPECT_EQ(race, json::parse(run(folder, "replay depth --json --orders 20"))) << "the same whenever it is asked";
  const std::string text = run(folder, "replay depth --search until-settled --margin 0.02");
  EXPECT_NE(text.find("until-settled, margin .020, in 100 orders"), std::string::npos) << text;
  {
    storage::Writer writer(folder);
    storage::Writer::Group group(writer);
    store.sweep.name = "searched";
    store.sweep.search = {{"kind", "race"}, {"margin", 0.01}};
    writer.submit_sweep(store.sweep, 9);
    group.commit();
  }
  const std::string why = test::error_of<UsageError>([&] { run(folder, "replay searched"); });
  EXPECT_NE(why.find("was a search itself"), std::string::npos) << why;
}

TEST(ResultsCommands, AGridOfThresholdsIsTheReportsChoice) {
  Store store;
  storage::GrowingReport kept;  // as a server keeps it
  const auto grown = [&] {
    storage::Reader reader(store.folder.path());
    const auto sweep = choose_sweep(reader, "depth");
    return kept.make(reader, sweep, reader.config_progress(sweep.id), {});
  };
  grown();
  {
    storage::Writer writer(store.folder.path());
    storage::Writer::Group group(writer);
    store.sweep.decode.grid = {0.01, sweep::kGridSize};
    EXPECT_FALSE(writer.submit_sweep(store.sweep, 9).created) << "it trains nothing again";
    group.commit();
  }
  std::array<double, sweep::kGridSize> grid{};
  for (std::size_t i = 0; i < grid.size(); ++i) grid[i] = 0.01 + static_cast<double>(i) * (0.95 - 0.01) / 19;
  grid.back() = 0.95;
  storage::Reader reader(store.folder.path());
  const auto sweep = choose_sweep(reader, "depth");
  const sweep::Report report = read_report(reader, sweep);
  const sweep::Report all_at_once = sweep::make_report(storage::read_report_input(reader, sweep));
  int compared = 0;
  for (const sweep::ConfigReport& config : report.configs) {
    if (!config.complete()) continue;
    double mean = 0;
    for (std::size_t i = 0; i < store.sweep.trials.size(); i += kFolds) {
      if (sweep::config_id(store.sweep.trials[i].config) == config.id) {
        mean += held_out_score(store, i, grid) / static_cast<double>(store.sweep.seeds.size());
      }
    }
    EXPECT_NEAR(config.held_out.score(), mean, 1e-12) << config.id;
    for (const sweep::ConfigReport& other : all_at_once.configs) {
      if (other.id == config.id) {
        EXPECT_EQ(other.held_out.score(), config.held_out.score());
      }
    }
    ++compared;
  }
  EXPECT_GE(compared, 2);
  const sweep::Report again = grown();
  for (std::size_t i = 0; i < report.configs.size(); ++i) {
    EXPECT_EQ(again.configs[i].held_out.score(), report.configs[i].held_out.score());
  }
  const std::string text = std::regex_replace(run(store.folder.path(), "report --explain"), std::regex("\\s+"), " ");
  EXPECT_NE(text.find("20 points from .010 to .95 (not the official grid)"), std::string::npos) << text;
}

TEST(ResultsCommands, ReportHasEveryForm) {
  Store store;
  EXPECT_NE(run(store.folder.path(), "report depth").find("by epochs"), std::string::npos);
  EXPECT_NE(run(store.folder.path(), "report --markdown").find("| :--- |"), std::string::npos);
  EXPECT_NE(run(store.folder.path(), "report --latex").find("\\toprule"), std::string::npos);
  EXPECT_EQ(run(store.folder.path(), "report --csv").rfind("rank,config,epochs,", 0), 0u);
  EXPECT_EQ(run(store.folder.path(), "report --axes").rfind("by epochs", 0), 0u);
  EXPECT_EQ(run(store.folder.path(), "report --axes --csv").rfind("axis,value,configs,trials,", 0), 0u);
  EXPECT_THROW(run(store.folder.path(), "report --axes --planned"), CLI::ParseError);
  EXPECT_NE(run(store.folder.path(), "report --head-fusion mixture-0.5").find("heads fused as mixture-0.5"),
            std::string::npos);
  EXPECT_THROW(run(store.folder.path(), "report --head-fusion mixture"), CLI::ParseError);
  EXPECT_THROW(run(store.folder.path(), "report --json --csv"), CLI::ParseError);
  EXPECT_EQ(run(store.folder.path(), "report").rfind("not yet: 17 of 18 trials; so far ", 0), 0u);
  EXPECT_EQ(json::parse(run(store.folder.path(), "report --json"))["finding"]["state"], "not yet");
  EXPECT_NE(run(store.folder.path(), "report --latex --paper 8cm").find("{minipage}{80mm}"), std::string::npos);
  EXPECT_EQ(run(store.folder.path(), "report --methods").rfind("We trained 3 configurations on made-up", 0), 0u);
  EXPECT_EQ(run(store.folder.path(), "report --select held_out_score,epochs --csv").rfind("rank,config,epochs,", 0),
            0u);
  for (const char* wrong : {"report --paper 8cm", "report --latex --paper 8inch", "report --latex --paper 3cm",
                            "report --select score", "report --select runs --json", "report --pivot epochs,epoch"}) {
    EXPECT_THROW(run(store.folder.path(), wrong), UsageError) << wrong;
  }
  EXPECT_THROW(run(store.folder.path(), "report dpeth"), UsageError);
}

TEST(ResultsCommands, PlannedComparisonsAreOfWhatTheSweepFileDeclares) {
  Store store;
  const json planned = json::parse(run(store.folder.path(), "report --planned --json"));
  const json& comparisons = planned["families"][0]["comparisons"];
  ASSERT_EQ(comparisons.size(), 2u);  // 20 and 30 epochs against 10
  const std::string twenty = sweep::config_id(store.sweep.configs[1].config);
  EXPECT_EQ(comparisons[0]["config"], twenty);
  EXPECT_EQ(comparisons[0]["baseline_config"], sweep::config_id(store.sweep.configs[0].config));
  EXPECT_EQ(comparisons[0]["pairs"], 6);
  EXPECT_EQ(comparisons[1]["verdict"], "not judged");  // 30 epochs lack a trial
  EXPECT_NE(run(store.folder.path(), "report").find("planned comparisons: epochs against 10"), std::string::npos);
  EXPECT_NE(run(store.folder.path(), "report").find("declared before the first result"), std::string::npos);
  EXPECT_EQ(planned["families"][0]["results_before"], 0);
  EXPECT_EQ(run(store.folder.path(), "report --planned").rfind("planned comparisons: epochs against 10", 0), 0u);
  EXPECT_EQ(run(store.folder.path(), "report --planned --csv").rfind("axis,value,baseline,margin,config,", 0), 0u);
  EXPECT_NE(run(store.folder.path(), "report --planned --latex").find("\\cmidrule"), std::string::npos);
}

TEST(ResultsCommands, AReportReadsNoSweepFile) {
  Store store(kDepths, -1, "base: {setting_of_another_version: 3}\n");
  testing::internal::CaptureStderr();
  const json report = json::parse(run(store.folder.path(), "report --json"));
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
  EXPECT_EQ(report["rows"].size(), 3u);
  const json planned = json::parse(run(store.folder.path(), "report --planned --json"));
  EXPECT_EQ(planned["families"][0]["comparisons"].size(), 2u);
}

TEST(ResultsCommands, ImportanceIsToldAndDrawn) {
  Store store;
  const auto& folder = store.folder.path();
  const std::string last = sweep::config_id(store.sweep.configs[2].config);
  const json told = json::parse(run(folder, "report depth --importance --json --config " + last.substr(0, 6)));
  EXPECT_EQ(told["config"], last);
  EXPECT_EQ(told["trials"], 5);
  EXPECT_EQ(told["expected"], 6);
  EXPECT_EQ(told["encoders"][0]["group"], "video");
  EXPECT_NE(run(folder, "report --importance").find("importance of encoders"), std::string::npos);
  const std::string listed = run(folder, "report --figures " + (folder / "figures").string());
  EXPECT_NE(listed.find("importance_by_fold.svg"), std::string::npos);
  EXPECT_NE(listed.find("not written: selection_frequency: this config keeps every encoder"), std::string::npos);
  EXPECT_NE(listed.find("not written: effect_of_n"), std::string::npos);
  EXPECT_TRUE(fs::exists(folder / "figures" / "importance_by_fold.csv"));
  EXPECT_TRUE(fs::exists(folder / "figures" / "cka.svg"));
  EXPECT_FALSE(fs::exists(folder / "figures" / "effect_of_n.svg"));
  EXPECT_FALSE(fs::exists(folder / "figures" / "cka.pdf")) << "of papers only";
  const std::string printed = run(folder, "report --paper 8cm --figures " + (folder / "paper").string());
  const bool pdf = fs::exists(folder / "paper" / "forest.pdf");
  EXPECT_NE(pdf, printed.find("no PDF: rsvg-convert is not installed") != std::string::npos) << printed;
  EXPECT_THROW(run(folder, "report --importance --config ffffffffffff"), UsageError);
  EXPECT_THROW(run(folder, "report --config " + last), CLI::ParseError);
}

TEST(ResultsCommands, ShapleyValuesAreToldWhereSubsetsHaveScores) {
  Store store({config_of({"clip", "wavlm"}, 20), config_of({"clip"}, 20), config_of({"wavlm"}, 20),
               config_of({"clip", "wavlm"}, 30)});  // the last lacks a trial
  const auto& folder = store.folder.path();
  const std::string config = sweep::config_id(store.sweep.configs[0].config);
  const json told = json::parse(run(folder, "report --importance --json --config " + config));
  EXPECT_EQ(told["shapley"]["text"], "exact, over the Scores of all 3 subsets");
  EXPECT_EQ(told["shapley"]["probe"], nullptr);
  EXPECT_EQ(told["shapley"]["probe_text"], "without a probe: the dataset cannot be read in " + store.data.folder);
  EXPECT_EQ(told["shapley"]["interactions"].size(), 1u);
  EXPECT_EQ(told["shapley"]["near_copies"],
            "near-copies share one value, and without one the other has more: clip and wavlm (CKA 1.000)");
  EXPECT_LT(told["encoders"][0]["shapley"]["low"], told["encoders"][0]["shapley"]["value"]);
  const std::string text = run(folder, "report --importance --config " + config);
  EXPECT_NE(text.find("Shapley values of encoders\nexact, over"), std::string::npos);
  EXPECT_NE(text.find("interactions of two encoders"), std::string::npos);
  run(folder, "report --figures " + (folder / "figures").string() + " --config " + config);
  EXPECT_TRUE(fs::exists(folder / "figures" / "shapley.svg"));
  EXPECT_TRUE(fs::exists(folder / "figures" / "shapley_interactions.csv"));
}

TEST(ResultsCommands, ThePageShowsAProbeOnceItIsThere) {
  Store store({config_of({"clip", "wavlm"}, 20), config_of({"clip"}, 20), config_of({"wavlm"}, 20),
               config_of({"clip", "wavlm"}, 30)});
  storage::Reader reader(store.folder.path());
  const storage::SweepSummary sweep = choose_sweep(reader, "depth");
  const web::Site site(store.folder.path(), nullptr, {});
  const auto shapley = [&] {
    web::Request request;
    request.method = "GET";
    request.path = "/api/v1/sweeps/" + sweep.id + "/importance";
    request.query = {{"config", sweep::config_id(store.sweep.configs[0].config)}};
    return json::parse(site.handle(request).body)["shapley"];
  };
  EXPECT_EQ(shapley()["probe_text"], "without a probe: `medley report depth --importance` makes one");
  storage::write_probe(store.folder.path(), storage::probe_key(sweep, {"clip", "wavlm"}), {0, .1, .2, .4});
  EXPECT_TRUE(shapley()["probe"].is_object());
  // (.4 - .2 - .1 + 0) of the probe alone.
  EXPECT_NEAR(shapley()["interactions"][0]["probe"].get<double>(), .1, 1e-12);
}

TEST(ResultsCommands, ImportanceGroupsEncodersByAnyLabel) {
  Store store;
  const auto& folder = store.folder.path();
  const json told = json::parse(run(folder, "report depth --importance --by family --json"));
  EXPECT_EQ(told["by"], "family");
  EXPECT_EQ(told["labels"], (json{"family", "modality"}));
  ASSERT_EQ(told["groups"].size(), 2u);
  EXPECT_EQ(told["groups"][0]["group"], "adapted");
  EXPECT_EQ(told["groups"][1]["group"], "other");
  // All folds of both seeds: the first encoder has .2, .25 and .3 of the weight, whatever it adds up to.
  EXPECT_NEAR(told["groups"][0]["share"]["mean"].get<double>(), .25, 1e-12);
  EXPECT_NE(run(folder, "report --importance --by family").find("importance by family"), std::string::npos);
  EXPECT_EQ(run(folder, "report --importance --by family --csv").rfind("encoder,family,weight_mean,", 0), 0u);
  EXPECT_NE(run(folder, "report --by family --figures " + (folder / "figures").string()).find("family_shares.svg"),
            std::string::npos);
  EXPECT_EQ(test::error_of<UsageError>([&] { run(folder, "report --importance --by famly"); }),
            "no encoder has a label 'famly'; did you mean 'family'?");
  EXPECT_THROW(run(folder, "report --by family"), CLI::ParseError);
}

TEST(ResultsCommands, JsonOfACommandIsTheAnswerOfItsTwinInTheApi) {
  Store store;
  const auto& folder = store.folder.path();
  const web::Site site(folder, nullptr, {});
  const auto answer = [&](const std::string& path) {
    web::Request request;
    request.method = "GET";
    request.path = "/api/v1/" + path;
    const web::Response response = site.handle(request);
    EXPECT_EQ(response.status, 200) << path << ": " << response.body;
    return json::parse(response.body);
  };
  const std::string trial = store.sweep.trials[0].id;
  const json status = json::parse(run(folder, "status --json"));
  ASSERT_EQ(status["sweeps"].size(), 1u);
  const std::string sweep = "sweeps/" + status["sweeps"][0]["id"].get<std::string>();
  EXPECT_EQ(json::parse(run(folder, "report --json")), answer(sweep + "/leaderboard"));
  EXPECT_EQ(json::parse(run(folder, "report --axes --json")), answer(sweep + "/axes"));
  EXPECT_EQ(json::parse(run(folder, "report --planned --json")), answer(sweep + "/comparisons"));
  EXPECT_EQ(json::parse(run(folder, "report --importance --json")), answer(sweep + "/importance"));
  EXPECT_EQ(json::parse(run(folder, "show --json " + trial)), answer("trials/" + trial));
  json sweeps = answer("sweeps");
  for (json& one : sweeps["sweeps"])
    one.update({{"best", nullptr}, {"best_so_far", json::array()}});  // of leaderboards
  EXPECT_EQ(status["sweeps"], sweeps["sweeps"]);
  EXPECT_EQ(status["workers"], answer("workers")["workers"]);
}

TEST(ResultsCommands, ShowTellsOneTrial) {
  Store store;
  const std::string id = store.sweep.trials[0].id;
  const json shown = json::parse(run(store.folder.path(), "show " + id.substr(0, 8) + " --json"));
  EXPECT_EQ(shown["id"], id);
  EXPECT_EQ(shown["result"]["epochs"], 10);
  EXPECT_EQ(shown["result"]["curves"]["score"].size(), 10u);
  EXPECT_EQ(shown["result"]["paper"]["epoch"], 3);
  EXPECT_EQ(shown["attempts"][0]["state"], "finished");
  const std::string text = run(store.folder.path(), "show " + id);
  EXPECT_NE(text.find("paper 3"), std::string::npos);
  EXPECT_NE(text.find("epochs             10"), std::string::npos);
  EXPECT_NE(run(store.folder.path(), "show " + store.sweep.trials.back().id).find("pending"), std::string::npos);
  EXPECT_THROW(run(store.folder.path(), "show ffffffffffff"), UsageError);
}

TEST(ResultsCommands, TransductiveNumbersSaySo) {
  for (const auto normalize : {sweep::Normalize::kEncoder, sweep::Normalize::kActor}) {
    const bool transductive =
        normalize == sweep::Normalize::kActor;  // reads all features of the reported fold's actors
    auto configs = kDepths;
    for (sweep::Config& config : configs) config.normalize = normalize;
    Store store(configs);
    const auto& folder = store.folder.path();
    const std::string id = store.sweep.trials[0].id;
    for (const std::string& command :
         {std::string("report --explain"), "show " + id, std::string("ensemble depth --method mean"),
          std::string("report --importance"), std::string("report --planned --explain")}) {
      EXPECT_EQ(run(folder, command).find("transductive: training read") != std::string::npos, transductive) << command;
    }
    EXPECT_EQ(json::parse(run(folder, "show --json " + id))["transductive"], transductive);
    EXPECT_EQ(json::parse(run(folder, "report --json"))["rows"][0]["transductive"], transductive);
    EXPECT_EQ(json::parse(run(folder, "report --importance --json"))["transductive"], transductive);
    EXPECT_EQ(json::parse(run(folder, "ensemble depth --json"))["scores"]["transductive"], transductive);
  }
}

TEST(ResultsCommands, EnsembleIsStoredAndExportedAsAValidSubmission) {
  Store store;
  const auto& folder = store.folder.path();
  for (const std::string method : {"mean --k 2", "mean --k 2 --mix geometric", "simplex", "simplex --mix geometric",
                                   "caruana --bags 2 --rounds 4 --mix geometric", "caruana --bags 2 --rounds 4"}) {
    const json made = json::parse(run(folder, "ensemble depth --json --name best --method " + method));
    double total = 0;
    for (const json& member : made["members"]) total += member["weight"].get<double>();
    EXPECT_NEAR(total, 1, 1e-12);
    EXPECT_GE(made["scores"]["optimistic"]["score"], made["scores"]["nested"]["score"]);
    EXPECT_EQ(made["scores"]["actors"], 12);

    const fs::path archive = folder / "submission.zip";
    const json exported = json::parse(run(folder, "export best --json --out " + archive.string()));
    EXPECT_EQ(exported["clips"], kTestClips);
    std::vector<std::string> filenames;
    for (const auto& clip : store.data.clips) {
      if (clip.fold == -1) filenames.push_back(clip.filename);
    }
    data::Findings findings;
    const auto text = data::read_submission(archive, data::kSubmissionMember, findings);
    ASSERT_TRUE(text);
    EXPECT_TRUE(findings.all().empty()) << findings.text();
    const auto checked = data::check_submission(*text, store.data.classes, data::ClipList{filenames, {}});
    EXPECT_TRUE(checked.all().empty()) << checked.text();
    // The same by definition: the weighted mean of the members' test rows, or the normalised product of their powers,
    // decoded by the ensemble's thresholds.
    const bool geometric = made["settings"]["mix"] == "geometric";
    EXPECT_EQ(geometric, method.find("geometric") != std::string::npos);
    std::vector<data::Prediction> predictions;
    const sweep::Thresholds thresholds{made["settings"]["alpha"], made["settings"]["beta"]};
    for (std::size_t i = 0; i < kTestClips; ++i) {
      std::vector<double> p(6, geometric ? 1 : 0);
      for (const json& member : made["members"]) {
        const auto& said = store.said.at(member["trial"].get<std::string>())[60 + i];
        const double weight = member["weight"];
        for (std::size_t c = 0; c < 6; ++c) {
          p[c] = geometric ? p[c] * std::pow(std::max(1e-12, double(said[c])), weight) : p[c] + weight * said[c];
        }
      }
      // Numbers of half precision, whose sum is 1 but for their rounding, are averaged as they are.
      const double sum = geometric ? std::accumulate(p.begin(), p.end(), 0.0) : 1;
      for (double& one : p) one /= sum;
      predictions.push_back({filenames[i], sweep::decode(p.data(), store.data.classes, thresholds)});
    }
    EXPECT_EQ(*text, data::format_submission(predictions, store.data.classes));
    const json manifest = json::parse(std::ifstream(folder / "submission.manifest.json"));
    EXPECT_EQ(manifest["ensemble"]["id"], made["id"]);
    EXPECT_EQ(manifest["dataset"]["fingerprint"], store.data.fingerprint);
    EXPECT_EQ(manifest["members"].size(), made["members"].size());
    EXPECT_FALSE(manifest["ensemble"]["scores"]["nested_interval"].is_null());
    EXPECT_EQ(manifest["sha256"], exported["sha256"]);
  }
  storage::Reader reader(folder);
  EXPECT_EQ(reader.ensembles().size(), 6u);
  EXPECT_EQ(reader.exports().size(), 6u);
  // The newest of that name.
  EXPECT_EQ(choose_ensemble(reader, "best").request.options.method, sweep::EnsembleMethod::kCaruana);
  const std::string text = run(folder, "ensemble depth --method mean --k 1 --name one");
  EXPECT_EQ(text.rfind("ensemble 7 'one': 1 of 5 candidates of depth (synthetic data)\n", 0), 0u) << text;
  EXPECT_NE(text.find("nested       Score"), std::string::npos);
  EXPECT_NE(text.find(" by 12 actors\n"), std::string::npos) << text;
  EXPECT_NE(text.find("the export averages the models of all 3 folds and is usually better\n"), std::string::npos)
      << text;
  EXPECT_NE(text.find("left out: 1 pair of config and seed without held-out predictions in every fold\n"),
            std::string::npos)
      << text;
  const std::string unfinished =
      "unfinished sweep: 17 of 18 trials of the sweep had a result when the ensemble was fitted\n";
  EXPECT_NE(text.find(unfinished), std::string::npos) << text;
  EXPECT_NE(run(folder, "export one --out " + (folder / "b.zip").string()).find(unfinished), std::string::npos);
  const json manifest = json::parse(std::ifstream(folder / "b.manifest.json"));
  EXPECT_EQ(manifest["ensemble"]["scores"]["sweep_results"], 17);
  EXPECT_EQ(manifest["ensemble"]["scores"]["sweep_trials"], 18);
}

TEST(ResultsCommands, AnArchiveHasTheChallengesClassNamesAndTheMemberAskedFor) {
  const auto export_of = [](const std::vector<std::string>& names, const std::string& options) {
    Store store(kDepths, -1, "name: depth\naxes: {epochs: [10, 20, 30]}\n", names);
    const fs::path folder = store.folder.path();
    run(folder, "ensemble depth --method mean --k 2 --name best");
    const json exported = json::parse(run(folder, "export best --json --out " + (folder / "a.zip").string() + options));
    data::Findings findings;
    const auto text = data::read_submission(folder / "a.zip", "answer.json", findings);
    EXPECT_EQ(findings.text(), "");
    return std::pair(exported, text.value_or(""));
  };
  const auto [plain, told] = export_of({}, " --member answer.json");
  EXPECT_EQ(plain["renamed_classes"], json::array());
  // The same predictions, so the same text.
  const auto [spelled, said] =
      export_of({"anger", "Disgust", "fear", "hap", "sadness", "neutral"}, " --member answer.json");
  EXPECT_EQ(said, told);
  EXPECT_EQ(spelled["renamed_classes"],
            json({"anger -> ang", "Disgust -> disg", "fear -> fea", "sadness -> sad", "neutral -> neu"}));
  const auto refusal = [&](const std::vector<std::string>& names) {
    return test::error_of<data::Error>([&] { export_of(names, ""); });
  };
  const std::string other = refusal({"anger", "contempt", "fear", "hap", "sad", "neu"});
  EXPECT_NE(other.find("class 'contempt' has no name in the challenge (ang, disg, fea, hap, sad, neu)"),
            std::string::npos)
      << other;
  EXPECT_NE(refusal({"anger", "angry", "fear", "hap", "sad", "neu"}).find("two classes of the dataset are one"),
            std::string::npos);
  EXPECT_THROW(export_of({}, " --member ../answer.json"), data::Error);
}

const std::vector<sweep::Partition> kTwoRepeats = {{3}, {3, sweep::PartitionBy::kActor, sweep::Stratify::kLabel, 1, 2}};

TEST(ResultsCommands, AnEnsembleIsOfOneRepeatOfMadeFoldsAndSaysWhich) {
  Store store(kDepths, -1, "name: depth\naxes: {epochs: [10, 20, 30]}\n", {}, kTwoRepeats);
  const fs::path folder = store.folder.path();
  storage::Reader reader(folder);
  for (const int repeat : {1, 2}) {
    const sweep::Partition& partition = kTwoRepeats[std::size_t(repeat - 1)];
    const storage::DatasetRecord divided = sweep::partitioned(store.data, partition);
    const auto pooled = pool_predictions(reader, choose_sweep(reader, "depth"), partition, sweep::Protocol::kHeldOut);
    // Of the last config the last seed of the last repeat misses a fold.
    ASSERT_EQ(pooled.candidates.size(), repeat == 1 ? 6u : 5u);
    for (std::size_t clip = 0; clip < 60; ++clip) {
      const int fold = divided.clips[clip].fold;
      EXPECT_EQ(pooled.rows.fold[clip], fold);
      const auto& trial = pooled.candidates[1].trials[std::size_t(fold)];
      EXPECT_EQ(reader.find_trial(trial)->spec.partition, partition);
      for (std::size_t c = 0; c < 6; ++c) {
        EXPECT_EQ(pooled.rows.candidates[1][clip * 6 + c], double(store.said.at(trial)[clip][c]));
      }
    }
    for (const std::string options : {"", " --per-subset"}) {
      const std::string name = "e" + std::to_string(repeat) + (options.empty() ? "" : "s");
      const json made = json::parse(run(folder, "ensemble depth --method mean --k 2 --json --name " + name +
                                                    " --repeat " + std::to_string(repeat) + options));
      EXPECT_EQ(made["settings"]["partition"], sweep::partition_text(partition));
      for (const auto& member : choose_ensemble(reader, name).members) {
        EXPECT_EQ(reader.find_trial(member.trial)->spec.partition, partition);
      }
    }
  }
  const std::string text = run(folder, "ensemble depth --method mean --k 1 --name one");
  EXPECT_NE(text.find("partition    3 by actor, stratified by label, seed 1, repeat 1\n"), std::string::npos) << text;
  run(folder, "export one --out " + (folder / "a.zip").string());
  const json manifest = json::parse(std::ifstream(folder / "a.manifest.json"));
  EXPECT_EQ(manifest["partition"], sweep::partition_text(kTwoRepeats[0]));
  EXPECT_EQ(test::error_of<storage::Error>([&] { run(folder, "ensemble depth --method mean --repeat 3"); }),
            "sweep depth has 2 repeats of its folds (3 by actor, stratified by label, seed 1, 2 repeats), and no "
            "repeat 3");
}

TEST(ResultsCommands, AReportIsOverTheRepeatsAndATrialSaysItsPartition) {
  Store store(kDepths, -1, "name: depth\naxes: {epochs: [10, 20, 30]}\n", {}, kTwoRepeats);
  const std::string scheme = "3 by actor, stratified by label, seed 1, 2 repeats";
  const std::string text = run(store.folder.path(), "report");
  EXPECT_NE(text.find("3 configs, 3 folds (" + scheme + ") x 2 seeds"), std::string::npos) << text;
  EXPECT_NE(text.find("12/12"), std::string::npos) << text;
  EXPECT_NE(text.find("11/12"), std::string::npos) << text;
  const json report = json::parse(run(store.folder.path(), "report --json"));
  EXPECT_EQ(report["rows"][0]["partition"], scheme);
  EXPECT_EQ(report["partitions"].size(), 2u);
  const std::string trial = run(store.folder.path(), "show " + store.sweep.trials[7].id);
  EXPECT_NE(trial.find("fold 1 of 3 by actor, stratified by label, seed 1, repeat 2  seed 1\n"), std::string::npos)
      << trial;
  // The held-out Score of one seed of one repeat, by definition; the report has the mean of four of these.
  storage::Reader reader(store.folder.path());
  const sweep::Report read = read_report(reader, choose_sweep(reader, "depth"));
  for (const sweep::ConfigReport& config : read.configs) {
    if (!config.complete()) continue;
    double sum = 0;
    for (const sweep::Partition& partition : kTwoRepeats) {
      const storage::DatasetRecord divided = sweep::partitioned(store.data, partition);
      for (const std::uint64_t seed : {1u, 2u}) {
        const sweep::Config& of = *std::find_if(kDepths.begin(), kDepths.end(), [&](const sweep::Config& one) {
          return sweep::config_id(one) == config.id;
        });
        std::vector<std::vector<double>> said;  // [clip]
        for (std::size_t clip = 0; clip < 60; ++clip) {
          const int fold = divided.clips[clip].fold;
          const auto& row = store.said.at(trial_id(of, fold, seed, store.data.fingerprint, "", partition))[clip];
          said.emplace_back(row.begin(), row.end());
        }
        sweep::Tally hits;
        for (int fold = 0; fold < 3; ++fold) {
          const auto tally = [&](bool held, sweep::Thresholds thresholds) {
            sweep::Tally tally_of;
            for (std::size_t clip = 0; clip < 60; ++clip) {
              if ((divided.clips[clip].fold == fold) != held) continue;
              tally_of.add(sweep::decode(said[clip].data(), store.data.classes, thresholds),
                           *store.data.clips[clip].label);
            }
            return tally_of;
          };
          double best = -1;
          sweep::Thresholds chosen;
          for (const double alpha : sweep::threshold_grid()) {
            for (const double beta : sweep::threshold_grid()) {
              const double score = tally(false, {alpha, beta}).accuracy().score();
              if (score <= best) continue;
              best = score;
              chosen = {alpha, beta};
            }
          }
          hits += tally(true, chosen);
        }
        sum += hits.accuracy().score();
      }
    }
    EXPECT_NEAR(config.held_out.score(), sum / 4, 1e-12) << config.id;
  }
}

const std::vector<sweep::Config> kSubsets = {config_of({"clip"}, 8),           config_of({"clip"}, 10),
                                             config_of({"wavlm"}, 12),         config_of({"wavlm"}, 9),
                                             config_of({"clip", "wavlm"}, 11), config_of({"clip"}, 7)};

TEST(ResultsCommands, LateFusionTakesOneConfigAnEncoderSubsetWithItsSeedsAveraged) {
  Store store(kSubsets);
  for (const sweep::Mix mix : {sweep::Mix::kArithmetic, sweep::Mix::kGeometric}) {
    const json made = json::parse(
        run(store.folder.path(), std::string("ensemble --per-subset --method simplex --json --mix ") + name_of(mix)));
    std::map<std::string, sweep::Config> configs;
    for (const sweep::Config& config : kSubsets) configs[sweep::config_id(config)] = config;
    // By definition: of each subset the first of the report; the mix of two seeds' rows, one trial a fold.
    std::map<std::vector<std::string>, std::string> first;
    const json report = json::parse(run(store.folder.path(), "report --json"));
    for (const json& config : report["rows"]) {
      if (config["complete"].get<bool>()) first.try_emplace(configs.at(config["config"]).encoders, config["config"]);
    }
    ASSERT_EQ(first.size(), 3u);
    std::map<std::string, double> weights;
    for (const json& row : made["scores"]["weights"]) {
      EXPECT_EQ(row["seeds"], json({1, 2}));
      weights[row["config"]] = row["weight"];
      EXPECT_EQ(first.at(configs.at(row["config"]).encoders), row["config"]);
    }
    sweep::OutOfFold rows;
    rows.classes = store.data.classes;
    std::vector<int> clips;
    for (std::size_t clip = 0; clip < 60; ++clip) {
      rows.truth.push_back(*store.data.clips[clip].label);
      clips.push_back(int(clip));
    }
    std::vector<std::string> candidates;
    for (const auto& [encoders, config] : first) {
      std::vector<double> mean;
      for (std::size_t clip = 0; clip < 60; ++clip) {
        const auto& one = store.said.at(trial_id(configs.at(config), int(clip % 3), 1, store.data.fingerprint))[clip];
        const auto& two = store.said.at(trial_id(configs.at(config), int(clip % 3), 2, store.data.fingerprint))[clip];
        double row[6], sum = 0;
        for (std::size_t c = 0; c < 6; ++c) {
          const double a = one[c], b = two[c];
          sum += row[c] =
              mix == sweep::Mix::kArithmetic ? (a + b) / 2 : std::sqrt(std::max(1e-12, a) * std::max(1e-12, b));
        }
        for (const double p : row) mean.push_back(mix == sweep::Mix::kArithmetic ? p : p / sum);
      }
      candidates.push_back(config);
      rows.candidates.push_back(mean);
    }
    const auto expected = sweep::fit_simplex(rows, clips, {0, 1, 2}, mix);
    for (std::size_t m = 0; m < 3; ++m) EXPECT_NEAR(weights[candidates[m]], expected[m], 1e-7) << candidates[m];
    for (const json& member : made["members"]) {
      storage::Reader reader(store.folder.path());
      const auto config = sweep::config_id(reader.find_trial(member["trial"])->spec.config);
      EXPECT_NEAR(member["weight"].get<double>(), weights.at(config) / 6, 1e-12);
    }
  }
}

TEST(ResultsCommands, SharesOfWeightSplitByTheGateWhereThereIsOneElseEvenly) {
  auto subsets = kSubsets;
  subsets[3] = config_of({"clip", "wavlm"}, 13);
  subsets[3].fusion = sweep::Fusion::kConcat;
  Store store(subsets);
  std::map<std::string, sweep::Config> configs;
  for (const sweep::Config& config : subsets) configs[sweep::config_id(config)] = config;
  for (const std::string method : {"mean --k 20", "simplex", "caruana --bags 2 --rounds 4", "simplex --per-subset"}) {
    const json made = json::parse(run(store.folder.path(), "ensemble --json --method " + method));
    const json& shares = made["scores"]["shares"];
    double clip = 0;
    for (const json& row : made["scores"]["weights"]) {
      const sweep::Config& config = configs.at(row["config"]);
      const double part = config.encoders.size() == 2 ? .25 : config.encoders.front() == "clip" ? 1 : 0;
      clip += row["weight"].get<double>() * (config.fusion == sweep::Fusion::kConcat ? .5 : part);
    }
    EXPECT_EQ(shares["encoders"][0]["encoder"], "clip");
    EXPECT_NEAR(shares["encoders"][0]["share"].get<double>(), clip, 1e-12) << method;
    EXPECT_NEAR(shares["encoders"][1]["share"].get<double>(), 1 - clip, 1e-12);
    ASSERT_EQ(shares["groups"].size(), 2u);
    EXPECT_EQ(shares["groups"][0]["by"], "family");
    EXPECT_EQ(shares["groups"][0]["shares"][0]["group"], "adapted");
    EXPECT_NEAR(shares["groups"][0]["shares"][0]["share"].get<double>(), clip, 1e-12);
    EXPECT_EQ(shares["groups"][1]["shares"][1]["group"], "audio");
    EXPECT_NEAR(shares["groups"][1]["shares"][1]["share"].get<double>(), 1 - clip, 1e-12);
    run(store.folder.path(), "export --out " + (store.folder.path() / "s.zip").string());
    const json manifest = json::parse(std::ifstream(store.folder.path() / "s.manifest.json"));
    EXPECT_EQ(manifest["ensemble"]["scores"]["shares"], shares);
  }
  const std::string text = run(store.folder.path(), "ensemble --per-subset --method simplex --thresholds per-fold");
  EXPECT_NE(text.find("weight by encoder"), std::string::npos);
  EXPECT_NE(text.find("weight by modality"), std::string::npos);
  EXPECT_NE(text.find("weight by family"), std::string::npos);
  EXPECT_NE(text.find("the mean of the folds' own"), std::string::npos);
}

TEST(ResultsCommands, LateFusionNeverSeesTheLabelsOfTheHeldFold) {
  Store store(kSubsets);
  Store poisoned(kSubsets, 2);
  for (const std::string method : {"mean", "simplex", "caruana --bags 2 --rounds 4"}) {
    const std::string line = "ensemble --per-subset --thresholds per-fold --json --method " + method;
    const json a = json::parse(run(store.folder.path(), line))["scores"]["folds"];
    const json b = json::parse(run(poisoned.folder.path(), line))["scores"]["folds"];
    for (const char* fitted : {"weights", "alpha", "beta"}) EXPECT_EQ(a[2][fitted], b[2][fitted]) << method;
    EXPECT_NE(a[2]["score"], b[2]["score"]);
    if (method == "simplex") {
      EXPECT_NE(a[1]["weights"], b[1]["weights"]);
    }
  }
}

TEST(ResultsCommands, PredictNamesMembersWithoutACheckpoint) {
  Store store;
  run(store.folder.path(), "ensemble --method mean --k 1 --name one");
  try {
    run(store.folder.path(), "predict one --data . --out " + (store.folder.path() / "p.npz").string());
    FAIL() << "it must refuse";
  } catch (const std::runtime_error& e) {
    EXPECT_NE(std::string(e.what()).find("3 of the 3 members of 'one' have no checkpoint"), std::string::npos)
        << e.what();
  }
}

/// A dataset folder of four labelled clips.
void make_dataset(const fs::path& folder) {
  fs::create_directories(folder);
  std::ofstream(folder / "train_metadata.csv")
      << "filename,video_id,mix,emotion_1,emotion_2,emotion_1_salience,emotion_2_salience,fold\n"
         "c1,A1,0,ang,,,,0\nc2,A1,1,ang,disg,70,30,0\nc3,A2,1,hap,sad,50,50,1\nc4,A2,0,neu,,,,1\n";
  data::write_npz(folder / "e_static_features.npz",
                  {{"X", {4, 2}, std::vector<float>{1, 2, 3, 4, 5, 6, 7, 8}},
                   {"filenames", {4}, std::vector<std::string>{"c1", "c2", "c3", "c4"}}});
}

TEST(EvaluateCommand, ScoresTheChallengesFormatDirectly) {
  test::Folder folder;
  make_dataset(folder.path() / "set");
  std::ofstream(folder.path() / "p.json") << R"({"predictions": {
      "c1.mov": [{"emotion": "ang", "salience": 100}],
      "c2": [{"emotion": "disg", "salience": 70}, {"emotion": "ang", "salience": 30}],
      "c3": [{"emotion": "sad", "salience": 50}, {"emotion": "hap", "salience": 50}]}})";
  const std::string files = (folder.path() / "p.json").string() + " --data " + (folder.path() / "set").string();
  const json scored = json::parse(run("", "evaluate " + files + " --json"));
  EXPECT_EQ(scored["acc_presence"], 1.0);  // all three sets, the saliences of one blend of two
  EXPECT_EQ(scored["acc_salience"], 0.5);
  EXPECT_EQ(scored["score"], 0.75);
  EXPECT_EQ(scored["clips"], 3);
  EXPECT_EQ(scored["blends"], 2);
  EXPECT_TRUE(scored["alpha"].is_null());
  EXPECT_THROW(run("", "evaluate " + files + " --alpha 0.1 --beta 0.1"), UsageError);
  std::ofstream(folder.path() / "p.json") << R"({"predictions": {"c9": [{"emotion": "ang", "salience": 100}]}})";
  EXPECT_THROW(run("", "evaluate " + files), data::Error);
}

TEST(EvaluateCommand, DecodesProbabilitiesOfAnySubsetInAnyOrder) {
  test::Folder folder;
  make_dataset(folder.path() / "set");
  const fs::path file = folder.path() / "p.npz";
  // c3 even hap and sad: right below; c2 .7/.3: right when beta < .4.
  data::write_npz(file, {{"P", {2, 6}, std::vector<double>{0, 0, 0, .5, .5, 0, .7, .3, 0, 0, 0, 0}},
                         {"filenames", {2}, std::vector<std::string>{"c3", "c2"}}});
  const std::string line = "evaluate " + file.string() + " --data " + (folder.path() / "set").string() + " --json";
  const json best = json::parse(run("", line));
  EXPECT_EQ(best["score"], 1.0);
  EXPECT_EQ(best["alpha"], 0.05);  // the first cell does it
  EXPECT_EQ(best["beta"], 0.05);
  EXPECT_TRUE(best["thresholds_tuned_on_these_clips"].get<bool>());
  const json fixed = json::parse(run("", line + " --alpha 0.1 --beta 0.5"));
  EXPECT_EQ(fixed["acc_presence"], 1.0);
  EXPECT_EQ(fixed["acc_salience"], 0.5);  // c2 becomes 50/50
  EXPECT_THROW(run("", line + " --alpha 0.1"), UsageError);
  data::write_npz(file, {{"P", {1, 6}, std::vector<double>{0, NAN, 0, .5, .5, 0}},
                         {"filenames", {1}, std::vector<std::string>{"c3"}}});
  EXPECT_THROW(run("", line), data::Error);
  data::write_npz(
      file, {{"P", {1, 5}, std::vector<double>{0, 0, 0, .5, .5}}, {"filenames", {1}, std::vector<std::string>{"c3"}}});
  EXPECT_THROW(run("", line), data::Error);
  data::write_npz(
      file, {{"P", {2, 6}, std::vector<double>(12, 0.1)}, {"filenames", {2}, std::vector<std::string>{"c3", "c3"}}});
  EXPECT_THROW(run("", line), data::Error);
}

TEST(EvaluateCommand, GivesTheOfficialNumbersOnTheRealFolds) {
  const char* set = std::getenv("MEDLEY_SHARED");
  const fs::path shared = set ? set : MEDLEY_SOURCE_DIR "/../shared";
  if (!fs::exists(shared / "data/blemore_hicmae")) GTEST_SKIP() << "no real data in " << shared;
  const fs::path metric = MEDLEY_SOURCE_DIR "/tests/sweep/golden";
  const json expected = json::parse(std::ifstream(metric / "official_metric_expected.json"));
  const auto inputs = data::NpzFile::open(metric / "official_metric_inputs.npz");
  const auto dataset = data::load_dataset(shared / "data/blemore_hicmae");
  test::Folder folder;
  int compared = 0;
  for (const json& golden : expected["cases"]) {
    const std::string name = golden["name"];
    if (name.rfind("hicmae", 0) != 0) continue;
    const auto filenames = inputs.read_strings(name + "__filenames");
    data::write_npz(folder.path() / "p.npz", {{"P", {filenames.size(), 6}, inputs.read_float64(name + "__P")},
                                              {"filenames", {filenames.size()}, filenames}});
    const auto evaluation = evaluate_file(folder.path() / "p.npz", dataset, std::nullopt);
    EXPECT_EQ(evaluation.thresholds->alpha, golden["grid_search"]["alpha"].get<double>()) << name;
    EXPECT_EQ(evaluation.thresholds->beta, golden["grid_search"]["beta"].get<double>()) << name;
    EXPECT_EQ(evaluation.tally.accuracy().presence, golden["grid_search"]["acc_presence"].get<double>()) << name;
    EXPECT_EQ(evaluation.tally.accuracy().salience, golden["grid_search"]["acc_salience"].get<double>()) << name;
    ++compared;
  }
  EXPECT_EQ(compared, 7);
}

}  // namespace
}  // namespace medley::coordinator
