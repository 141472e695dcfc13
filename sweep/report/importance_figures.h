#pragma once

#include "sweep/report/figure.h"
#include "sweep/report/importance_report.h"

namespace medley::sweep {

/// Of what the gate says and what Scores say of the encoders. `paper_mm`: ChartText::paper_mm.
Figures make_figures(const ImportanceReport& report, double paper_mm = 0);

}  // namespace medley::sweep
