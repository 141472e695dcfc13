#include "coordinator/control_file.h"

#include <system_error>

#include <nlohmann/json.hpp>

#include "cluster/process.h"
#include "coordinator/error.h"
#include "storage/files/error.h"
#include "storage/files/read.h"
#include "storage/files/write.h"
#include "storage/owner.h"
#include "sweep/whole_number.h"

namespace medley::coordinator {
namespace fs = std::filesystem;
using nlohmann::json;

fs::path control_file(const fs::path& store) { return fs::absolute(store) / "control.json"; }

ControlFile::ControlFile(const fs::path& store, const ControlPoint& point) : path_(control_file(store)) {
  const json content{{"url", point.url},
                     {"token", point.token},
                     {"host", point.host},
                     {"pid", point.pid},
                     {"loopback", point.loopback}};
  files::write(path_, content.dump(2) + "\n", files::Durability::kAtomic, files::Access::kPrivate);
}

ControlFile::~ControlFile() {
  std::error_code ignored;
  fs::remove(path_, ignored);
}

std::optional<ControlPoint> read_control_file(const fs::path& store) {
  const fs::path path = control_file(store);
  std::optional<std::string> text;
  try {
    text = files::read_if_there(path);
  } catch (const files::Error& e) {
    throw Error(std::string(e.what()) + " (only the user who started the coordinator can change anything)");
  }
  if (!text) return std::nullopt;
  try {
    const json content = json::parse(*text);
    ControlPoint point{content.at("url"), content.at("token"), content.at("host"), sweep::whole_int(content, "pid", 0),
                       content.at("loopback")};
    if (point.url.rfind("http://", 0) != 0) throw Error("its url is '" + point.url + "'");
    return point;
  } catch (const std::exception& e) {
    throw Error(path.string() + " is not what a coordinator writes: " + e.what());
  }
}

std::optional<ControlPoint> control_if_held(const fs::path& store) {
  const auto holder = storage::store_holder(store);
  if (!holder) return std::nullopt;
  const auto point = read_control_file(store);
  if (!point || point->pid != holder->process) {
    throw Error(text_of(*holder) + " holds " + store.string() +
                " without a dashboard (medley run --no-web), or for a moment (medley ensemble): nothing can be asked "
                "of it");
  }
  if (point->loopback && point->host != cluster::this_host()) {
    throw Error("the coordinator of " + store.string() + " runs on host " + point->host +
                " and answers only there: run this command there");
  }
  return point;
}

ControlPoint living_control(const fs::path& store) {
  if (const auto point = control_if_held(store)) return *point;
  throw Error("no coordinator runs on " + store.string() + ": `medley serve` starts one");
}

}  // namespace medley::coordinator
