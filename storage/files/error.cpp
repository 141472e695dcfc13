#include "storage/files/error.h"

#include <system_error>

namespace medley::files {

Error::Error(const std::filesystem::path& path, const std::string& operation, int code)
    : Error(path, operation, std::generic_category().message(code)) {}

Error::Error(const std::filesystem::path& path, const std::string& operation, const std::string& reason)
    : std::runtime_error(path.string() + ": cannot " + operation + ": " + reason) {}

}  // namespace medley::files
