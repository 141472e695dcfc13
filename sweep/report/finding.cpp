#include "sweep/report/finding.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>
#include <vector>

#include "sweep/report/ablation.h"
#include "sweep/report/config_names.h"
#include "sweep/report/report_text.h"

namespace medley::sweep {
namespace {

std::string protocol(bool held_out) { return held_out ? "held-out Score" : "paper-style Score, optimistic"; }

/// "(held-out Score, 5 folds x 2 seeds, Holm over 12)".
std::string by(const Report& report, bool held_out, std::size_t comparisons) {
  const std::string holm = comparisons > 0 ? ", Holm over " + std::to_string(comparisons) : "";
  return " (" + protocol(held_out) + ", " + runs_text(report) + holm + ")";
}

/// ".017 [.007, .027]", of the size of a difference.
std::string size_text(const PairedComparison& difference) {
  const bool negative = difference.mean < 0;
  const Interval& ends = difference.interval;
  return share_text(std::fabs(difference.mean)) + " " +
         interval_text(negative ? Interval{-ends.high, -ends.low} : ends);
}

/// "all has .205 [.183, .227]".
std::string score_of(const Report& report, const ConfigNames& names, const ConfigReport& config) {
  const Interval interval = ranked_interval(report, config);
  return names(config.id) + " has " + share_text(*ranked_score(report, config)) +
         (std::isfinite(interval.low) ? " " + interval_text(interval) : "");
}

/// A row of a family that has a verdict.
struct Judged {
  const FamilyReport* family;
  const PlannedComparison* row;
  const PairedComparison& difference() const { return family->judged(*row)->result(); }
};

std::vector<Judged> with_verdict(const std::vector<Judged>& rows, Verdict verdict) {
  std::vector<Judged> found;
  for (const Judged& one : rows) {
    if (one.row->verdict == verdict) found.push_back(one);
  }
  return found;
}

/// What the comparisons are against: one baseline config, or the values that families name.
std::string baseline_text(const Report& report, const ConfigNames& names, const std::vector<Judged>& rows) {
  const AxisText text(report);
  std::string all;
  bool one = true;
  for (const Judged& judged : rows) {
    one = one && judged.row->baseline_config == rows.front().row->baseline_config;
    const Family& family = judged.family->family;
    const std::string value = text.axis(family.axis) + " " + text(family.axis, family.baseline);
    if (all.find(value) == std::string::npos) all += (all.empty() ? "" : " and ") + value;
  }
  return one ? names(rows.front().row->baseline_config) : all;
}

std::string seeds_text(const std::vector<Judged>& undecided) {
  int most = 0;
  std::size_t never = 0;
  for (const Judged& one : undecided) {
    if (one.row->seeds == 1) return "add a seed, as the variance of training is unknown from one";
    if (one.row->more_seeds) most = std::max(most, *one.row->more_seeds);
    never += !one.row->more_seeds;
  }
  if (never == undecided.size()) return "more seeds are not expected to settle it";
  const std::string more = "needs about " + counted(most, "more seed");
  return never == 0 ? more
                    : more + "; " + std::to_string(never) + (never == 1 ? " is" : " are") +
                          " not expected to be settled by more";
}

Finding of_families(const Report& report, const ConfigNames& names) {
  std::vector<Judged> rows;
  std::size_t comparisons = 0;
  for (const FamilyReport& family : report.families) {
    for (const PlannedComparison& row : family.rows) {
      ++comparisons;
      if (row.verdict != Verdict::kNotJudged) rows.push_back({&family, &row});
    }
  }
  if (rows.empty()) {
    return {FindingState::kNotJudged,
            std::string("not judged: ") + (comparisons == 0 ? "the sweep holds none of its planned pairs"
                                                            : "every planned comparison lacks runs")};
  }
  const bool held_out =
      std::all_of(rows.begin(), rows.end(), [](const Judged& j) { return j.family->judged_held_out; });
  const std::string how = by(report, held_out, rows.size());
  const auto helps = with_verdict(rows, Verdict::kHelps);
  const auto hurts = with_verdict(rows, Verdict::kHurts);
  const auto undecided = with_verdict(rows, Verdict::kInconclusive);
  const std::string lacking =
      comparisons > rows.size() ? "; " + std::to_string(comparisons - rows.size()) + " more lack runs" : "";
  const auto by_mean = [](const Judged& a, const Judged& b) { return a.difference().mean < b.difference().mean; };
  if (!helps.empty()) {
    const Judged& most = *std::max_element(helps.begin(), helps.end(), by_mean);
    const std::string more = helps.size() > 1 ? "; so do " + std::to_string(helps.size() - 1) + " more" : "";
    return {FindingState::kHelps, names(most.row->config) + " beats " + names(most.row->baseline_config) + " by " +
                                      size_text(most.difference()) + how + more + lacking};
  }
  const std::string baseline = baseline_text(report, names, rows);
  if (!hurts.empty()) {
    const Judged& most = *std::min_element(hurts.begin(), hurts.end(), by_mean);
    const std::string more = hurts.size() > 1 ? "; so are " + std::to_string(hurts.size() - 1) + " more" : "";
    return {FindingState::kHurts, "no config beats " + baseline + "; " + names(most.row->config) + " is behind " +
                                      names(most.row->baseline_config) + " by " + size_text(most.difference()) + how +
                                      more + lacking};
  }
  if (!undecided.empty()) {
    return {FindingState::kUndecided, "undecided: no config differs from " + baseline + " beyond chance" + how + "; " +
                                          seeds_text(undecided) + lacking};
  }
  const std::string margin = share_text(rows.front().family->family.margin);
  return {FindingState::kEquivalent, (rows.size() == 1 ? names(rows.front().row->config) + " is"
                                                       : "all " + std::to_string(rows.size()) + " configs are") +
                                         " equivalent to " + baseline + " within ±" + margin + how + lacking};
}

Finding of_reference(const Report& report, const ConfigNames& names) {
  const std::map<std::string, double> adjusted = adjusted_against_reference(report);
  std::vector<const ConfigReport*> others;
  for (const ConfigReport& config : report.configs) {
    if (adjusted.count(config.id) > 0) others.push_back(&config);
  }
  const std::string reference = names(report.reference()->id);
  if (others.empty()) return {FindingState::kNotJudged, "not judged: no config has runs in common with " + reference};
  const std::string how = by(report, report.ranks_held_out(), others.size());
  const ConfigReport* most = nullptr;
  std::size_t beat = 0;
  for (const ConfigReport* other : others) {
    if (adjusted.at(other->id) >= kLevel || other->against_reference->mean <= 0) continue;
    if (!most || other->against_reference->mean > most->against_reference->mean) most = other;
    ++beat;
  }
  if (most) {
    const std::string more = beat > 1 ? "; so do " + std::to_string(beat - 1) + " more" : "";
    return {FindingState::kBeats, names(most->id) + " beats the reference " + reference + " by " +
                                      size_text(*most->against_reference) + how + more};
  }
  const ConfigReport& first = *others.front();
  return {FindingState::kNoneBeats, "no config beats the reference " + reference + " beyond chance; of the others " +
                                        names(first.id) + " is first with " +
                                        signed_text(first.against_reference->mean) + " " +
                                        interval_text(first.against_reference->interval) + how};
}

/// Nothing was declared: the best, and those that may be as good.
Finding of_ranking(const Report& report, const ConfigNames& names) {
  const ConfigReport& best = report.configs.front();
  const std::string score = score_of(report, names, best);
  if (report.configs.size() == 1) return {FindingState::kSingle, score + by(report, report.ranks_held_out(), 0)};
  std::size_t others = 0;
  std::size_t alike = 0;
  bool known = false;
  for (const ConfigReport& config : report.configs) {
    if (&config == &best || !ranked_score(report, config)) continue;
    ++others;
    const auto difference =
        compare_runs(config, best, report.ranks_held_out() ? &RunScore::held_out : &RunScore::paper, report.folds);
    known = known || difference;
    alike += !difference || !(difference->result().interval.high < 0);
  }
  const std::string told =
      !known       ? "too few runs to tell the others from it"
      : alike == 0 ? "none of the other " + std::to_string(others) + " comes near"
                   : std::to_string(alike) + " of the other " + std::to_string(others) + " cannot be told from it";
  return {FindingState::kBest, score + ", the best of " + std::to_string(report.configs.size()) +
                                   by(report, report.ranks_held_out(), 0) + "; " + told +
                                   ", and no comparison was declared"};
}

Finding of_search(const Report& report, const ConfigNames& names) {
  std::size_t behind = 0;
  for (const ConfigReport& config : report.configs) {
    behind += config.stopped && config.stopped->kind == DecisionKind::kBehind;
  }
  return {FindingState::kSearched,
          score_of(report, names, report.configs.front()) + ", the best of " + std::to_string(report.configs.size()) +
              by(report, report.ranks_held_out(), 0) + "; " +
              (behind > 0 ? "the search found " + std::to_string(behind) + " behind"
                          : "a search of " + counted(report.rounds, "round") + " chose what to train")};
}

}  // namespace

Finding finding(const Report& report) {
  const ConfigNames names(report);
  int done = 0;
  int expected = 0;
  for (const ConfigReport& config : report.configs) {
    done += config.done;
    expected += config.expected;
  }
  const std::string trials = std::to_string(done) + " of " + counted(expected, "trial");
  const bool measured = !report.configs.empty() && ranked_score(report, report.configs.front());
  const SweepStanding standing = report.standing;
  if (standing == SweepStanding::kFailed) return {FindingState::kFailed, "failed: no trial has a result"};
  if (standing != SweepStanding::kFinished && (done < expected || !report.search.empty())) {
    std::string so_far;
    if (measured) {
      const ConfigReport& first = report.configs.front();
      so_far = "; so far " + score_of(report, names, first) + " (" +
               (report.ranks_held_out() ? "held-out" : "paper-style") + " Score, " + std::to_string(first.done) +
               " of " + counted(first.expected, "run") + ")";
    }
    return {FindingState::kNotYet, "not yet: " + trials + so_far};
  }
  if (!measured) return {FindingState::kNoNumber, "no config has a Score: " + trials + " have a result"};
  if (!report.search.empty()) return of_search(report, names);
  if (!report.families.empty()) return of_families(report, names);
  if (!report.declared_reference.empty() && report.configs.size() > 1) return of_reference(report, names);
  return of_ranking(report, names);
}

std::map<std::string, double> adjusted_against_reference(const Report& report) {
  std::vector<std::string> ids;
  std::vector<double> p;
  for (const ConfigReport& config : report.configs) {
    if (report.declared_reference.empty() || !config.against_reference || !config.complete()) continue;
    ids.push_back(config.id);
    p.push_back(config.against_reference->p);
  }
  const std::vector<double> adjusted = holm_adjusted(p);
  std::map<std::string, double> by_id;
  for (std::size_t i = 0; i < ids.size(); ++i) by_id[ids[i]] = adjusted[i];
  return by_id;
}

std::string best_by_seeds_text(const Report& report) {
  double RunScore::*const score = report.ranks_held_out() ? &RunScore::held_out : &RunScore::paper;
  std::map<std::uint64_t, std::pair<double, std::string>> best;  // by seed: mean Score, id
  for (const ConfigReport& config : report.configs) {
    if (!config.complete() || config.stopped) continue;
    std::map<std::uint64_t, std::vector<double>> by_seed;
    for (const RunScore& run : config.runs) by_seed[run.seed].push_back(run.*score);
    for (const auto& [seed, scores] : by_seed) {
      const double here = mean(scores);
      const auto known = best.try_emplace(seed, here, config.id).first;
      if (here > known->second.first) known->second = {here, config.id};
    }
  }
  std::map<std::string, int> seeds;
  for (const auto& [seed, config] : best) ++seeds[config.second];
  if (seeds.size() < 2) return "";
  std::vector<std::pair<std::string, int>> counts(seeds.begin(), seeds.end());
  std::stable_sort(counts.begin(), counts.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
  constexpr std::size_t kMostNamed = 3;
  const ConfigNames names(report);
  std::string text;
  for (std::size_t i = 0; i < std::min(counts.size(), kMostNamed); ++i) {
    text += (i ? "; " : "") + names(counts[i].first) + " with " + std::to_string(counts[i].second) +
            (i ? "" : " of " + std::to_string(best.size()) + (best.size() == 1 ? " seed" : " seeds"));
  }
  if (counts.size() > kMostNamed) text += "; " + std::to_string(counts.size() - kMostNamed) + " more";
  return "seeds disagree on the best config: " + text;
}

}  // namespace medley::sweep
