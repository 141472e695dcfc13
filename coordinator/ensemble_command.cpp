// medley ensemble, medley export, medley predict.
#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <iostream>
#include <map>
#include <memory>

#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "coordinator/command.h"
#include "coordinator/export.h"
#include "coordinator/sweep_results.h"
#include "coordinator/worker_program.h"
#include "sweep/table.h"
#include "trainer/data/file_write.h"

namespace medley::coordinator {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using sweep::share_text;

storage::TimeMs now_ms() {
  const auto since = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(since).count();
}

json accuracy_json(const sweep::Accuracy& accuracy) {
  return {{"acc_presence", accuracy.presence}, {"acc_salience", accuracy.salience}, {"score", accuracy.score()}};
}

bool has_transductive_member(const SweepPredictions& pooled, const std::vector<double>& weights) {
  for (std::size_t m = 0; m < weights.size(); ++m) {
    if (weights[m] > 0 && pooled.candidates[m].transductive) return true;
  }
  return false;
}

json interval_json(const sweep::Interval& interval) { return {interval.low, interval.high}; }

struct EnsembleArguments {
  std::string sweep, name;
  std::string method = "caruana";
  std::string thresholds = "pooled";
  std::string protocol = "clean";
  sweep::EnsembleOptions options;
  bool as_json = false;
};

/// A fitted ensemble beside the best single candidate, chosen and measured in the same honest way.
struct Fitted {
  sweep::Ensemble ensemble;
  sweep::Ensemble single;
};

storage::EnsembleRecord record_of(const EnsembleArguments& arguments, const storage::SweepSummary& sweep,
                                  const SweepPredictions& pooled, const Fitted& fitted) {
  const sweep::Ensemble& ensemble = fitted.ensemble;
  storage::EnsembleRecord record;
  record.name = arguments.name.empty() ? sweep.name + "-" + arguments.method : arguments.name;
  record.dataset = sweep.dataset;
  record.method = arguments.method;
  record.created = now_ms();
  json per_fold = json::array();
  for (const auto& [fold, thresholds] : ensemble.fitted.fold_thresholds) {
    per_fold.push_back({{"fold", fold}, {"alpha", thresholds.alpha}, {"beta", thresholds.beta}});
  }
  record.settings = {{"sweep", sweep.id},
                     {"protocol", arguments.protocol},
                     {"decode", "thresholds"},
                     {"thresholds", arguments.thresholds},
                     {"alpha", ensemble.fitted.thresholds.alpha},
                     {"beta", ensemble.fitted.thresholds.beta},
                     {"fold_thresholds", per_fold},
                     {"k", arguments.options.k},
                     {"candidates", arguments.options.most_candidates},
                     {"rounds", arguments.options.rounds},
                     {"bags", arguments.options.bags}};
  json folds = json::array();
  for (const auto& fold : ensemble.folds) {
    json row = accuracy_json(fold.accuracy);
    row["fold"] = fold.fold;
    row["alpha"] = fold.fitted.thresholds.alpha;
    row["beta"] = fold.fitted.thresholds.beta;
    folds.push_back(std::move(row));
  }
  record.scores = {{"transductive", has_transductive_member(pooled, ensemble.fitted.weights)},
                   {"optimistic", accuracy_json(ensemble.optimistic)},
                   {"nested", accuracy_json(ensemble.nested)},
                   {"best_single_nested", accuracy_json(fitted.single.nested)},
                   {"nested_interval", nullptr},
                   {"folds", folds},
                   {"actors", pooled.rows.actor.empty() ? 0 : static_cast<int>(pooled.actors.size())},
                   {"candidates", static_cast<int>(pooled.candidates.size())},
                   {"synthetic", sweep.synthetic}};
  if (ensemble.has_interval) {
    record.scores["nested_interval"] = {{"level", arguments.options.bootstrap.level},
                                        {"acc_presence", interval_json(ensemble.nested_interval.presence)},
                                        {"acc_salience", interval_json(ensemble.nested_interval.salience)},
                                        {"score", interval_json(ensemble.nested_interval.score)}};
  }
  for (std::size_t m = 0; m < pooled.candidates.size(); ++m) {
    const double weight = ensemble.fitted.weights[m];
    if (weight == 0) continue;
    const auto& trials = pooled.candidates[m].trials;
    // On a test clip a candidate is the mean of its folds' models.
    for (const std::string& trial : trials)
      record.members.push_back({trial, weight / static_cast<double>(trials.size())});
  }
  return record;
}

sweep::Table member_table(const SweepPredictions& pooled, const std::vector<double>& weights) {
  sweep::Table table;
  table.columns = {{"config", sweep::Table::Align::kLeft},
                   {"seed", sweep::Table::Align::kRight},
                   {"trials", sweep::Table::Align::kRight},
                   {"weight", sweep::Table::Align::kRight}};
  std::vector<std::size_t> order;
  for (std::size_t m = 0; m < weights.size(); ++m) {
    if (weights[m] > 0) order.push_back(m);
  }
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return weights[a] > weights[b]; });
  for (const std::size_t m : order) {
    const std::string mark = pooled.candidates[m].transductive ? "‡" : "";
    table.rows.push_back({pooled.candidates[m].config + mark, std::to_string(pooled.candidates[m].seed),
                          std::to_string(pooled.candidates[m].trials.size()), share_text(weights[m])});
  }
  if (has_transductive_member(pooled, weights)) {
    table.notes.push_back(
        "‡ transductive: training read unlabelled features of clips that it is scored on; so are the "
        "numbers below");
  }
  return table;
}

