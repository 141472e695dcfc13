#include "trainer/data/submission_check.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <limits>
#include <map>
#include <memory>
#include <set>
#include <unordered_map>
#include <unordered_set>

#include <nlohmann/json.hpp>
#include <zip.h>

#include "storage/files/error.h"
#include "storage/files/read.h"
#include "sweep/class_names.h"
#include "sweep/nearest.h"
#include "trainer/data/clip_names.h"
#include "trainer/data/error.h"
#include "trainer/data/file_kind.h"
#include "trainer/data/zip_archive.h"

namespace medley::data {
namespace {

using nlohmann::json;

constexpr std::uint64_t kMaxSubmissionBytes = std::uint64_t{256} << 20;
constexpr char kByteOrderMark[] = "\xef\xbb\xbf";

struct Kind {
  const char* name;
  Weight weight;
  bool scored;
  const char* what;    ///< {0} and {1}: detail and more
  const char* remedy;  ///< the same
};

// The organisers' scorer reads the member's `predictions`, compares sets of emotions, and of true blends the saliences
// rounded to whole numbers. It ignores the salience of a single emotion.
constexpr Kind kKinds[] = {
    // The archive.
    {"other-archive", Weight::kError, false, "the file is {0}, not a ZIP archive", "Pack it: zip submission.zip {1}"},
    {"damaged", Weight::kError, false, "the archive cannot be read: {0}", "Pack it again: zip submission.zip {1}"},
    {"encrypted", Weight::kError, false, "{0} is encrypted, and the scorer has no password",
     "Pack it without a password: zip submission.zip {1}"},
    {"compression", Weight::kError, false, "{0} is compressed by {1}, which is not read",
     "Pack it by Deflate: zip submission.zip {0}"},
    {"folder", Weight::kError, true, "{0} lies in a folder of the archive, where the scorer does not look for it",
     "Pack it without the folder: zip -j submission.zip FOLDER/{1}"},
    {"member-name", Weight::kError, true, "the archive holds {0}, but the scorer opens {1}",
     "Rename the file to {1} and pack it again. If the organisers ask for {0}, check with --member {0}"},
    {"template-name", Weight::kError, true, "the archive holds {0}, which is the name of the organisers' template",
     "Rename the file to {1} and pack it again. If the organisers ask for {0}, check with --member {0}"},
    {"no-member", Weight::kError, false, "the archive holds no JSON file{0}", "Pack {1}: zip submission.zip {1}"},
    {"several-members", Weight::kError, false, "the archive holds several JSON files and none is {1}: {0}",
     "Pack one file under the name {1}"},
    {"system-files", Weight::kNote, true, "the archive holds files of the operating system: {0}",
     "They do no harm. zip -d submission.zip '__MACOSX*' '*.DS_Store' removes them"},
    {"other-files", Weight::kNote, true, "the archive holds more than {1}: {0}", "The scorer does not read the others"},
    {"extension", Weight::kError, true, "the file is {0}, whatever its name says", "{1}"},
    {"not-packed", Weight::kNote, true, "the organisers take an archive", "Pack it: zip submission.zip {0}"},
    // The text.
    {"byte-order-mark", Weight::kError, true, "the text begins with a byte order mark, which Python's json refuses",
     "Save it as UTF-8 without a byte order mark"},
    {"utf-16", Weight::kError, false, "the text is UTF-16", "Save it as UTF-8"},
    {"not-json", Weight::kError, false, "the text is not JSON: {0}", "Write it with json.dump"},
    {"not-object", Weight::kError, false, "{0}", "The form is {\"predictions\": {CLIP: [...], ...}}"},
    {"no-wrapper", Weight::kError, true, "the key 'predictions' around the clips is missing",
     "Write {\"predictions\": {CLIP: [...], ...}}"},
    {"other-key", Weight::kNote, true, "the key '{0}' stands beside 'predictions'", "The scorer does not read it"},
    {"no-clips", Weight::kError, false, "there is no prediction", "Write one for each test clip"},
    // A clip.
    {"given-twice", Weight::kError, false, "the clip stands twice in the file, and Python's json keeps the last",
     "Remove one"},
    {"not-a-list", Weight::kError, false, "the prediction is no list of entries",
     "Write [{\"emotion\": NAME, \"salience\": NUMBER}]"},
    {"entry", Weight::kError, false, "an entry has no emotion, or is no object",
     "Write {\"emotion\": NAME, \"salience\": NUMBER}"},
    {"no-emotion", Weight::kError, true, "the prediction is empty and counts as wrong", "Name one emotion or two"},
    {"too-many", Weight::kError, true, "the prediction has more than two emotions and counts as wrong",
     "Keep the two of the largest salience"},
    {"emotion-twice", Weight::kError, true, "the prediction names one emotion twice",
     "Write it once, with salience 100"},
    {"class-name", Weight::kError, true, "emotion '{0}' is none of the challenge's, and the clip counts as wrong",
     "{1}"},
    {"exclusive", Weight::kError, true, "'{0}' stands in a blend, but it never blends, and the clip counts as wrong",
     "Name one of the two alone"},
    // Saliences.
    {"no-salience", Weight::kError, true, "an entry has no salience", "Add it: 100, or 30, 50 and 70 in a blend"},
    {"text-salience", Weight::kError, true, "a salience stands in quotes", "Write a number: 70, not \"70\""},
    {"not-finite", Weight::kError, true, "a salience is NaN, infinite or null",
     "Write 100, or 30, 50 and 70 in a blend"},
    {"zero", Weight::kError, true, "an emotion has salience 0, and the scorer counts it as predicted", "Leave it out"},
    {"fractions", Weight::kError, true,
     "the saliences of the blend sum to 1, not to 100, and ACC_salience counts it as wrong", "Multiply them by 100"},
    {"range", Weight::kError, true, "a salience is below 0 or above 100", "Write 30, 50 or 70"},
    {"sum", Weight::kError, true, "the saliences of the blend do not sum to 100", "Write 30/70, 50/50 or 70/30"},
    {"ratio", Weight::kError, true,
     "the saliences of the blend, once rounded, are not 30/70, 50/50 or 70/30, and ACC_salience counts it as wrong",
     "Write the nearest of 30/70, 50/50 and 70/30"},
    {"single-one", Weight::kNote, true, "the salience of a single emotion is 1.0, and the template writes 100.0",
     "The scorer does not read it"},
    {"single", Weight::kError, true, "the salience of a single emotion is not 100",
     "Write 100, or add the second emotion"},
    // The list of clips.
    {"clip-folder", Weight::kError, false, "the name of the clip has a folder", "Write {0}"},
    {"clip-extension", Weight::kError, false, "the name of the clip has another extension than the dataset's",
     "Write {0}"},
    {"clip-no-extension", Weight::kError, false, "the name of the clip has no extension",
     "Write names as test_0001.mov"},
    {"clip-case", Weight::kError, false, "the name of the clip differs from the dataset's in letter case or blanks",
     "Write {0}"},
    {"labelled-clip", Weight::kError, false, "the clip is one of the dataset, but not to be predicted here",
     "Predict the test clips. --clips labelled checks a rehearsal on labelled clips"},
    {"unknown-clip", Weight::kError, false, "the clip is not in the dataset", "Remove it or correct its name"},
    {"missing-clip", Weight::kError, false, "the clip has no prediction", "Add one"},
};

const Kind& kind_of(const std::string& name) {
  for (const Kind& kind : kKinds) {
    if (name == kind.name) return kind;
  }
  assert(false && "a finding of no kind");
  return kKinds[0];
}

std::string completed(std::string text, const std::string& detail, const std::string& more) {
  const auto fill = [&](const char* mark, const std::string& value) {
    for (std::size_t at = text.find(mark); at != std::string::npos; at = text.find(mark, at + value.size())) {
      text.replace(at, 3, value);
    }
  };
  fill("{1}", more);
  fill("{0}", detail);
  return text;
}

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (std::size_t i = 0; i < names.size() && i < Findings::kMaxShown; ++i) text += (i ? ", " : "") + names[i];
  if (names.size() > Findings::kMaxShown) {
    text += " and " + std::to_string(names.size() - Findings::kMaxShown) + " more";
  }
  return text;
}

/// What systems add to archives, and what they hide in folders.
bool of_the_system(const std::string& member) {
  const std::string base = without_folders(member);
  return member.find("__MACOSX") != std::string::npos || base.rfind("._", 0) == 0 || base == ".DS_Store" ||
         base == "Thumbs.db" || base == "desktop.ini";
}

bool ends_with(const std::string& text, const std::string& end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

/// The name of a compression method of a ZIP archive (APPNOTE 4.4.5).
std::string method_name(int method) {
  static const std::map<int, const char*> kNames = {{9, "Deflate64"},  {12, "bzip2"}, {14, "LZMA"},
                                                    {93, "Zstandard"}, {95, "xz"},    {98, "PPMd"}};
  const auto name = kNames.find(method);
  return name == kNames.end() ? "method " + std::to_string(method) : name->second;
}

/// The text of a member; nullopt after saying why it is not read. Throws Error for a text that is too large.
std::optional<std::string> read_member(zip_t* archive, const std::string& name, const std::string& where,
                                       Findings& findings) {
  zip_stat_t stat;
  zip_stat_init(&stat);
  if (zip_stat(archive, name.c_str(), 0, &stat) != 0) {
    findings.add("damaged", "", zip_strerror(archive), without_folders(name));
    return std::nullopt;
  }
  if (stat.size > kMaxSubmissionBytes) throw Error(where + name + " is larger than 256 MiB");
  if (stat.encryption_method != ZIP_EM_NONE) {
    findings.add("encrypted", "", name, without_folders(name));
    return std::nullopt;
  }
  const bool zipfile_reads = stat.comp_method == ZIP_CM_STORE || stat.comp_method == ZIP_CM_DEFLATE;
  if (!zipfile_reads && zip_compression_method_supported(stat.comp_method, 0) == 0) {
    findings.add("compression", "", name, method_name(stat.comp_method));
    return std::nullopt;
  }
  std::string text(static_cast<std::size_t>(stat.size), '\0');
  const std::unique_ptr<zip_file_t, int (*)(zip_file_t*)> file(zip_fopen(archive, name.c_str(), 0), zip_fclose);
  char more = 0;  // libzip compares the CRC-32 when it meets the end
  if (!file || zip_fread(file.get(), text.data(), stat.size) != static_cast<zip_int64_t>(stat.size) ||
      zip_fread(file.get(), &more, 1) != 0) {
    findings.add("damaged", "", name + ": " + (file ? zip_file_strerror(file.get()) : zip_strerror(archive)),
                 without_folders(name));
    return std::nullopt;
  }
  return text;
}

/// libzip's view of the file; nullptr after saying why there is none.
ZipArchive open_submission(const std::filesystem::path& path, const std::string& member, Findings& findings) {
  try {
    return open_zip(path, ZIP_RDONLY, "");
  } catch (const Error& error) {
    findings.add("damaged", "", error.what(), member);
    return nullptr;
  }
}

/// Which member is the submission, or "" after saying why none is.
std::string choose_member(zip_t* archive, const std::string& wanted, Findings& findings) {
  std::vector<std::string> texts, junk, others, archives;
  bool found = false;
  for (zip_int64_t i = 0; i < zip_get_num_entries(archive, 0); ++i) {
    const char* raw = zip_get_name(archive, static_cast<zip_uint64_t>(i), 0);
    const std::string name = raw ? raw : "";
    if (name == wanted) {
      found = true;
    } else if (of_the_system(name)) {
      junk.push_back(name);
    } else if (name.empty() || name.back() == '/' || name.back() == '\\') {
      continue;  // a folder
    } else if (ends_with(sweep::plain_name(name), ".json") || without_folders(name) == wanted) {
      texts.push_back(name);
    } else {
      (ends_with(sweep::plain_name(name), ".zip") ? archives : others).push_back(name);
    }
  }
  if (!junk.empty()) findings.add("system-files", "", joined(junk));
  others.insert(others.end(), archives.begin(), archives.end());
  if (found) {
    others.insert(others.end(), texts.begin(), texts.end());
    if (!others.empty()) findings.add("other-files", "", joined(others), wanted);
    return wanted;
  }
  if (texts.empty()) {
    findings.add("no-member", "", archives.empty() ? "" : ", but an archive within: " + joined(archives), wanted);
    return "";
  }
  if (texts.size() > 1) {
    findings.add("several-members", "", joined(texts), wanted);
    return "";
  }
  if (!others.empty()) findings.add("other-files", "", joined(others), texts[0]);
  const std::string base = without_folders(texts[0]);
  if (base != texts[0]) findings.add("folder", "", texts[0], base);
  if (base != wanted) {
    findings.add(base.find("template") == std::string::npos ? "member-name" : "template-name", "", base, wanted);
  }
  return texts[0];
}

/// Python writes NaN and Infinity, which are no JSON. They become null; `found` says that there were some.
std::string without_python_numbers(const std::string& text, bool& found) {
  std::string plain;
  plain.reserve(text.size());
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted && c == '\\' && i + 1 < text.size()) {
      plain += c;
      plain += text[++i];
      continue;
    }
    if (c == '"') quoted = !quoted;
    bool replaced = false;
    for (const char* word : {"NaN", "-Infinity", "Infinity"}) {
      const std::size_t size = std::char_traits<char>::length(word);
      if (quoted || text.compare(i, size, word) != 0) continue;
      plain += "null";
      i += size - 1;
      found = replaced = true;
      break;
    }
    if (!replaced) plain += c;
  }
  return plain;
}

