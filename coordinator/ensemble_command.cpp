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
#include "coordinator/ensemble.h"
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

using sweep::Table;

struct EnsembleArguments {
  std::string sweep;
  std::string method = "caruana";
  std::string thresholds = "pooled";
  std::string protocol = "clean";
  EnsembleRequest request;
  bool as_json = false;
};

Table member_table(const std::vector<Candidate>& candidates, const std::vector<double>& weights) {
  Table table;
  table.columns = {{"config"}, {"seeds"}, {"trials", Table::Align::kRight}, {"weight", Table::Align::kRight}};
  std::vector<std::size_t> order;
  for (std::size_t m = 0; m < weights.size(); ++m) {
    if (weights[m] > 0) order.push_back(m);
  }
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return weights[a] > weights[b]; });
  for (const std::size_t m : order) {
    std::string seeds;
    for (const std::uint64_t seed : candidates[m].seeds) seeds += (seeds.empty() ? "" : " ") + std::to_string(seed);
    table.rows.push_back({candidates[m].config + (candidates[m].transductive ? "‡" : ""), seeds,
                          std::to_string(candidates[m].trials.size()), share_text(weights[m])});
  }
  return table;
}

Table share_table(const std::string& what, const std::vector<sweep::WeightShare>& shares) {
  Table table;
  table.title = "weight by " + what;
  table.columns = {{what},
                   {"weight", Table::Align::kRight},
                   {"lowest", Table::Align::kRight, "fits without a fold"},
                   {"highest", Table::Align::kRight, "fits without a fold"}};
  for (const auto& share : shares) {
    table.rows.push_back(
        {share.name, share_text(share.share), share_text(share.range.low), share_text(share.range.high)});
  }
  return table;
}

/// Thresholds and nested numbers of each fold, with the fold's own thresholds where it has them.
Table fold_table(const sweep::Ensemble& ensemble) {
  const bool own = !ensemble.fitted.fold_thresholds.empty();
  Table table;
  table.title = "thresholds and nested numbers by fold";
  table.columns = {{"fold", Table::Align::kRight}};
  const auto add = [&](const char* head, const char* group) {
    table.columns.push_back({head, Table::Align::kRight, group});
  };
  if (own) {
    for (const char* head : {"alpha", "beta"}) add(head, "on the fold");
  }
  for (const char* head : {"alpha", "beta", "Score", "ACC_P", "ACC_S"}) add(head, "fitted on the other folds");
  for (std::size_t f = 0; f < ensemble.folds.size(); ++f) {
    const auto& fold = ensemble.folds[f];
    table.rows.push_back({std::to_string(fold.fold)});
    std::vector<double> values;
    if (own) {
      const sweep::Thresholds& here = ensemble.fitted.fold_thresholds[f].second;
      values = {here.alpha, here.beta};
    }
    for (const double value : {fold.fitted.thresholds.alpha, fold.fitted.thresholds.beta, fold.accuracy.score(),
                               fold.accuracy.presence, fold.accuracy.salience}) {
      values.push_back(value);
    }
    for (const double value : values) table.rows.back().push_back(share_text(value));
  }
  return table;
}

std::string accuracy_text(const sweep::Accuracy& accuracy) {
  return fmt::format("Score {}  ACC_P {}  ACC_S {}", share_text(accuracy.score()), share_text(accuracy.presence),
                     share_text(accuracy.salience));
}

