#pragma once

#include <vector>

#include "sweep/record.h"
#include "sweep/result.h"

namespace medley::sweep {

// Parts of a result's record (sweep/result.h) that the store keeps byte by byte. What reads them takes any bytes,
// throws Error on those that the writer cannot have made, and gives back what writes the same bytes.

/// A surface in about 800 bytes: clips, blends, then hits as differences from the cell before, all as zigzag varints
/// (sweep/varint.h). An all-zero surface is no bytes.
RecordBytes encode_surface(const ThresholdSurface& surface);
ThresholdSurface decode_surface(const std::uint8_t* data, std::size_t size);

/// What a part of predictions holds. A reader makes the rest by the formula of HeadFusion.
enum class Kept : std::uint8_t {
  kFused = 1,     ///< of a softmax head, without presence and salience
  kHeads,         ///< presence and salience; fused is their rounded product (product_of_heads())
  kExpectations,  ///< presence and salience, which is fused
  kAll,           ///< presence, salience and fused
};

/// Number of clips (32 bits), number of classes and Kept (8 bits each), then presence, salience and fused as halves
/// [clip, class], as far as they are kept. No clips are no bytes.
RecordBytes encode_predictions(const Predictions& predictions);
Predictions decode_predictions(const std::uint8_t* data, std::size_t size);
/// Bytes before the first half.
inline constexpr std::size_t kPredictionsHead = 6;

/// Names and values of an epoch's loss terms, in their order.
RecordBytes encode_terms(const std::vector<LossTerm>& terms);
std::vector<LossTerm> decode_terms(const std::uint8_t* data, std::size_t size);

/// Quantiles, histogram (varints) and ranks of each encoder. decode_statistics() fills in those of `encoders`.
RecordBytes encode_statistics(const std::vector<EncoderImportance>& encoders);
void decode_statistics(const std::uint8_t* data, std::size_t size, std::vector<EncoderImportance>& encoders);

/// Where the parts lie in the record of a result.
struct ResultParts {
  struct Snapshot {
    RecordPart validation, test, surface;
  };
  Snapshot paper, held_out;
  RecordPart inner;
  RecordPart statistics, weights, cka;  ///< of the importance: encode_statistics(), halves and float32
};
/// As encode_result().
RecordBytes encode_result(const TrialResult& result, ResultParts& parts);

/// One NaN and one zero: what a store gives back of a number.
double canonical(double value);

/// Limits of what a trial records.
inline constexpr int kMaxRecordedClips = 1000000;
inline constexpr std::size_t kMaxRecordedEncoders = 256;

}  // namespace medley::sweep
