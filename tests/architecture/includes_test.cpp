// Which folder may include which folder and which third-party header (ARCHITECTURE.md).
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace fs = std::filesystem;

namespace {

struct Include {
  std::string file;    // from the root
  std::string header;  // as written
  bool quoted;
};

/// The library that a source file belongs to: its folder, or the finer target where a folder has several.
std::string layer_of(const std::string& file) {
  if (file.rfind("trainer/data/", 0) == 0) return "trainer/data";
  if (file.rfind("worker/protocol/", 0) == 0) return "worker/protocol";
  if (file.rfind("coordinator/scheduler", 0) == 0) return "coordinator/scheduler";
  return file.substr(0, file.find('/'));
}

const std::map<std::string, std::set<std::string>>& allowed_layers() {
  static const std::map<std::string, std::set<std::string>> allowed = {
      {"sweep", {}},
      {"trainer/data", {"sweep"}},
      {"trainer", {"sweep", "trainer/data"}},
      {"storage", {"sweep"}},
      {"cluster", {}},
      {"worker/protocol", {"sweep"}},
      {"worker", {"sweep", "trainer/data", "trainer", "worker/protocol"}},
      {"coordinator/scheduler", {"sweep"}},
      {"web", {"sweep", "storage"}},
      {"coordinator",
       {"sweep", "trainer/data", "storage", "worker/protocol", "cluster", "web", "coordinator/scheduler"}},
  };
  return allowed;
}

/// First path component (or whole name) of a third-party header -> layers that may include it.
const std::map<std::string, std::set<std::string>>& third_party() {
  static const std::map<std::string, std::set<std::string>> allowed = {
      {"torch", {"trainer"}},
      {"ATen", {"trainer"}},
      {"c10", {"trainer"}},
      {"mpi.h", {"worker"}},
      {"nccl.h", {"worker"}},
      {"cuda_runtime_api.h", {"trainer"}},
      {"sqlite3.h", {"storage"}},
      {"httplib.h", {"web"}},
      {"zip.h", {"trainer/data"}},
      {"zlib.h", {"trainer/data"}},
      {"yaml-cpp", {"sweep", "trainer/data", "worker"}},
      {"boost", {"worker/protocol", "worker", "coordinator"}},
      {"openssl", {"sweep", "worker/protocol"}},
      {"CLI", {"coordinator", "worker"}},
      {"spdlog", {"coordinator", "worker", "web"}},
  };
  return allowed;
}

std::vector<Include> includes_of_the_source_tree() {
  const fs::path root = MEDLEY_SOURCE_DIR;
  static const std::regex line_form(R"re(^\s*#\s*include\s*([<"])([^>"]+)[>"])re");
  std::vector<Include> includes;
  for (const char* folder : {"sweep", "trainer", "storage", "cluster", "worker", "coordinator", "web"}) {
    for (const auto& entry : fs::recursive_directory_iterator(root / folder)) {
      const std::string extension = entry.path().extension();
      if (extension != ".h" && extension != ".cpp" && extension != ".cu") continue;
      std::ifstream in(entry.path());
      std::string line;
      std::smatch match;
      while (std::getline(in, line)) {
        if (!std::regex_search(line, match, line_form)) continue;
        includes.push_back({fs::relative(entry.path(), root), match[2], match[1] == "\""});
      }
    }
  }
  return includes;
}

TEST(Architecture, DependenciesPointOneWay) {
  const auto includes = includes_of_the_source_tree();
  ASSERT_GT(includes.size(), 100u);
  for (const Include& include : includes) {
    if (!include.quoted) continue;
    const std::string from = layer_of(include.file);
    const std::string to = layer_of(include.header);
    if (from == to) continue;
    ASSERT_TRUE(allowed_layers().count(from)) << include.file;
    EXPECT_TRUE(allowed_layers().at(from).count(to)) << include.file << " includes \"" << include.header << "\"";
  }
}

TEST(Architecture, ThirdPartyHeadersStayInTheirFolders) {
  std::set<std::string> seen;
  for (const Include& include : includes_of_the_source_tree()) {
    const auto rule = third_party().find(include.header.substr(0, include.header.find('/')));
    if (include.quoted || rule == third_party().end()) continue;
    seen.insert(rule->first);
    EXPECT_TRUE(rule->second.count(layer_of(include.file))) << include.file << " includes <" << include.header << ">";
  }
  for (const char* header : {"torch", "sqlite3.h", "httplib.h", "yaml-cpp", "boost"}) {
    EXPECT_TRUE(seen.count(header)) << "no file includes " << header << ": the rule checks nothing";
  }
}

TEST(Architecture, TheHttpLibraryIsKnownToTheServerAndTheClientOnly) {
  std::set<std::string> files;
  for (const Include& include : includes_of_the_source_tree()) {
    if (include.header == "httplib.h") files.insert(include.file);
  }
  EXPECT_EQ(files, (std::set<std::string>{"web/client.cpp", "web/server.cpp"}));
}

TEST(Architecture, TorchStaysOutOfHeadersThatOtherFoldersSee) {
  for (const Include& include : includes_of_the_source_tree()) {
    const bool torch = include.header.rfind("torch/", 0) == 0;
    if (torch && include.file == "trainer/trainer.h") ADD_FAILURE() << include.file << " includes " << include.header;
  }
}

}  // namespace
