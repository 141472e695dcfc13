#include "trainer/data/submission.h"

#include <cmath>
#include <ctime>
#include <map>
#include <memory>
#include <set>

#include <nlohmann/json.hpp>
#include <zip.h>

#include "storage/files/error.h"
#include "storage/files/write.h"
#include "sweep/nearest.h"
#include "trainer/data/error.h"
#include "trainer/data/zip_archive.h"

namespace medley::data {
namespace {

using nlohmann::json;

constexpr std::uint64_t kMaxSubmissionBytes = std::uint64_t{256} << 20;

std::string entry_text(const std::string& emotion, int salience) {
  return "{\"emotion\": " + json(emotion).dump() + ", \"salience\": " + std::to_string(salience) + ".0}";
}

/// One entry of a clip's list: class index and rounded salience, or nullopt after saying what is wrong.
struct Entry {
  int emotion = -1;
  long salience = 0;
};

bool read_entry(const json& item, const std::string& where, const sweep::Classes& classes, Problems& problems,
                Entry& entry) {
  if (!item.is_object() || !item.contains("emotion") || !item.contains("salience")) {
    problems.add(where + "an entry must be {\"emotion\": NAME, \"salience\": NUMBER}, not " + item.dump());
    return false;
  }
  const json& emotion = item.at("emotion");
  const json& salience = item.at("salience");
  if (!emotion.is_string() || classes.index_of(emotion.get<std::string>()) < 0) {
    const std::string name = emotion.is_string() ? emotion.get<std::string>() : emotion.dump();
    problems.add(where + "unknown emotion '" + name + "'" + sweep::suggestion(name, classes.names));
    return false;
  }
  const double value = salience.is_number() ? salience.get<double>() : NAN;
  if (!(value >= 0 && value <= 100)) {
    problems.add(where + "salience " + salience.dump() + " is not a number from 0 to 100");
    return false;
  }
  entry = {classes.index_of(emotion.get<std::string>()), std::lround(value)};
  return true;
}

bool read_label(const json& list, const std::string& where, const sweep::Classes& classes, Problems& problems,
                sweep::Label& label) {
  if (!list.is_array() || list.empty() || list.size() > 2) {
    problems.add(where + "a prediction must be a list of one or two entries, not " + list.dump());
    return false;
  }
  std::vector<Entry> entries(list.size());
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (!read_entry(list[i], where, classes, problems, entries[i])) return false;
  }
  if (entries.size() == 1) {
    if (entries[0].salience != 100) {
      problems.add(where + "a single emotion must have salience 100, not " + std::to_string(entries[0].salience));
      return false;
    }
    label = {entries[0].emotion, -1, 100};
    return true;
  }
  if (entries[0].emotion == entries[1].emotion) {
    problems.add(where + "emotion '" + classes.names[static_cast<std::size_t>(entries[0].emotion)] +
                 "' is given twice");
    return false;
  }
  const long first = entries[0].salience;
  if ((first != 30 && first != 50 && first != 70) || first + entries[1].salience != 100) {
    problems.add(where + "saliences " + std::to_string(first) + " and " + std::to_string(entries[1].salience) +
                 " must be 30/70, 50/50 or 70/30");
    return false;
  }
  label = sweep::make_blend(entries[0].emotion, entries[1].emotion, static_cast<int>(first));
  return true;
}

}  // namespace

std::string format_submission(const std::vector<Prediction>& predictions, const sweep::Classes& classes) {
  std::string text = "{\"predictions\": {";
  for (std::size_t i = 0; i < predictions.size(); ++i) {
    const sweep::Label& label = predictions[i].label;
    text += (i ? ",\n" : "\n") + json(predictions[i].filename).dump() + ": [";
    text += entry_text(classes.names[static_cast<std::size_t>(label.first)], label.salience);
    if (label.is_blend()) {
      text += ", " + entry_text(classes.names[static_cast<std::size_t>(label.second)], 100 - label.salience);
    }
    text += "]";
  }
  return text + "\n}}\n";
}