void print_ensemble(const storage::EnsembleRecord& record, std::int64_t id, const storage::SweepSummary& sweep,
                    const FittedEnsemble& fitted, const EnsembleArguments& arguments) {
  const sweep::Ensemble& ensemble = fitted.ensemble;
  const SweepPredictions& pooled = fitted.predictions;
  Table members = member_table(pooled.candidates, ensemble.fitted.weights);
  members.title = fmt::format("ensemble {} '{}': {} of {} candidates of {}{}{}", id, record.name, members.rows.size(),
                              pooled.candidates.size(), sweep.name, fitted.transductive ? " (transductive)" : "",
                              sweep.synthetic ? " (synthetic data)" : "");
  if (arguments.request.per_subset) {
    members.above.push_back("late fusion: of each encoder subset the config that ranks first, its seeds averaged");
  }
  fmt::print("{}\n", sweep::text_table(members));
  fmt::print("{}\n", sweep::text_table(share_table("encoder", fitted.shares.encoders)));
  if (fitted.shares.modalities.size() > 1) {
    fmt::print("{}\n", sweep::text_table(share_table("modality", fitted.shares.modalities)));
  }
  fmt::print("{}\n", sweep::text_table(fold_table(ensemble)));
  fmt::print("thresholds   alpha {:.4f}, beta {:.4f}: {}\n", ensemble.fitted.thresholds.alpha,
             ensemble.fitted.thresholds.beta,
             ensemble.fitted.fold_thresholds.empty() ? "one pair over all folds" : "the mean of the folds' own");
  fmt::print("optimistic   {}  fitted on the rows it is measured on\n", accuracy_text(ensemble.optimistic));
  std::string interval;
  if (ensemble.has_interval) {
    const auto& score = ensemble.nested_interval.score;
    interval = fmt::format(", 95 % of Score {} to {} by bootstrap over {} actors", share_text(score.low),
                           share_text(score.high), pooled.actors.size());
  }
  fmt::print("nested       {}  fitted on the other folds{}\n", accuracy_text(ensemble.nested), interval);
  fmt::print("best single  {}  chosen on the other folds\n", accuracy_text(fitted.single.nested));
  if (arguments.protocol == "paper") {
    fmt::print(
        "members are of the paper-style epoch, which the reported fold chose: all of these numbers are optimistic\n");
  }
  if (fitted.transductive) {
    fmt::print(
        "‡ transductive: training read unlabelled features of clips that it is scored on; so are these numbers\n");
  }
  if (pooled.left_out > 0) {
    fmt::print("left out: {} (config, seed) without {} predictions in every fold\n", pooled.left_out,
               arguments.protocol);
  }
}

void make_ensemble(const EnsembleArguments& arguments, const Globals& globals) {
  EnsembleRequest request = arguments.request;
  request.options.method = sweep::ensemble_method(arguments.method);
  request.options.thresholds = sweep::ensemble_thresholds(arguments.thresholds);
  if (arguments.protocol == "paper") request.protocol = storage::Protocol::kPaper;
  storage::Reader reader(globals.store);
  const auto sweep = choose_sweep(reader, arguments.sweep);
  // Before the fit, which takes a while: another writer would be the end of it.
  storage::Writer writer(globals.store);
  const FittedEnsemble fitted = fit_ensemble(reader, sweep, request);
  const auto record = ensemble_record(fitted, sweep, request, storage::now_ms());
  storage::Writer::Group group(writer);
  const std::int64_t id = writer.save_ensemble(record);
  group.commit();
  if (!arguments.as_json) {
    print_ensemble(record, id, sweep, fitted, arguments);
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
  const Exported exported = export_ensemble(reader, writer, ensemble, arguments.out, storage::now_ms());
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
  command->add_flag("--per-subset", arguments->request.per_subset,
                    "late fusion: a candidate an encoder subset, its best config with all seeds averaged");
  command->add_option("--k", arguments->request.options.k, "mean: how many candidates")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command
      ->add_option("--candidates", arguments->request.options.most_candidates,
                   "simplex, caruana: only the best so many")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command->add_option("--rounds", arguments->request.options.rounds, "caruana: candidates added in a bag")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command->add_option("--bags", arguments->request.options.bags, "caruana: random halves of the candidates")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command
      ->add_option("--thresholds", arguments->thresholds,
                   "one pair over all folds, or each fold's own (and their mean on other clips)")
      ->check(CLI::IsMember({"pooled", "per-fold"}))
      ->capture_default_str();
  command->add_option("--protocol", arguments->protocol, "epoch of the members: clean, or paper-style (optimistic)")
      ->check(CLI::IsMember({"clean", "paper"}))
      ->capture_default_str();
  command->add_option("--name", arguments->request.name, "name to store it by; SWEEP-METHOD if not given");
  command->add_flag("--json", arguments->as_json, "as JSON");
  command->footer(
      "A candidate is a config with one seed, over all folds; with --per-subset of each encoder subset the config "
      "that\n"
      "ranks first, its seeds averaged. The nested estimate fits selection, weights and thresholds on the other "
      "folds'\n"
      "clips; the optimistic one on the clips that it is measured on. Shares of weight are of encoders and "
      "modalities.\n"
      "Examples:\n  medley ensemble\n  medley ensemble topn --method simplex --name topn-simplex\n"
      "  medley ensemble topn --method mean --k 3 --json\n"
      "  medley ensemble late-fusion --method simplex --per-subset --thresholds per-fold");
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
