// Files of a dataset, and submissions.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "sweep/class_names.h"
#include "sweep/label.h"
#include "tests/fuzz/target.h"
#include "trainer/data/csv.h"
#include "trainer/data/description.h"
#include "trainer/data/error.h"
#include "trainer/data/features.h"
#include "trainer/data/metadata.h"
#include "trainer/data/npy.h"
#include "trainer/data/npz.h"
#include "trainer/data/series.h"
#include "trainer/data/submission_check.h"

namespace medley::fuzz {
namespace {

bool same(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0);
}

}  // namespace

void npy(const std::string& input) {
  // A block of its own, so that a byte too far is seen.
  const std::vector<unsigned char> bytes(input.begin(), input.end());
  try {
    const std::size_t front = data::npy_header_size(bytes.data(), bytes.size(), "npy: ");
    require(front <= bytes.size() && front <= data::kMaxNpyHeader, "a header beyond the file");
    const data::NpyHeader header = data::parse_npy_header(bytes.data(), front, bytes.size(), "npy: ");
    require(header.data_offset + header.bytes() == bytes.size(), "elements that are not in the file");
    require(!header.descr().empty() && !header.shape_text().empty(), "a header that cannot be said");
    const unsigned char* at = bytes.data() + header.data_offset;
    if (data::is_number(header.dtype)) {
      std::vector<double> wide(header.count());
      std::vector<float> narrow(header.count());
      data::convert(header, at, wide.size(), wide.data());
      data::convert(header, at, narrow.size(), narrow.data());
      for (std::size_t i = 0; i < wide.size(); ++i) {
        require(std::isnan(wide[i]) ? std::isnan(narrow[i]) : static_cast<float>(wide[i]) == narrow[i],
                "a number has two values");
      }
    } else {
      for (std::size_t i = 0; i < std::min<std::size_t>(header.count(), 1000); ++i) {
        data::decode_utf8(data::decode_text(header, at + i * header.item_size, "npy: "), "npy: ");
      }
    }
    if (header.fortran_order || header.big_endian || header.dtype == data::DType::kBfloat16) return;
    const std::string text = data::format_npy_header(header.dtype, header.item_size, header.shape, 0);
    const data::NpyHeader again = data::parse_npy_header(reinterpret_cast<const unsigned char*>(text.data()),
                                                         text.size(), text.size() + header.bytes(), "npy: ");
    require(again.dtype == header.dtype && again.item_size == header.item_size && again.shape == header.shape,
            "a header came back as another");
  } catch (const data::Error&) {
  }
}

void npz(const std::string& input) {
  const auto path = file_of("arrays.npz", input);
  try {
    const data::NpzFile file = data::NpzFile::open(path);
    for (const std::string& name : file.names()) {
      require(file.contains(name), "an array that is not there");
      try {
        const data::NpyHeader header = file.header(name);
        data::ArrayReader reader = file.reader(name);
        std::vector<unsigned char> scratch(header.bytes());
        reader.next(header.bytes(), scratch.data());
        reader.finish();
        if (data::is_number(header.dtype)) {
          const std::vector<double> wide = file.read_float64(name);
          require(wide.size() == header.count(), "numbers were lost");
          require(file.read_float32(name).size() == header.count(), "numbers were lost");
        } else {
          require(file.read_strings(name).size() == header.count(), "texts were lost");
        }
      } catch (const data::Error&) {
      }
    }
  } catch (const data::Error&) {
  }
}

void csv(const std::string& input) {
  data::Csv table;
  try {
    table = data::parse_csv(input, "fuzz.csv");
  } catch (const data::Error&) {
    return;
  }
  for (const data::Csv::Row& row : table.rows) {
    require(row.fields.size() == table.columns.size(), "a row is not as long as the columns");
    require(row.line >= 1, "a row of no line");
    for (const std::string& field : row.fields) table.number(field);
  }
  // Without a header row its columns have made-up names, which would be read as data.
  if (table.headless) return;
  // So would a column of this name be read as the line that names a delimiter.
  if (sweep::plain_name(table.columns[0]).rfind("sep=", 0) == 0) return;
  const data::Csv again = data::parse_csv(data::csv_text(table), "fuzz.csv");
  require(again.columns == table.columns, "columns came back as others");
  require(again.rows.size() == table.rows.size(), "rows were lost");
  for (std::size_t i = 0; i < table.rows.size(); ++i) {
    require(again.rows[i].fields == table.rows[i].fields, "a row came back as another");
  }
}

