#include "worker/pack_sizes.h"

#include <nlohmann/json.hpp>

#include "storage/files/error.h"
#include "storage/files/read.h"
#include "storage/files/write.h"
#include "worker/spool.h"

namespace medley::worker {
namespace {

std::map<std::string, int> read_sizes(const std::filesystem::path& file) {
  const auto text = files::rethrow_as<Error>([&] { return files::read_if_there(file); });
  if (!text) return {};
  try {
    return nlohmann::json::parse(*text).get<std::map<std::string, int>>();
  } catch (const nlohmann::json::exception& e) {
    throw Error(file.string() + ": " + e.what() + "; delete it to measure pack sizes again");
  }
}

}  // namespace

PackSizes::PackSizes(std::filesystem::path file) : file_(std::move(file)), sizes_(read_sizes(file_)) {}

std::optional<int> PackSizes::find(const std::string& key) const {
  const auto it = sizes_.find(key);
  return it == sizes_.end() ? std::nullopt : std::optional(it->second);
}

void PackSizes::remember(const std::string& key, int size) {
  sizes_ = read_sizes(file_);
  sizes_[key] = size;
  files::rethrow_as<Error>(
      [&] { files::write(file_, nlohmann::json(sizes_).dump(1) + "\n", files::Durability::kAtomic); });
}

}  // namespace medley::worker
