// Which folder may include which folder and which third-party header (ARCHITECTURE.md).
#include <algorithm>
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

/// Rooms: folders within a folder that have walls of their own.
const std::vector<std::string>& rooms() {
  static const std::vector<std::string> all = {
      "sweep/spec",           "sweep/score",          "sweep/search",          "sweep/report",
      "trainer/data",         "trainer/kernels",      "storage/files",         "trainer/model",
      "trainer/cuda",         "worker/protocol",      "coordinator/scheduler", "coordinator/actions",
      "coordinator/launches", "coordinator/commands",
  };
  return all;
}

/// Headers that every folder may use, kernels too.
bool is_for_all(const std::string& file) { return file == "sweep/both.h" || file == "sweep/philox.h"; }

/// The room that a source file lies in, else its folder. An error type is a word of its folder: all rooms may use it.
std::string layer_of(const std::string& file) {
  if (is_for_all(file)) return file;
  for (const std::string& room : rooms()) {
    if (file.rfind(room + "/", 0) == 0) return room;
  }
  const std::string folder = file.substr(0, file.find('/'));
  return file == folder + "/error.h" ? file : folder;
}

/// "sweep/*": any room of sweep, or its root.
const std::map<std::string, std::set<std::string>>& allowed_layers() {
  static const std::map<std::string, std::set<std::string>> allowed = {
      {"sweep", {}},
      {"sweep/spec", {"sweep", "sweep/score", "sweep/search"}},
      {"sweep/score", {"sweep"}},
      {"sweep/search", {"sweep", "sweep/score"}},
      {"sweep/report", {"sweep", "sweep/spec", "sweep/score", "sweep/search"}},
      {"trainer/data", {"sweep/*", "storage/files"}},
      {"trainer/kernels", {}},
      {"trainer/cuda", {"trainer/kernels"}},
      {"trainer/model", {"sweep/*", "trainer/kernels"}},
      {"trainer", {"sweep/*", "trainer/data", "trainer/kernels", "trainer/model"}},
      {"storage/files", {}},
      {"storage", {"sweep/*", "storage/files"}},
      {"cluster", {"storage/files"}},
      {"worker/protocol", {"sweep/*", "storage/files"}},
      {"worker", {"sweep/*", "trainer/*", "worker/protocol", "storage/files"}},
      {"web", {"sweep/*", "storage/*"}},
      {"coordinator/scheduler", {"sweep/*"}},
      {"coordinator", {"sweep/*", "storage/*", "worker/protocol", "cluster", "coordinator/scheduler"}},
      {"coordinator/actions", {"sweep/*", "trainer/data", "storage/*"}},
      {"coordinator/launches", {"sweep/*", "storage/*", "cluster", "coordinator"}},
      {"coordinator/commands",
       {"sweep/*", "trainer/data", "storage/*", "worker/protocol", "cluster", "web", "coordinator/*"}},
  };
  return allowed;
}

std::string folder_of(const std::string& layer) { return layer.substr(0, layer.find('/')); }

bool may_use(const std::string& from, const std::string& to) {
  if (is_for_all(to)) return true;
  if (is_for_all(from)) return false;
  const std::set<std::string>& allowed = allowed_layers().at(from);
  const bool word = to == folder_of(to) + "/error.h";
  if (word && folder_of(from) == folder_of(to)) return true;
  const std::string& layer = word ? folder_of(to) : to;
  return allowed.count(layer) > 0 || allowed.count(folder_of(layer) + "/*") > 0;
}

/// First path component (or whole name) of a third-party header -> layers that may include it.
const std::map<std::string, std::set<std::string>>& third_party() {
  static const std::map<std::string, std::set<std::string>> allowed = {
      {"torch", {"trainer/*"}},
      {"ATen", {"trainer/*"}},
      {"c10", {"trainer/*"}},
      {"mpi.h", {"worker"}},
      {"nccl.h", {"worker"}},
      {"cuda_runtime_api.h", {"trainer/cuda"}},
      {"sqlite3.h", {"storage"}},
      {"httplib.h", {"web"}},
      {"zip.h", {"trainer/data"}},
      {"zlib.h", {"trainer/data"}},
      {"yaml-cpp", {"sweep/spec", "trainer/data", "worker"}},
      {"boost", {"worker/protocol", "worker", "coordinator"}},
      {"openssl", {"sweep", "worker/protocol"}},
      {"CLI", {"coordinator/commands", "worker"}},
      {"spdlog", {"coordinator", "coordinator/launches", "coordinator/commands", "worker", "web"}},
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
    if (from == to || to == "tests") continue;
    ASSERT_TRUE(allowed_layers().count(from) || from == folder_of(from) + "/error.h" || is_for_all(from))
        << include.file;
    EXPECT_TRUE(may_use(from, to)) << include.file << " includes \"" << include.header << "\"";
  }
}

