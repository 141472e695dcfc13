// Mutations of the example files: whatever the text, it parses or is refused with places, and so does its
// expansion. A failure prints the seed and the text; the same seed makes the same text.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>

#include <gtest/gtest.h>

#include "sweep/spec/expand.h"
#include "tests/support/amount.h"
#include "tests/support/examples.h"
#include "tests/support/folder.h"

namespace medley::sweep {
namespace {

namespace fs = std::filesystem;

DatasetShape challenge() {
  return {"f",
          {"clip", "hubert", "imagebind", "videomae", "wavlm"},
          {"video", "audio", "video", "video", "audio"},
          {0, 1, 2, 3, 4},
          true};
}

TEST(Examples, AllExpandWithoutAWarning) {
  const auto files = test::example_sweeps(MEDLEY_SOURCE_DIR);
  ASSERT_GE(files.size(), 5u);
  for (const fs::path& file : files) {
    SCOPED_TRACE(file.filename());
    try {
      const SweepSpec spec = parse_sweep(test::read_file(file), file.filename().string());
      const Expansion expansion = expand(spec, challenge());
      EXPECT_GT(expansion.trials.size(), 0u);
      for (const Diagnostic& warning : expansion.warnings) ADD_FAILURE() << warning.str();
    } catch (const SpecError& e) {
      ADD_FAILURE() << e.what();
    }
  }
}

class Mutator {
 public:
  Mutator(unsigned seed, std::vector<std::string> corpus) : random_(seed), corpus_(std::move(corpus)) {}

  std::string next() {
    std::string text = pick(corpus_);
    const int edits = 1 + below(6);
    for (int i = 0; i < edits; ++i) edit(text);
    return text;
  }

 private:
  int below(int n) { return static_cast<int>(random_() % static_cast<unsigned>(n)); }
  std::size_t place(const std::string& text) {
    return static_cast<std::size_t>(below(static_cast<int>(text.size()) + 1));
  }
  const std::string& pick(const std::vector<std::string>& from) {
    return from[static_cast<std::size_t>(below(static_cast<int>(from.size())))];
  }

  void edit(std::string& text) {
    static const std::vector<std::string> tokens = {"[",
                                                    "]",
                                                    "{",
                                                    "}",
                                                    ":",
                                                    ": ",
                                                    "- ",
                                                    "\n",
                                                    "\n  ",
                                                    "\t",
                                                    ",",
                                                    "#",
                                                    "&a ",
                                                    "*a",
                                                    "!t ",
                                                    "|\n",
                                                    ">\n",
                                                    "? ",
                                                    "'",
                                                    "\"",
                                                    "---\n",
                                                    "...\n",
                                                    "%YAML 1.2\n",
                                                    "~",
                                                    "<<: ",
                                                    "\\",
                                                    "\r\n",
                                                    "\xff",
                                                    "\xc3\xa9",
                                                    "0",
                                                    "-1",
                                                    "1e999",
                                                    "1e-400",
                                                    "nan",
                                                    "99999999999999999999",
                                                    "all",
                                                    "axes:",
                                                    "base:",
                                                    "when:",
                                                    "when: {top_n: {dropout: 0.1}}\n",
                                                    "dropout: [0, 0.1]\n",
                                                    "encoders: pairs\n",
                                                    "{sizes: [1, 9]}",
                                                    "{shapley: 9}",
                                                    "{range: [1, 3]}",
                                                    "{uniform: [0, 0.5], points: 3}",
                                                    "search: {random: 5}\n",
                                                    "impossible: skip\n",
                                                    "seeds: 0\n",
                                                    "folds: []\n",
                                                    "top_n",
                                                    "selection: all\n",
                                                    "reference: {top_n: 1}\n"};
    switch (below(7)) {
      case 0:
        text.insert(place(text), pick(tokens));
        break;
      case 1:
        text.erase(place(text), static_cast<std::size_t>(1 + below(8)));
        break;
      case 2:
        if (!text.empty()) text[place(text) % text.size()] = static_cast<char>(below(256));
        break;
      case 3:
        text.insert(place(text), text.substr(place(text), static_cast<std::size_t>(below(60))));
        break;
      case 4:
        text.resize(place(text));
        break;
      case 5:
        text.insert(line_start(text), pick(tokens));
        break;
      case 6: {  // a line from another file
        const std::string& other = pick(corpus_);
        const std::size_t start = line_start(other);
        text.insert(line_start(text), other.substr(start, other.find('\n', start) - start) + "\n");
      }
    }
  }

  std::size_t line_start(const std::string& text) {
    const std::size_t at = text.rfind('\n', place(text));
    return at == std::string::npos ? 0 : at + 1;
  }

  std::mt19937 random_;
  std::vector<std::string> corpus_;
};

void expect_places(const SpecError& error, const std::string& text) {
  ASSERT_FALSE(error.diagnostics().empty());
  const auto lines = 1 + std::count(text.begin(), text.end(), '\n') + std::count(text.begin(), text.end(), '\r');
  std::pair<int, int> last = {0, 0};
  for (const Diagnostic& d : error.diagnostics()) {
    ASSERT_GE(d.line, 1) << d.str();
    ASSERT_LE(d.line, lines) << d.str();
    ASSERT_GE(d.column, 1) << d.str();
    ASSERT_FALSE(d.message.empty());
    ASSERT_LE(last, (std::pair<int, int>{d.line, d.column})) << "not in order: " << d.str();
    last = {d.line, d.column};
  }
}

/// An upper bound of the trials, so that the test stays quick when a mutation makes a large grid.
double trial_bound(const SweepSpec& spec) {
  double bound = 5.0 * static_cast<double>(spec.seeds.size());
  if (spec.search == SweepSpec::Search::kRandom) return bound * spec.draws;
  for (const Axis& axis : spec.axes) {
    bound *= std::max<double>(static_cast<double>(axis.values.size()), 31.0 * (axis.kind == Axis::Kind::kEncoders));
  }
  return bound;
}

TEST(SpecFuzz, MutatedFilesParseOrAreRefusedWithPlaces) {
  std::vector<std::string> corpus;
  for (const fs::path& file : test::example_sweeps(MEDLEY_SOURCE_DIR)) corpus.push_back(test::read_file(file));
  const long rounds = test::amount("MEDLEY_FUZZ_ROUNDS", 4000);
  int parsed = 0;
  int expanded = 0;
  int refused = 0;
  Mutator mutator(20240611, corpus);
  for (long round = 0; round < rounds; ++round) {
    const std::string text = mutator.next();
    SCOPED_TRACE("round " + std::to_string(round) + ":\n" + text);
    try {
      const SweepSpec spec = parse_sweep(text, "fuzz.yaml");
      ++parsed;
      if (trial_bound(spec) > 5'000) continue;
      const Expansion expansion = expand(spec, challenge());
      ++expanded;
      ASSERT_EQ(expansion.trials.size(), expansion.configs.size() * expansion.folds.size() * expansion.seeds.size());
      for (const ExpandedConfig& config : expansion.configs) ASSERT_FALSE(check_config(config.config));
    } catch (const SpecError& e) {
      ++refused;
      expect_places(e, text);
    }
    if (HasFatalFailure()) return;
  }
  // The mutations are worth something only if they reach every outcome.
  EXPECT_GT(parsed, rounds / 50);
  EXPECT_GT(expanded, rounds / 100);
  EXPECT_GT(refused, rounds / 4);
}

}  // namespace
}  // namespace medley::sweep
