#include "sweep/head_fusion.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "sweep/error.h"

namespace medley::sweep {
namespace {

/// Two clips of two classes; nobody is present in the second.
Predictions two_clips() { return {2, {0.25F, 1, 0, 0}, {0.75F, 0.25F, 0.5F, 0.5F}, {0.5F, 0.5F, 0.125F, 0.875F}}; }

TEST(HeadFusion, IsTheFormulaOfItsName) {
  struct Case {
    HeadFusion fusion;
    double first;  ///< of class 0 of the first clip, by hand
  };
  // v = (3/4, 1/4), u = (1/4, 1), u / sum(u) = (1/5, 4/5).
  for (const auto& [fusion, first] :
       {Case{HeadFusion::kOwn, 0.5}, Case{HeadFusion::kSalience, 0.75},
        Case{HeadFusion::kProductQuarter, 0.75 * 0.70710678118654752 / (0.75 * 0.70710678118654752 + 0.25)},
        Case{HeadFusion::kProductHalf, 0.375 / 0.625}, Case{HeadFusion::kProduct, 0.1875 / 0.4375},
        Case{HeadFusion::kProductSquared, 0.046875 / 0.296875},
        Case{HeadFusion::kMixtureQuarter, 0.75 * 0.75 + 0.25 * 0.2}, Case{HeadFusion::kMixtureHalf, 0.475},
        Case{HeadFusion::kPresence, 0.2}}) {
    const std::vector<double> fused = fuse_heads(two_clips(), 2, fusion);
    ASSERT_EQ(fused.size(), 4u);
    EXPECT_NEAR(fused[0], first, 1e-15) << name_of(fusion);
    EXPECT_NEAR(fused[0] + fused[1], 1, 1e-15) << name_of(fusion);
    const bool own = fusion == HeadFusion::kOwn;
    EXPECT_EQ(fused[2], own ? 0.125 : 0.5) << name_of(fusion) << ": salience speaks alone";
  }
  EXPECT_EQ(all_head_fusions().size(), 9u);
  EXPECT_EQ(all_head_fusions().front(), HeadFusion::kOwn) << "on a tie the first wins";
}

TEST(HeadFusion, OfASoftmaxHeadIsItsOwn) {
  Predictions said = two_clips();
  said.presence = said.salience = {};
  for (const HeadFusion fusion : all_head_fusions()) {
    EXPECT_EQ(fuse_heads(said, 2, fusion), (std::vector<double>{0.5, 0.5, 0.125, 0.875}));
  }
}

TEST(HeadFusion, ChoicesHaveNames) {
  for (const std::string& choice : head_fusion_choices()) {
    EXPECT_EQ(head_fusion_text(head_fusion_of(choice)), choice);
  }
  EXPECT_FALSE(head_fusion_of("fitted"));
  try {
    head_fusion_of("product2");
    FAIL();
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find("product-2"), std::string::npos) << e.what();
  }
}

}  // namespace
}  // namespace medley::sweep
