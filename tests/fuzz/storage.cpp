// What the columns of a store hold: blobs of numbers, threshold surfaces, ensembles as JSON.
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "storage/codec.h"
#include "storage/ensemble_record.h"
#include "tests/fuzz/target.h"

namespace medley::fuzz {
namespace {

storage::Blob blob_of(const std::string& bytes) { return {bytes.data(), bytes.size()}; }

template <class T>
void round_trip(const std::string& input) {
  std::vector<T> values;
  try {
    values = storage::unpack<T>(blob_of(input), "a blob");
  } catch (const storage::Error&) {
    require(input.size() % sizeof(T) != 0, "a whole blob was refused");
    return;
  }
  require(values.size() * sizeof(T) == input.size(), "numbers were lost");
  const std::vector<std::uint8_t> bytes = storage::pack(values);
  require(std::string(bytes.begin(), bytes.end()) == input, "numbers came back as others");
}

}  // namespace

void blobs(const std::string& input) {
  round_trip<float>(input);
  round_trip<double>(input);
  round_trip<std::int64_t>(input);
  round_trip<std::uint16_t>(input);
}

void surfaces(const std::string& input) {
  sweep::ThresholdSurface surface;
  try {
    surface = storage::decode_surface(blob_of(input));
  } catch (const storage::Error&) {
    return;
  }
  const std::vector<std::uint8_t> bytes = storage::encode_surface(surface);
  const sweep::ThresholdSurface again = storage::decode_surface(storage::blob_of(bytes));
  require(again.clips == surface.clips && again.blends == surface.blends &&
              again.presence_hits == surface.presence_hits && again.salience_hits == surface.salience_hits,
          "a surface came back as another");
}

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
