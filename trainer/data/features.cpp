#include "trainer/data/features.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>
#include <optional>
#include <set>
#include <string_view>

#include "sweep/digest.h"
#include "trainer/data/clip_names.h"
#include "trainer/data/error.h"
#include "trainer/data/feature_table.h"
#include "trainer/data/field_words.h"
#include "trainer/data/file_kind.h"
#include "trainer/data/npz.h"

namespace medley::data {
namespace {

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "features are used as they lie in the file");

constexpr std::size_t kAlignment = 64;
constexpr std::size_t kBlockBytes = 256 * 1024;  // fits the second-level cache: each byte is fetched once

struct Free {
  void operator()(float* p) const { std::free(p); }
};
using Floats = std::unique_ptr<float[], Free>;

/// Uninitialised: pages that a lying file never fills are never touched.
Floats allocate(std::size_t count) {
  const std::size_t bytes = (count * sizeof(float) + kAlignment - 1) / kAlignment * kAlignment;
  auto* p = static_cast<float*>(std::aligned_alloc(kAlignment, std::max(bytes, kAlignment)));
  if (p == nullptr) throw std::bad_alloc();
  return Floats(p);
}

/// Rows in the mapped file or in memory of its own.
class FeatureMatrix : public Encoder {
 public:
  FeatureMatrix(const FeatureFile& file, int rows, int layers, int dim, std::vector<int> row_of)
      : name_(file.name), labels_(file.labels), rows_(rows), layers_(layers), dim_(dim), row_of_(std::move(row_of)) {}

  void use(std::shared_ptr<const files::MappedFile> file, const unsigned char* bytes) {
    file_ = std::move(file);
    bytes_ = bytes;
  }
  void use(Floats floats) {
    floats_ = std::move(floats);
    bytes_ = reinterpret_cast<const unsigned char*>(floats_.get());
  }

  const std::string& name() const override { return name_; }
  const sweep::EncoderLabels& labels() const override { return labels_; }
  int dim() const override { return dim_; }
  int layers() const override { return layers_; }
  int rows() const override { return rows_; }
  int row_of(int clip) const override { return row_of_.at(static_cast<std::size_t>(clip)); }
  const float* matrix() const override {
    const bool aligned = reinterpret_cast<std::uintptr_t>(bytes_) % alignof(float) == 0;
    return aligned ? reinterpret_cast<const float*>(bytes_) : nullptr;
  }
  void gather(const std::vector<int>& clips, float* out) const override {
    const std::size_t items = static_cast<std::size_t>(layers_) * static_cast<std::size_t>(dim_);
    for (const int clip : clips) {
      std::memcpy(out, bytes_ + static_cast<std::size_t>(row_of(clip)) * items * sizeof(float), items * sizeof(float));
      out += items;
    }
  }

 private:
  std::string name_;
  sweep::EncoderLabels labels_;
  int rows_, layers_, dim_;
  std::vector<int> row_of_;  ///< [clip]
  std::shared_ptr<const files::MappedFile> file_;
  Floats floats_;
  const unsigned char* bytes_ = nullptr;  ///< float32 [rows_, layers_, dim_], any alignment when mapped
};

bool all_finite(const unsigned char* bytes, std::size_t count) {
  std::uint32_t any = 0;
  for (std::size_t i = 0; i < count; ++i) {
    std::uint32_t bits = 0;
    std::memcpy(&bits, bytes + 4 * i, 4);
    any |= static_cast<std::uint32_t>((bits & 0x7f800000u) == 0x7f800000u);
  }
  return any == 0;
}

/// What is known of one feature file before its numbers are read.
struct Layout {
  std::size_t rows = 0, layers = 1, dim = 0;
  std::size_t items() const { return layers * dim; }  ///< of a row
  std::vector<int> clip_of_row;                       ///< [row], -1: not in the metadata
  std::vector<int> row_of_clip;                       ///< [clip]
};

/// The command that writes a dataset of other features; its options are added.
std::string remedy_for(const FeatureFile& file) {
  const std::filesystem::path folder = file.paths[0].has_parent_path() ? file.paths[0].parent_path() : ".";
  return "medley data import " + shell_word(folder) + " --out NEW";
}

/// Joins names to clips. False, and the errors noted, where that is not possible.
bool join_rows(const FeatureFile& file, const std::vector<std::string>& names, const std::vector<Clip>& clips,
               Layout& layout, Problems& problems) {
  std::vector<std::string> stems;
  for (const Clip& clip : clips) stems.push_back(clip.stem);
  NameMatch match = match_names(names, stems, {}, false, file.message_start(), remedy_for(file), problems);
  layout.rows = names.size();
  layout.clip_of_row = std::move(match.clip_of_row);
  layout.row_of_clip = std::move(match.row_of_clip);
  return problems.empty();
}

/// Checks and digests rows as they come by.
class RowCheck {
 public:
  RowCheck(const FeatureFile& file, const std::vector<Clip>& clips, const Layout& layout, Problems& problems)
      : file_(file), clips_(clips), layout_(layout), problems_(problems), digests_(clips.size()) {}

