#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include <sys/types.h>

namespace medley::coordinator {

/// Where the coordinator of a store takes changes (docs/api.md), for commands of the same user.
struct ControlPoint {
  std::string url;    ///< http://HOST:PORT/
  std::string token;  ///< that changes need
  std::string host;   ///< its coordinator's
  pid_t pid = 0;
  bool loopback = true;  ///< `url` answers on `host` only
};

/// STORE/control.json: a ControlPoint, readable by its owner only. There while the coordinator runs; after one was
/// killed it stays until the next one.
std::filesystem::path control_file(const std::filesystem::path& store);

/// Holds the file while it lives. Throws files::Error when it cannot be written.
class ControlFile {
 public:
  ControlFile(const std::filesystem::path& store, const ControlPoint& point);
  ~ControlFile();
  ControlFile(const ControlFile&) = delete;
  ControlFile& operator=(const ControlFile&) = delete;

 private:
  std::filesystem::path path_;
};

/// What the file says, whether or not that coordinator still runs; nullopt when there is none. Throws Error when it
/// cannot be read or understood.
std::optional<ControlPoint> read_control_file(const std::filesystem::path& store);

/// The coordinator that can be asked now. Throws Error that says why there is none: nobody coordinates this store, its
/// coordinator runs on another host and answers only there, or it has no dashboard.
ControlPoint living_control(const std::filesystem::path& store);

/// The same for a command that can do without: nullopt when nobody holds the store, so that the command may.
std::optional<ControlPoint> control_if_held(const std::filesystem::path& store);

}  // namespace medley::coordinator
