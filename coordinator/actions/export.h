#pragma once

#include <filesystem>

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
  int blends = 0;  ///< predicted
};

/// Decodes the ensemble's weighted mean of its members' test predictions into a submission at `out`, checks it against
/// the challenge's format, once as text and once as read back from the archive, writes the manifest beside it and
/// records the export. Throws storage::Error when the dataset has no test clips or a member no test predictions, and
/// data::Error when a file cannot be written or the check fails; nothing is recorded then.
Exported export_ensemble(storage::Reader& reader, storage::Writer& writer, const storage::EnsembleRecord& ensemble,
                         const std::filesystem::path& out, storage::TimeMs now);

}  // namespace medley::coordinator