  void take(std::size_t first_row, std::size_t rows, const unsigned char* bytes) {
    const std::size_t row_bytes = layout_.items() * sizeof(float);
    const bool finite = all_finite(bytes, rows * layout_.items());
    for (std::size_t i = 0; i < rows; ++i, bytes += row_bytes) {
      const int clip = layout_.clip_of_row[first_row + i];
      if (clip < 0) continue;
      if (!finite) count_bad(first_row + i, clip, bytes);
      sha_.add(bytes, row_bytes);
      digests_[static_cast<std::size_t>(clip)] = sha_.bytes();
      sha_.restart();
    }
  }

  /// One error for all numbers that are none.
  void finish() {
    if (bad_ == 0) return;
    std::string text = file_.message_start() + first_bad_;
    if (bad_ > 1) {
      text += "; " + std::to_string(bad_) + " numbers of " + std::to_string(bad_clips_) +
              (bad_clips_ == 1 ? " clip" : " clips") + " are NaN or infinite";
    }
    problems_.add(text + "; say what to do with: " + remedy_for(file_) + " --missing drop-clip (or zero, fold-mean)");
  }

  /// Of the test clips, or of all others.
  std::string digest(bool test) {
    const std::string layers = layout_.layers > 1 ? std::to_string(layout_.layers) + " " : "";
    sha_.restart();
    sha_.add("features " + layers + std::to_string(layout_.dim) + "\n");
    for (std::size_t clip = 0; clip < digests_.size(); ++clip) {
      if ((clips_[clip].fold < 0) == test) sha_.add(digests_[clip].data(), digests_[clip].size());
    }
    return sha_.hex();
  }

 private:
  /// Counts them, and words the first.
  void count_bad(std::size_t row, int clip, const unsigned char* bytes) {
    bool any = false;
    for (std::size_t item = 0; item < layout_.items(); ++item) {
      if (all_finite(bytes + 4 * item, 1)) continue;
      any = true;
      if (bad_++ > 0) continue;
      float value = 0;
      std::memcpy(&value, bytes + 4 * item, 4);
      const std::string layer = layout_.layers > 1 ? ", layer " + std::to_string(item / layout_.dim) : "";
      first_bad_ = "row " + std::to_string(row) + layer + ", column " + std::to_string(item % layout_.dim) +
                   " (clip '" + clips_[static_cast<std::size_t>(clip)].stem + "') is " +
                   (std::isnan(value) ? "NaN" : "infinite as float32");
    }
    bad_clips_ += any ? 1 : 0;
  }

