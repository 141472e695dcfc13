#include "worker/pack_sizes.h"

#include <fstream>

#include <nlohmann/json.hpp>

#include "trainer/data/file_write.h"
#include "worker/spool.h"

namespace medley::worker {
namespace {

std::map<std::string, int> read_sizes(const std::filesystem::path& file) {
  if (!std::filesystem::exists(file)) return {};
  try {
    return nlohmann::json::parse(std::ifstream(file)).get<std::map<std::string, int>>();
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
  data::write_text(file_, nlohmann::json(sizes_).dump(1) + "\n");
}

}  // namespace medley::worker
