#include <map>
#include <memory>
#include <numeric>
#include <stdexcept>

#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include "storage/files/error.h"
#include "storage/files/read.h"
#include "sweep/head_fusion.h"
#include "sweep/score/mix.h"
#include "trainer/data/npz_write.h"
#include "trainer/predict.h"
#include "worker/command.h"

namespace medley::worker {
namespace {

using nlohmann::json;

struct Member {
  std::filesystem::path checkpoint;
  double weight = 1;
  int fold = -1;  ///< that it did not train on
};

/// What is to be predicted: the file that `medley predict` hands over.
struct PredictRequest {
  std::filesystem::path data;
  std::vector<Member> members;
  sweep::Mix mix = sweep::Mix::kArithmetic;
  sweep::HeadFusion head_fusion = sweep::HeadFusion::kOwn;
  bool all = false;                       ///< all clips, not only test clips
  bool in_sample = false;                 ///< by all members, whatever they trained on
  std::map<std::string, int> trained_on;  ///< stem of a clip -> its fold, of clips that members trained on
  sweep::Classes classes;
};

PredictRequest read_request(const std::filesystem::path& file) {
  const std::string text = files::rethrow_as<UsageError>([&] { return files::read(file); });
  try {
    const json object = json::parse(text);
    PredictRequest request;
    request.data = object.at("data").get<std::string>();
    double total = 0;
    for (const json& member : object.at("members")) {
      request.members.push_back({member.at("checkpoint").get<std::string>(), member.at("weight").get<double>(),
                                 member.at("fold").get<int>()});
      const double weight = request.members.back().weight;
      if (!(weight >= 0 && weight <= 1e9)) {
        throw UsageError(file.string() + ": weight " + fmt::format("{}", weight) + " of " +
                         request.members.back().checkpoint.string() + "; valid: 0 and more");
      }
      total += weight;
    }
    if (!(total > 0)) throw UsageError(file.string() + ": no member has a weight above 0");
    const std::string mix = object.at("mix"), clips = object.at("clips");
    const auto named = sweep::find_named<sweep::Mix>(mix);
    if (!named) throw UsageError(file.string() + ": mix '" + mix + "'; valid: arithmetic, geometric");
    request.mix = *named;
    const std::string fusion = object.at("head_fusion");
    const auto fused = sweep::find_named<sweep::HeadFusion>(fusion);
    if (!fused) throw UsageError(file.string() + ": unknown head_fusion '" + fusion + "'");
    request.head_fusion = *fused;
    if (clips != "test" && clips != "all") {
      throw UsageError(file.string() + ": clips '" + clips + "'; valid: test, all");
    }
    request.all = clips == "all";
    request.in_sample = object.at("in_sample");
    request.trained_on = object.at("trained_on").get<std::map<std::string, int>>();
    request.classes = {object.at("classes"), object.at("exclusive")};
    return request;
  } catch (const json::exception& e) {
    throw UsageError(file.string() + ": " + e.what());
  }
}

/// Terms of clips as they add up over members.
struct Sums {
  std::vector<double> p;       ///< [clip, class] weight times sweep::mix_term()
  std::vector<double> weight;  ///< [clip]
};

/// Adds what one member says of the clips at `places` of `clips`.
void add_member(const Member& member, const PredictRequest& request, const data::Dataset& dataset,
                const std::vector<int>& clips, const std::vector<std::size_t>& places, Sums& sums) {
  std::vector<int> asked;
  for (const std::size_t place : places) asked.push_back(clips[place]);
  const sweep::Predictions said = trainer::predict(member.checkpoint, dataset, asked);
  const auto classes = static_cast<std::size_t>(dataset.classes.count());
  const std::vector<double> fused = sweep::fuse_heads(said, dataset.classes.count(), request.head_fusion);
  for (std::size_t i = 0; i < places.size(); ++i) {
    sums.weight[places[i]] += member.weight;
    for (std::size_t c = 0; c < classes; ++c) {
      sums.p[places[i] * classes + c] += member.weight * sweep::mix_term(request.mix, fused[i * classes + c]);
    }
  }
}

/// The mix of the members' fused probabilities. Of clips that members trained on, only over those that did not.
void predict_members(const PredictRequest& request, const std::filesystem::path& out) {
  const data::Dataset dataset = data::load_clips(request.data, request.classes);
  std::vector<int> clips = dataset.clips_of_fold(-1);
  if (!request.all && clips.empty())
    throw std::runtime_error(request.data.string() + ": has no test clips; --clips may be all");
  if (request.all) {
    clips.resize(dataset.clips.size());
    std::iota(clips.begin(), clips.end(), 0);
  }
  std::vector<int> fold(clips.size(), -1);  // [clip] -1: no member trained on it
  std::vector<std::string> models(clips.size(), "all");
  std::vector<std::string> filenames;
  for (std::size_t i = 0; i < clips.size(); ++i) {
    const data::Clip& clip = dataset.clips[static_cast<std::size_t>(clips[i])];
    filenames.push_back(clip.filename);
    const auto known = request.trained_on.find(clip.stem);
    if (known == request.trained_on.end()) continue;
    models[i] = request.in_sample ? "in-sample" : "out-of-fold";
    if (!request.in_sample) fold[i] = known->second;
  }
  const auto classes = static_cast<std::size_t>(dataset.classes.count());
  Sums sums{std::vector<double>(clips.size() * classes, 0), std::vector<double>(clips.size(), 0)};
  for (const Member& member : request.members) {
    if (member.weight == 0) continue;
    std::vector<std::size_t> places;
    for (std::size_t i = 0; i < clips.size(); ++i) {
      if (fold[i] < 0 || fold[i] == member.fold) places.push_back(i);
    }
    if (!places.empty()) add_member(member, request, dataset, clips, places, sums);
  }
  for (std::size_t i = 0; i < clips.size(); ++i) {
    if (!(sums.weight[i] > 0)) {
      throw std::runtime_error("clip '" + filenames[i] + "' is of fold " + std::to_string(fold[i]) +
                               ", and every member trained on it; --in-sample predicts it all the same");
    }
    sweep::mix_sums(request.mix, &sums.p[i * classes], classes, sums.weight[i]);
  }
  data::write_npz(out, {{"P", {clips.size(), classes}, std::move(sums.p)},
                        {"filenames", {clips.size()}, std::move(filenames)},
                        {"classes", {classes}, dataset.classes.names},
                        {"models", {clips.size()}, std::move(models)}});
}

}  // namespace

void add_predict_command(CLI::App& app) {
  struct Arguments {
    std::filesystem::path request, out;
  };
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = app.add_subcommand("predict", "Probabilities of one or more checkpoints");
  command->add_option("--request", arguments->request, "JSON, as `medley predict` writes it")->required();
  command->add_option("--out", arguments->out, "NPZ to write: P [clip, class], filenames, classes, models")->required();
  command->footer("Example:\n  medley-worker predict --request request.json --out predictions.npz");
  command->callback([arguments] { predict_members(read_request(arguments->request), arguments->out); });
}

}  // namespace medley::worker
