// What the columns of a store hold: parts of results, threshold surfaces, ensembles as JSON.
#include <cstdint>
#include <string>
#include <vector>

#include "storage/codec.h"
#include "storage/ensemble_record.h"
#include "tests/fuzz/target.h"

namespace medley::fuzz {
namespace {

/// What `decode` takes, `encode` gives back byte by byte.
template <class Decode, class Encode>
void round_trip(const std::string& input, Decode decode, Encode encode) {
  sweep::RecordBytes bytes;
  try {
    bytes = encode(storage::decoded({input.data(), input.size()}, decode));
  } catch (const storage::Error&) {
    return;
  }
  require(std::string(bytes.begin(), bytes.end()) == input, "bytes came back as others");
}

}  // namespace

void parts(const std::string& input) {
  round_trip(input, sweep::decode_weights, sweep::encode_weights);
  round_trip(input, sweep::decode_cka, sweep::encode_cka);
  round_trip(input, sweep::decode_predictions, sweep::encode_predictions);
  const auto three_epochs = [](const std::uint8_t* data, std::size_t size) {
    std::vector<sweep::EpochMetrics> epochs(3);
    sweep::decode_terms(data, size, epochs);
    return epochs;
  };
  round_trip(input, three_epochs, sweep::encode_terms);
}

void surfaces(const std::string& input) { round_trip(input, sweep::decode_surface, sweep::encode_surface); }

void ensembles(const std::string& input) {
  const auto [settings, scores] = halves(input);
  storage::EnsembleRecord read;
  try {
    storage::read_ensemble_json("caruana", settings, scores, read);
  } catch (const storage::Error&) {
    return;
  }
  const std::string first = storage::settings_json(read).dump(), second = storage::scores_json(read).dump();
  storage::EnsembleRecord again;
  storage::read_ensemble_json("caruana", first, second, again);
  require(storage::settings_json(again).dump() == first && storage::scores_json(again).dump() == second,
          "an ensemble came back as another");
}

}  // namespace medley::fuzz
