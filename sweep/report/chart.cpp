#include "sweep/report/chart.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "sweep/config.h"
#include "sweep/report/svg.h"

namespace medley::sweep {
namespace {

using Anchor = Svg::Anchor;

/// Told apart by people with any kind of colour vision (Okabe & Ito 2008), without its yellow: too pale on paper.
const std::array<const char*, 7> kPalette = {"#0072B2", "#E69F00", "#009E73", "#D55E00",
                                             "#CC79A7", "#56B4E9", "#000000"};
const std::array<const char*, 4> kDashes = {"", "7 3", "2 2", "8 3 2 3"};
constexpr const char* kGrid = "#dddddd";
constexpr const char* kInk = "#333333";
constexpr double kPlotHeight = 260;
constexpr double kTitleSize = 13;
constexpr double kNoteSize = 9.5;

const char* colour(std::size_t i) { return kPalette[i % kPalette.size()]; }
const char* dashes(std::size_t i) { return kDashes[i % kDashes.size()]; }

/// The smallest range that holds all that is given.
struct Range {
  double low = std::numeric_limits<double>::infinity();
  double high = -std::numeric_limits<double>::infinity();
  void add(double value) {
    if (!std::isfinite(value)) return;
    low = std::min(low, value);
    high = std::max(high, value);
  }
  void add(const Measure& measure) {
    add(measure.value);
    add(measure.interval.low);
    add(measure.interval.high);
  }
  std::vector<double> ticks() const { return low > high ? nice_ticks(0, 1) : nice_ticks(low, high); }
};

std::vector<std::string> broken(const std::vector<std::string>& notes, double pixels, double size = kNoteSize) {
  std::vector<std::string> lines;
  for (const std::string& note : notes) {
    std::string line;
    for (std::size_t at = 0; at < note.size();) {
      const std::size_t end = std::min(note.find(' ', at), note.size());
      const std::string word = note.substr(at, end - at);
      if (!line.empty() && text_pixels(line + " " + word, size) > pixels) {
        lines.push_back(line);
        line.clear();
      }
      line += (line.empty() ? "" : " ") + word;
      at = end + 1;
    }
    lines.push_back(line);
  }
  return lines;
}

struct LegendEntry {
  std::string name;
  std::size_t style = 0;
};

/// Title, frame, axes, legend and notes around a plot area; maps values to pixels.
class Plot {
 public:
  struct Room {
    double left = 64, right = 16, below = 46;  ///< left: the label of y beside ticks of six characters
  };

  Plot(const ChartText& text, double width, double height, const Room& room, std::vector<LegendEntry> legend = {},
       bool lines = false)
      : width_(width),
        height_(height),
        room_(room),
        paper_(text.paper_mm > 0),
        legend_rows_(rows_of(legend, width + (paper_ ? 0 : room.left))),
        notes_(paper_ ? std::vector<std::string>() : broken(text.notes, width + room.left + room.right - 16)),
        top_((paper_ ? 8 : 30) + 16 * static_cast<double>(legend_rows_.size())),
        svg_(width + room.left + room.right,
             top_ + height + room.below + (paper_ ? 0 : 8 + 13 * static_cast<double>(notes_.size())), text.title,
             text.paper_mm) {
    if (!paper_) svg_.text({12, 19}, text.title, Anchor::kStart, kTitleSize);
    draw_legend(lines);
    // Below the middle of the plot, as far as the label has room there.
    const double total = width + room.left + room.right;
    const double half = std::min(total, text_pixels(text.x_label)) / 2;
    const double middle = std::clamp(room.left + width / 2, half, total - half);
    svg_.text({middle, top_ + height + room.below - 8}, text.x_label, Anchor::kMiddle);
    svg_.text({13, top_ + height / 2}, text.y_label, Anchor::kMiddle, 11, -90);
    for (std::size_t i = 0; i < notes_.size(); ++i) {
      svg_.text({8, top_ + height + room.below + 8 + 13 * static_cast<double>(i)}, notes_[i], Anchor::kStart, kNoteSize,
                0, "#555555");
    }
  }