constexpr double kNoNumber = std::numeric_limits<double>::quiet_NaN();

/// The salience of an entry, NaN after saying what is wrong.
double read_salience(const json& item, const std::string& clip, bool blend, Findings& findings) {
  // Of a single emotion the scorer reads no salience; of a blend it stops where it is no number.
  if (!item.contains("salience")) {
    findings.add("no-salience", clip, "", "", !blend);
    return kNoNumber;
  }
  const json& salience = item.at("salience");
  if (salience.is_number() && std::isfinite(salience.get<double>())) return salience.get<double>();
  if (salience.is_null() || salience.is_number()) {
    findings.add("not-finite", clip);
  } else {
    findings.add("text-salience", clip, "", "", !blend);
  }
  return kNoNumber;
}

/// False after saying what is wrong with the form.
bool read_entries(const json& list, SubmissionClip& clip, Findings& findings) {
  if (!list.is_array()) {
    findings.add("not-a-list", clip.filename);
    return false;
  }
  for (const json& item : list) {
    if (!item.is_object() || !item.contains("emotion") || !item.at("emotion").is_string()) {
      findings.add("entry", clip.filename);
      return false;
    }
  }
  for (const json& item : list) {
    clip.entries.push_back(
        {item.at("emotion").get<std::string>(), read_salience(item, clip.filename, list.size() > 1, findings)});
  }
  return true;
}

