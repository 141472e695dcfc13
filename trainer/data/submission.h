#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "storage/files/write.h"
#include "sweep/label.h"

namespace medley::data {

/// The challenge's format (docs/results.md): {"predictions": {"test_0001.mov": [{"emotion": "sad", "salience": 100.0}],
/// "test_0002.mov": [{"emotion": "disg", "salience": 30.0}, {"emotion": "ang", "salience": 70.0}]}}.
inline constexpr const char* kSubmissionMember = "submission.json";

struct Prediction {
  std::string filename;  ///< as the file names the clip
  sweep::Label label;
};

/// The JSON text of predictions, in their order.
std::string format_submission(const std::vector<Prediction>& predictions, const sweep::Classes& classes);

/// Writes `text` as the one member of a ZIP archive to `file`, which it does not commit. The same text gives the same
/// bytes. Throws Error, also for a member that is no plain file name.
void write_submission(files::PartialFile& file, const std::string& text, const std::string& member = kSubmissionMember);

/// The same to `path`, committed.
void write_submission(const std::filesystem::path& path, const std::string& text,
                      const std::string& member = kSubmissionMember);

}  // namespace medley::data
