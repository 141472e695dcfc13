// What strangers expect of a repository: one version, a licence, pages that name files which exist.
#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>
#include <string>

#include <gtest/gtest.h>

#include "sweep/version.h"
#include "tests/support/folder.h"

namespace fs = std::filesystem;

namespace medley {
namespace {

std::string contents(const char* name) { return test::read_file(fs::path(MEDLEY_SOURCE_DIR) / name); }

TEST(Repository, EveryPlaceSaysTheSameVersion) {
  const std::string version = contents("VERSION");
  ASSERT_TRUE(std::regex_match(version, std::regex("[0-9]+\\.[0-9]+\\.[0-9]+(-dev)?\n"))) << version;
  const std::string one = version.substr(0, version.size() - 1);
  EXPECT_EQ(sweep::version(), one);
  EXPECT_NE(contents("CITATION.cff").find("\nversion: " + one + "\n"), std::string::npos);
  const bool released = one.find("-dev") == std::string::npos;
  EXPECT_NE(contents("CHANGELOG.md").find(released ? "\n## [" + one + "]" : "\n## [Unreleased]\n"), std::string::npos);
}

/// Links of a page to files of the repository that are not there.
std::string dead_links(const std::string& page) {
  static const std::regex link(R"(\]\(([^)#:]+)(#[^)]*)?\))");
  const std::string text = contents(page.c_str());
  const fs::path folder = (fs::path(MEDLEY_SOURCE_DIR) / page).parent_path();
  std::string dead;
  for (std::sregex_iterator it(text.begin(), text.end(), link), end; it != end; ++it) {
    if (!fs::exists(folder / std::string((*it)[1]))) dead += std::string((*it)[1]) + " ";
  }
  return dead;
}

TEST(Repository, LinksOfPagesLeadToFiles) {
  int pages = 0;
  for (const char* folder : {".", "docs", "examples"}) {
    for (const auto& entry : fs::directory_iterator(fs::path(MEDLEY_SOURCE_DIR) / folder)) {
      if (entry.path().extension() != ".md") continue;
      const std::string page = fs::relative(entry.path(), MEDLEY_SOURCE_DIR);
      EXPECT_EQ(dead_links(page), "") << page;
      ++pages;
    }
  }
  EXPECT_GT(pages, 10);
}

}  // namespace
}  // namespace medley
