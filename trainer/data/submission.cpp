#include "trainer/data/submission.h"

#include <nlohmann/json.hpp>
#include <zip.h>

#include "storage/files/error.h"
#include "storage/files/write.h"
#include "trainer/data/error.h"
#include "trainer/data/zip_archive.h"

namespace medley::data {
namespace {

using nlohmann::json;

std::string entry_text(const std::string& emotion, int salience) {
  return "{\"emotion\": " + json(emotion).dump() + ", \"salience\": " + std::to_string(salience) + ".0}";
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

void write_submission(files::PartialFile& file, const std::string& text, const std::string& member) {
  if (member.empty() || member[0] == '.' || member.find_first_of("/\\\"") != std::string::npos) {
    throw Error("member '" + member + "' of a submission must be a plain file name, such as " + kSubmissionMember);
  }
  const std::string where = file.path().string();
  ZipArchive archive = open_zip(file.path(), ZIP_CREATE | ZIP_TRUNCATE, where + ": cannot begin an archive: ");
  zip_source_t* source = zip_source_buffer(archive.get(), text.data(), text.size(), 0);
  const zip_int64_t index = source ? zip_file_add(archive.get(), member.c_str(), source, ZIP_FL_ENC_UTF_8) : -1;
  if (index < 0 && source) zip_source_free(source);
  // 1980-01-01: the same predictions give the same archive.
  const bool added = index >= 0 && zip_file_set_dostime(archive.get(), static_cast<zip_uint64_t>(index), 0, 33, 0) == 0;
  if (!added || zip_close(archive.get()) != 0) {
    throw Error(where + ": cannot write: " + zip_strerror(archive.get()));
  }
  archive.release();  // zip_close() freed it
}

void write_submission(const std::filesystem::path& path, const std::string& text, const std::string& member) {
  files::rethrow_as<Error>([&] {
    files::PartialFile file(path);
    write_submission(file, text, member);
    file.commit(files::Durability::kDurable);
  });
}

}  // namespace medley::data
