#include "trainer/resume_point.h"

#include <nlohmann/json.hpp>
#include <torch/autograd.h>

#include "sweep/error.h"
#include "trainer/data/error.h"
#include "trainer/data/npz.h"
#include "trainer/data/npz_write.h"
#include "trainer/error.h"

namespace medley::trainer {
namespace {

using nlohmann::json;

constexpr int kFormat = 1;

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
  if (trial.spec.config.precision == sweep::Precision::kFloat64) return torch::tensor(file.read_float64(name));
  return torch::tensor(file.read_float32(name));
}

}  // namespace

std::filesystem::path resume_point(const std::filesystem::path& folder, const std::string& trial_id) {
  return folder / (trial_id + ".resume");
}

void write_resume_point(const std::filesystem::path& path, const TrialState& trial,
                        const TrialState::Weights& weights) {
  const json about = {{"format", kFormat},
                      {"trial", trial.spec.id},
                      {"arithmetic", trial.result.arithmetic},
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
  so_far.trial_id = trial.spec.id;
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

std::optional<TrialState> read_resume_point(const std::filesystem::path& path, const TrialState& trial) {
  if (!std::filesystem::exists(path)) return std::nullopt;
  const auto wrong = [&](const std::string& what) { return Error(path.string() + ": " + what); };
  try {
    const data::NpzFile file = data::NpzFile::open(path);
    const std::vector<std::string> text = file.read_strings("about");
    if (text.size() != 1) throw Error("array 'about' must hold one text");
    const json about = json::parse(text.front());
    if (about.at("format").get<int>() != kFormat) {
      throw Error("format " + about.at("format").dump() + "; this version reads format " + std::to_string(kFormat));
    }
    if (about.at("trial").get<std::string>() != trial.spec.id) throw Error("it is of another trial");
    if (const auto other = about.at("arithmetic").get<std::string>(); other != trial.result.arithmetic) {
      throw Error("it is of arithmetic '" + other + "', this worker's is '" + trial.result.arithmetic + "'");
    }
    const std::vector<std::uint16_t> raw = file.read_uint16("result");
    sweep::TrialResult so_far = sweep::decode_result(std::vector<std::uint8_t>(raw.begin(), raw.end()));

    TrialState at = trial;
    at.epoch = about.at("epoch").get<int>();
    at.index = about.at("index").get<long>();
    at.step = about.at("step").get<long>();
    at.divergence = about.at("divergence").get<std::string>();
    at.best_score = about.at("best_score").get<double>();
    at.best_epoch = about.at("best_epoch").get<int>();
    at.best_inner_score = about.at("best_inner_score").get<double>();
    at.best_inner_epoch = about.at("best_inner_epoch").get<int>();
    if (so_far.epochs.empty()) throw Error("it lacks the running epoch");
    at.running = so_far.epochs.back();
    so_far.epochs.pop_back();
    at.result.epochs = std::move(so_far.epochs);
    at.inner_surface = so_far.inner;
    at.resumed = {tensor_of(file, "parameters", at), tensor_of(file, "first_moment", at),
                  tensor_of(file, "second_moment", at)};
    at.paper_parameters = tensor_of(file, "paper_parameters", at);
    at.held_out_parameters = tensor_of(file, "held_out_parameters", at);
    const bool weighty =
        at.resumed.parameters.defined() && at.resumed.first_moment.defined() && at.resumed.second_moment.defined();
    const bool in_range = at.epoch >= 1 && at.index >= 0 && at.step >= 0;
    if (!in_range || (!at.done() && !weighty) || (at.best_epoch > 0 && !at.paper_parameters.defined())) {
      throw Error("it is not whole");
    }
    return at;
  } catch (const json::exception& e) {
    throw wrong(e.what());
  } catch (const sweep::Error& e) {
    throw wrong(e.what());
  } catch (const data::Error& e) {
    throw Error(e.what());
  } catch (const Error& e) {
    throw wrong(e.what());
  }
}

}  // namespace medley::trainer
