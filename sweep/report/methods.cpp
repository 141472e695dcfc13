#include "sweep/report/methods.h"

#include <algorithm>
#include <set>
#include <vector>

#include "sweep/config.h"
#include "sweep/report/report_text.h"
#include "sweep/version.h"

namespace medley::sweep {
namespace {

using nlohmann::json;

std::string joined(const std::vector<std::string>& parts) {
  std::string text;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    text += (i == 0 ? "" : i + 1 == parts.size() ? " and " : ", ") + parts[i];
  }
  return text;
}

/// Those that every config has, of the ones that a reader needs to train it again.
std::string shared_settings(const Report& report) {
  std::vector<std::string> said;
  for (const char* name : {"optimizer", "learning_rate", "weight_decay", "tune_decay", "schedule", "batch_size",
                           "epochs", "dropout", "patience", "precision"}) {
    std::set<std::string> values;
    for (const ConfigReport& config : report.configs) {
      values.insert(config.settings.contains(name) ? value_text(config.settings[name]) : "");
    }
    if (values.size() == 1 && !values.begin()->empty()) said.push_back(std::string(name) + " " + *values.begin());
  }
  return joined(said);
}

std::string design(const Report& report) {
  std::string text = "We trained " + counted(report.configs.size(), "configuration") + " on " + report.dataset +
                     (report.synthetic ? ", a synthetic dataset" : "");
  if (report.clips > 0) text += " (" + counted(report.clips, "labelled clip");
  if (report.clips > 0 && report.actors > 0) text += " of " + counted(report.actors, "actor");
  if (report.clips > 0) text += ")";
  std::vector<std::string> axes;
  const AxisText names(report);
  for (const AxisReport& axis : report.axes) {
    if (axis.values.size() > 1) axes.push_back(names.axis(axis.axis));
  }
  if (!axes.empty()) text += ", which differ in " + joined(axes);
  text += ". ";
  if (const std::string settings = shared_settings(report); !settings.empty()) {
    text += "All have " + settings + ". ";
  }
  const std::string folds =
      report.partitions.front().official()
          ? "each of the " + counted(report.folds, "official fold")
          : "each of " + counted(report.folds, "fold") + " (" + partitions_text(report.partitions) + ")";
  text += "Each was trained with " + folds + " held out, from " + seeds_text(report, "random seed") + ".";
  if (!report.search.empty()) {
    text += " A search chose which of these runs were trained (" + report.search + ", " +
            counted(report.rounds, "round") + ").";
  }
  return text;
}

std::string scores(const Report& report) {
  std::string text = "The Score is the mean of the presence and the salience accuracy of the challenge. ";
  if (!report.ranks_held_out()) {
    return text +
           "Scores are paper-style: epoch and decision thresholds were tuned on the reported fold, so that they are "
           "optimistic. They are means over folds and seeds.";
  }
  const auto inner = std::any_of(report.configs.begin(), report.configs.end(),
                                 [](const ConfigReport& config) { return config.settings.value("inner_fold", false); });
  text += inner ? "With an inner fold, epoch and thresholds were chosen on it, else the last epoch was taken and the "
                : "The last epoch was taken, and the ";
  text +=
      report.decode.head_fusion ? "decision thresholds were" : "decision thresholds and the fusion of the heads were";
  return text +
         " chosen on the other folds of the same seed. No number thus was tuned on the clips that it is measured "
         "on. Hits were pooled over the folds, and Scores averaged over seeds" +
         (report.partitions.size() > 1 ? " and over the repeats of the partition." : ".");
}

std::string tests(const Report& report) {
  const bool actors = report.ranks_held_out() && report.actors >= 2;
  std::string text = "Differences were paired by fold and seed. ";
  if (actors) {
    text +=
        "Their 95 % intervals and two-sided tests are for other actors and other training seeds. The variance is the "
        "cluster-robust one over " +
        std::to_string(report.actors) +
        " actors (CR2; Bell and McCaffrey, 2002) plus that of training between seeds, times 1 + 1/(2(k - 1)) for "
        "training sets that overlap over k folds (half the term of Nadeau and Bengio, 2003), with Satterthwaite's "
        "(1946) "
        "degrees of freedom.";
  } else {
    text +=
        "Their 95 % intervals and two-sided tests are those of the corrected resampled t-test with folds as blocks "
        "(Nadeau and Bengio, 2003; Bouckaert and Frank, 2004).";
  }
  for (const FamilyReport& family : report.families) {
    const std::string declared = declaration_text(family.family);
    const AxisText names(report);
    text += " " + counted(family.rows.size(), "planned comparison") + " of " + names.axis(family.family.axis) +
            " with " + names(family.family.axis, family.family.baseline) +
            (family.rows.size() == 1 ? " was " : " were ") + (declared.empty() ? "declared" : declared) +
            "; p values were adjusted by Holm (1979), and an interval within ±" + share_text(family.family.margin) +
            " counts as equivalence.";
  }
  if (report.families.empty() && !report.declared_reference.empty() && report.search.empty()) {
    text +=
        " All configurations were compared with one that was declared beforehand, and p values adjusted by Holm "
        "(1979).";
  }
  if (report.families.empty() && report.declared_reference.empty()) text += " No comparison was declared beforehand.";
  return text;
}

std::string failures(const Report& report) {
  int done = 0;
  int expected = 0;
  int diverged = 0;
  for (const ConfigReport& config : report.configs) {
    done += config.done;
    expected += config.expected;
    diverged += config.diverged;
  }
  std::string text = std::to_string(done) + " of " + counted(expected, "run") + " have a result";
  if (diverged > 0) text += ", of which " + std::to_string(diverged) + " diverged and are left out of means";
  const bool transductive =
      std::any_of(report.configs.begin(), report.configs.end(), [](const ConfigReport& c) { return c.transductive; });
  text += ".";
  if (transductive) {
    text +=
        " Some configurations are transductive: their training read unlabelled features of clips that they are "
        "scored on.";
  }
  if (report.arithmetics.size() > 1)
    text +=
        " Results are of " + std::to_string(report.arithmetics.size()) + " arithmetics, whose last digits may differ.";
  return text + " Trained and evaluated with Medley " + version() + ".";
}

std::vector<std::string> references(const std::string& text) {
  const std::vector<std::pair<std::string, std::string>> known = {
      {"McCaffrey",
       "Bell, R. M., McCaffrey, D. F. (2002). Bias reduction in standard errors for linear regression with "
       "multi-stage samples. Survey Methodology 28(2), 169-181."},
      {"Bouckaert",
       "Bouckaert, R. R., Frank, E. (2004). Evaluating the replicability of significance tests for "
       "comparing learning algorithms. PAKDD, 3-12."},
      {"Holm",
       "Holm, S. (1979). A simple sequentially rejective multiple test procedure. Scandinavian Journal of "
       "Statistics 6(2), 65-70."},
      {"Nadeau",
       "Nadeau, C., Bengio, Y. (2003). Inference for the generalization error. Machine Learning 52(3), "
       "239-281."},
      {"Satterthwaite",
       "Satterthwaite, F. E. (1946). An approximate distribution of estimates of variance components. "
       "Biometrics Bulletin 2(6), 110-114."}};
  std::vector<std::string> cited;
  for (const auto& [name, reference] : known) {
    if (text.find(name) != std::string::npos) cited.push_back(reference);
  }
  return cited;
}

}  // namespace

std::string methods_text(const Report& report) {
  const std::string tested = tests(report);
  std::string text = design(report) + " " + scores(report) + " " + tested + " " + failures(report) + "\n\nReferences\n";
  for (const std::string& reference : references(tested)) text += reference + "\n";
  return text;
}

}  // namespace medley::sweep