void check_emotions(const SubmissionClip& clip, const sweep::Classes& classes, Findings& findings) {
  std::set<std::string> named;
  bool twice = false;
  for (const SubmissionEntry& entry : clip.entries) {
    twice = twice || !named.insert(entry.emotion).second;
    if (classes.index_of(entry.emotion) >= 0) continue;
    const int meant = sweep::class_index(classes, entry.emotion);
    std::string valid =
        meant >= 0 ? classes.names[static_cast<std::size_t>(meant)] : sweep::nearest_name(entry.emotion, classes.names);
    if (!valid.empty()) {
      valid = "Write '" + valid + "'";
    } else {
      for (const std::string& name : classes.names) valid += (valid.empty() ? "Valid: " : ", ") + name;
    }
    findings.add("class-name", clip.filename, entry.emotion, valid);
  }
  if (clip.entries.empty()) findings.add("no-emotion", clip.filename);
  if (clip.entries.size() > 2) findings.add("too-many", clip.filename);
  if (twice) findings.add("emotion-twice", clip.filename);
  if (clip.entries.size() != 2 || clip.entries[0].salience == 0 || clip.entries[1].salience == 0) return;
  for (const SubmissionEntry& entry : clip.entries) {
    const int index = classes.index_of(entry.emotion);
    if (index >= 0 && classes.exclusive[static_cast<std::size_t>(index)]) {
      findings.add("exclusive", clip.filename, entry.emotion);
      return;
    }
  }
}

