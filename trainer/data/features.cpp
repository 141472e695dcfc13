#include "trainer/data/features.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string_view>

#include "sweep/digest.h"
#include "trainer/data/error.h"
#include "trainer/data/metadata.h"
#include "trainer/data/npz.h"

namespace medley::data {
namespace {

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "features are used as they lie in the file");

constexpr std::size_t kAlignment = 64;
constexpr std::size_t kBlockBytes = 256 * 1024;  // fits the second-level cache: each byte is fetched once
constexpr std::size_t kMaxDim = 1 << 24;
constexpr std::size_t kMaxLayers = 1 << 12;

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
      : name_(file.name),
        modality_(file.modality),
        rows_(rows),
        layers_(layers),
        dim_(dim),
        row_of_(std::move(row_of)) {}

  void use(std::shared_ptr<const files::MappedFile> file, const unsigned char* bytes) {
    file_ = std::move(file);
    bytes_ = bytes;
  }
  void use(Floats floats) {
    floats_ = std::move(floats);
    bytes_ = reinterpret_cast<const unsigned char*>(floats_.get());
  }

  const std::string& name() const override { return name_; }
  const std::string& modality() const override { return modality_; }
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
  std::string name_, modality_;
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

std::string array_text(const FeatureFile& file, const char* array) {
  return file.path.string() + ": array '" + array + "'";
}

bool read_layout(const FeatureFile& file, const NpzFile& npz, const std::vector<Clip>& clips,
                 const std::unordered_map<std::string, int>& clip_of_stem, Layout& layout, Problems& problems) {
  const NpyHeader header = npz.header("X");
  const auto& shape = header.shape;
  const bool is_float =
      header.dtype == DType::kFloat16 || header.dtype == DType::kFloat32 || header.dtype == DType::kFloat64;
  if (!is_float) {
    problems.add(array_text(file, "X") + " has dtype " + header.descr() + "; valid: <f2, <f4, <f8");
  }
  if ((shape.size() != 2 && shape.size() != 3) || header.count() == 0) {
    problems.add(array_text(file, "X") + " has shape " + header.shape_text() +
                 "; valid: [clips, dim] or [clips, layers, dim]");
  }
  if (!problems.empty()) return false;
  layout.rows = shape[0];
  layout.layers = shape.size() == 3 ? shape[1] : 1;
  layout.dim = shape.back();
  if (layout.dim > kMaxDim || layout.layers > kMaxLayers || layout.rows > (std::size_t{1} << 30)) {
    problems.add(array_text(file, "X") + " has shape " + header.shape_text() + ": more than can be meant");
    return false;
  }
  const NpyHeader names_header = npz.header("filenames");
  if (names_header.shape != std::vector<std::size_t>{layout.rows}) {
    problems.add(array_text(file, "filenames") + " has shape " + names_header.shape_text() + ", but X has " +
                 std::to_string(layout.rows) + " rows");
    return false;
  }
  const std::vector<std::string> names = npz.read_strings("filenames");
  layout.clip_of_row.assign(layout.rows, -1);
  layout.row_of_clip.assign(clips.size(), -1);
  std::unordered_map<std::string, std::size_t> row_of_stem;
  for (std::size_t row = 0; row < names.size(); ++row) {
    const std::string stem = stem_of(names[row]);
    const auto [first, added] = row_of_stem.emplace(stem, row);
    if (!added) {
      problems.add(array_text(file, "filenames") + ": clip '" + stem +
                   "' has two rows: " + std::to_string(first->second) + " and " + std::to_string(row));
      continue;
    }
    const auto clip = clip_of_stem.find(stem);
    if (clip == clip_of_stem.end()) continue;
    layout.clip_of_row[row] = clip->second;
    layout.row_of_clip[static_cast<std::size_t>(clip->second)] = static_cast<int>(row);
  }
  for (std::size_t clip = 0; clip < clips.size(); ++clip) {
    if (layout.row_of_clip[clip] >= 0) continue;
    problems.add(file.path.string() + ": encoder '" + file.name + "' has no row for clip '" + clips[clip].stem + "'");
  }
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
      if (!finite) name_bad_columns(first_row + i, clip, bytes);
      sha_.add(bytes, row_bytes);
      digests_[static_cast<std::size_t>(clip)] = sha_.bytes();
      sha_.restart();
    }
  }

  std::string digest() {
    const std::string layers = layout_.layers > 1 ? std::to_string(layout_.layers) + " " : "";
    sha_.add("features " + layers + std::to_string(layout_.dim) + "\n");
    for (const auto& row : digests_) sha_.add(row.data(), row.size());
    return sha_.hex();
  }

 private:
  void name_bad_columns(std::size_t row, int clip, const unsigned char* bytes) {
    for (std::size_t item = 0; item < layout_.items(); ++item) {
      if (all_finite(bytes + 4 * item, 1)) continue;
      float value = 0;
      std::memcpy(&value, bytes + 4 * item, 4);
      const std::string layer = layout_.layers > 1 ? ", layer " + std::to_string(item / layout_.dim) : "";
      problems_.add(array_text(file_, "X") + ", row " + std::to_string(row) + layer + ", column " +
                    std::to_string(item % layout_.dim) + " (clip '" + clips_[static_cast<std::size_t>(clip)].stem +
                    "') is " + (value != value ? "NaN" : "infinite as float32"));
    }
  }

  const FeatureFile& file_;
  const std::vector<Clip>& clips_;
  const Layout& layout_;
  Problems& problems_;
  sweep::Sha256 sha_;
  std::vector<std::array<unsigned char, 32>> digests_;  ///< [clip]
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
    convert(array.header().dtype, bytes, rows * layout.items(), out);
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
      convert(array.header().dtype, array.next(column_bytes, scratch.data()), layout.rows, column.data());
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

}  // namespace

LoadedEncoder load_features(const FeatureFile& file, const std::vector<Clip>& clips,
                            const std::unordered_map<std::string, int>& clip_of_stem) {
  LoadedEncoder loaded;
  try {
    const NpzFile npz = NpzFile::open(file.path);
    Layout layout;
    if (!read_layout(file, npz, clips, clip_of_stem, layout, loaded.problems)) return loaded;
    RowCheck check(file, clips, layout, loaded.problems);
    ArrayReader array = npz.reader("X");
    auto matrix = std::make_shared<FeatureMatrix>(file, static_cast<int>(layout.rows), static_cast<int>(layout.layers),
                                                  static_cast<int>(layout.dim), layout.row_of_clip);
    if (array.header().fortran_order) {
      read_fortran(array, layout, check, *matrix);
    } else if (array.header().dtype == DType::kFloat32) {
      read_plain(array, npz, layout, check, *matrix);
    } else {
      read_converted(array, layout, check, *matrix);
    }
    array.finish();
    loaded.digest = check.digest();
    if (loaded.problems.empty()) loaded.encoder = matrix;
  } catch (const Error& error) {  // one bad file must not hide what is wrong with the others
    loaded.problems.add(error.what());
  } catch (const std::bad_alloc&) {
    loaded.problems.add(file.path.string() + ": array 'X' does not fit in memory");
  }
  return loaded;
}

}  // namespace medley::data
