#include "trainer/data/import.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <exception>
#include <mutex>
#include <thread>

#include "storage/files/error.h"
#include "storage/files/mapped_file.h"
#include "storage/files/read.h"
#include "storage/files/write.h"
#include "trainer/data/csv.h"
#include "trainer/data/dataset.h"
#include "trainer/data/description.h"
#include "trainer/data/error.h"
#include "trainer/data/metadata.h"
#include "trainer/data/npy.h"
#include "trainer/data/npz_write.h"

namespace medley::data {
namespace {

struct Series {
  std::size_t steps = 0, dim = 0;
  std::vector<float> values;  ///< [steps, dim]
};

Series read_series(const std::filesystem::path& path) {
  const files::MappedFile file(path);
  const std::string where = path.string() + ": ";
  std::vector<unsigned char> start(kNpyPrologue, 0);
  std::memcpy(start.data(), file.data(), std::min(file.size(), start.size()));
  const std::size_t header_size = npy_header_size(start.data(), file.size(), where);
  const NpyHeader header = parse_npy_header(file.data(), header_size, file.size(), where);
  const bool is_float =
      header.dtype == DType::kFloat16 || header.dtype == DType::kFloat32 || header.dtype == DType::kFloat64;
  if (!is_float) throw Error(where + "dtype " + header.descr() + "; valid: <f2, <f4, <f8");
  if (header.shape.size() != 2 || header.count() == 0) {
    throw Error(where + "shape " + header.shape_text() + "; valid: [steps, dim], at least one step");
  }
  Series series;
  series.steps = header.shape[0];
  series.dim = header.shape[1];
  series.values.resize(header.count());
  convert(header.dtype, file.data() + header.data_offset, series.values.size(), series.values.data());
  if (header.fortran_order) {
    std::vector<float> rows(series.values.size());
    for (std::size_t t = 0; t < series.steps; ++t) {
      for (std::size_t d = 0; d < series.dim; ++d) rows[t * series.dim + d] = series.values[d * series.steps + t];
    }
    series.values.swap(rows);
  }
  for (std::size_t i = 0; i < series.values.size(); ++i) {
    if (std::isfinite(series.values[i])) continue;
    throw Error(where + "step " + std::to_string(i / series.dim) + ", column " + std::to_string(i % series.dim) +
                " is " + (std::isnan(series.values[i]) ? "NaN" : "infinite as float32"));
  }
  return series;
}

/// Encoder folders: those of dataset.yaml in its order, else all by name.
std::vector<std::string> encoder_folders(const std::filesystem::path& source) {
  std::vector<std::string> names;
  if (std::filesystem::exists(source / "dataset.yaml")) {
    for (const auto& entry : read_description(source / "dataset.yaml").encoders) {
      if (!std::filesystem::is_directory(source / entry.name)) {
        throw Error((source / "dataset.yaml").string() + ": encoder '" + entry.name + "' has no folder " +
                    (source / entry.name).string());
      }
      names.push_back(entry.name);
    }
  }
  if (!names.empty()) return names;
  for (const auto& entry : std::filesystem::directory_iterator(source)) {
    if (entry.is_directory()) names.push_back(entry.path().filename().string());
  }
  std::sort(names.begin(), names.end());
  if (names.empty()) throw Error(source.string() + ": no encoder folder (<encoder>/<clip>.npy)");
  return names;
}

std::vector<std::string> clip_stems(const std::filesystem::path& source) {
  std::vector<std::string> stems;
  for (const char* name : {"train_metadata.csv", "test_metadata.csv"}) {
    const std::filesystem::path path = source / name;
    if (!std::filesystem::exists(path)) {
      if (stems.empty()) throw Error(source.string() + ": train_metadata.csv is missing");
      continue;
    }
    const Csv csv = read_csv(path);
    const int column = csv.column("filename");
    if (column < 0) throw Error(path.string() + ": column 'filename' is missing");
    for (const Csv::Row& row : csv.rows) stems.push_back(stem_of(row.fields[static_cast<std::size_t>(column)]));
    if (stems.empty()) throw Error(path.string() + ": it has no clips");
  }
  return stems;
}

void import_encoder(const std::filesystem::path& source, const std::filesystem::path& out, const std::string& name,
                    const std::vector<std::string>& stems, const std::function<void(const ImportProgress&)>& progress) {
  const auto file_of = [&](std::size_t i) { return source / name / (stems[i] + ".npy"); };
  for (std::size_t i = 0; i < stems.size(); ++i) {
    if (std::filesystem::exists(file_of(i))) continue;
    throw Error(file_of(i).string() + ": missing: encoder '" + name + "' has no file for clip '" + stems[i] + "'");
  }
  const std::size_t dim = read_series(file_of(0)).dim, width = dim * kStatistics;
  std::vector<float> x(stems.size() * width);
  std::atomic<std::size_t> next{0};
  std::size_t done = 0;
  std::mutex mutex;  // guards done, failure, and the calls of progress
  std::exception_ptr failure;
  const auto work = [&] {
    for (std::size_t i = next++; i < stems.size(); i = next++) {
      try {
        const Series series = read_series(file_of(i));
        if (series.dim != dim) {
          throw Error(file_of(i).string() + ": dim " + std::to_string(series.dim) + ", but the encoder's first clip '" +
                      stems[0] + "' has " + std::to_string(dim));
        }
        const std::vector<float> row = static_features(series.values, series.steps, dim);
        std::copy(row.begin(), row.end(), x.begin() + static_cast<std::ptrdiff_t>(i * width));
        const std::lock_guard lock(mutex);
        progress({name, ++done, stems.size()});
      } catch (...) {
        const std::lock_guard lock(mutex);
        if (!failure) failure = std::current_exception();
        next = stems.size();
      }
    }
  };
  std::vector<std::thread> threads;
  for (unsigned i = 1; i < std::max(1u, std::thread::hardware_concurrency()); ++i) threads.emplace_back(work);
  work();
  for (std::thread& thread : threads) thread.join();
  if (failure) std::rethrow_exception(failure);
  write_npz(out / (name + "_static_features.npz"),
            {{"X", {stems.size(), width}, std::move(x)}, {"filenames", {stems.size()}, stems}});
}

}  // namespace

std::vector<float> static_features(const std::vector<float>& values, std::size_t steps, std::size_t dim) {
  static constexpr double kPercentiles[] = {10, 25, 50, 75, 90};
  std::vector<float> out(kStatistics * dim);
  std::vector<float> column(steps);
  for (std::size_t d = 0; d < dim; ++d) {
    double sum = 0;
    for (std::size_t t = 0; t < steps; ++t) sum += column[t] = values[t * dim + d];
    const double mean = sum / static_cast<double>(steps);
    double squares = 0;
    for (const float value : column) squares += (value - mean) * (value - mean);
    std::sort(column.begin(), column.end());
    out[d] = static_cast<float>(mean);
    out[dim + d] = static_cast<float>(std::sqrt(squares / static_cast<double>(steps)));
    for (std::size_t k = 0; k < 5; ++k) {
      const double at = kPercentiles[k] / 100 * static_cast<double>(steps - 1);
      const auto low = static_cast<std::size_t>(at);
      const std::size_t high = std::min(low + 1, steps - 1);
      const double a = column[low], b = column[high];
      out[(2 + k) * dim + d] = static_cast<float>(a + (b - a) * (at - static_cast<double>(low)));
    }
  }
  return out;
}

void import_dataset(const std::filesystem::path& source, const std::filesystem::path& out, Existing existing,
                    const std::function<void(const ImportProgress&)>& progress) {
  if (!std::filesystem::is_directory(source)) throw Error(source.string() + ": not a folder");
  const std::vector<std::string> stems = clip_stems(source);
  const std::vector<std::string> encoders = encoder_folders(source);
  make_folder(out, existing);
  files::rethrow_as<Error>([&] {
    for (const std::string& name : encoders) import_encoder(source, out, name, stems, progress);
    for (const char* name : {"dataset.yaml", "test_metadata.csv", "train_metadata.csv"}) {
      const auto text = files::read_if_there(source / name);
      if (text) files::write(out / name, *text, files::Durability::kDurable);
    }
  });
}

}  // namespace medley::data
