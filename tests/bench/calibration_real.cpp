#include "tests/bench/calibration_real.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "trainer/data/dataset.h"

namespace medley::calibration {

RealActors::RealActors(const std::filesystem::path& folder) {
  const data::Dataset dataset = data::load_dataset(folder);
  classes_ = dataset.classes;
  std::vector<int> clips;
  for (std::size_t i = 0; i < dataset.clips.size(); ++i) {
    if (dataset.clips[i].label && dataset.clips[i].fold >= 0) clips.push_back(static_cast<int>(i));
  }
  Matrix rows(clips.size());
  for (const auto& encoder : dataset.encoders) {
    const auto dim = static_cast<std::size_t>(encoder->dim());
    std::vector<float> x(clips.size() * dim);
    encoder->gather(clips, x.data());
    for (std::size_t d = 0; d < dim; ++d) {
      encoder_of_.push_back(encoder->name());
      double sum = 0, squares = 0;
      for (std::size_t i = 0; i < clips.size(); ++i) sum += x[i * dim + d];
      const double mean = sum / static_cast<double>(clips.size());
      for (std::size_t i = 0; i < clips.size(); ++i) squares += (x[i * dim + d] - mean) * (x[i * dim + d] - mean);
      const double sd = std::sqrt(squares / static_cast<double>(clips.size())) + 1e-9;
      for (std::size_t i = 0; i < clips.size(); ++i) rows[i].push_back((x[i * dim + d] - mean) / sd);
    }
  }
  std::map<std::string, Actor> actors;
  for (std::size_t i = 0; i < clips.size(); ++i) {
    const data::Clip& clip = dataset.clips[static_cast<std::size_t>(clips[i])];
    actors[clip.actor].labels.push_back(*clip.label);
    actors[clip.actor].rows.push_back(std::move(rows[i]));
  }
  for (auto& [name, actor] : actors) actors_.push_back(std::move(actor));
}

std::vector<std::vector<int>> RealActors::two_groups(int size, Random& random) const {
  std::vector<int> order(actors_.size());
  std::iota(order.begin(), order.end(), 0);
  std::shuffle(order.begin(), order.end(), random);
  return {{order.begin(), order.begin() + size}, {order.begin() + size, order.begin() + 2 * size}};
}

Clips RealActors::clips_of(const std::vector<int>& group, int folds, Random& random) const {
  std::vector<int> order(group.size());
  std::iota(order.begin(), order.end(), 0);
  std::shuffle(order.begin(), order.end(), random);
  Clips clips;
  clips.classes = classes_;
  for (std::size_t a = 0; a < group.size(); ++a) {
    for (const sweep::Label& label : actors_[static_cast<std::size_t>(group[a])].labels) {
      clips.truth.push_back(label);
      clips.actor.push_back(group[a]);
      clips.fold.push_back(order[a] % folds);
    }
  }
  return clips;
}

Matrix RealActors::features(const std::vector<int>& group, const std::vector<std::string>& names) const {
  Matrix made;
  for (const int actor : group) {
    for (const Row& row : actors_[static_cast<std::size_t>(actor)].rows) {
      Row& out = made.emplace_back();
      for (std::size_t d = 0; d < row.size(); ++d) {
        if (std::count(names.begin(), names.end(), encoder_of_[d]) > 0) out.push_back(row[d]);
      }
    }
  }
  return made;
}

std::vector<std::string> RealActors::encoder_names() const {
  std::vector<std::string> names = encoder_of_;
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

}  // namespace medley::calibration