  const FeatureFile& file_;
  const std::vector<Clip>& clips_;
  const Layout& layout_;
  Problems& problems_;
  sweep::Sha256 sha_;
  std::vector<std::array<unsigned char, 32>> digests_;  ///< [clip]
  std::size_t bad_ = 0, bad_clips_ = 0;
  std::string first_bad_;
};

/// float32 in C order: in place where it is stored, else inflated straight into the one matrix.
void read_plain(ArrayReader& array, const NpzFile& npz, const Layout& layout, RowCheck& check, FeatureMatrix& matrix) {
  const std::size_t row_bytes = layout.items() * sizeof(float);
  const std::size_t block = std::max<std::size_t>(1, kBlockBytes / row_bytes);
  Floats floats;
  if (array.in_place() == nullptr) floats = allocate(layout.rows * layout.items());
  for (std::size_t row = 0; row < layout.rows; row += block) {
    const std::size_t rows = std::min(block, layout.rows - row);
    auto* into = floats ? reinterpret_cast<unsigned char*>(floats.get() + row * layout.items()) : nullptr;
    check.take(row, rows, array.next(rows * row_bytes, into));
  }
  if (floats) {
    matrix.use(std::move(floats));
  } else {
    matrix.use(npz.file(), array.in_place());
  }
}

/// Any other type in C order: a block at a time into a matrix of our own.
void read_converted(ArrayReader& array, const Layout& layout, RowCheck& check, FeatureMatrix& matrix) {
  const std::size_t row_bytes = layout.items() * array.header().item_size;
  const std::size_t block = std::max<std::size_t>(1, kBlockBytes / row_bytes);
  Floats floats = allocate(layout.rows * layout.items());
  std::vector<unsigned char> scratch(block * row_bytes);
  for (std::size_t row = 0; row < layout.rows; row += block) {
    const std::size_t rows = std::min(block, layout.rows - row);
    const unsigned char* bytes = array.next(rows * row_bytes, scratch.data());
    float* out = floats.get() + row * layout.items();
    convert(array.header(), bytes, rows * layout.items(), out);
    check.take(row, rows, reinterpret_cast<const unsigned char*>(out));
  }
  matrix.use(std::move(floats));
}

/// Fortran order: the clips vary fastest, so columns come one after another and rows are whole only at the
/// end.
void read_fortran(ArrayReader& array, const Layout& layout, RowCheck& check, FeatureMatrix& matrix) {
  Floats floats = allocate(layout.rows * layout.items());
  const std::size_t column_bytes = layout.rows * array.header().item_size;
  std::vector<unsigned char> scratch(column_bytes);
  std::vector<float> column(layout.rows);
  for (std::size_t d = 0; d < layout.dim; ++d) {
    for (std::size_t layer = 0; layer < layout.layers; ++layer) {
      convert(array.header(), array.next(column_bytes, scratch.data()), layout.rows, column.data());
      float* out = floats.get() + layer * layout.dim + d;
      for (std::size_t row = 0; row < layout.rows; ++row) out[row * layout.items()] = column[row];
    }
  }
  const std::size_t block = std::max<std::size_t>(1, kBlockBytes / (layout.items() * sizeof(float)));
  for (std::size_t row = 0; row < layout.rows; row += block) {
    check.take(row, std::min(block, layout.rows - row),
               reinterpret_cast<const unsigned char*>(floats.get() + row * layout.items()));
  }
  matrix.use(std::move(floats));
}

/// The one array of an archive: in place or a block at a time.
void load_array(const FeatureFile& file, const NpzFile& npz, const std::vector<Clip>& clips, LoadedEncoder& loaded) {
  const ArrayLayout arrays = array_layout(npz, Axes::kClipsLayersDim, remedy_for(file), file.numbered);
  Layout layout;
  layout.layers = arrays.layers;
  layout.dim = arrays.dim;
  if (!join_rows(file, arrays.names, clips, layout, loaded.problems)) return;
  RowCheck check(file, clips, layout, loaded.problems);
  ArrayReader array = npz.reader(arrays.x);
  if (array.header().dtype == DType::kBfloat16) {
    loaded.notes.push_back(file.where() + ": array '" + arrays.x + "' has two raw bytes a number, read as bfloat16");
  }
  auto matrix = std::make_shared<FeatureMatrix>(file, static_cast<int>(layout.rows), static_cast<int>(layout.layers),
                                                static_cast<int>(layout.dim), layout.row_of_clip);
  if (array.header().fortran_order) {
    read_fortran(array, layout, check, *matrix);
  } else if (array.header().dtype == DType::kFloat32 && !array.header().big_endian) {
    read_plain(array, npz, layout, check, *matrix);
  } else {
    read_converted(array, layout, check, *matrix);
  }
  array.finish();
  check.finish();
  loaded.digest = check.digest(false);
  loaded.test_digest = check.digest(true);
  if (loaded.problems.empty()) loaded.encoder = matrix;
}

void load_table(const FeatureFile& file, const std::vector<Clip>& clips, LoadedEncoder& loaded) {
  std::set<std::string> stems;
  for (const Clip& clip : clips) stems.insert(clip.stem);
  const auto is_clip = [&](const std::string& name) { return stems.count(stem_of(name)) > 0; };
  const FeatureTable table = read_feature_table(file, Axes::kClipsLayersDim, remedy_for(file), is_clip, loaded.notes);
  Layout layout;
  layout.layers = table.layers;
  layout.dim = table.dim;
  if (!join_rows(file, table.names, clips, layout, loaded.problems)) return;
  RowCheck check(file, clips, layout, loaded.problems);
  check.take(0, layout.rows, reinterpret_cast<const unsigned char*>(table.values.data()));
  check.finish();
  loaded.digest = check.digest(false);
  loaded.test_digest = check.digest(true);
  Floats floats = allocate(table.values.size());
  std::copy(table.values.begin(), table.values.end(), floats.get());
  auto matrix = std::make_shared<FeatureMatrix>(file, static_cast<int>(layout.rows), static_cast<int>(layout.layers),
                                                static_cast<int>(layout.dim), layout.row_of_clip);
  matrix->use(std::move(floats));
  if (loaded.problems.empty()) loaded.encoder = matrix;
}

/// The archive of a file that is one with `X` and `filenames`.
std::optional<NpzFile> one_array(const FeatureFile& file) {
  if (file.paths.size() != 1 || extension_of(file.paths[0]) != ".npz") return std::nullopt;
  NpzFile npz = NpzFile::open(file.paths[0]);
  if (feature_arrays(npz, !file.numbered).x.empty()) return std::nullopt;
  return npz;
}

}  // namespace

std::vector<std::string> feature_names(const FeatureFile& file) {
  if (const auto npz = one_array(file))
    return array_layout(*npz, Axes::kClipsLayersDim, remedy_for(file), file.numbered).names;
  std::vector<std::string> notes;
  const auto is_clip = [](const std::string&) { return true; };  // no metadata says which are
  return read_feature_table(file, Axes::kClipsLayersDim, remedy_for(file), is_clip, notes).names;
}

LoadedEncoder load_features(const FeatureFile& file, const std::vector<Clip>& clips) {
  LoadedEncoder loaded;
  try {
    if (const auto npz = one_array(file)) {
      load_array(file, *npz, clips, loaded);
    } else {
      load_table(file, clips, loaded);
    }
  } catch (const Error& error) {  // one bad file must not hide what is wrong with the others
    loaded.problems.add(error.what());
  } catch (const std::bad_alloc&) {
    loaded.problems.add(file.where() + ": its features do not fit in memory");
  }
  return loaded;
}

}  // namespace medley::data