void check_saliences(const SubmissionClip& clip, Findings& findings) {
  double sum = 0;
  bool zero = false, range = false, below_one = true;
  for (const SubmissionEntry& entry : clip.entries) {
    if (!std::isfinite(entry.salience)) return;  // said where it was read
    sum += entry.salience;
    zero = zero || entry.salience == 0;
    range = range || entry.salience < 0 || entry.salience > 100;
    below_one = below_one && entry.salience <= 1;
  }
  const std::string& name = clip.filename;
  if (clip.entries.size() == 1) {
    if (clip.entries[0].salience == 1) return findings.add("single-one", name);
    if (std::nearbyint(clip.entries[0].salience) != 100) findings.add("single", name);
    return;
  }
  if (clip.entries.size() < 2) return;
  if (zero) return findings.add("zero", name);
  if (range) return findings.add("range", name);
  if (below_one && std::fabs(sum - 1) < 0.01) return findings.add("fractions", name);
  // Rounded as NumPy does it, halves to even.
  double rounded = 0;
  for (const SubmissionEntry& entry : clip.entries) rounded += std::nearbyint(entry.salience);
  if (rounded != 100) return findings.add("sum", name);
  if (clip.entries.size() > 2) return;
  const double first = std::nearbyint(clip.entries[0].salience);
  if (first != 30 && first != 50 && first != 70) findings.add("ratio", name);
}

