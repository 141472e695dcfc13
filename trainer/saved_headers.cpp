#include "trainer/saved_headers.h"

#include <algorithm>
#include <cstdint>
#include <limits>

#include <nlohmann/json.hpp>

#include "sweep/error.h"
#include "sweep/whole_number.h"
#include "trainer/error.h"

namespace medley::trainer {
namespace {

using nlohmann::json;
using sweep::whole_int;
using sweep::whole_number;

void check_format(const json& about, int format) {
  const int found = whole_int(about, "format", 0);
  if (found == format) return;
  throw Error("format " + std::to_string(found) +
              " is not one that this version reads; valid: " + std::to_string(format));
}

}  // namespace

CheckpointHeader read_checkpoint_header(const data::NpzFile& file) {
  const auto wrong = [&](const std::string& what) { return Error(file.path().string() + ": " + what); };
  if (!file.contains("trial")) throw wrong("not a checkpoint: it has no array 'trial'");
  const std::vector<std::string> text = file.read_strings("trial");
  if (text.size() != 1) throw wrong("array 'trial' must hold one text");
  CheckpointHeader header;
  std::vector<EncoderShape> shapes;
  try {
    const json about = json::parse(text.front());
    check_format(about, kCheckpointFormat);
    header.trial = sweep::trial_from_json(about.at("trial"));
    header.epoch = whole_int(about, "epoch", 0);
    header.classes.names = about.at("classes").get<std::vector<std::string>>();
    // Checkpoints of before these three have no head or gate that reads them.
    header.classes.exclusive = about.value("exclusive", std::vector<bool>(header.classes.names.size(), false));
    header.strength = about.value("strength", std::vector<double>());
    for (const json& e : about.at("encoders")) {
      shapes.push_back({e.at("name").get<std::string>(), whole_int(e, "dim", 1), e.value("modality", "")});
    }
  } catch (const json::exception& e) {
    throw wrong(std::string("array 'trial': ") + e.what());
  } catch (const sweep::Error& e) {
    throw wrong(std::string("array 'trial': ") + e.what());
  } catch (const Error& e) {
    throw wrong(std::string("array 'trial': ") + e.what());
  }
  if (shapes.empty() || header.classes.names.empty()) throw wrong("array 'trial' names no encoder or no class");

  const sweep::Config& config = header.trial.config;
  if (header.classes.exclusive.size() != header.classes.names.size()) {
    throw wrong("array 'trial': 'exclusive' needs a value for each of the " +
                std::to_string(header.classes.names.size()) + " classes");
  }
  const bool ranks = sweep::is_gated(config) && config.selection == sweep::Selection::kFixed;
  if (header.strength.size() != (ranks ? shapes.size() : 0)) {
    throw wrong("array 'trial': 'strength' has " + std::to_string(header.strength.size()) + " values for " +
                std::to_string(shapes.size()) + " encoders");
  }
  header.layout = make_layout(config, shapes, header.classes);
  const auto require = [&](const std::string& name, const std::vector<std::uint64_t>& shape) {
    if (!file.contains(name)) throw wrong("array '" + name + "' is missing");
    const auto array = file.header(name);
    if (!std::equal(array.shape.begin(), array.shape.end(), shape.begin(), shape.end())) {
      throw wrong("array '" + name + "' does not have the shape that its config gives it");
    }
  };
  // Before anything is allocated: what the text says may be larger than what is there.
  for (const Parameter& p : header.layout.parameters) require(p.name, {p.shape.begin(), p.shape.end()});
  for (const EncoderShape& shape : shapes) {
    const std::vector<std::uint64_t> width = {static_cast<std::uint64_t>(shape.dim)};
    require("mean." + shape.name, width);
    require("scale." + shape.name, width);
    if (header.trial.config.adaptation == sweep::Adaptation::kCoralInput) {
      require("covariance." + shape.name, {width.front(), width.front()});
    }
  }
  return header;
}

ResumeHeader read_resume_header(const data::NpzFile& file) {
  const std::vector<std::string> text = file.read_strings("about");
  if (text.size() != 1) throw Error("array 'about' must hold one text");
  ResumeHeader header;
  try {
    const json about = json::parse(text.front());
    check_format(about, kResumeFormat);
    header.trial = about.at("trial").get<std::string>();
    header.epoch = whole_int(about, "epoch", 1);
    header.index = whole_number(about, "index", 0, std::numeric_limits<long>::max());
    header.step = whole_number(about, "step", 0, std::numeric_limits<long>::max());
    header.divergence = about.at("divergence").get<std::string>();
    header.best_score = about.at("best_score").get<double>();
    header.best_epoch = whole_int(about, "best_epoch", 0);
    header.best_inner_score = about.at("best_inner_score").get<double>();
    header.best_inner_epoch = whole_int(about, "best_inner_epoch", 0);
    const std::vector<std::uint16_t> raw = file.read_uint16("result");
    header.so_far = sweep::decode_result(std::vector<std::uint8_t>(raw.begin(), raw.end()));
  } catch (const json::exception& e) {
    throw Error(e.what());
  } catch (const sweep::Error& e) {
    throw Error(e.what());
  }
  if (header.so_far.epochs.empty()) throw Error("it lacks the running epoch");
  return header;
}

}  // namespace medley::trainer
