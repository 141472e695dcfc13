#include "coordinator/control_file.h"

#include <system_error>

#include <nlohmann/json.hpp>

#include "cluster/process.h"
#include "coordinator/endpoint.h"
#include "coordinator/error.h"
#include "storage/files/error.h"
#include "storage/files/lock.h"
#include "storage/files/read.h"
#include "storage/files/write.h"
#include "storage/records.h"
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

ControlPoint living_control(const fs::path& store) {
  const auto point = read_control_file(store);
  const pid_t owner = living_owner(store);
  if (point && point->host != cluster::this_host()) {
    if (!point->loopback) return *point;
    throw Error("the coordinator of " + store.string() + " runs on host " + point->host +
                " and answers only there: run this command there");
  }
  if (point && point->pid == owner) return *point;
  if (owner != 0) {
    throw Error(
        "process " + std::to_string(owner) + " holds " + store.string() +
        " without a dashboard (medley run --no-web), or for a moment (medley ensemble): nothing can be asked of "
        "it");
  }
  throw Error("no coordinator runs on " + store.string() + ": `medley serve` starts one");
}

std::optional<ControlPoint> control_if_held(const fs::path& store) {
  // Not by the control file, nor by the owner's process id: what a killed coordinator left must not stop a command that
  // needs none.
  if (!files::Lock::is_held(storage::StoreLayout(store.string()).lock())) return std::nullopt;
  return living_control(store);
}

}  // namespace medley::coordinator
