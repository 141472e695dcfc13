#include "trainer/data/series.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <mutex>

#include "storage/files/error.h"
#include "storage/files/mapped_file.h"
#include "storage/files/read.h"
#include "trainer/data/csv.h"
#include "trainer/data/error.h"
#include "trainer/data/field_words.h"
#include "trainer/data/file_kind.h"
#include "trainer/data/npz.h"

namespace medley::data {
namespace {

/// Steps and dim of an array of one clip.
Series with_shape(const NpyHeader& header, const std::string& where, SeriesRemarks& remarks) {
  if (!is_number(header.dtype)) throw Error(where + "dtype " + header.descr() + "; valid: numbers");
  if (header.count() == 0) return {};
  std::vector<std::size_t> shape = header.shape;
  if (shape.size() == 1) shape.insert(shape.begin(), 1);
  if (shape.size() == 3 && shape[1] == 1) {
    shape.erase(shape.begin() + 1);
  } else if (shape.size() == 3 && shape[0] == 1) {
    shape.erase(shape.begin());
  }
  if (shape.size() != 2) {
    throw Error(where + "shape " + header.shape_text() +
                "; valid: [steps, dim] or [dim]; reduce other axes before you save it");
  }
  remarks.bfloat16_arrays += header.dtype == DType::kBfloat16 ? 1 : 0;
  Series series;
  series.steps = shape[0];
  series.dim = shape[1];
  return series;
}

/// True for a file of no bytes or of blanks, as np.savetxt() and pandas write for no row.
bool is_blank(const std::filesystem::path& path) {
  constexpr std::uintmax_t kLongest = 16;
  if (std::filesystem::file_size(path) > kLongest) return false;
  const std::string text = files::rethrow_as<Error>([&] { return files::read(path); });
  return text.find_first_not_of(" \t\r\n\xef\xbb\xbf") == std::string::npos;
}

Series read_npy(const std::filesystem::path& path, SeriesRemarks& remarks) {
  const auto file = files::rethrow_as<Error>([&] { return files::MappedFile(path); });
  const std::string where = path.string() + ": ";
  std::vector<unsigned char> start(kNpyPrologue, 0);
  std::memcpy(start.data(), file.data(), std::min(file.size(), start.size()));
  const std::size_t header_size = npy_header_size(start.data(), file.size(), where);
  const NpyHeader header = parse_npy_header(file.data(), header_size, file.size(), where);
  Series series = with_shape(header, where, remarks);
  series.values.resize(header.count());
  convert(header, file.data() + header.data_offset, series.values.size(), series.values.data());
  if (header.fortran_order && series.steps > 1) {
    std::vector<float> rows(series.values.size());
    for (std::size_t t = 0; t < series.steps; ++t) {
      for (std::size_t d = 0; d < series.dim; ++d) rows[t * series.dim + d] = series.values[d * series.steps + t];
    }
    series.values.swap(rows);
  }
  return series;
}

Series read_array(const NpzFile& npz, const std::string& name, SeriesRemarks& remarks) {
  Series series = with_shape(npz.header(name), npz.path().string() + ": array '" + name + "': ", remarks);
  series.values = npz.read_float32(name);
  return series;
}

Series read_npz(const std::filesystem::path& path, SeriesRemarks& remarks) {
  const NpzFile npz = NpzFile::open(path);
  std::vector<std::string> names = npz.names();
  if (names.size() > 1) {
    names.erase(
        std::remove_if(names.begin(), names.end(), [](const std::string& name) { return !is_feature_array(name); }),
        names.end());
  }
  if (names.size() != 1) {
    throw Error(path.string() + ": one array is expected, of " + std::to_string(npz.names().size()) +
                " it is not clear which; save the features as 'X'");
  }
  return read_array(npz, names[0], remarks);
}

/// The face_id of the rows. Those of other faces than `face`, if there is one, are removed before.
std::set<int> choose_face(Csv& csv, std::optional<int> face) {
  std::set<int> faces;
  const auto named = std::find_if(csv.columns.begin(), csv.columns.end(), is_face_column);
  if (named == csv.columns.end()) return faces;
  const auto column = static_cast<std::size_t>(named - csv.columns.begin());
  const auto face_of = [&](const Csv::Row& row) {
    const double number = csv.needed_number(row, column);
    return std::abs(number) < 1e9 ? static_cast<int>(number) : -1;  // -1 where it is missing
  };
  if (face) {
    csv.rows.erase(
        std::remove_if(csv.rows.begin(), csv.rows.end(), [&](const Csv::Row& row) { return face_of(row) != *face; }),
        csv.rows.end());
  }
  for (const Csv::Row& row : csv.rows) faces.insert(face_of(row));
  return faces;
}

/// Steps in rows. The header may be missing, as numpy.savetxt() writes. Columns of text that say which clip it is are
/// left out, as are those that count rows.
Series read_csv_series(const std::filesystem::path& path, std::optional<int> face, SeriesRemarks& remarks) {
  Csv csv = read_csv(path);
  remarks.faces = choose_face(csv, face);
  if (csv.rows.empty()) return {};
  std::vector<std::size_t> used;
  int success = -1;
  std::string dropped;
  for (std::size_t i = 0; i < csv.columns.size(); ++i) {
    const std::string& column = csv.columns[i];
    const bool names_the_clip = (column == "name" || column == "file" || column == "filename");
    const std::string& first = csv.rows[0].fields[i];
    if (csv.headless && i == 0 && !csv.number(first)) continue;  // the clip's name in each row
    if (!csv.headless &&
        (column.empty() || column.rfind("Unnamed:", 0) == 0 || is_row_column(column) || names_the_clip)) {
      dropped += (dropped.empty() ? "" : ", ") + column;
      if (column == "success") success = static_cast<int>(i);
    } else {
      used.push_back(i);
    }
  }
  if (used.empty()) throw Error(path.string() + ": it has no column of features");
  Series series;
  series.steps = csv.rows.size();
  series.dim = used.size();
  for (const Csv::Row& row : csv.rows) {
    for (const std::size_t i : used) {
      series.values.push_back(static_cast<float>(csv.needed_number(row, i)));
    }
    if (success >= 0 && csv.number(row.fields[static_cast<std::size_t>(success)]) == 0.0) ++remarks.failed_steps;
  }
  remarks.row_columns = dropped;
  return series;
}

class FolderSource : public SeriesSource {
 public:
  FolderSource(const ClipFolder& folder, std::optional<int> face) : paths_(find_clip_files(folder)), face_(face) {
    for (const std::filesystem::path& path : paths_) names_.push_back(path.filename().string());
  }
  const std::vector<std::string>& names() const override { return names_; }
  std::string where(std::size_t i) const override { return paths_[i].string(); }
  Series read(std::size_t i, SeriesRemarks& remarks) const override {
    const std::string extension = extension_of(paths_[i]);
    if (is_blank(paths_[i])) return {};
    if (extension == ".npy") return read_npy(paths_[i], remarks);
    return extension == ".npz" ? read_npz(paths_[i], remarks) : read_csv_series(paths_[i], face_, remarks);
  }

