#pragma once

#include <string>
#include <vector>

#include "sweep/score/statistics.h"

namespace medley::sweep {

/// What every chart says around its marks. Labels carry the unit.
struct ChartText {
  std::string title;
  std::string x_label;
  std::string y_label;
  std::vector<std::string> notes;  ///< below: protocol, what bars mean, whether data is synthetic
  /// Width in a paper, where letters have 8 pt and the caption says title and notes; 0: on a screen, with both.
  double paper_mm = 0;
};

/// A value with its interval; an interval of NaN is not drawn.
struct Measure {
  double value = 0;
  Interval interval;
};

/// Categories on the x axis, groups of marks side by side in each. NaN values leave their place empty.
struct CategoryChart {
  ChartText text;
  std::vector<std::string> categories;
  struct Group {
    std::string name;
    std::vector<Measure> values;  ///< [category]
  };
  std::vector<Group> groups;  ///< a legend when there are several
  enum class Marks { kBars, kPoints } marks = Marks::kBars;
  double reference = 0;  ///< dashed line at this value, when `reference_name` is not empty
  std::string reference_name;
};
std::string draw(const CategoryChart& chart);

/// Names down the side, each with its interval or its bar beside a line at 0.
struct ForestChart {
  ChartText text;  ///< y_label is not drawn
  struct Row {
    std::string name;
    Measure measure;
  };
  std::vector<Row> rows;  ///< from above
  bool bars = false;
  double margin = 0;  ///< a grey band of ± this about 0; 0: none
};
std::string draw(const ForestChart& chart);

/// Series over numbers, with intervals. A series of one point with `level` is drawn as a line across.
struct LineChart {
  ChartText text;
  bool log_x = false;   ///< x above 0, ticks at powers of ten
  bool smooth = false;  ///< lines without a mark at each point
  struct Series {
    std::string name;
    std::vector<double> x;
    std::vector<Measure> y;
    bool level = false;
  };
  std::vector<Series> series;
};
std::string draw(const LineChart& chart);

/// Distributions of shares in [0, 1], one a category: a box of quantiles, a violin of a histogram behind it, or both.
struct DistributionChart {
  ChartText text;
  struct Item {
    std::string name;
    std::vector<double> quantiles;  ///< 5, 25, 50, 75, 95 %; may be empty
    std::vector<double> histogram;  ///< over even bins of [0, 1]; may be empty
    double mean = 0;
  };
  std::vector<Item> items;
};
std::string draw(const DistributionChart& chart);

/// A matrix with its values printed in its cells; darker is more.
struct HeatMap {
  ChartText text;
  std::vector<std::string> rows;
  std::vector<std::string> columns;
  std::vector<double> values;  ///< [row, column]; NaN is left white
  double low = 0;              ///< white
  double high = 1;             ///< darkest
};
std::string draw(const HeatMap& chart);

/// Labelled points; `y` with intervals. An item without a name is a dot.
struct ScatterChart {
  ChartText text;
  bool log_x = false;  ///< x above 0, ticks at powers of ten
  struct Item {
    std::string name;
    double x = 0;
    Measure y;
  };
  std::vector<Item> items;
};
std::string draw(const ScatterChart& chart);

}  // namespace medley::sweep