/// Names of clips, found again when they are written otherwise.
class ClipNames {
 public:
  explicit ClipNames(const std::vector<std::string>& names) : names_(names) {
    for (std::size_t i = 0; i < names.size(); ++i) {
      exact_.emplace(names[i], i);
      loose_.emplace(key(names[i]), i);
    }
  }
  /// Index of the clip, or names().size().
  std::size_t exact(const std::string& name) const { return find(exact_, name); }
  std::size_t loose(const std::string& name) const { return find(loose_, key(name)); }

 private:
  static std::string key(const std::string& name) { return sweep::plain_name(stem_of(without_folders(name))); }
  std::size_t find(const std::unordered_map<std::string, std::size_t>& map, const std::string& name) const {
    const auto found = map.find(name);
    return found == map.end() ? names_.size() : found->second;
  }

  const std::vector<std::string>& names_;
  std::unordered_map<std::string, std::size_t> exact_, loose_;
};

void check_names(const std::vector<SubmissionClip>& predictions, const ClipList& list, Findings& findings) {
  const ClipNames expected(list.expected), others(list.others);
  std::vector<bool> given(list.expected.size());
  for (const SubmissionClip& clip : predictions) {
    const std::string& name = clip.filename;
    const std::size_t exact = expected.exact(name);
    const std::size_t loose = exact < given.size() ? exact : expected.loose(name);
    if (loose == given.size()) {
      findings.add(others.loose(name) < list.others.size() ? "labelled-clip" : "unknown-clip", name);
      continue;
    }
    given[loose] = true;
    if (exact < given.size()) continue;
    const std::string& valid = list.expected[loose];
    const bool bare = stem_of(valid) == valid;  // the dataset's own names have no extension
    const char* kind = without_folders(name) != name     ? "clip-folder"
                       : stem_of(name) != stem_of(valid) ? "clip-case"
                       : bare                            ? ""
                                                         : "clip-extension";
    if (*kind) findings.add(kind, name, "names as the dataset does, such as " + list.expected[0]);
  }
  for (std::size_t i = 0; i < given.size(); ++i) {
    if (!given[i]) findings.add("missing-clip", list.expected[i]);
  }
}

}  // namespace

