#include "trainer/resume_point.h"

#include <nlohmann/json.hpp>
#include <torch/autograd.h>

#include "trainer/data/error.h"
#include "trainer/data/npz.h"
#include "trainer/data/npz_write.h"
#include "trainer/error.h"
#include "trainer/saved_headers.h"

namespace medley::trainer {
namespace {

using nlohmann::json;

data::NamedArray array_of(const std::string& name, const torch::Tensor& flat) {
  const auto size = static_cast<std::size_t>(flat.numel());
  if (flat.scalar_type() == torch::kFloat64) {
    const auto* from = flat.data_ptr<double>();
    return {name, {size}, std::vector<double>(from, from + size)};
  }
  const auto* from = flat.data_ptr<float>();
  return {name, {size}, std::vector<float>(from, from + size)};
}

/// Undefined where the file has no such array.
torch::Tensor tensor_of(const data::NpzFile& file, const std::string& name, const TrialState& trial) {
  if (!file.contains(name)) return {};
  const auto size = static_cast<std::uint64_t>(trial.layout.size);
  if (file.header(name).shape != std::vector<std::uint64_t>{size}) {
    throw Error("array '" + name + "' is not as long as the trial's parameters, " + std::to_string(size));
  }
  const bool wide = trial.spec.config.precision == sweep::Precision::kFloat64;
  // torch::tensor() alone makes float32 of doubles.
  if (wide) return torch::tensor(file.read_float64(name), torch::kFloat64);
  return torch::tensor(file.read_float32(name));
}

}  // namespace

std::filesystem::path resume_point(const std::filesystem::path& folder, const std::string& trial_id) {
  return folder / (trial_id + ".resume");
}

std::filesystem::path rung_point(const std::filesystem::path& folder, const std::string& trial_id) {
  return folder / (trial_id + ".rung");
}

void write_resume_point(const std::filesystem::path& path, const std::string& trial_id, const TrialState& trial,
                        const TrialState::Weights& weights) {
  const json about = {{"format", kResumeFormat},
                      {"trial", trial_id},
                      {"epoch", trial.epoch},
                      {"index", trial.index},
                      {"step", trial.step},
                      {"divergence", trial.divergence},
                      {"best_score", trial.best_score},
                      {"best_epoch", trial.best_epoch},
                      {"best_inner_score", trial.best_inner_score},
                      {"best_inner_epoch", trial.best_inner_epoch}};
  // The epochs so far, and the running one last: as a result has them.
  sweep::TrialResult so_far;
  so_far.trial_id = trial_id;
  so_far.arithmetic = trial.result.arithmetic;
  so_far.epochs = trial.result.epochs;
  so_far.epochs.push_back(trial.running);
  so_far.inner = trial.inner_surface;
  const std::vector<std::uint8_t> bytes = sweep::encode_result(so_far);
  std::vector<data::NamedArray> arrays = {
      {"about", {1}, std::vector<std::string>{about.dump()}},
      {"result", {bytes.size()}, std::vector<std::uint16_t>(bytes.begin(), bytes.end())}};
  const auto add = [&arrays](const char* name, const torch::Tensor& flat) {
    if (flat.defined()) arrays.push_back(array_of(name, flat));
  };
  add("parameters", weights.parameters);
  add("first_moment", weights.first_moment);
  add("second_moment", weights.second_moment);
  add("paper_parameters", trial.paper_parameters);
  add("held_out_parameters", trial.held_out_parameters);
  data::write_npz(path, arrays);
}

std::optional<TrialState> read_resume_point(const std::filesystem::path& path, const std::string& trial_id,
                                            const TrialState& trial) {
  if (!std::filesystem::exists(path)) return std::nullopt;
  const auto wrong = [&](const std::string& what) { return Error(path.string() + ": " + what); };
  try {
    const data::NpzFile file = data::NpzFile::open(path);
    ResumeHeader header = read_resume_header(file);
    if (header.trial != trial_id) throw Error("it is of another trial");
    if (header.so_far.arithmetic != trial.result.arithmetic) {
      throw Error("it is of arithmetic '" + header.so_far.arithmetic + "', this worker's is '" +
                  trial.result.arithmetic + "'");
    }

    TrialState at = trial;
    at.epoch = header.epoch;
    at.index = header.index;
    at.step = header.step;
    at.divergence = std::move(header.divergence);
    at.best_score = header.best_score;
    at.best_epoch = header.best_epoch;
    at.best_inner_score = header.best_inner_score;
    at.best_inner_epoch = header.best_inner_epoch;
    at.running = header.so_far.epochs.back();
    header.so_far.epochs.pop_back();
    at.result.epochs = std::move(header.so_far.epochs);
    const auto trained = static_cast<int>(at.result.epochs.size()), last = sweep::last_epoch(trial.spec.config);
    if (trained > last) return std::nullopt;
    at.inner_surface = header.so_far.inner;
    at.resumed = {tensor_of(file, "parameters", at), tensor_of(file, "first_moment", at),
                  tensor_of(file, "second_moment", at)};
    at.paper_parameters = tensor_of(file, "paper_parameters", at);
    at.held_out_parameters = tensor_of(file, "held_out_parameters", at);
    // Of a shorter trial: its last epoch is not this one's.
    if (!trial.spec.config.inner_fold && trained < last) at.held_out_parameters = torch::Tensor();
    const bool weighty =
        at.resumed.parameters.defined() && at.resumed.first_moment.defined() && at.resumed.second_moment.defined();
    if ((!at.done() && !weighty) || (at.best_epoch > 0 && !at.paper_parameters.defined())) {
      throw Error("it is not whole");
    }
    return at;
  } catch (const data::Error& e) {
    throw Error(e.what());
  } catch (const Error& e) {
    throw wrong(e.what());
  }
}

}  // namespace medley::trainer
