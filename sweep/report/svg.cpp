#include "sweep/report/svg.h"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace medley::sweep {
namespace {

std::string fixed(double value, int decimals) {
  char text[64];
  const auto end = std::to_chars(text, text + sizeof text, value, std::chars_format::fixed, decimals);
  std::string digits(text, end.ptr);
  if (digits.find_first_not_of("-0.") == std::string::npos && digits.front() == '-') digits.erase(0, 1);
  return digits;
}

std::string attribute(const char* name, double value) {
  return std::string(" ") + name + "=\"" + fixed(value, 2) + "\"";
}
std::string attribute(const char* name, const std::string& value) {
  return std::string(" ") + name + "=\"" + xml_escaped(value) + "\"";
}

std::string points_text(const std::vector<Point>& points) {
  std::string text;
  for (const Point& point : points) text += (text.empty() ? "" : " ") + fixed(point.x, 2) + "," + fixed(point.y, 2);
  return text;
}

}  // namespace

std::string xml_escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        if (static_cast<unsigned char>(c) >= 0x20) out += c;
    }
  }
  return out;
}

std::vector<double> nice_ticks(double low, double high, int count) {
  if (!(high > low)) {
    const double room = low == 0 ? 1 : std::fabs(low) / 2;
    low -= room;
    high += room;
  }
  const double rough = (high - low) / std::max(1, count - 1);
  const double power = std::pow(10, std::floor(std::log10(rough)));
  double step = 10 * power;
  for (const double factor : {1., 2., 5.}) {
    if (factor * power >= rough * (1 - 1e-9)) {
      step = factor * power;
      break;
    }
  }
  std::vector<double> ticks;
  const double slack = 1e-9 * step;
  for (double i = std::floor((low + slack) / step); ticks.empty() || ticks.back() < high - slack; ++i) {
    ticks.push_back(i * step);
  }
  return ticks;
}

std::vector<std::string> tick_labels(const std::vector<double>& ticks) {
  const double step = ticks.size() > 1 ? ticks[1] - ticks[0] : 1;
  const int decimals = std::max(0, static_cast<int>(-std::floor(std::log10(step) + 1e-9)));
  std::vector<std::string> labels;
  for (const double tick : ticks) labels.push_back(fixed(tick, decimals));
  return labels;
}

Svg::Svg(double width, double height, const std::string& title, double width_mm) {
  const std::string size = width_mm > 0 ? attribute("width", fixed(width_mm, 2) + "mm") +
                                              attribute("height", fixed(width_mm * height / width, 2) + "mm")
                                        : attribute("width", width) + attribute("height", height);
  body_ = "<svg xmlns=\"http://www.w3.org/2000/svg\"" + size + " viewBox=\"0 0 " + fixed(width, 2) + " " +
          fixed(height, 2) +
          "\" role=\"img\" font-family=\"Helvetica, Arial, 'Liberation Sans', sans-serif\">\n<title>" +
          xml_escaped(title) + "</title>\n";
  rect("paper", {0, 0}, width, height, "#fff");
}

void Svg::rect(const std::string& kind, Point corner, double width, double height, const std::string& fill,
               const std::string& stroke) {
  body_ += "<rect" + attribute("class", kind) + attribute("x", corner.x) + attribute("y", corner.y) +
           attribute("width", width) + attribute("height", height) + attribute("fill", fill) +
           attribute("stroke", stroke) + "/>\n";
}

void Svg::line(const std::string& kind, Point from, Point to, const std::string& stroke, double width,
               const std::string& dashes) {
  body_ += "<line" + attribute("class", kind) + attribute("x1", from.x) + attribute("y1", from.y) +
           attribute("x2", to.x) + attribute("y2", to.y) + attribute("stroke", stroke) +
           attribute("stroke-width", width) + (dashes.empty() ? "" : attribute("stroke-dasharray", dashes)) + "/>\n";
}

void Svg::polyline(const std::string& kind, const std::vector<Point>& points, const std::string& stroke,
                   const std::string& dashes) {
  body_ += "<polyline" + attribute("class", kind) + attribute("points", points_text(points)) + " fill=\"none\"" +
           attribute("stroke", stroke) + " stroke-width=\"1.5\"" +
           (dashes.empty() ? "" : attribute("stroke-dasharray", dashes)) + "/>\n";
}

void Svg::polygon(const std::string& kind, const std::vector<Point>& points, const std::string& fill,
                  const std::string& stroke) {
  body_ += "<polygon" + attribute("class", kind) + attribute("points", points_text(points)) + attribute("fill", fill) +
           attribute("stroke", stroke) + "/>\n";
}

void Svg::marker(const std::string& kind, Point c, int shape, const std::string& colour) {
  constexpr double kR = 3.5;
  switch (shape % 6) {
    case 0:
      body_ += "<circle" + attribute("class", kind) + attribute("cx", c.x) + attribute("cy", c.y) + attribute("r", kR) +
               attribute("fill", colour) + "/>\n";
      break;
    case 1:
      rect(kind, {c.x - kR, c.y - kR}, 2 * kR, 2 * kR, colour);
      break;
    case 2:
      polygon(kind, {{c.x, c.y - kR - 1}, {c.x + kR + 1, c.y + kR}, {c.x - kR - 1, c.y + kR}}, colour);
      break;
    case 3:
      polygon(kind, {{c.x, c.y - kR - 1}, {c.x + kR + 1, c.y}, {c.x, c.y + kR + 1}, {c.x - kR - 1, c.y}}, colour);
      break;
    default: {
      const double turn = shape % 6 == 4 ? 0.25 : 0;
      std::vector<Point> arms;
      for (int i = 0; i < 8; ++i) {
        const double angle = 3.14159265358979 * (turn + i / 4.0);
        const double r = i % 2 ? kR / 2.5 : kR + 1.5;
        arms.push_back({c.x + r * std::cos(angle), c.y + r * std::sin(angle)});
      }
      polygon(kind, arms, colour);
    }
  }
}

void Svg::write(Point at, const std::string& text, Anchor anchor, double size, const std::string& attributes) {
  const char* side = anchor == Anchor::kStart ? "start" : anchor == Anchor::kMiddle ? "middle" : "end";
  body_ += "<text" + attribute("x", at.x) + attribute("y", at.y) + attribute("font-size", size) +
           attribute("text-anchor", std::string(side)) + attributes + ">" + xml_escaped(text) + "</text>\n";
}

void Svg::text(Point at, const std::string& text, Anchor anchor, double size, double degrees,
               const std::string& colour) {
  std::string turned;
  if (degrees != 0) {
    turned = attribute("transform", "rotate(" + fixed(degrees, 0) + " " + fixed(at.x, 2) + " " + fixed(at.y, 2) + ")");
  }
  write(at, text, anchor, size, attribute("fill", colour) + turned);
}

void Svg::label(Point at, const std::string& text, Anchor anchor, double size) {
  write(at, text, anchor, size,
        " fill=\"#000\" stroke=\"#fff\" stroke-width=\"3\" stroke-linejoin=\"round\" paint-order=\"stroke\"");
}

std::string Svg::str() const { return body_ + "</svg>\n"; }

double text_pixels(const std::string& text, double size) {
  double characters = 0;
  for (const char c : text) {
    if ((c & 0xc0) != 0x80) characters += c == 'i' || c == 'l' || c == '.' || c == ' ' ? 0.36 : 0.63;
  }
  return characters * size;
}

}  // namespace medley::sweep