TEST(Architecture, ThirdPartyHeadersStayInTheirFolders) {
  std::set<std::string> seen;
  for (const Include& include : includes_of_the_source_tree()) {
    const auto rule = third_party().find(include.header.substr(0, include.header.find('/')));
    if (include.quoted || rule == third_party().end()) continue;
    seen.insert(rule->first);
    const std::string layer = layer_of(include.file);
    EXPECT_TRUE(rule->second.count(layer) || rule->second.count(folder_of(layer) + "/*"))
        << include.file << " includes <" << include.header << ">";
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

TEST(Architecture, PureFoldersKnowNoFileClockThreadOrRandomNumber) {
  std::size_t seen = 0;
  for (const Include& include : includes_of_the_source_tree()) {
    const bool pure = folder_of(include.file) == "sweep" || layer_of(include.file) == "coordinator/scheduler";
    if (!pure || include.quoted) continue;
    ++seen;
    for (const char* impure : {"fstream", "filesystem", "chrono", "ctime", "thread", "mutex", "atomic", "random"}) {
      EXPECT_NE(include.header, impure) << include.file;
    }
  }
  EXPECT_GT(seen, 100u);
}

/// Everything that `file` includes, directly or through headers of ours.
void collect(const std::string& file, const std::multimap<std::string, Include>& by_file, std::set<std::string>& seen) {
  const auto [first, last] = by_file.equal_range(file);
  for (auto it = first; it != last; ++it) {
    if (seen.insert(it->second.header).second && it->second.quoted) collect(it->second.header, by_file, seen);
  }
}

TEST(Architecture, NoTorchHeaderReachesTheWorker) {
  std::multimap<std::string, Include> by_file;
  for (const Include& include : includes_of_the_source_tree()) by_file.emplace(include.file, include);
  std::size_t checked = 0;
  for (const auto& [file, include] : by_file) {
    if (folder_of(file) != "worker" || !include.quoted || folder_of(include.header) != "trainer") continue;
    std::set<std::string> reached;
    collect(include.header, by_file, reached);
    ++checked;
    for (const std::string& header : reached) {
      const std::string library = folder_of(header);
      EXPECT_TRUE(library != "torch" && library != "ATen" && library != "c10")
          << file << " reaches <" << header << "> through \"" << include.header << "\"";
    }
  }
  EXPECT_GT(checked, 5u);
}

/// Words of the table of folders in ARCHITECTURE.md that stand between backquotes: folder -> names and patterns.
std::map<std::string, std::set<std::string>> named_files() {
  std::ifstream in(fs::path(MEDLEY_SOURCE_DIR) / "ARCHITECTURE.md");
  static const std::regex row_form(R"(^\| `([a-z/]+)/` \|.*)");
  static const std::regex word_form("`([A-Za-z0-9_*/.()-]+)`");
  std::map<std::string, std::set<std::string>> named;
  std::string line;
  std::smatch row;
  while (std::getline(in, line)) {
    if (!std::regex_match(line, row, row_form)) continue;
    for (std::sregex_iterator it(line.begin(), line.end(), word_form), end; it != end; ++it)
      named[row[1]].insert((*it)[1]);
  }
  return named;
}

bool matches(const std::string& name, const std::string& pattern) {
  std::string form;
  for (const char c : pattern)
    form += c == '*' ? std::string(".*") : c == '.' || c == '(' || c == ')' ? std::string("\\") + c : std::string(1, c);
  return std::regex_match(name, std::regex(form));
}

TEST(Architecture, TheMapNamesEveryFile) {
  const auto named = named_files();
  const fs::path root = MEDLEY_SOURCE_DIR;
  int unnamed = 0;
  for (const auto& [folder, names] : named) {
    if (folder == "tests") continue;
    for (const auto& entry : fs::recursive_directory_iterator(root / folder)) {
      if (!entry.is_regular_file()) continue;
      const std::string file = fs::relative(entry.path(), root);
      const std::string extension = entry.path().extension();
      const bool page = file.rfind("web/page/", 0) == 0;
      if (!page && extension != ".h" && extension != ".cpp" && extension != ".cu") continue;
      const bool word = folder_of(file) == folder && (file == folder + "/error.h" || is_for_all(file));
      if (layer_of(file) != folder && !word) continue;
      const std::string name = page ? "page/" + entry.path().filename().string() : entry.path().stem().string();
      const bool known = std::any_of(names.begin(), names.end(), [&](const std::string& pattern) {
        return matches(name, pattern) || matches(entry.path().filename(), pattern);
      });
      EXPECT_TRUE(known) << file << " stands in no row of ARCHITECTURE.md";
      unnamed += !known;
    }
  }
  EXPECT_EQ(unnamed, 0);
  for (const Include& include : includes_of_the_source_tree()) {
    const std::string layer = layer_of(include.file);
    EXPECT_TRUE(named.count(layer) || named.count(folder_of(layer))) << layer << " has no row in ARCHITECTURE.md";
  }
}

}  // namespace
