#include <iostream>
#include <memory>
#include <numeric>
#include <optional>

#include <fmt/format.h>

#include "coordinator/actions/plan.h"
#include "coordinator/commands/command.h"
#include "coordinator/commands/terminal.h"
#include "sweep/report/report_text.h"
#include "sweep/report/table.h"

namespace medley::coordinator {
namespace {

using nlohmann::json;

std::string names(const std::vector<std::string>& all) {
  return std::accumulate(all.begin(), all.end(), std::string(), [](const std::string& text, const std::string& name) {
    return text + (text.empty() ? "" : ", ") + name;
  });
}

/// "1.2 h", "3 min"
std::string duration(double seconds) {
  if (seconds >= 3600) return fmt::format("{:.1f} h", seconds / 3600);
  return fmt::format("{:.0f} {}", seconds >= 60 ? seconds / 60 : seconds, seconds >= 60 ? "min" : "s");
}

/// "1.3 GB", "21 MB"
std::string size(double bytes) {
  if (bytes >= 1e9) return fmt::format("{:.1f} GB", bytes / 1e9);
  return fmt::format("{:.0f} {}", bytes / (bytes >= 1e6 ? 1e6 : 1e3), bytes >= 1e6 ? "MB" : "kB");
}

void print_settling(const Forecast::Settling& of) {
  say("settles  differences of {}: half the width of the 95 % interval; {} is found in 4 of 5 sweeps\n",
      difference_text(of.half_width), difference_text(of.found));
  if (of.pairs == 0) {
    say("         no finished sweep of this dataset: two configs are assumed to decide one clip of four differently\n");
  } else {
    say("         from {} of configs of {}; {} or less in 4 of 5 pairs\n",
        sweep::counted(of.pairs, of.compared ? "compared pair" : "pair"), names(of.sweeps), difference_text(of.wide));
  }
  say("         of it {} would stay with more seeds, as {} do not average away{}\n", difference_text(of.floor),
      name_of(of.by), of.seeds_seen ? "" : " (a guess: the sweeps have one seed)");
  for (const auto& margin : of.margins) {
    const std::string within =
        margin.pairs > 0 ? fmt::format(" ({} of {} within it)", margin.within, sweep::counted(margin.pairs, "pair"))
                         : "";
    say("         compare {}: margin {}, median forecast {}{}{}\n", margin.axis, difference_text(margin.margin),
        difference_text(margin.half_width), within,
        margin.reached   ? ": within reach"
        : !of.seeds_seen ? ""
        : margin.seeds   ? ": within reach with " + sweep::counted(*margin.seeds, "seed")
                         : ": the median is above it up to " + sweep::counted(kMostSeeds, "seed"));
  }
  if (!of.wished) return;
  if (of.cheapest.empty()) {
    say("settle   {} is below the median forecast with {}; more would leave {}\n", difference_text(*of.wished),
        sweep::counted(kMostSeeds, "seed"), difference_text(of.floor));
  }
  const char* label = "settle   ";
  for (const sweep::Design& design : of.cheapest) {
    const std::string repeats = design.repeats > 1 ? fmt::format(" x {} repeats", design.repeats) : "";
    say("{}{} with {}{} x {} = {} trials a config\n", label, difference_text(*of.wished),
        sweep::counted(design.folds, "fold"), repeats, sweep::counted(design.seeds, "seed"), design.trainings());
    label = "         ";
  }
}

void print_cost(const Forecast& forecast) {
  if (forecast.left == 0) return;
  say("costs    {}; {} of database\n",
      forecast.seconds ? fmt::format("{} of training with one worker", duration(*forecast.seconds))
                       : "time unknown, as no trial of this dataset is done",
      size(forecast.bytes));
}

/// As reports show the axes.
sweep::AxisText text_of_axes(const SweepFile& file, const std::vector<sweep::AxisCount>& axes) {
  sweep::Report report;
  report.labels = file.expansion.labels;
  for (const sweep::AxisCount& axis : axes) {
    sweep::AxisReport& of = report.axes.emplace_back();
    of.axis = axis.setting;
    for (const auto& value : axis.values) {
      if (!value.value.empty()) of.values.emplace_back().value = value.value;
    }
  }
  return sweep::AxisText(report);
}

void print_plan(const SweepFile& file, const Plan& made) {
  const auto& axes = made.axes;
  const std::size_t done = made.done;
  const sweep::Expansion& plan = file.expansion;
  say("sweep    {}\n", file.spec.name);
  if (!file.spec.description.empty()) say("         {}\n", file.spec.description);
  const std::size_t tested = file.dataset.clips_of_fold(-1).size();
  const std::string clips = sweep::counted(file.dataset.clips.size() - tested, "labelled clip") +
                            (tested > 0 ? " and " + std::to_string(tested) + " of the test" : "");
  say("dataset  {}{}: {}, {}, {}\n", file.dataset.folder.string(), file.dataset.synthetic ? " (synthetic)" : "", clips,
      sweep::counted(file.dataset.encoders.size(), "encoder"), sweep::counted(file.dataset.folds.size(), "fold"));
  if (!plan.partitions.front().official()) {
    say("folds    {}\n", sweep::partitions_text(plan.partitions));
  }
  const auto repeats = std::int64_t(plan.partitions.size());
  const bool makes_configs = plan.search && sweep::makes_configs(plan.search->kind);
  if (makes_configs) {
    say("search   {}: at most {} x {} x {} = {}; it makes its configs as it goes\n", name_of(plan.search->kind),
        sweep::counted(plan.search->configs, "config"), sweep::counted(plan.folds.size(), "fold"),
        sweep::counted(plan.seeds.size(), "seed"),
        sweep::counted(plan.search->configs * std::int64_t(plan.runs()), "trial"));
    const sweep::StrategyKind kind = plan.search->kind;
    say_text(kind == sweep::StrategyKind::kTpe       ? "         below: as many even draws\n"
             : kind == sweep::StrategyKind::kHalving ? "         below: all configs to their last epoch\n"
                                                     : "         below: base alone\n");
  }
  say("plan     {} x {}{} x {} = {}: {} done, {} left\n", sweep::counted(plan.configs.size(), "config"),
      repeats > 1 ? sweep::counted(repeats, "repeat") + " x " : "", sweep::counted(plan.folds.size(), "fold"),
      sweep::counted(plan.seeds.size(), "seed"), sweep::counted(plan.trials.size(), "trial"), done,
      plan.trials.size() - done);
  if (!made.shapley.empty()) say("         {}\n", made.shapley);
  if (plan.search && !makes_configs) {
    say("         {}, margin {}: it asks for some of them, by rounds\n", name_of(plan.search->kind),
        sweep::share_text(plan.search->margin));
  }
  if (plan.duplicates > 0) {
    say("         {} of {} points train the same as an earlier one and are trained once\n", plan.duplicates,
        plan.points);
  }
  if (plan.dropped > 0) say("         {} impossible configs skipped\n", plan.dropped);
  if (made.forecast.settling) print_settling(*made.forecast.settling);
  print_cost(made.forecast);
  if (axes.empty() || makes_configs) return;
  using Align = sweep::Table::Align;
  sweep::Table table;
  table.columns = {{"axis"},
                   {"value"},
                   {"configs", Align::kRight},
                   {"trials", Align::kRight},
                   {"done", Align::kRight},
                   {"left", Align::kRight}};
  const sweep::AxisText axis_text = text_of_axes(file, axes);
  for (const auto& axis : axes) {
    std::string setting = axis_text.axis(axis.setting);
    for (const auto& value : axis.values) {
      table.rows.push_back({setting, value.value.empty() ? "(base)" : axis_text(axis.setting, value.value),
                            std::to_string(value.configs), std::to_string(value.trials), std::to_string(value.done),
                            std::to_string(value.trials - value.done)});
      setting.clear();
    }
  }
  std::cout << sweep::text_table(table, text_width());
}

struct PlanOptions {
  std::filesystem::path sweep;
  std::filesystem::path data;
  std::optional<double> settle;
  std::vector<std::string> set;
  bool as_json = false;
};

void plan(const PlanOptions& options, const Globals& globals) {
  const SweepFile file = load_sweep_file(options.sweep, options.data, options.set);
  for (const auto& warning : file.expansion.warnings) remark("warning: {}\n", warning.str());
  const Plan made = make_plan(file, globals.store, options.settle);
  for (const std::string& trap : made.traps) remark("note: {}\n", trap);
  if (options.as_json) {
    std::cout << plan_json(file, made).dump(2) << "\n";
  } else {
    print_plan(file, made);
  }
}

const char* kind_name(sweep::Setting::Kind kind) {
  switch (kind) {
    case sweep::Setting::Kind::kInteger:
      return "integer";
    case sweep::Setting::Kind::kNumber:
      return "number";
    case sweep::Setting::Kind::kChoice:
      return "choice";
    case sweep::Setting::Kind::kFlag:
      return "flag";
    case sweep::Setting::Kind::kEncoders:
      return "encoders";
    case sweep::Setting::Kind::kLayers:
      return "layers";
  }
  return "";
}

std::string domain_text(const sweep::Setting& setting) {
  using Kind = sweep::Setting::Kind;
  switch (setting.kind) {
    case Kind::kInteger:
    case Kind::kNumber:
      return fmt::format("{} to {}", setting.minimum, setting.maximum);
    case Kind::kChoice:
      return std::accumulate(
          setting.choices.begin(), setting.choices.end(), std::string(),
          [](const std::string& all, const std::string& one) { return all + (all.empty() ? "" : ", ") + one; });
    case Kind::kFlag:
      return "true, false";
    case Kind::kEncoders:
      return "names, or a generator (docs/sweeps.md)";
    case Kind::kLayers:
      return "all, 7, 6-12";
  }
  return "";
}

void print_settings(bool as_json) {
  const sweep::Config defaults;
  json rows = json::array();
  for (const sweep::Setting& setting : sweep::settings()) {
    const std::string standard =
        setting.kind == sweep::Setting::Kind::kEncoders ? "all" : sweep::value_text(setting.get(defaults));
    if (!as_json) {
      say("{:<18} {:<11} {}\n{:<18} {:<11} {}\n", setting.name, standard, setting.meaning, "", "",
          domain_text(setting));
      continue;
    }
    json row = {{"name", setting.name},
                {"kind", kind_name(setting.kind)},
                {"default", standard},
                {"meaning", setting.meaning},
                {"unit", setting.unit}};
    if (!setting.choices.empty()) row["choices"] = setting.choices;
    if (setting.maximum > setting.minimum) row["range"] = {setting.minimum, setting.maximum};
    rows.push_back(row);
  }
  if (as_json) std::cout << rows.dump(2) << "\n";
}

}  // namespace

void add_plan_command(CLI::App& app, Globals& globals) {
  auto options = std::make_shared<PlanOptions>();
  auto* command = app.add_subcommand("plan", "The trials of a sweep: to train, and already done");
  command->add_option("SWEEP", options->sweep, "sweep file")->required();
  command->add_option("--data", options->data, "dataset folder, instead of the sweep file's");
  command->add_option("--set", options->set, "settings laid over the file's base, such as epochs=5")->take_all();
  command->add_option("--settle", options->settle, "half width of intervals to find the cheapest folds and seeds for")
      ->check(CLI::Range(1e-4, 1.0));
  command->add_flag("--json", options->as_json, "as JSON");
  command->footer(
      "Examples:\n  medley plan sweep.yaml\n  medley plan sweep.yaml --settle 0.01\n  medley plan sweep.yaml --data "
      "features/ --json");
  command->callback([options, &globals] {
    globals.look_beside(options->sweep);
    plan(*options, globals);
  });

  auto as_json = std::make_shared<bool>(false);
  auto* settings = app.add_subcommand("settings", "Every setting of a sweep file: default, meaning, values");
  settings->add_flag("--json", *as_json, "as JSON");
  settings->footer("Example:\n  medley settings");
  settings->callback([as_json] { print_settings(*as_json); });
}

}  // namespace medley::coordinator
