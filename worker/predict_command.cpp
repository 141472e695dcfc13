#include <memory>
#include <numeric>

#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include "storage/files/error.h"
#include "storage/files/read.h"
#include "trainer/data/npz_write.h"
#include "trainer/predict.h"
#include "worker/command.h"

namespace medley::worker {
namespace {

using nlohmann::json;

struct Member {
  std::filesystem::path checkpoint;
  double weight = 1;
};

/// What is to be predicted: the file that `medley predict` hands over.
struct PredictRequest {
  enum class Clips { kTest, kAll };
  std::filesystem::path data;
  std::vector<Member> members;
  Clips clips = Clips::kTest;
};

PredictRequest read_request(const std::filesystem::path& file) {
  const std::string text = files::rethrow_as<UsageError>([&] { return files::read(file); });
  try {
    const json object = json::parse(text);
    PredictRequest request;
    request.data = object.at("data").get<std::string>();
    for (const json& member : object.at("members")) {
      request.members.push_back({member.at("checkpoint").get<std::string>(), member.value("weight", 1.0)});
      const double weight = request.members.back().weight;
      if (!(weight >= 0 && weight <= 1e9)) {
        throw UsageError(file.string() + ": weight " + fmt::format("{}", weight) + " of " +
                         request.members.back().checkpoint.string() + "; valid: 0 and more");
      }
    }
    const std::string clips = object.value("clips", "test");
    if (clips != "test" && clips != "all") {
      throw UsageError(file.string() + ": clips '" + clips + "'; valid: test, all");
    }
    request.clips = clips == "all" ? PredictRequest::Clips::kAll : PredictRequest::Clips::kTest;
    double total = 0;
    for (const Member& member : request.members) total += member.weight;
    if (!(total > 0)) throw UsageError(file.string() + ": no member has a weight above 0");
    return request;
  } catch (const json::exception& e) {
    throw UsageError(file.string() + ": " + e.what());
  }
}

/// Weighted mean of the members' fused probabilities.
void predict_members(const PredictRequest& request, const std::filesystem::path& out) {
  const data::Dataset dataset = data::load_dataset(request.data);
  std::vector<int> clips;
  if (request.clips == PredictRequest::Clips::kTest) {
    clips = dataset.clips_of_fold(-1);
    if (clips.empty()) throw std::runtime_error(request.data.string() + ": has no test clips; \"clips\" may be all");
  } else {
    clips.resize(dataset.clips.size());
    std::iota(clips.begin(), clips.end(), 0);
  }
  const auto classes = static_cast<std::size_t>(dataset.classes.count());
  std::vector<double> sum(clips.size() * classes, 0);
  double total = 0;
  for (const Member& member : request.members) {
    const sweep::Predictions said = trainer::predict(member.checkpoint, dataset, clips);
    for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += member.weight * static_cast<double>(said.fused[i]);
    total += member.weight;
  }
  for (double& p : sum) p /= total;
  std::vector<std::string> filenames;
  for (const int clip : clips) filenames.push_back(dataset.clips[static_cast<std::size_t>(clip)].filename);
  data::write_npz(out, {{"P", {clips.size(), classes}, std::move(sum)},
                        {"filenames", {clips.size()}, std::move(filenames)},
                        {"classes", {classes}, dataset.classes.names}});
}

}  // namespace

void add_predict_command(CLI::App& app) {
  struct Arguments {
    std::filesystem::path request, out;
  };
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = app.add_subcommand("predict", "Probabilities of one or more checkpoints");
  command->add_option("--request", arguments->request, "JSON: data, members [{checkpoint, weight}], clips test|all")
      ->required();
  command->add_option("--out", arguments->out, "NPZ to write: P [clip, class], filenames, classes")->required();
  command->footer("Example:\n  medley-worker predict --request request.json --out predictions.npz");
  command->callback([arguments] { predict_members(read_request(arguments->request), arguments->out); });
}

}  // namespace medley::worker
