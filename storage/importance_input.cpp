#include "storage/importance_input.h"

#include <algorithm>
#include <map>

#include "storage/probe_file.h"

namespace medley::storage {

sweep::ImportanceInput read_importance_input(Reader& reader, const SweepSummary& sweep, const std::string& config) {
  sweep::ImportanceInput input;
  input.config = config;
  const DatasetRecord dataset = reader.stored_dataset(sweep.dataset);
  for (const EncoderRecord& encoder : dataset.encoders) input.labels_of[encoder.name] = encoder.labels;
  TrialFilter filter;
  filter.config = config;
  filter.state = sweep::TrialState::kFinished;
  std::map<std::string, TrialRow> rows;
  std::vector<std::string> ids;
  for (Page page{0, kMaxPage};; page.offset += page.limit) {
    const auto found = reader.trials(sweep.id, filter, page);
    for (const TrialRow& row : found) {
      if (row.outcome != sweep::Outcome::kFinished) continue;
      ids.push_back(row.trial);
      rows[row.trial] = row;
    }
    if (static_cast<int>(found.size()) < page.limit) break;
  }
  for (auto& [id, importance] : reader.importance(ids)) {
    const sweep::Partition partition = sweep::partition_of(rows.at(id).partition);
    input.trials.push_back({sweep::numbered_on(partition, rows.at(id).fold), rows.at(id).seed, std::move(importance)});
  }
  if (!input.trials.empty()) {
    if (auto probe = read_probe(reader.folder(), probe_key(sweep, sweep::encoders_of(input)))) {
      input.probe = std::move(*probe);
    }
  }
  return input;
}

std::vector<SweepSummary> comparable_sweeps(Reader& reader, const SweepSummary& sweep) {
  const auto sorted = [](std::vector<int> folds) {
    std::sort(folds.begin(), folds.end());
    return folds;
  };
  std::vector<SweepSummary> comparable;
  for (SweepSummary& other : reader.sweeps()) {
    if (other.id != sweep.id && other.dataset == sweep.dataset && other.partitions == sweep.partitions &&
        sorted(other.folds) == sorted(sweep.folds)) {
      comparable.push_back(std::move(other));
    }
  }
  return comparable;
}

}  // namespace medley::storage
