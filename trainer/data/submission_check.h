#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "sweep/label.h"
#include "sweep/named_enum.h"
#include "trainer/data/submission.h"

namespace medley::data {

/// One emotion of a clip's prediction, as the file has it.
struct SubmissionEntry {
  std::string emotion;
  double salience = 0;  ///< NaN where the file has no finite number
};
/// What a file predicts of a clip, whatever the challenge thinks of it.
struct SubmissionClip {
  std::string filename;
  std::vector<SubmissionEntry> entries;
};

/// kError: the organisers' scorer stops, or counts the clip as wrong whatever its label. kNote: it does neither.
#define MEDLEY_WEIGHT(X) X(kError, "error") X(kNote, "note")
MEDLEY_NAMED_ENUM(Weight, MEDLEY_WEIGHT)

/// Everything that a check says of a file, each kind once, with its clips.
class Findings {
 public:
  static constexpr std::size_t kMaxShown = 3;

  struct Finding {
    std::string kind;  ///< text-salience
    Weight weight = Weight::kError;
    bool scored = true;  ///< the organisers' scorer gives such a file a Score
    std::string what;
    std::string remedy;
    int clips = 0;                   ///< 0: of the file
    std::vector<std::string> shown;  ///< the first kMaxShown clips
  };

  /// `kind` is one of the table in submission_check.cpp; `detail` and `more` complete its sentences. `scored` false: in
  /// this case the scorer stops.
  void add(const std::string& kind, const std::string& clip, const std::string& detail = "",
           const std::string& more = "", bool scored = true);

  const std::vector<Finding>& all() const { return all_; }
  bool has(const std::string& kind) const;
  int errors() const;
  bool scored() const;
  /// "error: 192 clips: What. Remedy. First: a, b, c." a line, errors first. `unscored_only`: where the scorer stops.
  std::string text(bool unscored_only = false) const;
  static std::string text(const Finding& finding);

 private:
  std::vector<Finding> all_;
  std::map<std::pair<std::string, std::string>, std::size_t> index_;  ///< kind, detail ->
};

/// The text of a submission: of the file itself, or of the archive's member. Findings are of the archive, such as
/// folders and other names. nullopt where the file is no archive that can be read or holds no such text, which
/// `findings` says. Throws Error for a
/// file that cannot be read and a text of more than 256 MiB.
std::optional<std::string> read_submission(const std::filesystem::path& path, const std::string& member,
                                           Findings& findings);

/// The predictions in `text`, in its order. Every fault of the form goes to `findings`. Pure.
std::vector<SubmissionClip> parse_submission(const std::string& text, Findings& findings);

/// The clips that a submission must name. `others` are the dataset's other clips.
struct ClipList {
  std::vector<std::string> expected;
  std::vector<std::string> others;
};

/// Faults of labels in the challenge's terms: class names, number of emotions, saliences. `classes` have the
/// challenge's names. Pure.
void check_labels(const std::vector<SubmissionClip>& predictions, const sweep::Classes& classes, Findings& findings);

/// Faults of the clips' names; without a list of the form that the challenge's names have. Pure.
void check_clips(const std::vector<SubmissionClip>& predictions, const std::optional<ClipList>& list,
                 Findings& findings);

/// parse_submission(), check_labels() and check_clips().
Findings check_submission(const std::string& text, const sweep::Classes& classes, const std::optional<ClipList>& list);

}  // namespace medley::data
