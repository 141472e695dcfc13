#include "sweep/report/chart.h"

#include <algorithm>
#include <cmath>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "sweep/report/svg.h"
#include "tests/sweep/xml_check.h"

namespace medley::sweep {
namespace {

using Count = std::map<std::string, int>;

const ChartText kText = {"a <b> & \"c\"", "x & y", "share", {"it's 5 < 6", "synthetic data"}};

Count counted(const std::string& svg) {
  Count count;
  EXPECT_EQ(xml_error(svg, &count), "") << svg;
  return count;
}

TEST(XmlCheck, SeesErrors) {
  EXPECT_EQ(xml_error("<a><b x=\"1\"/>t &amp; u</a>\n"), "");
  for (const char* bad : {"<a>", "<a></b>", "<a x=1/>", "<a x=\"1\" x=\"2\"/>", "<a>&</a>", "<a/><b/>",
                          "<a x=\"nan\"/>", "<a x=\"<\"/>", "t<a/>"}) {
    EXPECT_NE(xml_error(bad), "") << bad;
  }
}

TEST(Ticks, AreRoundAndCoverTheData) {
  EXPECT_EQ(nice_ticks(0, 1), (std::vector<double>{0, .2, .4, .6000000000000001, .8, 1}));
  EXPECT_EQ(nice_ticks(3, 47), (std::vector<double>{0, 10, 20, 30, 40, 50}));
  for (const auto& [low, high] : {std::pair{-.013, .027}, {.281, .2812}, {-5., 1e6}, {.2, .2}, {0., 0.}, {-3., -3.}}) {
    const auto ticks = nice_ticks(low, high);
    EXPECT_LE(ticks.front(), low + 1e-9);
    EXPECT_GE(ticks.back(), high - 1e-9);
    EXPECT_GE(ticks.size(), 3u);
    EXPECT_LE(ticks.size(), 9u);
  }
}

TEST(Ticks, HaveTheDecimalsOfTheirStep) {
  EXPECT_EQ(tick_labels({0, .2, .4}), (std::vector<std::string>{"0.0", "0.2", "0.4"}));
  EXPECT_EQ(tick_labels({-10, 0, 10}), (std::vector<std::string>{"-10", "0", "10"}));
  EXPECT_EQ(tick_labels({-.05, 0, .05}), (std::vector<std::string>{"-0.05", "0.00", "0.05"}));
}

TEST(Chart, TextIsEscaped) {
  CategoryChart chart;
  chart.text = kText;
  chart.categories = {"<script>", "b"};
  chart.groups = {{"", {{.1, {NAN, NAN}}, {.2, {.1, .3}}}}};
  const std::string svg = draw(chart);
  counted(svg);
  EXPECT_EQ(svg.find("<script>"), std::string::npos);
  EXPECT_NE(svg.find("&lt;script&gt;"), std::string::npos);
  EXPECT_NE(svg.find("a &lt;b&gt; &amp; &quot;c&quot;"), std::string::npos);
  EXPECT_EQ(xml_escaped(std::string("a\x01\nb")), "ab");
}

TEST(Chart, HasOneMarkAValueAndOneIntervalWhereItIsKnown) {
  CategoryChart bars;
  bars.text = kText;
  bars.categories = {"a", "b", "c"};
  bars.groups = {{"g", {{.1, {.05, .15}}, {.2, {NAN, NAN}}, {NAN, {NAN, NAN}}}},
                 {"h", {{-.1, {-.2, 0}}, {.3, {.2, .4}}, {.2, {.1, .3}}}}};
  bars.reference = .2;
  bars.reference_name = "chance";
  Count count = counted(draw(bars));
  EXPECT_EQ(count["rect.mark"], 5);
  EXPECT_EQ(count[".interval"], 4);
  EXPECT_EQ(count[".cap"], 8);
  EXPECT_EQ(count[".reference"], 1);
  EXPECT_EQ(count[".legend"], 2);
  bars.marks = CategoryChart::Marks::kPoints;
  count = counted(draw(bars));
  EXPECT_EQ(count[".mark"], 5);
  EXPECT_EQ(count["circle.mark"], 2);  // groups differ in shape, not in colour alone

  LineChart lines;
  lines.text = kText;
  lines.series = {{"learned", {1, 2, 4}, {{.1, {.05, .15}}, {.2, {.1, .3}}, {.3, {NAN, NAN}}}, false},
                  {"all", {6}, {{.25, {.2, .3}}}, true}};
  count = counted(draw(lines));
  EXPECT_EQ(count["circle.mark"] + count["rect.mark"], 4);
  EXPECT_EQ(count[".interval"], 3);
  EXPECT_EQ(count["polyline.series"], 1);
  EXPECT_EQ(count[".level"], 1);

  DistributionChart boxes;
  boxes.text = kText;
  boxes.items = {
      {"a", {0, .1, .2, .3, .4}, {.5, .25, .25, 0}, .2}, {"b", {}, {1, 0, 0, 0}, .1}, {"c", {0, 0, 0, 0, 0}, {}, 0}};
  count = counted(draw(boxes));
  EXPECT_EQ(count[".violin"], 1);  // one bin of clips is no distribution
  EXPECT_EQ(count[".box"], 2);
  EXPECT_EQ(count[".median"], 2);
  EXPECT_EQ(count[".mark"], 3);

  HeatMap map;
  map.text = kText;
  map.rows = {"a", "b"};
  map.columns = {"1", "2", "3"};
  map.values = {0, .5, 1, NAN, .25, .75};
  EXPECT_EQ(counted(draw(map))["rect.mark"], 5);

  ScatterChart scatter;
  scatter.text = kText;
  scatter.items = {{"a", .1, {.2, {.1, .3}}}, {"b", .1, {.2, {.1, .3}}}, {"c", .4, {-.1, {NAN, NAN}}}};
  count = counted(draw(scatter));
  EXPECT_EQ(count[".mark"], 3);
  EXPECT_EQ(count[".interval"], 2);
  EXPECT_EQ(count[".reference"], 1);  // zero lies within
}

TEST(Chart, AViolinEndsWhereItsClipsEnd) {
  DistributionChart chart;
  chart.text = kText;
  chart.items = {{"a", {}, {0, .5, 0, .5, 0, 0}, .4}};
  const std::string svg = draw(chart);
  const std::size_t at = svg.find("points=\"") + 8;
  // Bins 1 to 3, two corners each on either side.
  EXPECT_EQ(std::count(&svg[at], &svg[svg.find('"', at)], ','), 12);
}

/// The numbers of an attribute of one class of elements.
std::vector<double> numbers(const std::string& svg, const std::string& kind, const std::string& name) {
  std::vector<double> found;
  for (std::size_t at = svg.find("class=\"" + kind + "\""); at != std::string::npos;
       at = svg.find("class=\"" + kind + "\"", at + 1)) {
    found.push_back(std::stod(svg.substr(svg.find(" " + name + "=\"", at) + name.size() + 3)));
  }
  return found;
}

TEST(Chart, AViolinIsAsWideAsItHasClips) {
  DistributionChart chart;
  chart.text = kText;
  chart.items = {{"a", {}, {.8, .2}, .3}};
  const std::string svg = draw(chart);
  const std::size_t at = svg.find("points=\"") + 8;
  std::vector<double> xs;
  std::istringstream points(svg.substr(at, svg.find('"', at) - at));
  for (std::string point; points >> point;) xs.push_back(std::stod(point));
  ASSERT_EQ(xs.size(), 8u);  // up the right side and down the left one
  EXPECT_NEAR((xs[2] - xs[5]) / (xs[0] - xs[7]), .2 / .8, 1e-3);
}

TEST(Chart, APaperHasItsWidthInMillimetresLettersOf8PointsAndNeitherTitleNorNotes) {
  CategoryChart chart;
  chart.text = kText;
  chart.text.paper_mm = 80;
  chart.categories = {"hicmae_ce100", "hicmae_ce50", "hicmae_kl100", "hicmae_kl50"};
  chart.groups = {{"", {{.1, {.05, .15}}, {.2, {NAN, NAN}}, {.3, {NAN, NAN}}, {.1, {NAN, NAN}}}}};
  const std::string svg = draw(chart);
  counted(svg);
  EXPECT_NE(svg.find(" width=\"80.00mm\""), std::string::npos) << svg.substr(0, 300);
  const double units = std::stod(svg.substr(svg.find("viewBox=\"0 0 ") + 13));
  // 11 units of text are 8 pt of 25.4 / 72 mm.
  EXPECT_NEAR(11 * 80 / units, 8 * 25.4 / 72, 1e-3);
  EXPECT_EQ(svg.find("synthetic data"), std::string::npos);
  EXPECT_EQ(svg.find("font-size=\"13"), std::string::npos);
  for (std::size_t at = svg.find("font-size="); at != std::string::npos; at = svg.find("font-size=", at + 1)) {
    EXPECT_EQ(svg.compare(at, 17, "font-size=\"11.00\""), 0);
  }
  for (const double x : numbers(svg, "mark", "x")) {
    EXPECT_GE(x, 0);
    EXPECT_LE(x, units);
  }
}

TEST(Chart, AForestHasARowANameAndItsMargin) {
  ForestChart chart;
  chart.text = kText;
  chart.rows = {{"learned, n=2", {.02, {.01, .03}}}, {"random", {-.01, {-.02, 0}}}, {"all", {0, {NAN, NAN}}}};
  chart.margin = .01;
  Count count = counted(draw(chart));
  EXPECT_EQ(count["rect.mark"], 3);
  EXPECT_EQ(count[".interval"], 2);
  EXPECT_EQ(count[".margin"], 1);
  EXPECT_EQ(count[".reference"], 1);
  const auto y = numbers(draw(chart), "mark", "y");
  EXPECT_LT(y[0], y[1]);
  EXPECT_LT(y[1], y[2]);
  const auto x = numbers(draw(chart), "mark", "x");
  EXPECT_GT(x[0], x[1]);
  chart.bars = true;
  // Bars begin at 0 and are as long as their values.
  const auto lengths = numbers(draw(chart), "mark", "width");
  EXPECT_NEAR(lengths[0] / lengths[1], 2, 1e-2);
}

TEST(Chart, LogarithmsHaveTicksAtPowersOfTen) {
  LineChart chart;
  chart.text = kText;
  chart.log_x = true;
  chart.series = {{"coral", {.1, 1, 10}, {{.1, {NAN, NAN}}, {.2, {NAN, NAN}}, {.3, {NAN, NAN}}}, false}};
  const std::string svg = draw(chart);
  counted(svg);
  const auto x = numbers(svg, "mark", "cx");
  ASSERT_EQ(x.size(), 3u);
  EXPECT_NEAR(x[1] - x[0], x[2] - x[1], .02);
  for (const char* tick : {">0.1<", ">1<", ">10<"}) EXPECT_NE(svg.find(tick), std::string::npos) << tick;
}

TEST(Chart, NoLineCrossesALabel) {
  ScatterChart chart;
  chart.text = kText;
  chart.items = {{"first", .5, {.2, {.1, .3}}}, {"second", .5, {.2, {.1, .3}}}, {"", .6, {.2, {NAN, NAN}}}};
  const std::string svg = draw(chart);
  counted(svg);
  // Labels come after every line and mark, on white.
  const std::size_t label = svg.find("paint-order=\"stroke\"");
  EXPECT_GT(label, svg.rfind("class=\"interval\""));
  EXPECT_GT(label, svg.rfind("class=\"mark\""));
  EXPECT_GT(label, svg.rfind("class=\"leader\""));
}

TEST(Chart, NothingLeavesThePaper) {
  CategoryChart chart;
  chart.text = kText;
  for (int i = 0; i < 12; ++i) chart.categories.push_back("a rather long encoder name " + std::to_string(i));
  chart.groups.resize(1);
  for (int i = 0; i < 12; ++i) chart.groups[0].values.push_back({.01 * i, {.01 * i - .02, .01 * i + .02}});
  const std::string svg = draw(chart);
  counted(svg);
  const auto number = [&](const std::string& name, std::size_t from) {
    return std::stod(svg.substr(svg.find(" " + name + "=\"", from) + name.size() + 3));
  };
  const double width = number("width", 0);
  const double height = number("height", 0);
  int marks = 0;
  for (std::size_t at = svg.find("class=\"mark\""); at != std::string::npos; at = svg.find("class=\"mark\"", at + 1)) {
    ++marks;
    EXPECT_GE(number("x", at), 0);
    EXPECT_LE(number("x", at) + number("width", at), width);
    EXPECT_GE(number("y", at), 0);
    EXPECT_LE(number("y", at) + number("height", at), height);
  }
  EXPECT_EQ(marks, 12);
}

}  // namespace
}  // namespace medley::sweep
