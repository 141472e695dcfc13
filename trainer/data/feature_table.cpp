#include "trainer/data/feature_table.h"

#include <algorithm>
#include <cmath>

#include "trainer/data/csv.h"
#include "trainer/data/error.h"
#include "trainer/data/field_words.h"
#include "trainer/data/file_kind.h"
#include "trainer/data/limits.h"
#include "trainer/data/npz.h"
#include "trainer/data/text.h"

namespace medley::data {
namespace {

constexpr std::size_t kMaxDim = 1 << 24;
constexpr std::size_t kMaxLayers = 1 << 12;
constexpr std::size_t kMaxRows = std::size_t{1} << 30;

/// Room for `rows` of `items` numbers. Throws Error where they do not fit in memory.
void reserve(FeatureTable& table, std::size_t rows, const std::string& where) {
  std::size_t bytes = sizeof(float);
  bool overflows = __builtin_mul_overflow(bytes, rows, &bytes);
  overflows |= __builtin_mul_overflow(bytes, table.items(), &bytes);
  if (overflows || bytes > std::min(kMaxInflatedBytes, available_memory() / 2)) {
    throw Error(where + std::to_string(rows) + " clips of " + std::to_string(table.items()) +
                " numbers do not fit in half of this machine's free memory");
  }
  table.values.reserve(table.values.size() + rows * table.items());
}

void read_arrays(const NpzFile& npz, Axes axes, const std::string& remedy, FeatureTable& table) {
  ArrayLayout layout = array_layout(npz, axes, remedy);
  table.names = std::move(layout.names);
  table.layers = layout.layers;
  table.dim = layout.dim;
  table.values = npz.read_float32(layout.x);
}

/// Numbers of an array [dim] or [1, dim]; 0 for arrays of another form, also those that are not read.
std::size_t vector_dim(const NpzFile& npz, const std::string& name) {
  try {
    const NpyHeader header = npz.header(name);
    const std::size_t dim = header.shape.empty() ? 0 : header.shape.back();
    return is_number(header.dtype) && header.count() == dim ? dim : 0;
  } catch (const Error&) {
    return 0;
  }
}

/// Throws Error for an array that has not the form of a clip's.
void require_vector(const NpzFile& npz, const std::string& name, const std::string& remedy, const FeatureTable& table) {
  const NpyHeader header = npz.header(name);
  const std::string array = npz.path().string() + ": array '" + name + "' ";
  if (!is_number(header.dtype)) throw Error(array + "has dtype " + header.descr() + "; valid: numbers");
  const std::size_t dim = vector_dim(npz, name);
  if (dim == 0) {
    throw Error(array + "has shape " + header.shape_text() +
                "; valid: [dim]; reduce steps to statistics with: " + remedy);
  }
  if (dim != table.dim) {
    throw Error(array + "has " + std::to_string(dim) + " numbers, but '" + table.names[0] + "' has " +
                std::to_string(table.dim));
  }
}

/// One array a clip: [dim], or [1, dim]. NumPy and its users add arrays that are no clip's, such as `allow_pickle`.
void read_array_a_clip(const NpzFile& npz, const std::string& remedy, const IsClip& is_clip, FeatureTable& table,
                       std::vector<std::string>& notes) {
  const std::vector<std::string> all = npz.names();
  const bool clips_known = std::any_of(all.begin(), all.end(), is_clip);  // else the names are matched otherwise
  const auto may_be_clip = [&](const std::string& name) { return !clips_known || is_clip(name); };
  for (const std::string& name : all) {
    if (table.dim == 0 && may_be_clip(name)) table.dim = vector_dim(npz, name);
  }
  const std::string where = npz.path().string() + ": ";
  reserve(table, all.size(), where);
  std::string left_out;
  for (const std::string& name : all) {
    const std::size_t dim = vector_dim(npz, name);
    if ((dim == 0 || dim != table.dim) && !may_be_clip(name)) {
      left_out += (left_out.empty() ? "'" : ", '") + name + "'";
      continue;
    }
    require_vector(npz, name, remedy, table);
    table.names.push_back(name);
    const std::vector<float> row = npz.read_float32(name);
    table.values.insert(table.values.end(), row.begin(), row.end());
  }
  if (!left_out.empty()) notes.push_back(where + "arrays that are no clips were left out: " + left_out);
}

void read_csv_table(const std::filesystem::path& path, FeatureTable& table, std::vector<std::string>& notes) {
  const Csv csv = read_csv(path);
  notes.insert(notes.end(), csv.notes.begin(), csv.notes.end());
  Problems problems;
  int name_column = find_column(csv, "filename", {}, problems);
  if (!problems.empty()) throw Error(problems.text());
  const std::string where = path.string() + ": ";
  if (csv.rows.empty()) throw Error(where + "it has no clips");
  const std::string& first = csv.rows[0].fields[0];
  if (name_column < 0 && !is_missing(first) && !csv.number(first)) name_column = 0;  // pandas writes its index so
  if (name_column < 0) throw Error(where + "it has no column of clip names; name it 'filename'");
  std::vector<std::size_t> used;
  std::string dropped;
  for (std::size_t i = 0; i < csv.columns.size(); ++i) {
    if (static_cast<int>(i) == name_column) continue;
    if (csv.columns[i].empty() || csv.columns[i].rfind("Unnamed:", 0) == 0 || is_row_column(csv.columns[i])) {
      dropped += (dropped.empty() ? "" : ", ") + ("'" + csv.columns[i] + "'");
    } else {
      used.push_back(i);
    }
  }
  if (!dropped.empty()) notes.push_back(where + "columns " + dropped + " are no features and were left out");
  if (used.empty()) throw Error(where + "it has no column of features");
  table.dim = used.size();
  reserve(table, csv.rows.size(), where);
  for (const Csv::Row& row : csv.rows) {
    std::string name = row.fields[static_cast<std::size_t>(name_column)];
    if (name.size() > 2 && name.front() == '\'' && name.back() == '\'')
      name = name.substr(1, name.size() - 2);  // openSMILE
    table.names.push_back(std::move(name));
    for (const std::size_t i : used) {
      table.values.push_back(static_cast<float>(csv.needed_number(row, i)));
    }
  }
}

}  // namespace

ArrayLayout array_layout(const NpzFile& npz, Axes axes, const std::string& remedy, bool numbered) {
  const FeatureArrays arrays = feature_arrays(npz, !numbered);
  ArrayLayout layout;
  layout.x = arrays.x;
  layout.filenames = arrays.filenames;
  const NpyHeader header = npz.header(layout.x);
  std::vector<std::size_t> shape = header.shape;
  const std::string x = npz.path().string() + ": array '" + layout.x + "' has ";
  if (!is_number(header.dtype)) throw Error(x + "dtype " + header.descr() + "; valid: numbers");
  std::size_t names = shape.empty() ? 0 : shape[0];
  std::string names_where;
  if (!layout.filenames.empty()) {
    const NpyHeader names_header = npz.header(layout.filenames);
    names = names_header.count();
    const auto long_axes = std::count_if(names_header.shape.begin(), names_header.shape.end(),
                                         [](std::size_t length) { return length > 1; });
    names_where = npz.path().string() + ": array '" + layout.filenames + "' has shape " + names_header.shape_text();
    if (long_axes > 1 || names_header.shape.empty()) {
      throw Error(names_where + "; valid: a name for each row of '" + layout.x + "'");
    }
  }
  if (header.count() == 0 || (shape.size() != 2 && shape.size() != 3)) {
    throw Error(x + "shape " + header.shape_text() + "; valid: [clips, dim] or [clips, layers, dim]");
  }
  if (shape.size() == 3 && shape[0] == 1 && shape[1] == names && names > 1)
    shape.erase(shape.begin());  // [1, clips, dim]
  if (shape[0] != names) {
    const bool turned = shape.size() == 2 && shape[1] == names;
    throw Error(names_where + ", but " + layout.x + " has " + std::to_string(shape[0]) + " rows" +
                (turned ? "; its axes are exchanged, save X.T" : ""));
  }
  if (shape.size() == 3 && shape[2] == 1 && shape[1] > 1 && axes != Axes::kClipsTimeDim) {
    if (axes != Axes::kClipsDimOne) {
      throw Error(x + "shape " + header.shape_text() + ", which is " + std::to_string(shape[1]) +
                  " layers of one number; if it is [clips, dim, 1], drop the last axis with: " + remedy +
                  " --axes clips,dim,1");
    }
    shape.pop_back();
  }
  layout.layers = shape.size() == 3 ? shape[1] : 1;
  layout.dim = shape.back();
  if (layout.dim > kMaxDim || layout.layers > kMaxLayers || names > kMaxRows) {
    throw Error(x + "shape " + header.shape_text() + ": more than can be meant");
  }
  if (!layout.filenames.empty()) layout.names = npz.read_strings(layout.filenames);
  while (layout.names.size() < names) layout.names.push_back("row_" + std::to_string(layout.names.size()));
  return layout;
}

FeatureTable read_feature_table(const FeatureFile& file, Axes axes, const std::string& remedy, const IsClip& is_clip,
                                std::vector<std::string>& notes) {
  FeatureTable all;
  for (const std::filesystem::path& path : file.paths) {
    FeatureTable table;
    if (extension_of(path) == ".csv") {
      read_csv_table(path, table, notes);
    } else {
      const NpzFile npz = NpzFile::open(path);
      if (feature_arrays(npz).x.empty()) {
        read_array_a_clip(npz, remedy, is_clip, table, notes);
      } else {
        read_arrays(npz, axes, remedy, table);
      }
    }
    if (all.dim == 0) {
      all = std::move(table);
      continue;
    }
    if (table.dim != all.dim || table.layers != all.layers) {
      throw Error(path.string() + ": rows of " + std::to_string(table.items()) + " numbers, but " +
                  file.paths[0].string() + " has rows of " + std::to_string(all.items()));
    }
    all.names.insert(all.names.end(), table.names.begin(), table.names.end());
    all.values.insert(all.values.end(), table.values.begin(), table.values.end());
  }
  return all;
}

bool is_archive_of_series(const FeatureFile& file, const IsClip& is_clip) {
  for (const std::filesystem::path& path : file.paths) {
    if (extension_of(path) == ".csv") return false;
    const NpzFile npz = NpzFile::open(path);
    if (!feature_arrays(npz).x.empty()) return false;
    const std::vector<std::string> names = npz.names();
    const bool clips_known = std::any_of(names.begin(), names.end(), is_clip);
    for (const std::string& name : names) {
      if ((!clips_known || is_clip(name)) && vector_dim(npz, name) == 0) return true;
    }
  }
  return false;
}

}  // namespace medley::data
