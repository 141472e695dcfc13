#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "storage/reader.h"
#include "storage/writer.h"

namespace medley::coordinator {

/// Where the manifest of the archive `out` is written: beside it.
std::filesystem::path manifest_path(const std::filesystem::path& out);

struct Exported {
  std::filesystem::path archive;   ///< holds submission.json alone
  std::filesystem::path manifest;  ///< beside it: what it was made from
  std::string sha256;              ///< of the archive
  int clips = 0;
  int blends = 0;                    ///< predicted
  std::vector<std::string> renamed;  ///< "anger -> ang": classes that the archive names as the challenge does
};

/// Decodes the weighted mean of the members' test predictions into a submission at `out`, and checks it against the
/// challenge's format. Classes have the challenge's names there, whatever the dataset calls them. `member` names the
/// archive's file. The check reads the text, and the archive again after writing. Then writes the manifest beside it
/// and records the export. Throws storage::Error when the dataset has no test clips or a member no test predictions.
/// Throws data::Error when a file cannot be written, the check fails, or a class has no name in the challenge. Nothing
/// is recorded then.
Exported export_ensemble(storage::Reader& reader, storage::Writer& writer, const storage::EnsembleRecord& ensemble,
                         const std::filesystem::path& out, const std::string& member, storage::TimeMs now);

}  // namespace medley::coordinator