  Svg& svg() { return svg_; }
  double left() const { return room_.left; }
  double right() const { return room_.left + width_; }
  double top() const { return top_; }
  double bottom() const { return top_ + height_; }

  void y_axis(const std::vector<double>& ticks) {
    y_low_ = ticks.front();
    y_high_ = ticks.back();
    const auto labels = tick_labels(ticks);
    for (std::size_t i = 0; i < ticks.size(); ++i) {
      svg_.line("grid", {left(), y(ticks[i])}, {right(), y(ticks[i])}, kGrid);
      svg_.text({left() - 6, y(ticks[i]) + 4}, labels[i], Anchor::kEnd);
    }
  }
  void x_axis(const std::vector<double>& ticks) { x_axis(ticks, {ticks.front(), ticks.back()}); }
  void x_axis(const std::vector<double>& ticks, const Interval& ends) { x_axis(ticks, ends, tick_labels(ticks)); }
  /// Of logarithms to base 10.
  void log_axis(const Range& logs) {
    std::vector<double> ticks;
    std::vector<std::string> labels;
    const double room = std::max(0.1, (logs.high - logs.low) * 0.04);
    for (double power = std::ceil(logs.low - 1e-9); power <= logs.high + 1e-9; ++power) {
      ticks.push_back(power);
      labels.push_back(value_text(nlohmann::json(std::pow(10, power))));
    }
    x_axis(ticks, {logs.low - room, logs.high + room}, labels);
  }
  /// `ends` are the values at the sides of the frame.
  void x_axis(const std::vector<double>& ticks, const Interval& ends, const std::vector<std::string>& labels) {
    x_low_ = ends.low;
    x_high_ = ends.high;
    for (std::size_t i = 0; i < ticks.size(); ++i) {
      svg_.line("tick", {x(ticks[i]), bottom()}, {x(ticks[i]), bottom() + 4}, kInk);
      svg_.text({x(ticks[i]), bottom() + 16}, labels[i], Anchor::kMiddle);
    }
  }
  /// Names under evenly spaced bands, slanted where they are too long.
  void bands(const std::vector<std::string>& names, bool slant) {
    bands_ = static_cast<double>(names.size());
    for (std::size_t i = 0; i < names.size(); ++i) {
      if (slant) {
        svg_.text({band(i) + 4, bottom() + 13}, names[i], Anchor::kEnd, 11, -35);
      } else {
        svg_.text({band(i), bottom() + 16}, names[i], Anchor::kMiddle);
      }
    }
  }
  void frame() {
    svg_.line("axis", {left(), top()}, {left(), bottom()}, kInk);
    svg_.line("axis", {left(), bottom()}, {right(), bottom()}, kInk);
  }

  double y(double value) const { return bottom() - (value - y_low_) / (y_high_ - y_low_) * height_; }
  double x(double value) const { return left() + (value - x_low_) / (x_high_ - x_low_) * width_; }
  double band(std::size_t i) const { return left() + (static_cast<double>(i) + 0.5) * band_width(); }
  double band_width() const { return width_ / bands_; }

  /// An interval with caps, about a mark at `at`.
  void whisker(double at, const Interval& interval, const std::string& ink = kInk) {
    if (!std::isfinite(interval.low) || !std::isfinite(interval.high)) return;
    svg_.line("interval", {at, y(interval.low)}, {at, y(interval.high)}, ink, 1.2);
    for (const double end : {interval.low, interval.high})
      svg_.line("cap", {at - 3, y(end)}, {at + 3, y(end)}, ink, 1.2);
  }

 private:
  static std::vector<std::vector<LegendEntry>> rows_of(const std::vector<LegendEntry>& legend, double pixels) {
    std::vector<std::vector<LegendEntry>> rows;
    double used = 0;
    for (const LegendEntry& entry : legend) {
      const double needed = 42 + text_pixels(entry.name);
      if (rows.empty() || used + needed > pixels) {
        rows.emplace_back();
        used = 0;
      }
      rows.back().push_back(entry);
      used += needed;
    }
    return rows;
  }

