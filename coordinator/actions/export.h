#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "coordinator/actions/predict.h"
#include "storage/reader.h"
#include "storage/writer.h"

namespace medley::coordinator {

/// Where the manifest of the archive `out` is written: beside it.
std::filesystem::path manifest_path(const std::filesystem::path& out);

/// The dataset's classes under the challenge's names, for the submission `out`. Throws data::Error naming a class that
/// has none.
sweep::Classes named_as_the_challenge_does(const sweep::Classes& classes, const std::filesystem::path& out);

struct ExportOptions {
  std::filesystem::path out;    ///< the archive
  std::string member;           ///< name of its file
  std::filesystem::path store;  ///< folder, for checkpoints
  std::filesystem::path data;   ///< the dataset's folder now; "": where it was last seen
  WorkerProgram worker;         ///< predicts test clips that were not there when the members were trained
};

struct Exported {
  std::filesystem::path archive;   ///< holds submission.json alone
  std::filesystem::path manifest;  ///< beside it: what it was made from
  std::string sha256;              ///< of the archive
  int clips = 0;
  int blends = 0;                    ///< predicted
  std::vector<std::string> renamed;  ///< "anger -> ang": classes that the archive names as the challenge does
  int predicted_now = 0;             ///< members whose checkpoints predicted the test clips, which came after training
  std::vector<std::string> notes;
  nlohmann::json content;                         ///< of the manifest
  std::optional<storage::DatasetRecord> dataset;  ///< where its test clips are not those of the store
};

/// Decodes the mix of the members' test predictions into a submission, and checks it against the challenge's
/// format. Classes have the challenge's names there, whatever the dataset calls them. The check reads the text, and the
/// archive again after writing. Then writes the manifest beside it.
/// The test clips are those of the dataset's folder now. A member that was trained before they came predicts them from
/// its checkpoint. Where the folder cannot be read or has other labelled clips, they are those of the store, and
/// `notes` says so; a folder of `options.data` must fit. Throws storage::Error when the dataset has no test clips, or a
/// member neither test predictions nor a checkpoint. Throws data::Error when a file cannot be written, the check fails,
/// or a class has no name in the challenge.
Exported export_ensemble(storage::Reader& reader, const storage::EnsembleRecord& ensemble, const ExportOptions& options,
                         storage::TimeMs now);

/// Puts it into the store: the export, and test clips that are new there.
void record_export(storage::Writer& writer, const storage::EnsembleRecord& ensemble, const Exported& exported,
                   storage::TimeMs now);

}  // namespace medley::coordinator
