// What `medley init` writes fits the dataset that it is for.
#include "coordinator/commands/starter.h"

#include <gtest/gtest.h>

#include "sweep/spec/expand.h"

namespace medley::coordinator {
namespace {

TEST(Starter, FitsAnyDataset) {
  for (int encoders = 1; encoders <= 8; ++encoders) {
    for (int folds = 2; folds <= 5; ++folds) {
      sweep::DatasetShape shape;
      shape.fingerprint = "fingerprint";
      for (int e = 0; e < encoders; ++e) shape.encoders.push_back("encoder" + std::to_string(e));
      shape.modalities.resize(shape.encoders.size());
      for (int fold = 0; fold < folds; ++fold) shape.folds.push_back(fold);
      const sweep::SweepSpec spec = sweep::parse_sweep(starter_sweep("a \"b\"", shape), "sweep.yaml");
      EXPECT_EQ(spec.dataset, "a \"b\"");
      const sweep::Expansion made = sweep::expand(spec, shape);
      EXPECT_TRUE(made.warnings.empty()) << encoders << " encoders: " << made.warnings.front().str();
      EXPECT_EQ(made.duplicates, 0) << encoders;
      EXPECT_EQ(made.dropped, 0) << encoders;
      EXPECT_FALSE(made.reference_id.empty());
      EXPECT_EQ(made.families.size(), 1u);
      // The baseline and the recommended start; with several encoders all, and one config a number below theirs.
      EXPECT_EQ(made.configs.size(), encoders == 1 ? 2u : static_cast<std::size_t>(std::min(4, encoders - 1)) + 3);
    }
  }
}

}  // namespace
}  // namespace medley::coordinator
