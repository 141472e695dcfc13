// medley init, medley data make | check | import | folds.
#include <chrono>
#include <iostream>
#include <map>
#include <memory>
#include <optional>
#include <set>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "coordinator/actions/sweep_file.h"
#include "coordinator/commands/command.h"
#include "coordinator/commands/starter.h"
#include "coordinator/commands/terminal.h"
#include "storage/files/write.h"
#include "sweep/report/report_text.h"
#include "trainer/data/dataset.h"
#include "trainer/data/folds.h"
#include "trainer/data/import.h"
#include "trainer/data/out_folder.h"
#include "trainer/data/synthetic.h"

namespace medley::coordinator {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

struct FoldCounts {
  int clips = 0, blends = 0;
  std::set<std::string> actors;
};

FoldCounts counts_of(const data::Dataset& dataset, int fold) {
  FoldCounts counts;
  for (const int i : dataset.clips_of_fold(fold)) {
    const data::Clip& clip = dataset.clips[static_cast<std::size_t>(i)];
    ++counts.clips;
    counts.blends += clip.label && clip.label->is_blend() ? 1 : 0;
    if (!clip.actor.empty()) counts.actors.insert(clip.actor);
  }
  return counts;
}

/// What is worth knowing but no error.
std::vector<std::string> notes_of(const data::Dataset& dataset) {
  std::vector<std::string> notes = dataset.notes;
  const int neutral = dataset.classes.index_of("neu");
  if (neutral >= 0 && !dataset.classes.exclusive[static_cast<std::size_t>(neutral)]) {
    int blends = 0;
    for (const data::Clip& clip : dataset.clips) {
      blends += clip.label && clip.label->is_blend() && (clip.label->first == neutral || clip.label->second == neutral);
    }
    notes.push_back(fmt::format("neutral may blend here: {} labels blend it (the official data never does)", blends));
  }
  if (dataset.folds.size() < 2) notes.push_back("one fold only: nothing can be held out for validation");
  std::string without_blends;
  for (const int fold : dataset.folds) {
    if (counts_of(dataset, fold).blends == 0)
      without_blends += (without_blends.empty() ? "" : ", ") + std::to_string(fold);
  }
  if (!without_blends.empty()) {
    notes.push_back(fmt::format("no blends in fold {}: ACC_S is 0 there, whatever is predicted", without_blends));
  }
  int without_actor = 0;
  for (const data::Clip& clip : dataset.clips) without_actor += clip.fold >= 0 && clip.actor.empty();
  if (without_actor > 0) {
    notes.push_back(fmt::format(
        "{} labelled clips have no actor (video_id): whether folds share actors was not checked", without_actor));
  }
  if (dataset.clips_of_fold(-1).empty()) notes.push_back("no test clips (test_metadata.csv): nothing to submit");
  return notes;
}

json check_json(const data::Dataset& dataset) {
  std::set<std::string> actors;
  json folds = json::array();
  for (const int fold : dataset.folds) {
    const FoldCounts counts = counts_of(dataset, fold);
    actors.insert(counts.actors.begin(), counts.actors.end());
    folds.push_back(
        {{"fold", fold}, {"clips", counts.clips}, {"blends", counts.blends}, {"actors", counts.actors.size()}});
  }
  json encoders = json::array(), exclusive = json::array();
  for (const auto& encoder : dataset.encoders) {
    encoders.push_back({{"name", encoder->name()},
                        {"labels", encoder->labels()},
                        {"dim", encoder->dim()},
                        {"layers", encoder->layers()}});
  }
  for (int i = 0; i < dataset.classes.count(); ++i) {
    const auto c = static_cast<std::size_t>(i);
    if (dataset.classes.exclusive[c]) exclusive.push_back(dataset.classes.names[c]);
  }
  const std::size_t test_clips = dataset.clips_of_fold(-1).size();
  return {{"folder", dataset.folder.string()},
          {"synthetic", dataset.synthetic},
          {"fingerprint", dataset.fingerprint},
          {"classes", dataset.classes.names},
          {"exclusive", exclusive},
          {"labelled_clips", dataset.clips.size() - test_clips},
          {"test_clips", test_clips},
          {"actors", actors.size()},
          {"folds", folds},
          {"encoders", encoders},
          {"prepared", dataset.prepared},
          {"notes", notes_of(dataset)}};
}

std::string joined(const json& names) {
  std::string text;
  for (const json& name : names) text += (text.empty() ? "" : ", ") + name.get<std::string>();
  return text;
}

void print_check(const data::Dataset& dataset, double seconds) {
  const json summary = check_json(dataset);
  say("dataset      {}{}\n", dataset.folder.string(), dataset.synthetic ? " (synthetic: made-up data)" : "");
  say("fingerprint  {}\n", dataset.fingerprint);
  say("classes      {}{}\n", joined(summary["classes"]),
      summary["exclusive"].empty() ? "" : fmt::format(" (never in a blend: {})", joined(summary["exclusive"])));
  say("clips        {} labelled of {} actors, {} test\n\n", summary["labelled_clips"].get<int>(),
      summary["actors"].get<int>(), summary["test_clips"].get<int>());
  sweep::Table folds;
  folds.columns = {
      {"fold", sweep::kRight}, {"clips", sweep::kRight}, {"blends", sweep::kRight}, {"actors", sweep::kRight}};
  for (const json& fold : summary["folds"]) {
    folds.rows.push_back({fold["fold"].dump(), fold["clips"].dump(), fold["blends"].dump(), fold["actors"].dump()});
  }
  sweep::Table encoders;
  encoders.columns = {{"encoder"}, {"dim", sweep::kRight}, {"layers", sweep::kRight}, {"labels"}};
  for (const auto& encoder : dataset.encoders) {
    std::string labels;
    for (const auto& [label, word] : encoder->labels()) {
      labels += (labels.empty() ? "" : ", ") + label + " " + word;
    }
    encoders.rows.push_back({encoder->name(), std::to_string(encoder->dim()), std::to_string(encoder->layers()),
                             labels.empty() ? "-" : labels});
  }
  std::cout << sweep::text_table(folds, text_width()) << "\n" << sweep::text_table(encoders, text_width());
  for (const std::string& line : dataset.prepared) say("\nprepared: {}\n", line);
  for (const std::string& note : notes_of(dataset)) say("\nnote: {}\n", note);
  say("\nno errors found ({:.2f} s)\n", seconds);
}

void check(const fs::path& folder, bool as_json) {
  const auto start = std::chrono::steady_clock::now();
  const data::Dataset dataset = data::load_dataset(folder);
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
  if (as_json) {
    std::cout << check_json(dataset).dump(2) << "\n";
  } else {
    print_check(dataset, elapsed.count());
  }
}

void add_make(CLI::App& parent) {
  struct Options {
    fs::path folder;
    data::SyntheticOptions synthetic;
    bool force = false;
  };
  auto o = std::make_shared<Options>();
  data::SyntheticOptions& s = o->synthetic;
  CLI::App* make = parent.add_subcommand("make", "create a synthetic dataset with a planted truth");
  make->add_option("DIR", o->folder, "the folder to write")->required();
  make->add_option("--encoders", s.encoders, "number of encoders, with copies and noise")->capture_default_str();
  make->add_option("--dim", s.dim, "numbers per clip and encoder")->capture_default_str();
  make->add_option("--modalities", s.modalities, "dealt to the encoders in turn")
      ->delimiter(',')
      ->capture_default_str();
  make->add_option("--copies", s.near_copies, "encoders that are near-copies of another")->capture_default_str();
  make->add_option("--noise", s.noise_encoders, "encoders without any signal")->capture_default_str();
  make->add_option("--signal", s.signal, "class distance in noise SDs, first encoder")->capture_default_str();
  make->add_option("--falloff", s.falloff, "strength of each further encoder, relative")->capture_default_str();
  make->add_option("--relevance", s.relevance, "share of clips on which an encoder has signal")->capture_default_str();
  make->add_option("--marker", s.marker, "distance by which features show that they have signal")
      ->capture_default_str();
  make->add_option("--identity", s.identity, "distance of actors; above --signal it dominates")->capture_default_str();
  make->add_option("--shift", s.shift, "domain shift of the test actors")->capture_default_str();
  make->add_option("--actors", s.train_actors, "labelled actors, 54 clips each")->capture_default_str();
  make->add_option("--test-actors", s.test_actors, "actors of the test clips")->capture_default_str();
  make->add_option("--folds", s.folds, "actor-disjoint folds")->capture_default_str();
  make->add_option("--seed", s.seed, "the same seed gives the same bytes")->capture_default_str();
  make->add_flag("--force", o->force, "overwrite files in a folder that is not empty");
  make->footer(
      "Examples:\n"
      "  medley data make demo-data\n"
      "  medley data make hard --encoders 12 --copies 4 --noise 2 --identity 6 --seed 7");
  make->callback([o] {
    data::make_synthetic(o->folder, o->synthetic, o->force ? data::Existing::kOverwrite : data::Existing::kRefuse);
    say("made {}: {} labelled and {} test clips, {} (synthetic; the truth is in truth.json)\n", o->folder.string(),
        54 * o->synthetic.train_actors, 54 * o->synthetic.test_actors,
        sweep::counted(o->synthetic.encoders, "encoder"));
  });
}

void add_check(CLI::App& parent) {
  struct Options {
    fs::path folder;
    bool as_json = false;
  };
  auto o = std::make_shared<Options>();
  CLI::App* command = parent.add_subcommand("check", "read all of a dataset and report every error");
  command->add_option("DIR", o->folder, "the dataset's folder")->required();
  command->add_flag("--json", o->as_json, "as JSON");
  command->footer("Examples:\n  medley data check demo-data\n  medley data check features/ --json");
  command->callback([o] { check(o->folder, o->as_json); });
}

void add_import(CLI::App& parent) {
  struct Options {
    fs::path source, out;
    std::vector<std::string> match, statistics;
    std::string axes, missing = "error";
    std::optional<int> face;
    bool force = false;
  };
  static const std::map<std::string, data::Axes> kAxes = {{"clips,layers,dim", data::Axes::kClipsLayersDim},
                                                          {"clips,dim,1", data::Axes::kClipsDimOne},
                                                          {"clips,time,dim", data::Axes::kClipsTimeDim}};
  static const std::map<std::string, data::Missing> kMissing = {{"error", data::Missing::kError},
                                                                {"drop-clip", data::Missing::kDropClip},
                                                                {"zero", data::Missing::kZero},
                                                                {"fold-mean", data::Missing::kFoldMean}};
  auto o = std::make_shared<Options>();
  CLI::App* command = parent.add_subcommand("import", "create a dataset from per-clip files or other feature files");
  command
      ->add_option("SRC", o->source,
                   "train_metadata.csv, and folders <encoder>/<clip>.npy, .npz or .csv, or feature files")
      ->required();
  command->add_option("--out", o->out, "the dataset's folder")->required();
  command->add_option("--match", o->match, "what names of one clip may differ in: folders, case, zeros, extension")
      ->delimiter(',');
  command->add_flag_callback(
      "--strip-folders", [o] { o->match.emplace_back("folders"); }, "the same as --match folders");
  command->add_option("--axes", o->axes,
                      "of arrays with three axes: clips,layers,dim (default), clips,time,dim or clips,dim,1");
  command
      ->add_option("--missing", o->missing,
                   "NaN, infinities and clips without features: error, drop-clip, zero, fold-mean")
      ->check(CLI::IsMember({"error", "drop-clip", "zero", "fold-mean"}))
      ->capture_default_str();
  command
      ->add_option("--statistics", o->statistics,
                   "over a clip's steps: mean, std, min, median, max, p0 to p100 "
                   "(default mean,std,p10,p25,p50,p75,p90)")
      ->delimiter(',');
  command->add_option("--face", o->face, "of tables with rows of several faces: the face_id whose rows are kept");
  command->add_flag("--force", o->force, "overwrite files in a folder that is not empty");
  command->footer(
      "Clips of several steps become blocks of statistics, each of dim numbers. Clips of one step stay as they are.\n"
      "Examples:\n"
      "  medley data import challenge/ --out features/\n"
      "  medley data import challenge/ --out features/ --statistics mean,std\n"
      "  medley data import features/ --out repaired/ --match folders,case --missing fold-mean");
  command->callback([o] {
    const bool terminal = ::isatty(STDERR_FILENO) == 1;
    data::ImportOptions options;
    options.existing = o->force ? data::Existing::kOverwrite : data::Existing::kRefuse;
    options.match = data::NameRules::parse(o->match);
    options.missing = kMissing.at(o->missing);
    options.face = o->face;
    if (!o->axes.empty()) {
      const auto axes = kAxes.find(o->axes);
      if (axes == kAxes.end()) {
        throw UsageError("--axes: '" + o->axes + "'; valid: clips,layers,dim; clips,time,dim; clips,dim,1");
      }
      options.axes = axes->second;
    }
    if (!o->statistics.empty()) options.statistics.clear();
    for (const std::string& word : o->statistics) options.statistics.push_back(data::Statistic::parse(word));
    const std::vector<std::string> notes =
        data::import_dataset(o->source, o->out, options, [&](const data::ImportProgress& p) {
          const bool last = p.done == p.clips;
          if (terminal && (last || p.done % 50 == 0)) {
            fmt::print(stderr, "\r{}: {} of {} clips{}", p.encoder, p.done, p.clips, last ? "\n" : "");
          } else if (!terminal && last) {
            fmt::print(stderr, "{}: {} clips\n", p.encoder, p.clips);
          }
        });
    for (const std::string& note : notes) remark("note: {}\n", note);
    check(o->out, false);
  });
}

void add_folds(CLI::App& parent) {
  struct Options {
    fs::path source, out;
    data::FoldOptions folds;
    bool force = false;
  };
  auto o = std::make_shared<Options>();
  CLI::App* command = parent.add_subcommand("folds", "write a fold column in which no two folds share an actor");
  command->add_option("SRC", o->source, "the dataset's folder, or its metadata file")->required();
  command->add_option("--folds", o->folds.folds, "number of folds")->capture_default_str();
  command->add_option("--seed", o->folds.seed, "the same seed gives the same folds")->capture_default_str();
  command->add_option("--actor", o->folds.actor_column, "column of the actors (default: found by its name)");
  command->add_option("--out", o->out, "file to write (default: SRC, which is kept as <name>.before-folds)");
  command->add_flag("--force", o->force, "replace folds that are there, or overwrite --out");
  command->footer(
      "Each class has about the same share of its clips in every fold.\n"
      "Examples:\n"
      "  medley data folds features/\n"
      "  medley data folds labels.csv --actor speaker --folds 4 --out features/train_metadata.csv");
  command->callback([o] {
    o->folds.existing = o->force ? data::Existing::kOverwrite : data::Existing::kRefuse;
    const data::AddedFolds added = data::add_folds(o->source, o->out, o->folds);
    sweep::Table table;
    table.columns = {{"fold", sweep::kRight}, {"clips", sweep::kRight}, {"actors", sweep::kRight}};
    for (std::size_t fold = 0; fold < added.clips.size(); ++fold) {
      table.rows.push_back(
          {std::to_string(fold), std::to_string(added.clips[fold]), std::to_string(added.actors[fold])});
    }
    std::cout << sweep::text_table(table, text_width());
    say("wrote {}{}\n", added.written.string(),
        added.kept.empty() ? "" : "; the file as it was is " + added.kept.string());
  });
}

/// The dataset that a starter file in `folder` should name: the folder itself, or its first subfolder that is
/// one.
std::string dataset_beside(const fs::path& folder) {
  if (fs::exists(folder / "train_metadata.csv")) return ".";
  std::set<std::string> found;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.is_directory() && fs::exists(entry.path() / "train_metadata.csv")) {
      found.insert(entry.path().filename().string());
    }
  }
  return found.empty() ? "" : *found.begin();
}

