// Writes the inputs of the corpora that are not text, by the writers of the product: fuzz_seeds FOLDER.
#include <filesystem>
#include <iostream>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "storage/codec.h"
#include "storage/ensemble_record.h"
#include "storage/reader.h"
#include "tests/support/folder.h"
#include "tests/web/sample_store.h"
#include "trainer/data/npy.h"
#include "trainer/data/npz_write.h"
#include "trainer/data/submission.h"
#include "trainer/saved_headers.h"
#include "worker/protocol/codec.h"

namespace {

using namespace medley;
namespace fs = std::filesystem;
using nlohmann::json;

fs::path corpora;

fs::path place(const char* target, const std::string& name) {
  fs::create_directories(corpora / target);
  return corpora / target / name;
}

template <class Bytes>
void write(const char* target, const std::string& name, const Bytes& bytes) {
  test::write_file(place(target, name), std::string(bytes.begin(), bytes.end()));
}

sweep::TrialSpec trial() {
  sweep::TrialSpec trial;
  trial.id = "00112233aabbccdd";
  trial.config.encoders = {"clip", "wavlm"};
  trial.config.top_n = 1;
  trial.config.projection_dim = trial.config.gate_dim = trial.config.fusion_dim = trial.config.hidden = 2;
  return trial;
}

void write_frames() {
  using namespace protocol;
  const AttemptId a{"0123456789abcdef", 7}, b{"fedcba9876543210", kMaxAttemptNumber};
  sweep::Usage usage;
  usage.cpu = 3.75;
  usage.gpu = sweep::Usage::Gpu{0.625, 20, 80};
  NewEpoch epoch{a, {}};
  epoch.metrics.epoch = 4;
  epoch.metrics.terms = {{"presence", 1.25}};
  Hello hello;
  hello.instance = "0123456789abcdef0123456789abcdef";
  hello.host = "n1";
  hello.boot_id = "7c1f";
  hello.device = "cuda:0";
  hello.version = "0.2.0";
  hello.numerics = "1";
  hello.held = {{a, Held::Stage::kRunning, 3, 30}, {b, Held::Stage::kSpooled, 30, 30}};
  const std::vector<Message> messages = {hello,
                                         Heartbeat{{{a, Held::Stage::kRunning, 4, 30}}, usage, {epoch}},
                                         Result{a, {0, 1, 2, 255}},
                                         AttemptFailed{b, "out of memory", sweep::Blame::kMemory},
                                         Leave{"SIGTERM"},
                                         PackSize{b, 16},
                                         Welcome{99, 250, 60'000, "/data/checkpoints"},
                                         Assign{"/set", std::string(64, 'a'), "", {{2, trial()}}},
                                         Cancel{{a, b}},
                                         Alive{},
                                         ResultReceived{a},
                                         Drain{},
                                         Dismiss{"the sweep is done"}};
  for (const Message& message : messages) write("frames", message_name(message), encode(message));
}

void write_results() {
  const storage::DatasetRecord dataset = test::sample_dataset();
  sweep::TrialSpec one = trial();
  one.config.encoders = {"clip", "hubert", "imagebind", "videomae", "wavlm"};
  const sweep::TrialResult whole = test::sample_result(one, dataset, 22);
  write("results", "whole", sweep::encode_result(whole));
  sweep::TrialResult small;
  small.trial_id = one.id;
  small.outcome = sweep::Outcome::kDiverged;
  small.reason = "step 3: the loss is NaN";
  small.epochs.resize(2);
  for (auto& epoch : small.epochs) epoch.terms = {{"presence", 0.5}};
  small.importance.encoders.resize(1);
  small.importance.encoders[0].histogram = {1, 2};
  write("results", "diverged", sweep::encode_result(small));
  write("surfaces", "whole", sweep::encode_surface(whole.paper.surface));
  sweep::ThresholdSurface few;
  few.clips = 3;
  few.presence_hits[7] = 2;
  write("surfaces", "few", sweep::encode_surface(few));
  sweep::EpochMetrics one_term;
  one_term.terms = {{"presence", 0.5}};
  write("parts", "weights", sweep::encode_weights({0x3c00, 0, 0, 0x3800}));
  write("parts", "cka", sweep::encode_cka({1, 0.5f, 0.5f, 1}));
  write("parts", "predictions", sweep::encode_predictions({1, {}, {}, {1, 0}}));
  write("parts", "terms", sweep::encode_terms(std::vector<sweep::EpochMetrics>(3, one_term)));
}

void write_ensembles() {
  const test::Folder folder;
  const test::SampleStore sample = test::write_sample_store(folder.path(), 1'700'000'000'000);
  storage::EnsembleRecord record = *storage::Reader(folder.path()).find_ensemble(sample.ensemble);
  const auto text = [&] { return storage::settings_json(record).dump() + '\0' + storage::scores_json(record).dump(); };
  write("ensembles", "whole", text());
  record.fold_thresholds.clear();
  record.folds.clear();
  record.clusters = sweep::Clusters::kFolds;
  write("ensembles", "small", text());
}

void write_arrays() {
  const std::vector<float> x = {1, 2, 3, 4, 5, 6};
  const std::vector<std::string> names = {"a", "b", "t"};
  using data::DType;
  for (const auto& [name, dtype, size] : std::vector<std::tuple<const char*, DType, std::size_t>>{
           {"half", DType::kFloat16, 2}, {"double", DType::kFloat64, 8}, {"unicode", DType::kUnicode, 8}}) {
    const std::string array = data::format_npy_header(dtype, size, {2, 3}, 0) + std::string(6 * size, '\0');
    write("npy", name, array);
    write("series", std::string("npy-") + name, '\0' + array);
  }
  for (const auto packing : {data::Packing::kStored, data::Packing::kDeflated}) {
    const char* name = packing == data::Packing::kStored ? "stored" : "deflated";
    for (const char* target : {"npz", "features"}) {
      data::write_npz(place(target, name), {{"X", {3, 2}, x}, {"filenames", {3}, names}}, packing);
    }
  }
  data::write_npz(place("features", "layers"), {{"X", {3, 2, 1}, x}, {"filenames", {3}, names}});
  data::write_npz(place("features", "array-a-clip"), {{"a", {2}, std::vector<float>{1, 2}},
                                                      {"b", {2}, std::vector<float>{3, 4}},
                                                      {"t", {2}, std::vector<float>{5, 6}}});
  data::write_npz(place("series", "npz"), {{"a", {3, 2}, x}});
  write("series", "npz", '\1' + test::read_file(place("series", "npz")));
  data::write_submission(place("archives", "whole"), "{\"predictions\": {}}");
  data::write_submission(place("archives", "other-name"), "{\"predictions\": {}}", "mine.json");
}

void write_saved() {
  const sweep::TrialSpec one = trial();
  const std::vector<trainer::EncoderShape> shapes = {{"clip", 2, "video"}, {"wavlm", 1, "audio"}};
  const sweep::Classes classes = sweep::Classes::blemore();
  json encoders = json::array();
  for (const auto& shape : shapes) {
    encoders.push_back({{"name", shape.name}, {"dim", shape.dim}, {"modality", shape.modality}});
  }
  const json about = {{"format", trainer::kCheckpointFormat},
                      {"trial", sweep::to_json(one)},
                      {"epoch", 3},
                      {"classes", classes.names},
                      {"exclusive", classes.exclusive},
                      {"strength", json::array()},
                      {"encoders", encoders}};
  std::vector<data::NamedArray> arrays = {{"trial", {1}, std::vector<std::string>{about.dump()}}};
  for (const trainer::Parameter& p : trainer::make_layout(one.config, shapes, classes).parameters) {
    arrays.push_back({p.name, {p.shape.begin(), p.shape.end()}, std::vector<float>(static_cast<std::size_t>(p.size))});
  }
  for (const auto& shape : shapes) {
    const auto dim = static_cast<std::size_t>(shape.dim);
    arrays.push_back({"mean." + shape.name, {dim}, std::vector<double>(dim)});
    arrays.push_back({"scale." + shape.name, {dim}, std::vector<double>(dim)});
  }
  data::write_npz(place("checkpoints", "whole"), arrays);

  sweep::TrialResult so_far;
  so_far.trial_id = one.id;
  so_far.epochs.resize(2);
  const std::vector<std::uint8_t> bytes = sweep::encode_result(so_far);
  const json point = {{"format", trainer::kResumeFormat},
                      {"trial", one.id},
                      {"epoch", 2},
                      {"index", 1},
                      {"step", 5},
                      {"divergence", ""},
                      {"best_score", 0.5},
                      {"best_epoch", 1},
                      {"best_inner_score", -1},
                      {"best_inner_epoch", 0}};
  data::write_npz(place("resume_points", "whole"),
                  {{"about", {1}, std::vector<std::string>{point.dump()}},
                   {"result", {bytes.size()}, std::vector<std::uint16_t>(bytes.begin(), bytes.end())}});
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: fuzz_seeds FOLDER\n";
    return 2;
  }
  corpora = argv[1];
  write_frames();
  write_results();
  write_ensembles();
  write_arrays();
  write_saved();
}
