#pragma once

#include <string>
#include <vector>

#include "sweep/report/table.h"

namespace medley::sweep {

/// One figure: its data with full precision, and a picture.
struct Figure {
  std::string name;  ///< of its files, without ending
  Table data;
  std::string svg;
};

/// Figures in the order of docs/results.md. Those whose data the store lacks (Scores of subsets, clip weights, several
/// n) are left out and named in `missing` with the reason.
struct Figures {
  std::vector<Figure> figures;
  std::vector<std::string> missing;
};

}  // namespace medley::sweep
