#include "coordinator/control_file.h"

#include <cerrno>
#include <cstring>
#include <system_error>

#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "cluster/process.h"
#include "coordinator/endpoint.h"
#include "coordinator/error.h"
#include "storage/lock.h"
#include "storage/records.h"
#include "trainer/data/file_write.h"

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
  const std::string text = content.dump(2) + "\n";
  const fs::path partial = data::partial_path(path_);
  // Nobody else may read it, not even before it is whole.
  std::error_code none;
  fs::remove(partial, none);
  const int file = ::open(partial.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  const bool written = file >= 0 && ::write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  const int why = errno;
  if (file >= 0) ::close(file);
  if (!written) throw Error("cannot write " + partial.string() + ": " + std::strerror(why));
  data::commit_file(partial, path_);
}

ControlFile::~ControlFile() {
  std::error_code ignored;
  fs::remove(path_, ignored);
}

std::optional<ControlPoint> read_control_file(const fs::path& store) {
  const fs::path path = control_file(store);
  std::error_code error;
  if (!fs::exists(path, error)) return std::nullopt;
  const auto text = cluster::contents(path);
  if (!text) {
    throw Error("cannot read " + path.string() + ": " + std::strerror(errno) +
                " (only the user who started the coordinator can change anything)");
  }
  try {
    const json content = json::parse(*text);
    ControlPoint point{content.at("url"), content.at("token"), content.at("host"), content.at("pid").get<pid_t>(),
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
  if (!storage::Lock::is_held(storage::StoreLayout(store.string()).lock())) return std::nullopt;
  return living_control(store);
}

}  // namespace medley::coordinator