void metadata(const std::string& input) {
  const auto path = file_of("metadata.csv", input);
  for (const bool training : {true, false}) {
    for (const auto rule : {data::NeutralRule::kAsDeclared, data::NeutralRule::kFromLabels}) {
      sweep::Classes classes = sweep::Classes::blemore();
      data::Problems problems;
      std::vector<std::string> notes;
      std::vector<data::Clip> clips;
      const data::ColumnNames columns;
      const data::MetadataContext context{rule, columns, classes, problems, notes};
      try {
        (training ? data::read_train_metadata : data::read_test_metadata)(path, context, clips);
      } catch (const data::Error&) {
        continue;
      }
      if (!problems.empty()) continue;
      for (const data::Clip& clip : clips) {
        require(!clip.stem.empty(), "a clip without a name");
        require(training ? clip.fold >= 0 && clip.label : clip.fold == -1, "a clip of the wrong fold");
        if (!clip.label) continue;
        const sweep::Label& label = *clip.label;
        require(label.first >= 0 && label.first < classes.count() && label.second < classes.count(), "no class");
        if (label.is_blend()) {
          require(label.first < label.second, "a blend out of order");
          require(label.salience == 30 || label.salience == 50 || label.salience == 70, "no salience of a blend");
        } else {
          require(label.second == -1 && label.salience == 100, "no salience of a single emotion");
        }
      }
    }
  }
}

void descriptions(const std::string& input) {
  const auto path = file_of("dataset.yaml", input);
  std::string text;
  try {
    text = data::description_text(data::read_description(path));
  } catch (const data::Error&) {
    return;
  }
  const auto again = file_of("dataset.yaml", text);
  require(data::description_text(data::read_description(again)) == text, "a description came back as another");
}

void features(const std::string& input) {
  static const std::vector<data::Clip> clips = [] {
    std::vector<data::Clip> made(3);
    for (std::size_t i = 0; i < made.size(); ++i) {
      made[i].stem = std::string(1, "abt"[i]);
      made[i].filename = made[i].stem + ".mov";
      made[i].fold = i < 2 ? static_cast<int>(i) : -1;
      if (i < 2) made[i].label = sweep::Label{0, -1, 100};
    }
    return made;
  }();
  const bool archive = input.rfind("PK", 0) == 0;
  const data::FeatureFile file{{file_of(archive ? "face_static_features.npz" : "face_static_features.csv", input)},
                               "face",
                               {{"modality", "video"}},
                               false};
  // Throws nothing for what the file says.
  const data::LoadedEncoder loaded = data::load_features(file, clips);
  require(loaded.problems.empty() == (loaded.encoder != nullptr), "neither features nor an error, or both");
  if (!loaded.encoder) return;
  const data::Encoder& encoder = *loaded.encoder;
  require(encoder.dim() >= 1 && encoder.layers() >= 1, "an encoder without numbers");
  std::vector<float> values(clips.size() * static_cast<std::size_t>(encoder.layers() * encoder.dim()));
  encoder.gather({0, 1, 2}, values.data());
  for (const float value : values) require(std::isfinite(value), "a number that is not finite");
}

void series(const std::string& input) {
  static const char* const kNames[] = {"a.npy", "a.npz", "a.csv"};
  const std::string bytes = input.empty() ? "" : input.substr(1);
  const auto path = file_of(kNames[input.empty() ? 0 : static_cast<unsigned char>(input[0]) % 3], bytes);
  try {
    const auto source = data::open_clip_folder({"face", {path.parent_path()}}, std::nullopt);
    require(source->names().size() == 1, "a folder of another number of clips");
    data::SeriesRemarks remarks;
    const data::Series read = source->read(0, remarks);
    require(read.values.size() == read.steps * read.dim, "numbers were lost");
    data::SeriesRemarks same_remarks;
    require(same(source->read(0, same_remarks).values, read.values), "a file has two values");
  } catch (const data::Error&) {
  }
}

void submissions(const std::string& input) {
  static const sweep::Classes classes = sweep::Classes::blemore();
  static const data::ClipList list{{"test_0001.mov", "test_0002.mov"}, {"A102_ang.mov"}};
  for (const auto& clips : {std::optional<data::ClipList>(), std::optional<data::ClipList>(list)}) {
    const data::Findings findings = data::check_submission(input, classes, clips);
    require(findings.text().empty() == findings.all().empty(), "a finding that says nothing");
    require(findings.scored() || findings.errors() > 0, "the scorer stops without an error");
  }
}

void archives(const std::string& input) {
  const auto path = file_of("submission.zip", input);
  data::Findings findings;
  try {
    const auto text = data::read_submission(path, data::kSubmissionMember, findings);
    require(text || findings.errors() > 0, "nothing was read, and nothing said");
  } catch (const data::Error&) {
  }
}

}  // namespace medley::fuzz
