// The examples, and what `medley init` writes, run on whatever dataset people have.
#include "tests/support/examples.h"

#include <filesystem>

#include <gtest/gtest.h>

#include "sweep/spec/expand.h"
#include "tests/support/folder.h"

namespace medley::sweep {
namespace {

namespace fs = std::filesystem;

/// Datasets of 2 to 9 encoders, with and without modalities, test clips and actors, of 2 to 10 folds.
std::vector<DatasetShape> shapes() {
  std::vector<DatasetShape> made;
  for (int encoders = 2; encoders <= 9; ++encoders) {
    for (const bool bare : {false, true}) {
      DatasetShape shape;
      shape.fingerprint = "fingerprint";
      for (int e = 0; e < encoders; ++e) {
        shape.encoders.push_back("encoder" + std::to_string(e));
        shape.modalities.push_back(bare ? "" : e % 2 == 0 ? "video" : "audio");
      }
      for (int fold = 0; fold < encoders + 1; ++fold) shape.folds.push_back(fold);
      shape.has_test = !bare;
      shape.actors = shape.test_actors = !bare;
      made.push_back(std::move(shape));
    }
  }
  return made;
}

TEST(Examples, RunOnAnyDataset) {
  const auto files = test::example_sweeps(MEDLEY_SOURCE_DIR);
  EXPECT_GE(files.size(), 12u);
  for (const fs::path& file : files) {
    for (const DatasetShape& shape : shapes()) {
      const std::string what = file.filename().string() + " on " + std::to_string(shape.encoders.size()) + " encoders" +
                               (shape.has_test ? "" : ", bare");
      try {
        const Expansion made = expand(parse_sweep(test::read_file(file), file.filename().string()), shape);
        EXPECT_FALSE(made.trials.empty()) << what;
      } catch (const SpecError& error) {
        ADD_FAILURE() << what << ": " << error.what();
      }
    }
  }
}

/// Leave-one-out without a top_n: the default fits every subset.
TEST(Examples, LeaveOneOutNeedsNoTopN) {
  for (const DatasetShape& shape : shapes()) {
    const Expansion made = expand(parse_sweep("axes: {encoders: [all, leave-one-out]}", "s.yaml"), shape);
    EXPECT_EQ(made.configs.size(), shape.encoders.size() + 1);
    EXPECT_EQ(made.dropped, 0);
  }
}

}  // namespace
}  // namespace medley::sweep