std::vector<Prediction> parse_submission(const std::string& text, const sweep::Classes& classes, Problems& problems) {
  std::vector<Prediction> predictions;
  // JSON libraries keep one of two equal keys in silence; the names are noted as they are read.
  std::vector<std::string> names;
  const auto note_names = [&](int depth, json::parse_event_t event, json& parsed) {
    if (event == json::parse_event_t::key && depth == 2) names.push_back(parsed.get<std::string>());
    return depth <= 5;
  };
  json object;
  try {
    object = json::parse(text, note_names);
  } catch (const json::exception& e) {
    problems.add(std::string("not JSON: ") + e.what());
    return predictions;
  }
  if (!object.is_object() || !object.contains("predictions") || !object.at("predictions").is_object()) {
    problems.add("the file must be {\"predictions\": {CLIP: [...], ...}}");
    return predictions;
  }
  for (const auto& [key, value] : object.items()) {
    if (key != "predictions") problems.add("unknown key '" + key + "'; the only one is 'predictions'");
  }
  const json& all = object.at("predictions");
  std::set<std::string> seen;
  for (const std::string& name : names) {
    if (!all.contains(name)) continue;  // a key below another one
    if (!seen.insert(name).second) {
      problems.add(name + ": given twice");
      continue;
    }
    sweep::Label label;
    if (read_label(all.at(name), name + ": ", classes, problems, label)) predictions.push_back({name, label});
  }
  return predictions;
}

Problems check_submission(const std::string& text, const std::vector<std::string>& test_filenames,
                          const sweep::Classes& classes) {
  Problems problems;
  const auto predictions = parse_submission(text, classes, problems);
  const std::set<std::string> expected(test_filenames.begin(), test_filenames.end());
  std::set<std::string> given;
  for (const Prediction& prediction : predictions) {
    given.insert(prediction.filename);
    if (!expected.count(prediction.filename)) problems.add(prediction.filename + ": is no test clip");
    const sweep::Label& label = prediction.label;
    if (!label.is_blend()) continue;
    for (const int emotion : {label.first, label.second}) {
      if (!classes.exclusive[static_cast<std::size_t>(emotion)]) continue;
      problems.add(prediction.filename + ": '" + classes.names[static_cast<std::size_t>(emotion)] +
                   "' never blends in this dataset");
    }
  }
  for (const std::string& filename : test_filenames) {
    if (!given.count(filename)) problems.add(filename + ": has no valid prediction");
  }
  return problems;
}

void write_submission(const std::filesystem::path& path, const std::string& text) {
  files::rethrow_as<Error>([&] {
    files::PartialFile file(path);
    ZipArchive archive =
        open_zip(file.path(), ZIP_CREATE | ZIP_TRUNCATE, path.string() + ": cannot begin an archive: ");
    zip_source_t* source = zip_source_buffer(archive.get(), text.data(), text.size(), 0);
    const zip_int64_t index = source ? zip_file_add(archive.get(), kSubmissionMember, source, ZIP_FL_ENC_UTF_8) : -1;
    if (index < 0 && source) zip_source_free(source);
    // 1980-01-01: the same predictions give the same archive.
    const bool added =
        index >= 0 && zip_file_set_dostime(archive.get(), static_cast<zip_uint64_t>(index), 0, 33, 0) == 0;
    if (!added || zip_close(archive.get()) != 0) {
      throw Error(path.string() + ": cannot write: " + zip_strerror(archive.get()));
    }
    archive.release();  // zip_close() freed it
    file.commit(files::Durability::kDurable);
  });
}

std::string read_submission(const std::filesystem::path& path) {
  const ZipArchive archive = open_zip(path, ZIP_RDONLY, path.string() + ": ");
  zip_stat_t stat;
  zip_stat_init(&stat);
  if (zip_get_num_entries(archive.get(), 0) != 1 || zip_stat(archive.get(), kSubmissionMember, 0, &stat) != 0) {
    throw Error(path.string() + ": must hold exactly one file, " + kSubmissionMember);
  }
  if (stat.size > kMaxSubmissionBytes)
    throw Error(path.string() + ": " + kSubmissionMember + " is larger than 256 MiB");
  std::string text(static_cast<std::size_t>(stat.size), '\0');
  const std::unique_ptr<zip_file_t, int (*)(zip_file_t*)> file(zip_fopen_index(archive.get(), 0, 0), zip_fclose);
  if (!file || zip_fread(file.get(), text.data(), stat.size) != static_cast<zip_int64_t>(stat.size)) {
    throw Error(path.string() + ": " + zip_strerror(archive.get()));
  }
  return text;
}

}  // namespace medley::data
