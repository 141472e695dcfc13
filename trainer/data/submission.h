#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "sweep/label.h"
#include "trainer/data/problems.h"

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

/// The predictions in `text`, in its order, and in `problems` all errors in them. Errors are a clip given twice, an
/// unknown emotion, an emotion twice, and saliences other than 100 alone or 30/50/70 that sum to 100. Pure.
std::vector<Prediction> parse_submission(const std::string& text, const sweep::Classes& classes, Problems& problems);

/// All errors of `text` as a submission for these test clips. They are those of parse_submission(), an exclusive class
/// in a blend, a missing test clip, and a name that is no test clip. Pure.
Problems check_submission(const std::string& text, const std::vector<std::string>& test_filenames,
                          const sweep::Classes& classes);

/// Writes `text` as the one member of a ZIP archive: beside `path`, synced, then renamed. The same text gives the same
/// bytes. Throws Error.
void write_submission(const std::filesystem::path& path, const std::string& text);

/// The member's text. Throws Error unless the archive holds exactly submission.json, of at most 256 MiB.
std::string read_submission(const std::filesystem::path& path);

}  // namespace medley::data