std::string accuracy_text(const sweep::Accuracy& accuracy) {
  return fmt::format("Score {}  ACC_P {}  ACC_S {}", share_text(accuracy.score()), share_text(accuracy.presence),
                     share_text(accuracy.salience));
}

void print_ensemble(const storage::EnsembleRecord& record, std::int64_t id, const storage::SweepSummary& sweep,
                    const SweepPredictions& pooled, const Fitted& fitted, const std::string& protocol) {
  auto table = member_table(pooled, fitted.ensemble.fitted.weights);
  table.title = fmt::format("ensemble {} '{}': {} of {} candidates of {}{}", id, record.name, table.rows.size(),
                            pooled.candidates.size(), sweep.name, sweep.synthetic ? " (synthetic data)" : "");
  fmt::print("{}\n", sweep::text_table(table));
  fmt::print("thresholds   alpha {:.4f}, beta {:.4f} ({})\n", fitted.ensemble.fitted.thresholds.alpha,
             fitted.ensemble.fitted.thresholds.beta, record.settings.at("thresholds").get<std::string>());
  fmt::print("optimistic   {}  fitted on the rows it is measured on\n", accuracy_text(fitted.ensemble.optimistic));
  std::string interval;
  if (fitted.ensemble.has_interval) {
    const auto& score = fitted.ensemble.nested_interval.score;
    interval = fmt::format(", 95 % of Score {} to {} by bootstrap over {} actors", share_text(score.low),
                           share_text(score.high), pooled.actors.size());
  }
  fmt::print("nested       {}  fitted on the other folds{}\n", accuracy_text(fitted.ensemble.nested), interval);
  fmt::print("best single  {}  chosen on the other folds\n", accuracy_text(fitted.single.nested));
  if (protocol == "paper") {
    fmt::print(
        "members are of the paper-style epoch, which the reported fold chose: all of these numbers are optimistic\n");
  }
  if (pooled.left_out > 0) {
    fmt::print("left out: {} (config, seed) without {} predictions in every fold\n", pooled.left_out, protocol);
  }
}

