#include "trainer/data/npz_write.h"

#include <algorithm>
#include <cstring>
#include <ctime>
#include <memory>
#include <set>
#include <type_traits>

#include "storage/files/error.h"
#include "storage/files/write.h"
#include "trainer/data/error.h"
#include "trainer/data/npy.h"
#include "trainer/data/zip_archive.h"

namespace medley::data {
namespace {

constexpr std::size_t kLocalHeader = 30;  // bytes of a ZIP local header before the name

DType dtype_of(const std::vector<float>&) { return DType::kFloat32; }
DType dtype_of(const std::vector<double>&) { return DType::kFloat64; }
DType dtype_of(const std::vector<std::uint16_t>&) { return DType::kUint16; }
DType dtype_of(const std::vector<std::int64_t>&) { return DType::kInt64; }

/// A member's bytes as up to two pieces, so that large arrays are not copied.
struct Pieces {
  std::string header;
  std::string text;  ///< UCS-4 of strings
  const void* values = nullptr;
  std::size_t values_size = 0;
  std::size_t size() const { return header.size() + values_size; }
};

Pieces pieces_of(const NamedArray& array, std::size_t offset, const std::string& where) {
  return std::visit(
      [&](const auto& values) {
        using Values = std::decay_t<decltype(values)>;
        std::size_t count = 1;
        for (const std::size_t axis : array.shape) count *= axis;
        if (count != values.size()) {
          throw Error(where + "array '" + array.name + "' has " + std::to_string(values.size()) +
                      " values, which do not fit its shape");
        }
        Pieces pieces;
        if constexpr (std::is_same_v<Values, std::vector<std::string>>) {
          std::vector<std::u32string> texts;
          std::size_t width = 1;
          for (const std::string& value : values) {
            texts.push_back(decode_utf8(value, where + "array '" + array.name + "': "));
            width = std::max(width, texts.back().size());
          }
          for (const std::u32string& text : texts) {
            for (std::size_t i = 0; i < width; ++i) {
              const auto c = i < text.size() ? static_cast<std::uint32_t>(text[i]) : 0u;
              for (int shift = 0; shift < 32; shift += 8) pieces.text += static_cast<char>((c >> shift) & 0xff);
            }
          }
          pieces.header = format_npy_header(DType::kUnicode, 4 * width, array.shape, offset);
          pieces.values_size = pieces.text.size();
        } else {
          using T = typename Values::value_type;
          pieces.header = format_npy_header(dtype_of(values), sizeof(T), array.shape, offset);
          pieces.values = values.data();
          pieces.values_size = values.size() * sizeof(T);
        }
        return pieces;
      },
      array.values);
}

/// Writes the ZIP file of `members`, the pieces of `arrays`, over `partial`.
void write_archive(const std::filesystem::path& partial, const std::string& where,
                   const std::vector<NamedArray>& arrays, std::vector<Pieces>& members, Packing packing) {
  ZipArchive archive = open_zip(partial, ZIP_CREATE | ZIP_TRUNCATE, where + "cannot begin an archive: ");
  const auto fail = [&] { throw Error(where + "cannot write: " + zip_strerror(archive.get())); };
  std::vector<std::vector<zip_buffer_fragment_t>> fragments(members.size());
  for (std::size_t i = 0; i < members.size(); ++i) {
    const auto bytes = [](const void* data) { return static_cast<zip_uint8_t*>(const_cast<void*>(data)); };
    Pieces& piece = members[i];
    const void* values = piece.values != nullptr ? piece.values : piece.text.data();
    fragments[i].push_back({bytes(piece.header.data()), piece.header.size()});
    if (piece.values_size > 0) fragments[i].push_back({bytes(values), piece.values_size});
    zip_source_t* source = zip_source_buffer_fragment(archive.get(), fragments[i].data(), fragments[i].size(), 0);
    if (source == nullptr) fail();
    const zip_int64_t index = zip_file_add(archive.get(), (arrays[i].name + ".npy").c_str(), source, ZIP_FL_ENC_UTF_8);
    if (index < 0) {
      zip_source_free(source);
      fail();
    }
    const auto member = static_cast<zip_uint64_t>(index);
    const zip_int32_t method = packing == Packing::kStored ? ZIP_CM_STORE : ZIP_CM_DEFLATE;
    if (zip_set_file_compression(archive.get(), member, method, 1) != 0) fail();
    // 1980-01-01 00:00:00, the first time that a ZIP can hold.
    if (zip_file_set_dostime(archive.get(), member, 0, (1 << 5) | 1, 0) != 0) fail();
  }
  if (zip_close(archive.get()) != 0) fail();
  archive.release();
}

}  // namespace

void write_npz(const std::filesystem::path& path, const std::vector<NamedArray>& arrays, Packing packing) {
  const std::string where = path.string() + ": ";
  std::vector<Pieces> members;
  std::set<std::string> names;
  std::size_t offset = 0;
  for (const NamedArray& array : arrays) {
    if (!names.insert(array.name).second) throw Error(where + "array '" + array.name + "' is given twice");
    offset += kLocalHeader + array.name.size() + 4;
    members.push_back(pieces_of(array, offset, where));
    offset += members.back().size();
  }
  files::rethrow_as<Error>([&] {
    files::PartialFile file(path);
    write_archive(file.path(), where, arrays, members, packing);
    file.commit(files::Durability::kDurable);
  });
}

}  // namespace medley::data
