#pragma once

#include <string>
#include <vector>

namespace medley::sweep {

/// Text as it stands in XML; what XML cannot hold (control characters) is left out.
std::string xml_escaped(const std::string& text);

/// About `count` ticks at 1, 2 or 5 times a power of ten that cover [low, high]. They begin at or below `low` and end
/// at or above `high`. A single value gets room on both sides.
std::vector<double> nice_ticks(double low, double high, int count = 6);
/// The ticks as text, all with as many decimals as their step needs.
std::vector<std::string> tick_labels(const std::vector<double>& ticks);

struct Point {
  double x = 0;
  double y = 0;
};

/// An SVG document, written element by element. Coordinates are pixels, y downwards. `kind` becomes the element's
/// class: what it is a mark of.
class Svg {
 public:
  enum class Anchor { kStart, kMiddle, kEnd };

  /// `title` is what screen readers say. `width_mm`: width in print; 0: a pixel of the screen each.
  Svg(double width, double height, const std::string& title, double width_mm = 0);

  void rect(const std::string& kind, Point corner, double width, double height, const std::string& fill,
            const std::string& stroke = "none");
  void line(const std::string& kind, Point from, Point to, const std::string& stroke, double width = 1,
            const std::string& dashes = "");
  void polyline(const std::string& kind, const std::vector<Point>& points, const std::string& stroke,
                const std::string& dashes = "");
  void polygon(const std::string& kind, const std::vector<Point>& points, const std::string& fill,
               const std::string& stroke = "none");
  /// Shapes 0 to 5: circle, square, triangle, diamond, cross and its rotation: told apart without colour.
  void marker(const std::string& kind, Point centre, int shape, const std::string& colour);
  /// `degrees` turn it about `at`, clockwise.
  void text(Point at, const std::string& text, Anchor anchor = Anchor::kStart, double size = 11, double degrees = 0,
            const std::string& colour = "#000");

  /// Text that nothing strikes through: white around its letters.
  void label(Point at, const std::string& text, Anchor anchor = Anchor::kStart, double size = 11);

  std::string str() const;

 private:
  void write(Point at, const std::string& text, Anchor anchor, double size, const std::string& attributes);

  std::string body_;
};

/// Roughly how wide text is in the sans-serif that figures use: an estimate, to leave room.
double text_pixels(const std::string& text, double size = 11);

}  // namespace medley::sweep
