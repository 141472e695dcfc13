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

/// Names of the loss terms, once for all epochs, then of each epoch whether it has them (one that has just begun has
/// none), and their values. Without terms they are no bytes. Throws Error where epochs have unlike terms.
/// decode_terms() fills in those of `epochs`.
RecordBytes encode_terms(const std::vector<EpochMetrics>& epochs);
void decode_terms(const std::uint8_t* data, std::size_t size, std::vector<EpochMetrics>& epochs);

/// Quantiles, histogram (varints) and ranks of each encoder. decode_statistics() fills in those of `encoders`.
RecordBytes encode_statistics(const std::vector<EncoderImportance>& encoders);
void decode_statistics(const std::uint8_t* data, std::size_t size, std::vector<EncoderImportance>& encoders);

/// Number of weights (32 bits), a bit for each that says whether it is not 0 (the low one of a byte first), then these
/// as halves: a gate that keeps few encoders gives the others 0. No weights are no bytes.
RecordBytes encode_weights(const std::vector<std::uint16_t>& weights);
std::vector<std::uint16_t> decode_weights(const std::uint8_t* data, std::size_t size);

/// CKA as float32.
RecordBytes encode_cka(const std::vector<float>& cka);
std::vector<float> decode_cka(const std::uint8_t* data, std::size_t size);

/// Where the parts lie in the record of a result.
struct ResultParts {
  struct Snapshot {
    RecordPart validation, test, surface;
  };
  RecordPart terms;
  Snapshot paper, held_out;
  RecordPart inner;
  RecordPart statistics, weights, cka;  ///< of the importance
};

/// A result with the bytes that encode_result() gives of it.
struct ResultRecord {
  ResultRecord(TrialResult of);                 // NOLINT(google-explicit-constructor): both are one result
  explicit ResultRecord(RecordBytes received);  ///< throws Error as decode_result()

  const std::uint8_t* at(const RecordPart& part) const { return bytes.data() + part.begin; }

  TrialResult result;
  ResultParts parts;
  RecordBytes bytes;
};

/// One NaN and one zero: what a store gives back of a number.
double canonical(double value);

/// Limits of what a trial records.
inline constexpr int kMaxRecordedClips = 1000000;
inline constexpr std::size_t kMaxRecordedEncoders = 256;

}  // namespace medley::sweep