void Findings::add(const std::string& kind, const std::string& clip, const std::string& detail, const std::string& more,
                   bool scored) {
  const auto [known, added] = index_.try_emplace({kind, detail}, all_.size());
  if (added) {
    const Kind& about = kind_of(kind);
    all_.push_back({kind,
                    about.weight,
                    about.scored,
                    completed(about.what, detail, more),
                    completed(about.remedy, detail, more),
                    0,
                    {}});
  }
  Finding& finding = all_[known->second];
  finding.scored = finding.scored && scored;
  if (clip.empty()) return;
  if (++finding.clips <= static_cast<int>(kMaxShown)) finding.shown.push_back(clip);
}

bool Findings::has(const std::string& kind) const {
  return std::any_of(all_.begin(), all_.end(), [&](const Finding& one) { return one.kind == kind; });
}

int Findings::errors() const {
  return static_cast<int>(
      std::count_if(all_.begin(), all_.end(), [](const Finding& one) { return one.weight == Weight::kError; }));
}

bool Findings::scored() const {
  return std::all_of(all_.begin(), all_.end(), [](const Finding& one) { return one.scored; });
}

std::string Findings::text(const Finding& finding) {
  std::string text;
  if (finding.clips > 0) text += std::to_string(finding.clips) + (finding.clips == 1 ? " clip: " : " clips: ");
  text += finding.what + ". " + finding.remedy + ".";
  for (std::size_t i = 0; i < finding.shown.size(); ++i) text += (i ? ", " : " First: ") + finding.shown[i];
  return text + (finding.shown.empty() ? "" : ".");
}

std::string Findings::text(bool unscored_only) const {
  std::string text;
  for (const Weight weight : {Weight::kError, Weight::kNote}) {
    for (const Finding& finding : all_) {
      if (finding.weight != weight || (unscored_only && finding.scored)) continue;
      text += (text.empty() ? "" : "\n") + std::string(name_of(weight)) + ": " + Findings::text(finding);
    }
  }
  return text;
}

std::optional<std::string> read_submission(const std::filesystem::path& path, const std::string& member,
                                           Findings& findings) {
  const std::string bytes = files::rethrow_as<Error>([&] { return files::read(path); });
  const bool packed = bytes.rfind("PK", 0) == 0;
  const std::string extension = extension_of(path);
  if (const std::string kind = archive_kind(bytes); !kind.empty()) {
    findings.add("other-archive", "", kind, member);
    return std::nullopt;
  }
  if (!packed) {
    const std::size_t first = bytes.find_first_not_of(" \t\r\n\xef\xbb\xbf");
    const bool text = first != std::string::npos && (bytes[first] == '{' || bytes[first] == '[');
    if (extension == ".zip" && !text) {
      findings.add("other-archive", "", bytes.empty() ? "empty" : "of another format", member);
      return std::nullopt;
    }
    if (extension == ".zip") findings.add("extension", "", "JSON", "Pack it: zip submission.zip " + member);
    if (extension != ".zip") findings.add("not-packed", "", member);
    if (bytes.size() > kMaxSubmissionBytes) throw Error(path.string() + ": is larger than 256 MiB");
    return bytes;
  }
  if (extension == ".json") findings.add("extension", "", "a ZIP archive", "Name it submission.zip");
  const ZipArchive archive = open_submission(path, member, findings);
  if (!archive) return std::nullopt;
  const std::string name = choose_member(archive.get(), member, findings);
  if (name.empty()) return std::nullopt;
  return read_member(archive.get(), name, path.string() + ": ", findings);
}

