#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace medley::coordinator {

/// A file of the store that says where its coordinator listens, HOST:PORT. It is there while a coordinator runs:
/// workers that start, also those that come out of a queue hours later, read it. After a coordinator was killed it
/// stays until the next one.
std::filesystem::path endpoint_file(const std::filesystem::path& store);
/// Replaces the file at once. Nobody reads half of it. Throws files::Error.
void write_endpoint(const std::filesystem::path& store, const std::string& endpoint);
void remove_endpoint(const std::filesystem::path& store);

/// HOST:PORT of a coordinator that runs on this store now, on this host; "" when none does.
std::string living_endpoint(const std::filesystem::path& store);

/// Where workers reach a coordinator that listens on `address`: `advertise` if it is said, else the address itself, or
/// this host's name when it listens on all.
std::string reachable_name(const std::string& address, const std::string& advertise);
/// This host knows an address of `name`.
bool resolves(const std::string& name);

}  // namespace medley::coordinator
