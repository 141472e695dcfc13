#include "sweep/search/parameter_space.h"

#include <gtest/gtest.h>

#include "sweep/error.h"
#include "sweep/search/random.h"
#include "sweep/spec/expand.h"

namespace medley::sweep {
namespace {

using nlohmann::json;

ParameterSpace made_space() {
  ParameterSpace space;
  space.starts.resize(2);
  space.starts[0].variant = "small";
  space.starts[1].variant = "large";
  space.starts[1].config.batch_size = 64;
  space.starts[1].said = {"top_n"};
  space.parameters = {{"selection", {"learned", "all"}, 0, 0, false, {}},
                      {"learning_rate", {}, 1e-4, 1e-2, true, {}},
                      {"top_n", {1, 2, 3}, 0, 0, false, {{"selection", {"learned"}}}}};
  return space;
}

DatasetShape made_shape() {
  DatasetShape shape;
  shape.encoders = {"clip", "wavlm"};
  shape.modalities = {"video", "audio"};
  shape.folds = {0, 1};
  shape.dims = {8, 8};
  return shape;
}

TEST(ParameterSpace, DrawsAreEvenOverValuesAndRatios) {
  const ParameterSpace space = made_space();
  for (std::uint64_t draw = 0; draw < 50; ++draw) {
    const SpacePoint point = draw_point(space, 3, draw);
    const auto part = [&](const char* name, double size) { return std::floor(uniform_draw(3, draw, name) * size); };
    EXPECT_EQ(point[0], part("variant", 2));
    EXPECT_EQ(point[1], part("selection", 2));
    EXPECT_EQ(point[2], uniform_draw(3, draw, "learning_rate"));
    if (*point[1] == 0) {
      EXPECT_EQ(point[3], part("top_n", 3));
    } else {
      EXPECT_FALSE(point[3]) << "its condition does not hold";
    }
  }
}

TEST(ParameterSpace, ValuesOfARangeHaveFourDigits) {
  EXPECT_EQ(interpolate(1e-4, 1e-2, true, .5), 1e-3);
  EXPECT_EQ(interpolate(1e-4, 1e-2, true, 1. / 3), 4.642e-4);
  EXPECT_EQ(interpolate(0, 1, false, 1. / 3), .3333);
  EXPECT_EQ(interpolate(0, 1, false, 1), 1);
  EXPECT_NEAR(share_of(made_space().parameters[1], 1e-3), .5, 1e-12);
}

TEST(ParameterSpace, APointIsFoundAgainByItsTexts) {
  const ParameterSpace space = made_space();
  for (std::uint64_t draw = 0; draw < 20; ++draw) {
    const SpacePoint point = draw_point(space, 1, draw);
    const DrawnConfig drawn = config_at(space, point);
    json texts{{"variant", space.starts[static_cast<std::size_t>(*point[0])].variant}};
    for (std::size_t p = 0; p < 3; ++p) {
      if (drawn.texts[p]) texts[space.parameters[p].setting] = *drawn.texts[p];
    }
    const SpacePoint found = point_of(space, texts);
    EXPECT_EQ(found[0], point[0]);
    EXPECT_EQ(found[1], point[1]);
    EXPECT_NEAR(*found[2], *point[2], 1e-3) << "rounded";
    EXPECT_EQ(found[3], point[3]);
  }
}

TEST(ParameterSpace, IsTheSameAfterItsJson) {
  const json once = to_json(made_space());
  EXPECT_EQ(to_json(parameter_space_from_json(once)), once);
  const ParameterSpace back = parameter_space_from_json(once);
  EXPECT_EQ(back.starts[1].config.batch_size, 64);
  EXPECT_EQ(back.starts[1].said, (std::set<std::string>{"top_n"}));
  EXPECT_TRUE(back.starts[0].said.empty());
  EXPECT_EQ(back.parameters[1].low, 1e-4);
  EXPECT_EQ(back.parameters[2].when.at("selection"), std::vector<json>{"learned"});
}

TEST(ParameterSpace, RefusesJsonThatIsNone) {
  const json good = to_json(made_space());
  for (const auto& [pointer, value] : std::vector<std::pair<const char*, json>>{{"/starts", json::array()},
                                                                                {"/starts/0/settings/nosuch", 1},
                                                                                {"/starts/0/settings/dropout", 3},
                                                                                {"/parameters/0/setting", "nosuch"},
                                                                                {"/parameters/0/values", json::array()},
                                                                                {"/parameters/0/values/0", "nosuch"},
                                                                                {"/parameters/1/range/1", 1e-4},
                                                                                {"/parameters/1/range/1", "x"},
                                                                                {"/parameters/2/when/nosuch", {1}}}) {
    json wrong = good;
    wrong[json::json_pointer(pointer)] = value;
    EXPECT_THROW(parameter_space_from_json(wrong), Error) << pointer << " " << value;
  }
  EXPECT_THROW(parameter_space_from_json(json::object()), Error);
}

TEST(PostedConfig, IsLaidOverItsStart) {
  const ParameterSpace space = made_space();
  ParameterSpace with_encoders = space;
  for (auto& start : with_encoders.starts) start.config.encoders = {"clip", "wavlm"};
  const MadeConfig made =
      posted_config(with_encoders, {{"variant", "large"}, {"learning_rate", .00200011}, {"top_n", 1}}, made_shape());
  EXPECT_FALSE(made.conflict);
  EXPECT_EQ(made.config.batch_size, 64);
  EXPECT_EQ(made.config.learning_rate, .002);
  EXPECT_EQ(made.axis_values,
            (std::map<std::string, std::string>{{"variant", "large"}, {"learning_rate", "0.002"}, {"top_n", "1"}}));
  EXPECT_TRUE(posted_config(with_encoders, {{"variant", "large"}, {"top_n", 3}}, made_shape()).conflict);
}

TEST(PostedConfig, SaysWhatIsWrongAndWhatIsNear) {
  const ParameterSpace space = made_space();
  const auto error = [&](const json& settings) -> std::string {
    try {
      posted_config(space, settings, made_shape());
    } catch (const Error& e) {
      return e.what();
    }
    return "";
  };
  const auto has = [](const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
  };
  EXPECT_TRUE(has(error({{"top_n", 1}}), "variant: '' is not one of the sweep's"));
  EXPECT_TRUE(has(error({{"variant", "larg"}}), "large"));
  EXPECT_TRUE(has(error({{"variant", "small"}, {"learning_rat", 1e-3}}), "learning_rate"));
  EXPECT_TRUE(has(error({{"variant", "small"}, {"dropout", 2}}), "dropout: '2'"));
  EXPECT_TRUE(has(error({{"variant", "small"}, {"encoders", {"clop"}}}), "clip"));
  EXPECT_TRUE(has(error(json::array()), "object"));
}

}  // namespace
}  // namespace medley::sweep
