#include "trainer/data/file_kind.h"

#include <cctype>
#include <utility>

namespace medley::data {

std::string extension_of(const std::filesystem::path& path) {
  std::string extension = path.extension().string();
  for (char& c : extension) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return extension;
}

std::string archive_kind(std::string_view bytes) {
  using namespace std::string_view_literals;
  static constexpr std::pair<std::string_view, const char*> kKinds[] = {{"Rar!\x1a\x07"sv, "a RAR archive"},
                                                                        {"7z\xbc\xaf\x27\x1c"sv, "a 7z archive"},
                                                                        {"\x1f\x8b"sv, "a gzip file"},
                                                                        {"BZh"sv, "a bzip2 file"},
                                                                        {"\xfd"
                                                                         "7zXZ\x00"sv,
                                                                         "an xz file"},
                                                                        {"\x28\xb5\x2f\xfd"sv, "a Zstandard file"}};
  for (const auto& [start, kind] : kKinds) {
    if (bytes.substr(0, start.size()) == start) return kind;
  }
  return bytes.size() > 262 && bytes.substr(257, 5) == "ustar" ? "a tar archive" : "";
}

std::string other_kind(std::string_view bytes) {
  using namespace std::string_view_literals;
  static constexpr std::pair<std::string_view, const char*> kKinds[] = {
      {"version https://git-lfs"sv, "a Git LFS pointer, not the file itself; fetch the file with: git lfs pull"},
      {"<!DOCTYPE"sv, "an HTML page, not a file of data; download the file again"},
      {"<!doctype"sv, "an HTML page, not a file of data; download the file again"},
      {"<html"sv, "an HTML page, not a file of data; download the file again"},
      {"@relation"sv, "an ARFF file; let openSMILE write CSV instead, with -csvoutput"},
      {"@RELATION"sv, "an ARFF file; let openSMILE write CSV instead, with -csvoutput"},
      {"\x1f\x8b"sv, "compressed with gzip; unpack it with: gunzip"},
      {"\x89HDF\r\n"sv, "an HDF5 file; save its arrays with np.savez(path, X=..., filenames=...)"},
      {"MATLAB 5.0"sv, "a MATLAB file; save its arrays with np.savez(path, X=..., filenames=...)"},
      {"PAR1"sv, "a Parquet file; save it as CSV, or its arrays with np.savez(path, X=..., filenames=...)"},
      {"\x80\x02"sv, "a pickle, which is not read; save its arrays with np.savez(path, X=..., filenames=...)"},
      {"\x80\x03"sv, "a pickle, which is not read; save its arrays with np.savez(path, X=..., filenames=...)"},
      {"\x80\x04"sv, "a pickle, which is not read; save its arrays with np.savez(path, X=..., filenames=...)"},
      {"\x80\x05"sv, "a pickle, which is not read; save its arrays with np.savez(path, X=..., filenames=...)"},
      {"\xd0\xcf\x11\xe0"sv, "an Excel workbook; save it as CSV"}};
  for (const auto& [start, kind] : kKinds) {
    if (bytes.substr(0, start.size()) == start) return kind;
  }
  const std::string archive = archive_kind(bytes);
  return archive.empty() ? "" : archive + "; unpack it first";
}

}  // namespace medley::data
