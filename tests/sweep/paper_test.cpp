// Tables of papers, set by LaTeX where it is installed (Debian's texlive-latex-base).
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include <gtest/gtest.h>
#include <unistd.h>

#include "sweep/report/report.h"

namespace medley::sweep {
namespace {

namespace fs = std::filesystem;

/// Twenty configs with long names, a reference and planned comparisons; marks of every kind.
Report long_names() {
  ReportInput input;
  input.sweep = "late_fusion & friends";
  input.description = "Fusion of 100 % of the encoders_of_every_kind with superlongunbreakablewordsinthedescription";
  input.dataset = "cremad_votes_with_a_very_long_name_of_its_own";
  input.folds = {0, 1, 2};
  input.seeds = {1, 2};
  for (int i = 0; i < 20; ++i) {
    const std::string id = "c" + std::to_string(10 + i);
    const char* adaptations[] = {"none", "coral", "coral-input", "mmd", "moments"};
    const nlohmann::json axes = {
        {"encoders", "hubert_large_finetuned+imagebindhugeplusplus" + std::to_string(i / 5) + "+videomae_base"},
        {"adaptation", adaptations[i % 5]}};
    input.configs.push_back({id, axes, axes});
    input.configs.back().transductive = i % 2 == 1;
    for (const int fold : input.folds) {
      for (const std::uint64_t seed : input.seeds) {
        TrialScores t;
        t.trial_id = id + "-" + std::to_string(fold) + "-" + std::to_string(seed);
        t.config_id = id;
        t.fold = fold;
        t.seed = seed;
        t.held_out_epoch = 3;
        t.paper_surface.clips = 200;
        t.paper_surface.blends = 100;
        t.paper_surface.presence_hits[7] = 30 + 4 * i + (fold * 7 + static_cast<int>(seed) * 3 + i) % 5;
        t.paper_surface.salience_hits[7] = 20 + i;
        t.held_out_surface = t.paper_surface;
        t.paper = t.paper_surface.best().accuracy;
        input.trials.push_back(t);
      }
    }
  }
  input.trials.pop_back();
  input.trials.front().outcome = Outcome::kDiverged;
  input.reference = "c15";
  input.families = {{"adaptation", "none", .01}};
  return make_report(input);
}

RenderOptions in_paper(double mm) {
  RenderOptions options;
  options.format = ReportFormat::kLatex;
  options.paper_mm = mm;
  return options;
}

std::string text_of(const fs::path& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

TEST(PaperTable, FitsItsWidthWithoutAnOverfullBox) {
  if (std::system("pdflatex --version > /dev/null 2>&1") != 0) GTEST_SKIP() << "no pdflatex (texlive-latex-base)";
  const Report report = long_names();
  const fs::path folder = fs::temp_directory_path() / ("medley-paper-" + std::to_string(getpid()));
  for (const int mm : {80, 170}) {
    fs::create_directories(folder);
    std::ofstream(folder / "paper.tex")
        << "\\documentclass[10pt]{article}\n\\usepackage[utf8]{inputenc}\n"
        << "\\textwidth=" << mm << "mm\\oddsidemargin=0mm\\hoffset=0mm\\textheight=560mm\\paperheight=600mm\n"
        << "\\pdfpageheight=600mm\\pdfpagewidth=" << mm + 52
        << "mm\n"
        // booktabs is of texlive-latex-recommended; other rules are as wide.
        << "\\IfFileExists{booktabs.sty}{\\usepackage{booktabs}}{\\let\\toprule\\hline\\let\\midrule\\hline"
        << "\\let\\bottomrule\\hline\\def\\cmidrule(lr)##1{}}\n"
        << "\\begin{document}\nTable~\\ref{tab:late-fusion---friends}.\n"
        << render(report, in_paper(mm)) << "\\end{document}\n";
    const std::string run =
        "cd '" + folder.string() + "' && pdflatex -interaction=nonstopmode -halt-on-error paper.tex > out.txt 2>&1";
    const std::string twice = run + " && " + run;
    EXPECT_EQ(std::system(twice.c_str()), 0) << text_of(folder / "out.txt");
    const std::string log = text_of(folder / "paper.log");
    const std::size_t overfull = log.find("Overfull");
    EXPECT_EQ(overfull, std::string::npos) << mm << " mm\n" << log.substr(std::min(overfull, log.size()), 600);
    EXPECT_EQ(log.find("undefined"), std::string::npos) << log;
    fs::remove_all(folder);
  }
}

TEST(PaperTable, HasTheColumnsOfAPaper) {
  const Report report = long_names();
  const std::string narrow = render(report, in_paper(80));
  EXPECT_NE(narrow.find("\\begin{table}[t]"), std::string::npos);
  EXPECT_NE(narrow.find("\\label{tab:late-fusion---friends}"), std::string::npos) << narrow;
  EXPECT_NE(narrow.find("$\\Delta$"), std::string::npos);
  EXPECT_NE(narrow.find("\\textbf{"), std::string::npos) << "the best is bold";
  EXPECT_NE(narrow.find("$^{\\star}$"), std::string::npos) << "differences that were found are marked";
  EXPECT_EQ(narrow.find("ACC\\_P"), std::string::npos) << "no room at 8 cm";
  const std::string wide = render(report, in_paper(170));
  EXPECT_NE(wide.find("ACC\\_P"), std::string::npos);
  RenderOptions chosen = in_paper(80);
  chosen.select = {"held_out_acc_presence"};
  EXPECT_NE(render(report, chosen).find("ACC\\_P"), std::string::npos);
}

}  // namespace
}  // namespace medley::sweep
