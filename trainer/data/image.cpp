#include "trainer/data/image.h"

#include <cstdint>
#include <cstring>
#include <numeric>

#include <nlohmann/json.hpp>

#include "trainer/data/error.h"

namespace medley::data {
namespace {

using nlohmann::json;

constexpr std::size_t kAlignment = 64;

std::size_t aligned(std::size_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

std::size_t feature_bytes(std::size_t clips, int layers, int dim) {
  return clips * static_cast<std::size_t>(layers) * static_cast<std::size_t>(dim) * sizeof(float);
}

json clip_to_json(const Clip& clip) {
  json row = {clip.filename, clip.stem, clip.actor, clip.fold};
  if (clip.label) row.insert(row.end(), {clip.label->first, clip.label->second, clip.label->salience});
  return row;
}

Clip clip_from_json(const json& row) {
  Clip clip{row.at(0), row.at(1), row.at(2), row.at(3), {}};
  if (row.size() > 4) clip.label = sweep::Label{row.at(4), row.at(5), row.at(6)};
  return clip;
}

/// Features that lie in a block, a row a clip.
class ImageEncoder final : public Encoder {
 public:
  ImageEncoder(const json& about, int clips, const std::byte* features, std::shared_ptr<const void> owner)
      : name_(about.at("name")),
        labels_(about.at("labels")),
        dim_(about.at("dim")),
        layers_(about.at("layers")),
        clips_(clips),
        features_(reinterpret_cast<const float*>(features)),
        owner_(std::move(owner)) {}

  const std::string& name() const override { return name_; }
  const sweep::EncoderLabels& labels() const override { return labels_; }
  int dim() const override { return dim_; }
  int layers() const override { return layers_; }
  int rows() const override { return clips_; }
  int row_of(int clip) const override { return clip; }
  const float* matrix() const override { return features_; }
  void gather(const std::vector<int>& clips, float* out) const override {
    const auto width = static_cast<std::size_t>(layers_) * static_cast<std::size_t>(dim_);
    for (const int clip : clips) {
      std::memcpy(out, features_ + static_cast<std::size_t>(clip) * width, width * sizeof(float));
      out += width;
    }
  }

 private:
  std::string name_;
  sweep::EncoderLabels labels_;
  int dim_, layers_, clips_;
  const float* features_;
  std::shared_ptr<const void> owner_;
};

}  // namespace

ImageWriter::ImageWriter(const Dataset& dataset) : dataset_(dataset) {
  json clips = json::array(), encoders = json::array();
  for (const Clip& clip : dataset.clips) clips.push_back(clip_to_json(clip));
  for (const auto& e : dataset.encoders) {
    encoders.push_back({{"name", e->name()}, {"labels", e->labels()}, {"dim", e->dim()}, {"layers", e->layers()}});
  }
  header_ = json{{"folder", dataset.folder.string()},  {"synthetic", dataset.synthetic},
                 {"classes", dataset.classes.names},   {"exclusive", dataset.classes.exclusive},
                 {"clips", std::move(clips)},          {"folds", dataset.folds},
                 {"fingerprint", dataset.fingerprint}, {"test_fingerprint", dataset.test_fingerprint},
                 {"encoders", std::move(encoders)}}
                .dump();
  size_ = aligned(sizeof(std::uint64_t) + header_.size());
  for (const auto& e : dataset.encoders) size_ += aligned(feature_bytes(dataset.clips.size(), e->layers(), e->dim()));
}

void ImageWriter::write(std::byte* block) const {
  const std::uint64_t length = header_.size();
  std::memcpy(block, &length, sizeof length);
  std::memcpy(block + sizeof length, header_.data(), header_.size());
  std::byte* at = block + aligned(sizeof length + header_.size());
  std::vector<int> clips(dataset_.clips.size());
  std::iota(clips.begin(), clips.end(), 0);
  for (const auto& e : dataset_.encoders) {
    e->gather(clips, reinterpret_cast<float*>(at));
    at += aligned(feature_bytes(clips.size(), e->layers(), e->dim()));
  }
}

Dataset read_image(const std::byte* block, std::size_t size, const std::shared_ptr<const void>& owner) {
  std::uint64_t length = 0;
  if (size < sizeof length) throw Error("a dataset's image of " + std::to_string(size) + " bytes is too short");
  std::memcpy(&length, block, sizeof length);
  if (length > size - sizeof length) throw Error("a dataset's image ends within its header");
  try {
    const char* text = reinterpret_cast<const char*>(block) + sizeof length;
    const json about = json::parse(text, text + length);
    Dataset dataset;
    dataset.folder = about.at("folder").get<std::string>();
    dataset.synthetic = about.at("synthetic");
    dataset.classes = {about.at("classes"), about.at("exclusive")};
    for (const json& row : about.at("clips")) dataset.clips.push_back(clip_from_json(row));
    dataset.folds = about.at("folds").get<std::vector<int>>();
    dataset.fingerprint = about.at("fingerprint");
    dataset.test_fingerprint = about.at("test_fingerprint");
    std::size_t at = aligned(sizeof length + static_cast<std::size_t>(length));
    for (const json& encoder : about.at("encoders")) {
      const std::size_t bytes = feature_bytes(dataset.clips.size(), encoder.at("layers"), encoder.at("dim"));
      if (at > size || bytes > size - at) throw Error("a dataset's image ends within its features");
      dataset.encoders.push_back(
          std::make_shared<ImageEncoder>(encoder, static_cast<int>(dataset.clips.size()), block + at, owner));
      at += aligned(bytes);
    }
    return dataset;
  } catch (const json::exception& e) {
    throw Error(std::string("a dataset's image: ") + e.what());
  }
}

}  // namespace medley::data