std::vector<SubmissionClip> parse_submission(const std::string& text, Findings& findings) {
  std::vector<SubmissionClip> predictions;
  if (text.rfind("\xff\xfe", 0) == 0 || text.rfind("\xfe\xff", 0) == 0) {
    findings.add("utf-16", "");
    return predictions;
  }
  const bool marked = text.rfind(kByteOrderMark, 0) == 0;
  if (marked) findings.add("byte-order-mark", "");
  bool python_numbers = false;
  const std::string plain = without_python_numbers(marked ? text.substr(3) : text, python_numbers);
  // JSON libraries keep one of two equal keys in silence; the names are noted as they are read.
  std::vector<std::string> outer, inner;
  const auto note_names = [&](int depth, json::parse_event_t event, json& parsed) {
    if (event == json::parse_event_t::key && depth == 1) {
      outer.push_back(parsed.get<std::string>());
      if (outer.back() == "predictions") inner.clear();  // the last of equal keys counts
    }
    // A list has objects of this depth without a key around them.
    if (event == json::parse_event_t::key && depth == 2 && !outer.empty() && outer.back() == "predictions") {
      inner.push_back(parsed.get<std::string>());
    }
    return depth <= 5;
  };
  json object;
  try {
    object = json::parse(plain, note_names);
  } catch (const json::exception& e) {
    findings.add("not-json", "", e.what());
    return predictions;
  }
  if (!object.is_object()) {
    findings.add("not-object", "", "the file is no object");
    return predictions;
  }
  const bool wrapped = object.contains("predictions");
  if (wrapped && !object.at("predictions").is_object()) {
    findings.add("not-object", "",
                 std::string("'predictions' is ") + (object.at("predictions").is_array() ? "a list" : "no object"));
    return predictions;
  }
  if (wrapped) {
    for (const auto& [key, value] : object.items()) {
      if (key != "predictions") findings.add("other-key", "", key);
    }
  } else {
    const bool lists = std::any_of(object.begin(), object.end(), [](const json& value) { return value.is_array(); });
    if (!lists) {
      findings.add("not-object", "", "the file has no key 'predictions'");
      return predictions;
    }
    findings.add("no-wrapper", "");
  }
  const json& all = wrapped ? object.at("predictions") : object;
  std::unordered_set<std::string> seen;
  for (const std::string& name : wrapped ? inner : outer) {
    if (!seen.insert(name).second) {
      findings.add("given-twice", name);
      continue;
    }
    SubmissionClip clip{name, {}};
    if (read_entries(all.at(name), clip, findings)) predictions.push_back(std::move(clip));
  }
  if (seen.empty()) findings.add("no-clips", "");
  return predictions;
}

void check_labels(const std::vector<SubmissionClip>& predictions, const sweep::Classes& classes, Findings& findings) {
  for (const SubmissionClip& clip : predictions) {
    check_emotions(clip, classes, findings);
    check_saliences(clip, findings);
  }
}

void check_clips(const std::vector<SubmissionClip>& predictions, const std::optional<ClipList>& list,
                 Findings& findings) {
  if (list) return check_names(predictions, *list, findings);
  for (const SubmissionClip& clip : predictions) {
    if (without_folders(clip.filename) != clip.filename) {
      findings.add("clip-folder", clip.filename, "names without folders, such as test_0001.mov");
    } else if (stem_of(clip.filename) == clip.filename) {
      findings.add("clip-no-extension", clip.filename);
    }
  }
}

Findings check_submission(const std::string& text, const sweep::Classes& classes, const std::optional<ClipList>& list) {
  Findings findings;
  const auto predictions = parse_submission(text, findings);
  check_labels(predictions, classes, findings);
  check_clips(predictions, list, findings);
  return findings;
}

}  // namespace medley::data