/// `given`: a dataset folder; "" the one beside the file, if any.
void init(const fs::path& folder, const fs::path& given) {
  data::make_folder(folder, data::Existing::kOverwrite);
  const fs::path file = folder / "sweep.yaml";
  const std::string dataset =
      given.empty() ? dataset_beside(folder) : fs::relative(fs::absolute(given), fs::absolute(folder)).string();
  const std::string name = dataset.empty() ? "demo-data" : dataset;
  const std::string text =
      dataset.empty() ? starter_sweep(name) : starter_sweep(name, shape_of(data::load_dataset(folder / dataset)));
  if (!files::create(file, text, files::Durability::kDurable)) {
    throw UsageError(file.string() + " is already there; it is left as it is");
  }
  const std::string shown = (folder / "sweep.yaml").lexically_normal().string();
  say("wrote {}\nnext:\n", shown);
  if (dataset.empty()) {
    say("  medley data make {}      a synthetic dataset, or set `dataset` in {} to your own\n",
        (folder / name).lexically_normal().string(), shown);
  }
  say("  medley data check {}\n  medley plan {}\n  medley run {}\n", (folder / name).lexically_normal().string(), shown,
      shown);
}

}  // namespace

void add_data_commands(CLI::App& app, Globals&) {
  auto folder = std::make_shared<fs::path>(".");
  auto dataset = std::make_shared<fs::path>();
  CLI::App* start = app.add_subcommand("init", "write a commented sweep.yaml");
  start->add_option("DIR", *folder, "folder to write it to")->capture_default_str();
  start->add_option("--data", *dataset, "dataset folder: the file fits its encoders and folds");
  start->footer(
      "Without --data it is for the dataset folder in DIR, if there is one.\n"
      "Examples:\n  medley init .\n  medley init my-study --data features/");
  start->callback([folder, dataset] { init(*folder, *dataset); });

  CLI::App* data = app.add_subcommand("data", "create, check and import datasets, and make folds");
  data->require_subcommand(1);
  add_make(*data);
  add_check(*data);
  add_import(*data);
  add_folds(*data);
}

}  // namespace medley::coordinator