void make_ensemble(const EnsembleArguments& arguments, const Globals& globals) {
  sweep::EnsembleOptions options = arguments.options;
  options.method = sweep::ensemble_method(arguments.method);
  options.thresholds = sweep::ensemble_thresholds(arguments.thresholds);
  storage::Reader reader(globals.store);
  const auto sweep = choose_sweep(reader, arguments.sweep);
  // Before the fit, which takes a while: another writer would be the end of it.
  storage::Writer writer(globals.store);
  const auto pooled = pool_predictions(
      reader, sweep, arguments.protocol == "paper" ? storage::Protocol::kPaper : storage::Protocol::kClean);
  if (pooled.candidates.empty()) {
    throw storage::Error(fmt::format(
        "sweep {} has no config with {} predictions in every fold ({} partial){}", sweep.name, arguments.protocol,
        pooled.left_out, arguments.protocol == "clean" ? "; --protocol paper takes the optimistic epoch" : ""));
  }
  Fitted fitted;
  fitted.ensemble = sweep::fit_ensemble(pooled.rows, options);
  sweep::EnsembleOptions single = options;
  single.method = sweep::EnsembleMethod::kMean;
  single.k = 1;
  fitted.single = sweep::fit_ensemble(pooled.rows, single);
  const auto record = record_of(arguments, sweep, pooled, fitted);
  storage::Writer::Group group(writer);
  const std::int64_t id = writer.save_ensemble(record);
  group.commit();
  if (!arguments.as_json) {
    print_ensemble(record, id, sweep, pooled, fitted, arguments.protocol);
    return;
  }
  json members = json::array();
  for (const auto& member : record.members) members.push_back({{"trial", member.trial}, {"weight", member.weight}});
  std::cout << json{{"id", id},
                    {"name", record.name},
                    {"method", record.method},
                    {"dataset", record.dataset},
                    {"settings", record.settings},
                    {"scores", record.scores},
                    {"members", members}}
                   .dump(2)
            << "\n";
}

struct ExportArguments {
  std::string ensemble;
  fs::path out = "submission.zip";
  bool as_json = false;
};

void run_export(const ExportArguments& arguments, const Globals& globals) {
  storage::Reader reader(globals.store);
  const auto ensemble = choose_ensemble(reader, arguments.ensemble);
  storage::Writer writer(globals.store);
  const Exported exported = export_ensemble(reader, writer, ensemble, arguments.out, now_ms());
  if (arguments.as_json) {
    std::cout << json{{"archive", exported.archive.string()},
                      {"manifest", exported.manifest.string()},
                      {"sha256", exported.sha256},
                      {"clips", exported.clips},
                      {"blends", exported.blends},
                      {"ensemble", ensemble.id}}
                     .dump(2)
              << "\n";
    return;
  }
  fmt::print("{}: {} clips, {} predicted blends; the format check passed\n{}: what it was made from\n",
             exported.archive.string(), exported.clips, exported.blends, exported.manifest.string());
}

struct PredictArguments {
  std::string ensemble;
  fs::path data, out;
  std::string clips = "test";
};

/// Runs a program in the foreground. Throws when it cannot be started or does not exit with 0.
void run_program(const std::vector<std::string>& arguments) {
  std::vector<char*> argv;
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  pid_t pid = 0;
  const int error = ::posix_spawnp(&pid, argv[0], nullptr, nullptr, argv.data(), environ);
  if (error != 0) throw std::runtime_error(arguments[0] + " cannot be started: " + std::strerror(error));
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0) {
    if (errno != EINTR) throw std::runtime_error("waiting for " + arguments[0] + ": " + std::strerror(errno));
  }
  if (WIFSIGNALED(status))
    throw std::runtime_error(fmt::format("{} was killed by signal {}", arguments[0], WTERMSIG(status)));
  if (WEXITSTATUS(status) != 0)
    throw std::runtime_error(fmt::format("{} failed with exit code {}", arguments[0], WEXITSTATUS(status)));
}

void predict(const PredictArguments& arguments, const Globals& globals) {
  storage::Reader reader(globals.store);
  const auto ensemble = choose_ensemble(reader, arguments.ensemble);
  const fs::path folder = storage::StoreLayout(globals.store.string()).checkpoints();
  json members = json::array();
  int missing = 0;
  std::string names;
  for (const auto& member : ensemble.members) {
    const fs::path checkpoint = fs::absolute(folder / (member.trial + ".npz"));
    if (!fs::exists(checkpoint)) names += (missing++ ? ", " : "") + member.trial;
    members.push_back({{"checkpoint", checkpoint.string()}, {"weight", member.weight}});
  }
  if (missing > 0) {
    throw std::runtime_error(fmt::format("{} of the {} members of '{}' have no checkpoint in {}: {}", missing,
                                         ensemble.members.size(), ensemble.name, folder.string(), names));
  }
  const fs::path request = data::partial_path(arguments.out.string() + ".request.json");
  data::write_text(
      request,
      json{{"data", fs::absolute(arguments.data).string()}, {"members", members}, {"clips", arguments.clips}}.dump(2));
  // The request is of no use to anybody afterwards, however this ends.
  const std::unique_ptr<const fs::path, void (*)(const fs::path*)> cleanup(&request, [](const fs::path* path) {
    std::error_code ignored;
    fs::remove(*path, ignored);
  });
  run_program({worker_program().string(), "predict", "--request", request.string(), "--out", arguments.out.string()});
}