 private:
  std::vector<std::filesystem::path> paths_;
  std::optional<int> face_;
  std::vector<std::string> names_;
};

class ArchiveSource : public SeriesSource {
 public:
  explicit ArchiveSource(const FeatureFile& file) {
    for (const std::filesystem::path& path : file.paths) {
      archives_.push_back(NpzFile::open(path));
      for (const std::string& name : archives_.back().names()) {
        names_.push_back(name);
        archive_of_name_.push_back(archives_.size() - 1);
      }
    }
  }
  const std::vector<std::string>& names() const override { return names_; }
  std::string where(std::size_t i) const override {
    return archives_[archive_of_name_[i]].path().string() + ": array '" + names_[i] + "'";
  }
  Series read(std::size_t i, SeriesRemarks& remarks) const override {
    const std::lock_guard lock(mutex_);
    return read_array(archives_[archive_of_name_[i]], names_[i], remarks);
  }

 private:
  std::vector<NpzFile> archives_;
  std::vector<std::string> names_;
  std::vector<std::size_t> archive_of_name_;
  mutable std::mutex mutex_;  // an archive is read by one thread at a time
};

}  // namespace

std::unique_ptr<SeriesSource> open_clip_folder(const ClipFolder& folder, std::optional<int> face) {
  return std::make_unique<FolderSource>(folder, face);
}

std::unique_ptr<SeriesSource> open_archive_of_series(const FeatureFile& file) {
  return std::make_unique<ArchiveSource>(file);
}

}  // namespace medley::data
