#include "trainer/checkpoint.h"

#include <nlohmann/json.hpp>
#include <torch/autograd.h>

#include "sweep/error.h"
#include "trainer/data/npz.h"
#include "trainer/data/npz_write.h"
#include "trainer/error.h"

namespace medley::trainer {
namespace {

using nlohmann::json;

constexpr int kFormat = 1;

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
  const json about = {{"format", kFormat},
                      {"trial", sweep::to_json(checkpoint.trial)},
                      {"epoch", checkpoint.epoch},
                      {"numerics", sweep::kNumericsVersion},
                      {"classes", checkpoint.classes.names},
                      {"exclusive", checkpoint.classes.exclusive},
                      {"strength", checkpoint.strength},
                      {"encoders", encoders}};
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
  }
  data::write_npz(path, arrays);
}

Checkpoint read_checkpoint(const std::filesystem::path& path) {
  const auto wrong = [&](const std::string& what) { return Error(path.string() + ": " + what); };
  const data::NpzFile file = data::NpzFile::open(path);
  if (!file.contains("trial")) throw wrong("not a checkpoint: it has no array 'trial'");
  const std::vector<std::string> text = file.read_strings("trial");
  if (text.size() != 1) throw wrong("array 'trial' must hold one text");
  Checkpoint checkpoint;
  std::vector<EncoderShape> shapes;
  try {
    const json about = json::parse(text.front());
    if (about.at("format").get<int>() != kFormat) {
      throw wrong("format " + about.at("format").dump() +
                  " is not one that this version reads; valid: " + std::to_string(kFormat));
    }
    checkpoint.trial = sweep::trial_from_json(about.at("trial"));
    checkpoint.epoch = about.at("epoch").get<int>();
    checkpoint.classes.names = about.at("classes").get<std::vector<std::string>>();
    // Checkpoints of before these three have no head or gate that reads them.
    checkpoint.classes.exclusive = about.value("exclusive", std::vector<bool>(checkpoint.classes.names.size(), false));
    checkpoint.strength = about.value("strength", std::vector<double>());
    for (const json& e : about.at("encoders")) {
      shapes.push_back({e.at("name").get<std::string>(), e.at("dim").get<int>(), e.value("modality", "")});
    }
  } catch (const json::exception& e) {
    throw wrong(std::string("array 'trial': ") + e.what());
  } catch (const sweep::Error& e) {
    throw wrong(std::string("array 'trial': ") + e.what());
  }
  if (shapes.empty() || checkpoint.classes.names.empty()) throw wrong("array 'trial' names no encoder or no class");
  for (const EncoderShape& shape : shapes) {
    if (shape.dim < 1) throw wrong("encoder '" + shape.name + "' has dim " + std::to_string(shape.dim));
  }

  const sweep::Config& config = checkpoint.trial.config;
  if (checkpoint.classes.exclusive.size() != checkpoint.classes.names.size()) {
    throw wrong("array 'trial': 'exclusive' needs a value for each of the " +
                std::to_string(checkpoint.classes.names.size()) + " classes");
  }
  const bool ranks = sweep::is_gated(config) && config.selection == sweep::Selection::kFixed;
  if (checkpoint.strength.size() != (ranks ? shapes.size() : 0)) {
    throw wrong("array 'trial': 'strength' has " + std::to_string(checkpoint.strength.size()) + " values for " +
                std::to_string(shapes.size()) + " encoders");
  }
  checkpoint.layout = make_layout(config, shapes, checkpoint.classes);
  const auto require = [&](const std::string& name, const std::vector<std::uint64_t>& shape) {
    if (!file.contains(name)) throw wrong("array '" + name + "' is missing");
    const auto header = file.header(name);
    if (!std::equal(header.shape.begin(), header.shape.end(), shape.begin(), shape.end())) {
      throw wrong("array '" + name + "' does not have the shape that its config gives it");
    }
  };
  // Before anything is allocated: what the text says may be larger than what is there.
  for (const Parameter& p : checkpoint.layout.parameters) require(p.name, {p.shape.begin(), p.shape.end()});
  const bool wide = config.precision == sweep::Precision::kFloat64;
  checkpoint.parameters = torch::zeros({checkpoint.layout.size}, wide ? torch::kFloat64 : torch::kFloat32);
  for (const Parameter& p : checkpoint.layout.parameters) {
    if (wide) {
      restore(file.read_float64(p.name), p, checkpoint.parameters);
    } else {
      restore(file.read_float32(p.name), p, checkpoint.parameters);
    }
  }
  for (const EncoderShape& shape : shapes) {
    const std::vector<std::uint64_t> width = {static_cast<std::uint64_t>(shape.dim)};
    require("mean." + shape.name, width);
    require("scale." + shape.name, width);
    checkpoint.encoders.push_back({file.read_float64("mean." + shape.name), file.read_float64("scale." + shape.name)});
  }
  return checkpoint;
}

}  // namespace medley::trainer