  void draw_legend(bool lines) {
    double y = paper_ ? 12 : 35;
    for (const auto& row : legend_rows_) {
      double x = room_.left;
      for (const LegendEntry& entry : row) {
        if (lines) {
          svg_.line("legend", {x, y - 4}, {x + 24, y - 4}, colour(entry.style), 1.5, dashes(entry.style));
          svg_.marker("legend", {x + 12, y - 4}, static_cast<int>(entry.style), colour(entry.style));
        } else {
          svg_.marker("legend", {x + 12, y - 4}, static_cast<int>(entry.style), colour(entry.style));
        }
        svg_.text({x + 29, y}, entry.name);
        x += 42 + text_pixels(entry.name);
      }
      y += 16;
    }
  }

  double width_, height_;
  Room room_;
  bool paper_;
  std::vector<std::vector<LegendEntry>> legend_rows_;
  std::vector<std::string> notes_;
  double top_;
  Svg svg_;
  double x_low_ = 0, x_high_ = 1, y_low_ = 0, y_high_ = 1, bands_ = 1;
};

/// Names too long for their bands are slanted, and need room for it.
bool slanted(const std::vector<std::string>& names, double band) {
  return std::any_of(names.begin(), names.end(), [&](const auto& name) { return text_pixels(name) > band - 6; });
}
double longest(const std::vector<std::string>& names) {
  double pixels = 0;
  for (const std::string& name : names) pixels = std::max(pixels, text_pixels(name));
  return pixels;
}
Plot::Room room_for(const std::vector<std::string>& names, bool slant) {
  Plot::Room room;
  if (!slant) return room;
  room.below += std::max(0.0, longest(names) * 0.58 - 12);
  room.left = std::max(room.left, longest(names) * 0.82 - 10);  // the first name reaches to the left
  return room;
}

double width_for(std::size_t bands, double each) { return std::clamp(static_cast<double>(bands) * each, 360.0, 900.0); }

constexpr double kPixelsPerMm = 72 / 25.4 * 11 / 8;  ///< in papers, so that letters of 11 pixels have 8 pt

/// Of the plot area: `screen`, or what a paper leaves beside the room around it.
double plot_width(const ChartText& text, double screen, const Plot::Room& room) {
  return text.paper_mm > 0 ? text.paper_mm * kPixelsPerMm - room.left - room.right : screen;
}
double plot_height(const ChartText& text, double screen) {
  return text.paper_mm > 0 ? std::min(0.8 * screen, text.paper_mm * kPixelsPerMm * 0.5) : screen;
}
/// Names slant where they are too long for their bands, which depends on the room that they take.
struct Bands {
  bool slant = false;
  Plot::Room room;
  double width = 0;
};
Bands bands_for(const ChartText& text, const std::vector<std::string>& names, double screen) {
  const auto count = static_cast<double>(names.size());
  Bands bands;
  bands.width = plot_width(text, screen, bands.room);
  bands.slant = slanted(names, bands.width / count);
  bands.room = room_for(names, bands.slant);
  bands.width = plot_width(text, screen, bands.room);
  return bands;
}

std::string shade(double share) {
  // White to dark blue through the blue of the palette: grows darker in grey too.
  const std::array<std::array<double, 3>, 3> stops = {{{255, 255, 255}, {107, 174, 214}, {8, 48, 107}}};
  const double at = std::clamp(share, 0.0, 1.0) * 2;
  const std::size_t from = at < 1 ? 0 : 1;
  std::string text = "rgb(";
  for (std::size_t c = 0; c < 3; ++c) {
    const double value = stops[from][c] + (at - static_cast<double>(from)) * (stops[from + 1][c] - stops[from][c]);
    text += (c ? "," : "") + std::to_string(static_cast<int>(std::lround(value)));
  }
  return text + ")";
}

}  // namespace

std::string draw(const CategoryChart& chart) {
  const bool bars = chart.marks == CategoryChart::Marks::kBars;
  std::vector<LegendEntry> legend;
  for (std::size_t g = 0; g < chart.groups.size(); ++g) legend.push_back({chart.groups[g].name, g});
  if (legend.size() < 2) legend.clear();
  const double width =
      width_for(chart.categories.size(), std::max(56.0, 16.0 * static_cast<double>(chart.groups.size())));
  const Bands bands = bands_for(chart.text, chart.categories, width);
  Plot plot(chart.text, bands.width, plot_height(chart.text, kPlotHeight), bands.room, legend);
  Range range;
  for (const auto& group : chart.groups) {
    for (const Measure& measure : group.values) range.add(measure);
  }
  if (bars) range.add(0.0);
  if (!chart.reference_name.empty()) range.add(chart.reference);
  plot.y_axis(range.ticks());
  plot.bands(chart.categories, bands.slant);
  const double inner = plot.band_width() * 0.76;
  const double each = inner / static_cast<double>(chart.groups.size());
  for (std::size_t g = 0; g < chart.groups.size(); ++g) {
    for (std::size_t c = 0; c < chart.categories.size(); ++c) {
      const Measure& measure = chart.groups[g].values[c];
      if (!std::isfinite(measure.value)) continue;
      const double x = plot.band(c) - inner / 2 + (static_cast<double>(g) + 0.5) * each;
      if (bars) {
        const double zero = plot.y(0);
        const double at = plot.y(measure.value);
        plot.svg().rect("mark", {x - each * 0.42, std::min(zero, at)}, each * 0.84, std::fabs(zero - at), colour(g));
        plot.whisker(x, measure.interval);
      } else {
        plot.whisker(x, measure.interval, colour(g));
        plot.svg().marker("mark", {x, plot.y(measure.value)}, static_cast<int>(g), colour(g));
      }
    }
  }
  if (bars && range.low < 0) plot.svg().line("axis", {plot.left(), plot.y(0)}, {plot.right(), plot.y(0)}, kInk);
  if (!chart.reference_name.empty()) {
    const double y = plot.y(chart.reference);
    plot.svg().line("reference", {plot.left(), y}, {plot.right(), y}, kInk, 1, "5 4");
    plot.svg().label({plot.right() - 2, y - 4}, chart.reference_name, Anchor::kEnd);
  }
  plot.frame();
  return plot.svg().str();
}

std::string draw(const LineChart& chart) {
  std::vector<LegendEntry> legend;
  Range xs;
  Range ys;
  for (std::size_t s = 0; s < chart.series.size(); ++s) {
    legend.push_back({chart.series[s].name, s});
    if (!chart.log_x || !chart.series[s].level) {
      for (const double x : chart.series[s].x) xs.add(chart.log_x ? std::log10(x) : x);
    }
    for (const Measure& y : chart.series[s].y) ys.add(y);
  }
  Plot plot(chart.text, plot_width(chart.text, 480, Plot::Room()), plot_height(chart.text, kPlotHeight), Plot::Room(),
            legend, true);
  // Whole numbers, one tick each while there is room for them, and half a step on either side.
  std::vector<double> ticks;
  const double step = std::max(1.0, std::ceil((xs.high - xs.low) / (chart.text.paper_mm > 0 ? 10 : 20)));
  for (double x = xs.low; x <= xs.high; x += step) ticks.push_back(x);
  plot.y_axis(ys.ticks());
  if (chart.log_x) plot.log_axis(xs);
  if (!chart.log_x) plot.x_axis(ticks, {xs.low - 0.5, xs.high + 0.5});
  for (std::size_t s = 0; s < chart.series.size(); ++s) {
    const auto& series = chart.series[s];
    // Beside each other, so that intervals at one x can be told apart.
    const double shift =
        chart.smooth ? 0 : 5 * (static_cast<double>(s) - static_cast<double>(chart.series.size() - 1) / 2);
    std::vector<Point> points;
    for (std::size_t i = 0; i < series.x.size(); ++i) {
      const double x = series.level ? xs.high : chart.log_x ? std::log10(series.x[i]) : series.x[i];
      points.push_back({plot.x(x) + shift, plot.y(series.y[i].value)});
      plot.whisker(points[i].x, series.y[i].interval, colour(s));
    }
    if (series.level) {
      plot.svg().line("level", {plot.left(), points[0].y}, {plot.right(), points[0].y}, colour(s), 1.2, dashes(s));
    } else {
      plot.svg().polyline("series", points, colour(s), dashes(s));
    }
    if (chart.smooth) continue;
    for (const Point& point : points) plot.svg().marker("mark", point, static_cast<int>(s), colour(s));
  }
  plot.frame();
  return plot.svg().str();
}

std::string draw(const ForestChart& chart) {
  constexpr double kLine = 14;
  // A name takes at most two fifths of the width, in as many lines as it needs.
  const double total = chart.text.paper_mm > 0 ? chart.text.paper_mm * kPixelsPerMm : 620;
  std::vector<std::vector<std::string>> names;
  double widest = 0;
  double height = 4;
  Range range;
  range.add(0.0);
  for (const ForestChart::Row& row : chart.rows) {
    names.push_back(broken({row.name}, total * 0.4, 11));
    for (const std::string& line : names.back()) widest = std::max(widest, text_pixels(line));
    height += kLine * static_cast<double>(names.back().size()) + 6;
    range.add(row.measure);
  }
  if (chart.margin > 0) range.add(Measure{0, {-chart.margin, chart.margin}});
  const Plot::Room room{std::min(widest, total * 0.48) + 14, 16, 46};
  Plot plot(chart.text, total - room.left - room.right, height, room);
  const auto ticks = nice_ticks(range.low, range.high, chart.text.paper_mm > 0 && chart.text.paper_mm < 120 ? 4 : 6);
  plot.x_axis(ticks);
  if (chart.margin > 0) {
    plot.svg().rect("margin", {plot.x(-chart.margin), plot.top()}, plot.x(chart.margin) - plot.x(-chart.margin), height,
                    "#eeeeee");
  }
  double y = plot.top() + 4;
  for (std::size_t i = 0; i < chart.rows.size(); ++i) {
    const Measure& measure = chart.rows[i].measure;
    const double middle = y + kLine * static_cast<double>(names[i].size()) / 2;
    for (const std::string& line : names[i]) {
      plot.svg().text({plot.left() - 8, y + 11}, line, Anchor::kEnd);
      y += kLine;
    }
    y += 6;
    if (!std::isfinite(measure.value)) continue;
    const double at = plot.x(measure.value);
    if (chart.bars) {
      plot.svg().rect("mark", {std::min(at, plot.x(0)), middle - 5}, std::fabs(at - plot.x(0)), 10, colour(0));
    }
    if (std::isfinite(measure.interval.low) && std::isfinite(measure.interval.high)) {
      const std::string ink = chart.bars ? kInk : colour(0);
      plot.svg().line("interval", {plot.x(measure.interval.low), middle}, {plot.x(measure.interval.high), middle}, ink,
                      1.2);
      for (const double end : {measure.interval.low, measure.interval.high}) {
        plot.svg().line("cap", {plot.x(end), middle - 3}, {plot.x(end), middle + 3}, ink, 1.2);
      }
    }
    if (!chart.bars) plot.svg().marker("mark", {at, middle}, 1, colour(0));
  }
  plot.svg().line("reference", {plot.x(0), plot.top()}, {plot.x(0), plot.bottom()}, kInk, 1);
  plot.svg().line("axis", {plot.left(), plot.bottom()}, {plot.right(), plot.bottom()}, kInk);
  return plot.svg().str();
}

std::string draw(const DistributionChart& chart) {
  std::vector<std::string> names;
  for (const auto& item : chart.items) names.push_back(item.name);
  const double width = width_for(names.size(), 64);
  const Bands bands = bands_for(chart.text, names, width);
  Plot plot(chart.text, bands.width, plot_height(chart.text, kPlotHeight), bands.room);
  plot.y_axis(nice_ticks(0, 1));
  plot.bands(names, bands.slant);
  const double half = plot.band_width() * 0.4;
  for (std::size_t i = 0; i < chart.items.size(); ++i) {
    const auto& item = chart.items[i];
    const double x = plot.band(i);
    const double most = item.histogram.empty() ? 0 : *std::max_element(item.histogram.begin(), item.histogram.end());
    // All clips in one bin have no distribution: their mean is enough.
    const auto some_bins = std::count_if(item.histogram.begin(), item.histogram.end(), [](double v) { return v > 0; });
    if (some_bins > 1) {
      std::vector<Point> outline;
      const auto bins = static_cast<double>(item.histogram.size());
      const auto reach = [&](std::size_t bin) { return half * item.histogram[bin] / most; };
      // From the first bin with clips to the last.
      const auto some = [](double share) { return share > 0; };
      const auto& histogram = item.histogram;
      const auto first =
          static_cast<std::size_t>(std::find_if(histogram.begin(), histogram.end(), some) - histogram.begin());
      const auto end =
          static_cast<std::size_t>(histogram.rend() - std::find_if(histogram.rbegin(), histogram.rend(), some));
      for (std::size_t bin = first; bin < end; ++bin) {
        for (const double edge : {0., 1.}) {
          outline.push_back({x + reach(bin), plot.y((static_cast<double>(bin) + edge) / bins)});
        }
      }
      for (std::size_t bin = end; bin-- > first;) {
        for (const double edge : {1., 0.}) {
          outline.push_back({x - reach(bin), plot.y((static_cast<double>(bin) + edge) / bins)});
        }
      }
      plot.svg().polygon("violin", outline, "#bcd8ea", "#6a9fc4");
    }
    if (item.quantiles.size() == 5) {
      const double box = std::min(half * 0.45, 14.0);
      plot.whisker(x, {item.quantiles[0], item.quantiles[4]});
      plot.svg().rect("box", {x - box, plot.y(item.quantiles[3])}, 2 * box,
                      plot.y(item.quantiles[1]) - plot.y(item.quantiles[3]), "#ffffff", kInk);
      plot.svg().line("median", {x - box, plot.y(item.quantiles[2])}, {x + box, plot.y(item.quantiles[2])}, kInk, 2);
    }
    plot.svg().marker("mark", {x, plot.y(item.mean)}, 3, "#D55E00");
  }
  plot.frame();
  return plot.svg().str();
}

std::string draw(const HeatMap& chart) {
  const bool paper = chart.text.paper_mm > 0;
  const auto columns = static_cast<double>(chart.columns.size());
  double cell = std::clamp(480.0 / columns, 30.0, 54.0);
  const bool slant = slanted(chart.columns, cell);
  Plot::Room room = room_for(chart.columns, slant);
  room.left = std::max(room.left, longest(chart.rows) + (chart.text.y_label.empty() ? 20 : 44));
  if (paper) cell = plot_width(chart.text, 0, room) / columns;
  const double width = cell * columns;
  const double height = std::clamp(0.75 * cell, 18.0, 40.0) * static_cast<double>(chart.rows.size());
  if (!paper) room.right = std::max(16.0, 300 - width);  // for the title
  Plot plot(chart.text, width, height, room);
  plot.bands(chart.columns, slant);
  const double row_height = height / static_cast<double>(chart.rows.size());
  for (std::size_t r = 0; r < chart.rows.size(); ++r) {
    const double y = plot.top() + static_cast<double>(r) * row_height;
    plot.svg().text({plot.left() - 6, y + row_height / 2 + 4}, chart.rows[r], Anchor::kEnd);
    for (std::size_t c = 0; c < chart.columns.size(); ++c) {
      const double value = chart.values[r * chart.columns.size() + c];
      if (!std::isfinite(value)) continue;
      const double share = (value - chart.low) / (chart.high - chart.low);
      plot.svg().rect("mark", {plot.band(c) - cell / 2, y}, cell, row_height, shade(share), "#ffffff");
      std::string text = tick_labels({std::round(value * 100) / 100, std::round(value * 100) / 100 + .01})[0];
      if (text.rfind("0.", 0) == 0) text.erase(0, 1);
      plot.svg().text({plot.band(c), y + row_height / 2 + 3.5}, text, Anchor::kMiddle, 11, 0,
                      share > 0.55 ? "#ffffff" : "#000000");
    }
  }
  return plot.svg().str();
}

std::string draw(const ScatterChart& chart) {
  Plot plot(chart.text, plot_width(chart.text, 480, Plot::Room()), plot_height(chart.text, 320), Plot::Room());
  Range xs;
  Range ys;
  const auto x_of = [&](const ScatterChart::Item& item) { return chart.log_x ? std::log10(item.x) : item.x; };
  for (const auto& item : chart.items) {
    xs.add(x_of(item));
    ys.add(item.y);
  }
  plot.y_axis(ys.ticks());
  if (chart.log_x) plot.log_axis(xs);
  if (!chart.log_x) plot.x_axis(xs.ticks());
  if (ys.low < 0 && ys.high > 0) {
    plot.svg().line("reference", {plot.left(), plot.y(0)}, {plot.right(), plot.y(0)}, kInk, 1, "5 4");
  }
  for (const auto& item : chart.items) {
    plot.whisker(plot.x(x_of(item)), item.y.interval, "#888888");
  }
  for (const auto& item : chart.items) {
    plot.svg().marker("mark", {plot.x(x_of(item)), plot.y(item.y.value)}, 0, colour(0));
  }
  // Labels come last, so that no line crosses them, beside no other label and no mark.
  struct Placed {
    Point at;
    double width;
    const std::string* name;
    bool left;
  };
  std::vector<Placed> labels;
  for (const auto& item : chart.items) {
    if (item.name.empty()) continue;
    const Point at = {plot.x(x_of(item)), plot.y(item.y.value)};
    const double wide = text_pixels(item.name);
    const bool left = at.x + 8 + wide > plot.right();
    Point label = {left ? at.x - 7 : at.x + 7, at.y + 4};
    const auto taken = [&] {
      const double from = left ? label.x - wide : label.x;
      const bool mark = std::any_of(chart.items.begin(), chart.items.end(), [&](const auto& other) {
        const Point there = {plot.x(x_of(other)), plot.y(other.y.value)};
        return there.x > from - 4 && there.x < from + wide + 4 && std::fabs(there.y - label.y + 4) < 9;
      });
      return mark || std::any_of(labels.begin(), labels.end(), [&](const Placed& other) {
               const double begin = other.left ? other.at.x - other.width : other.at.x;
               return begin < from + wide + 6 && from < begin + other.width + 6 && std::fabs(other.at.y - label.y) < 12;
             });
    };
    // The nearest free place, below or above; a thin line leads there.
    constexpr int kTries = 60;
    const double own = label.y;
    for (int i = 1; i < kTries && taken(); ++i) {
      label.y = own + 6 * (i % 2 ? (i + 1) / 2 : -i / 2);
      if (label.y < plot.top() + 8 || label.y > plot.bottom() - 2) label.y = own;
    }
    if (label.y != own) {
      plot.svg().line("leader", at, {label.x + (left ? 1 : -1), label.y - 4}, "#999999", 0.6);
    }
    labels.push_back({label, wide, &item.name, left});
  }
  for (const Placed& label : labels) {
    plot.svg().label(label.at, *label.name, label.left ? Anchor::kEnd : Anchor::kStart);
  }
  plot.frame();
  return plot.svg().str();
}

}  // namespace medley::sweep