void add_ensemble(CLI::App& app, Globals& globals) {
  auto arguments = std::make_shared<EnsembleArguments>();
  auto* command = app.add_subcommand("ensemble", "Weights over a sweep's configs, with an honest estimate");
  command->add_option("SWEEP", arguments->sweep, "id or name of the sweep; the newest if not given");
  command->add_option("--method", arguments->method, "mean of the best k, fitted simplex weights, or greedy selection")
      ->check(CLI::IsMember({"mean", "simplex", "caruana"}))
      ->capture_default_str();
  command->add_option("--k", arguments->options.k, "mean: how many candidates")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command->add_option("--candidates", arguments->options.most_candidates, "simplex, caruana: only the best so many")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command->add_option("--rounds", arguments->options.rounds, "caruana: candidates added in a bag")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command->add_option("--bags", arguments->options.bags, "caruana: random halves of the candidates")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command->add_option("--thresholds", arguments->thresholds, "one pair over all folds, or the mean of each fold's")
      ->check(CLI::IsMember({"pooled", "per-fold"}))
      ->capture_default_str();
  command->add_option("--protocol", arguments->protocol, "epoch of the members: clean, or paper-style (optimistic)")
      ->check(CLI::IsMember({"clean", "paper"}))
      ->capture_default_str();
  command->add_option("--name", arguments->name, "name to store it by; SWEEP-METHOD if not given");
  command->add_flag("--json", arguments->as_json, "as JSON");
  command->footer(
      "A candidate is a config with one seed, over all folds. The nested estimate fits selection, weights and\n"
      "thresholds on the other folds' clips; the optimistic one on the clips that it is measured on.\n"
      "Examples:\n  medley ensemble\n  medley ensemble topn --method simplex --name topn-simplex\n"
      "  medley ensemble topn --method mean --k 3 --json");
  command->callback([arguments, &globals] { make_ensemble(*arguments, globals); });
}

void add_export(CLI::App& app, Globals& globals) {
  auto arguments = std::make_shared<ExportArguments>();
  auto* command = app.add_subcommand("export", "The submission archive of an ensemble, checked, with a manifest");
  command->add_option("ENSEMBLE", arguments->ensemble, "id or name of the ensemble; the newest if not given");
  command->add_option("--out", arguments->out, "archive to write")->capture_default_str();
  command->add_flag("--json", arguments->as_json, "as JSON");
  command->footer("Examples:\n  medley export\n  medley export topn-simplex --out submission.zip");
  command->callback([arguments, &globals] { run_export(*arguments, globals); });
}

void add_predict(CLI::App& app, Globals& globals) {
  auto arguments = std::make_shared<PredictArguments>();
  auto* command = app.add_subcommand("predict", "Probabilities of an ensemble for the clips of any dataset folder");
  command->add_option("ENSEMBLE", arguments->ensemble, "id or name of the ensemble")->required();
  command->add_option("--data", arguments->data, "dataset folder with the features")->required();
  command->add_option("--out", arguments->out, "NPZ to write: P [clip, class], filenames, classes")->required();
  command->add_option("--clips", arguments->clips, "which clips")
      ->check(CLI::IsMember({"test", "all"}))
      ->capture_default_str();
  command->footer(
      "Runs the members' checkpoints in medley-worker.\n"
      "Examples:\n  medley predict topn-simplex --data new-clips/ --out predictions.npz\n"
      "  medley predict topn-simplex --data features/ --clips all --out all.npz");
  command->callback([arguments, &globals] { predict(*arguments, globals); });
}

}  // namespace

void add_ensemble_commands(CLI::App& app, Globals& globals) {
  add_ensemble(app, globals);
  add_export(app, globals);
  add_predict(app, globals);
}

}  // namespace medley::coordinator
