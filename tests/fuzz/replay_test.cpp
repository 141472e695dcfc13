// Every input of the corpora, and mutations of each, as ordinary tests. The same commit reads the same inputs.
#include <algorithm>
#include <exception>
#include <filesystem>
#include <ostream>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/fuzz/target.h"
#include "tests/support/folder.h"

namespace medley::fuzz {

/// In names of tests.
static void PrintTo(const Target& target, std::ostream* out) { *out << target.name; }

namespace {

namespace fs = std::filesystem;

fs::path corpora() { return fs::path(MEDLEY_SOURCE_DIR) / "tests/fuzz/corpus"; }

std::vector<fs::path> corpus_of(const std::string& target) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(corpora() / target)) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files;
}

/// `text` with a few bytes changed, moved, left out or taken from `other`.
std::string mutated(std::string text, const std::string& other, std::mt19937_64& random) {
  const auto below = [&](std::size_t limit) { return limit == 0 ? 0 : static_cast<std::size_t>(random() % limit); };
  const auto piece = [&](const std::string& from) { return from.substr(below(from.size()), 1 + below(32)); };
  for (std::size_t edits = 1 + below(4); edits > 0; --edits) {
    const std::size_t at = below(text.size() + 1);
    switch (below(6)) {
      case 0:
        if (at < text.size()) text[at] = static_cast<char>(below(256));
        break;
      case 1:
        if (at < text.size()) text[at] = static_cast<char>(text[at] ^ (1 << below(8)));
        break;
      case 2:
        text.erase(at, 1 + below(16));
        break;
      case 3:
        text.insert(at, piece(text));
        break;
      case 4:
        text.insert(at, piece(other));
        break;
      case 5:
        text.resize(at);
        break;
    }
  }
  return text;
}

void expect_reads(const Target& target, const std::string& input, const std::string& what) {
  std::string problem;
  try {
    target.read(input);
    return;
  } catch (const std::exception& error) {
    problem = error.what();
  }
  const fs::path kept = fs::temp_directory_path() / ("medley-fuzz-" + std::string(target.name));
  test::write_file(kept, input);
  ADD_FAILURE() << what << ": " << problem << "\nThe input is " << kept;
}

class Corpus : public testing::TestWithParam<Target> {};

TEST_P(Corpus, IsReadAsPromised) {
  const Target& target = GetParam();
  const std::vector<fs::path> files = corpus_of(target.name);
  ASSERT_FALSE(files.empty());
  std::vector<std::string> inputs;
  for (const fs::path& file : files) {
    inputs.push_back(test::read_file(file));
    expect_reads(target, inputs.back(), file.filename());
  }
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    std::mt19937_64 random(i);
    for (int round = 0; round < target.mutations && !HasFailure(); ++round) {
      const std::string& other = inputs[random() % inputs.size()];
      expect_reads(target, mutated(inputs[i], other, random),
                   files[i].filename().string() + ", mutation " + std::to_string(round));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Fuzz, Corpus, testing::ValuesIn(targets()),
                         [](const auto& about) { return std::string(about.param.name); });

TEST(Corpora, BelongToTargets) {
  for (const auto& entry : fs::directory_iterator(corpora())) {
    const std::string name = entry.path().filename();
    EXPECT_TRUE(std::any_of(targets().begin(), targets().end(), [&](const Target& one) { return name == one.name; }))
        << entry.path() << " is read by no target";
  }
}

}  // namespace
}  // namespace medley::fuzz
