#include "trainer/checkpoint.h"

#include <nlohmann/json.hpp>
#include <torch/autograd.h>

#include "trainer/data/npz.h"
#include "trainer/data/npz_write.h"

namespace medley::trainer {
namespace {

using nlohmann::json;

template <class T>
data::NamedArray array_of(const Parameter& p, const torch::Tensor& flat) {
  const T* from = flat.data_ptr<T>() + p.offset;
  return {p.name, {p.shape.begin(), p.shape.end()}, std::vector<T>(from, from + p.size)};
}

template <class T>
void restore(const std::vector<T>& values, const Parameter& p, torch::Tensor& flat) {
  std::copy(values.begin(), values.end(), flat.data_ptr<T>() + p.offset);
}

}  // namespace

void write_checkpoint(const std::filesystem::path& path, const Checkpoint& checkpoint) {
  json encoders = json::array();
  for (const EncoderShape& e : checkpoint.layout.encoders) {
    encoders.push_back({{"name", e.name}, {"dim", e.dim}, {"modality", e.modality}});
  }
  const json about = {{"format", kCheckpointFormat},         {"trial", sweep::to_json(checkpoint.trial)},
                      {"epoch", checkpoint.epoch},           {"numerics", sweep::kNumericsVersion},
                      {"classes", checkpoint.classes.names}, {"exclusive", checkpoint.classes.exclusive},
                      {"strength", checkpoint.strength},     {"encoders", encoders}};
  std::vector<data::NamedArray> arrays = {{"trial", {1}, std::vector<std::string>{about.dump()}}};
  const bool wide = checkpoint.parameters.scalar_type() == torch::kFloat64;
  for (const Parameter& p : checkpoint.layout.parameters) {
    arrays.push_back(wide ? array_of<double>(p, checkpoint.parameters) : array_of<float>(p, checkpoint.parameters));
  }
  for (std::size_t e = 0; e < checkpoint.encoders.size(); ++e) {
    const EncoderShape& shape = checkpoint.layout.encoders[e];
    const auto dim = static_cast<std::size_t>(shape.dim);
    arrays.push_back({"mean." + shape.name, {dim}, checkpoint.encoders[e].mean});
    arrays.push_back({"scale." + shape.name, {dim}, checkpoint.encoders[e].scale});
    if (!checkpoint.covariances.empty()) {
      arrays.push_back({"covariance." + shape.name, {dim, dim}, checkpoint.covariances[e]});
    }
  }
  data::write_npz(path, arrays);
}

Checkpoint read_checkpoint(const std::filesystem::path& path) {
  const data::NpzFile file = data::NpzFile::open(path);
  Checkpoint checkpoint{read_checkpoint_header(file), {}, {}, {}};
  const bool wide = checkpoint.trial.config.precision == sweep::Precision::kFloat64;
  checkpoint.parameters = torch::zeros({checkpoint.layout.size}, wide ? torch::kFloat64 : torch::kFloat32);
  for (const Parameter& p : checkpoint.layout.parameters) {
    if (wide) {
      restore(file.read_float64(p.name), p, checkpoint.parameters);
    } else {
      restore(file.read_float32(p.name), p, checkpoint.parameters);
    }
  }
  for (const EncoderShape& shape : checkpoint.layout.encoders) {
    checkpoint.encoders.push_back({file.read_float64("mean." + shape.name), file.read_float64("scale." + shape.name)});
    if (checkpoint.trial.config.adaptation == sweep::Adaptation::kCoralInput) {
      checkpoint.covariances.push_back(file.read_float64("covariance." + shape.name));
    }
  }
  return checkpoint;
}

}  // namespace medley::trainer
