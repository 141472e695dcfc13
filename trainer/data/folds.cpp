#include "trainer/data/folds.h"

#include <map>
#include <set>

#include "storage/files/error.h"
#include "storage/files/read.h"
#include "storage/files/write.h"
#include "sweep/partition.h"
#include "trainer/data/csv.h"
#include "trainer/data/description.h"
#include "trainer/data/error.h"
#include "trainer/data/field_words.h"
#include "trainer/data/metadata.h"
#include "trainer/data/text.h"

namespace medley::data {
namespace {

namespace fs = std::filesystem;

/// The set of a row's emotions as text.
std::string class_of(const Csv::Row& row, const std::vector<int>& columns) {
  std::set<std::string> names;
  for (const int column : columns) {
    if (column < 0) continue;
    const std::string& name = row.fields[static_cast<std::size_t>(column)];
    if (!is_missing(name)) names.insert(folded(name));
  }
  std::string text;
  for (const std::string& name : names) text += name + "+";
  return text;
}

}  // namespace

AddedFolds add_folds(const fs::path& source, const fs::path& out, const FoldOptions& options) {
  const fs::path path = fs::is_directory(source) ? source / "train_metadata.csv" : source;
  Csv csv = read_csv(path);
  ColumnNames named;
  if (const fs::path yaml = path.parent_path() / "dataset.yaml"; fs::exists(yaml))
    named = read_description(yaml).columns;
  if (!options.actor_column.empty()) named["video_id"] = options.actor_column;
  Problems problems;
  const auto find = [&](const char* name) { return find_column(csv, name, named, problems); };
  const int actor_column = find("video_id"), old_fold = find("fold");
  const std::vector<int> emotions = {find("emotion_1"), find("emotion_2")};
  if (!problems.empty()) throw Error(problems.text());
  const std::string where = path.string() + ": ";
  if (csv.rows.empty()) throw Error(where + "it has no clips");
  if (actor_column < 0) {
    std::string list;
    for (const std::string& column : csv.columns) list += (list.empty() ? "" : ", ") + column;
    throw Error(where + "no column names the actor, whom folds must not share; say which with --actor, of " + list);
  }
  if (emotions[0] < 0) throw Error(where + "column 'emotion_1' is missing");
  if (old_fold >= 0 && options.existing == Existing::kRefuse) {
    throw Error(where + "it has a column '" + csv.columns[static_cast<std::size_t>(old_fold)] +
                "'; --force to put other folds in it");
  }
  std::vector<std::string> actors;
  std::vector<int> strata;
  std::map<std::string, int> stratum_of;  // by emotion set
  for (const Csv::Row& row : csv.rows) {
    const std::string& actor = row.fields[static_cast<std::size_t>(actor_column)];
    if (is_missing(actor)) throw Error(csv.where(row, actor_column) + "it is empty, so the clip's fold is unknown");
    actors.push_back(actor_key(actor));
    strata.push_back(stratum_of.emplace(class_of(row, emotions), static_cast<int>(stratum_of.size())).first->second);
  }
  const std::set<std::string> distinct(actors.begin(), actors.end());
  if (options.folds < 2 || distinct.size() < static_cast<std::size_t>(options.folds)) {
    throw Error(where + std::to_string(distinct.size()) + " actors for " + std::to_string(options.folds) +
                " folds; valid: 2 to the number of actors");
  }
  const std::vector<int> folds = sweep::deal_folds(actors, strata, options.folds, options.seed, 1);
  std::size_t column = static_cast<std::size_t>(old_fold);
  if (old_fold < 0) {
    column = csv.columns.size();
    csv.columns.emplace_back("fold");
    for (Csv::Row& row : csv.rows) row.fields.emplace_back();
  }
  AddedFolds added;
  added.clips.assign(static_cast<std::size_t>(options.folds), 0);
  std::vector<std::set<std::string>> members(added.clips.size());
  for (std::size_t i = 0; i < folds.size(); ++i) {
    csv.rows[i].fields[column] = std::to_string(folds[i]);
    ++added.clips[static_cast<std::size_t>(folds[i])];
    members[static_cast<std::size_t>(folds[i])].insert(actors[i]);
  }
  for (const auto& set : members) added.actors.push_back(static_cast<int>(set.size()));
  return files::rethrow_as<Error>([&] {
    added.written = out.empty() ? path : out;
    if (out.empty()) {
      added.kept = path.string() + ".before-folds";
      if (!files::create(added.kept, files::read(path), files::Durability::kDurable) &&
          options.existing == Existing::kRefuse) {
        throw Error(added.kept.string() + " is already there; --force to keep it and write other folds");
      }
      files::write(path, csv_text(csv), files::Durability::kDurable);
    } else if (options.existing == Existing::kOverwrite) {
      files::write(out, csv_text(csv), files::Durability::kDurable);
    } else if (!files::create(out, csv_text(csv), files::Durability::kDurable)) {
      throw Error(out.string() + " is already there; --force to overwrite it");
    }
    return added;
  });
}

}  // namespace medley::data
