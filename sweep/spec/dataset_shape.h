#pragma once

#include <string>
#include <vector>

namespace medley::sweep {

/// What expansion must know of a dataset.
struct DatasetShape {
  std::string fingerprint;
  std::vector<std::string> encoders;    ///< in dataset order
  std::vector<std::string> modalities;  ///< [encoder]; "" where it is not known
  std::vector<int> folds;               ///< distinct, ascending
  bool has_test = false;                ///< there are test clips
  std::vector<int> layers = {};         ///< [encoder]; empty: one each
  std::vector<int> dims = {};           ///< [encoder] columns of a layer; empty: not known
  bool actors = true;                   ///< every labelled clip has one
  bool test_actors = true;              ///< every test clip has one
  std::string test_fingerprint = {};    ///< "" without test clips
  int actor_count = 0;                  ///< distinct ones of labelled clips
  int clip_count = 0;                   ///< labelled ones
};

}  // namespace medley::sweep
