#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "storage/records.h"
#include "sweep/spec/expand.h"
#include "sweep/spec/spec.h"
#include "trainer/data/dataset.h"

namespace medley::coordinator {

/// A sweep file, read, joined with its dataset and expanded: all that `plan` shows and `run` submits.
struct SweepFile {
  std::filesystem::path path;
  sweep::SweepSpec spec;
  data::Dataset dataset;
  sweep::Expansion expansion;

  storage::SweepSubmission submission() const;
};

/// A sweep file as text with all that it includes, before anything of its dataset is read.
struct SweepText {
  std::filesystem::path path;
  std::string yaml;
  std::filesystem::path dataset_folder;
};
/// Throws sweep::SpecError with the errors that show without the dataset, and UsageError as load_sweep_file() does.
SweepText read_sweep_file(const std::filesystem::path& path, const std::filesystem::path& data_folder,
                          const std::vector<std::string>& set = {});

/// Reads `path`. `data_folder` takes the place of the file's `dataset` when it is not empty. Throws
/// sweep::SpecError with every error of the file, data::Error with those of the dataset, and UsageError when neither
/// names a dataset.
/// `set` are settings laid over its `base`, "dropout=0.3"; the stored text ends with them.
SweepFile load_sweep_file(const std::filesystem::path& path, const std::filesystem::path& data_folder,
                          const std::vector<std::string>& set = {});

/// The same configs for a look at whether they train at all: one epoch of one fold each, without a search.
SweepFile smoke_of(SweepFile file);

/// The same for text that lies in no file, on a loaded dataset. `dataset` in the text plays no part. `name` stands for
/// the file in messages.
SweepFile read_sweep_text(const std::string& text, const std::string& name, const data::Dataset& dataset);

/// What the store keeps of a dataset.
storage::DatasetRecord record_of(const data::Dataset& dataset);

/// What expansion must know of a dataset.
sweep::DatasetShape shape_of(const data::Dataset& dataset);

}  // namespace medley::coordinator
