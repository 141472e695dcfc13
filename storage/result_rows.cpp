#include "storage/result_rows.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>

#include "storage/codec.h"
#include "storage/records.h"
#include "storage/row_digest.h"
#include "sweep/digest.h"
#include "sweep/json_text.h"
#include "sweep/protocol.h"
#include "sweep/result_parts.h"

namespace medley::storage {
namespace {

using sweep::Predictions;
using sweep::Protocol;
using sweep::ResultRecord;
using sweep::TrialResult;

void check_size(std::size_t size, std::size_t expected, const std::string& what) {
  if (size == 0 || size == expected) return;
  throw Error(what + " has " + std::to_string(size) + " values, expected " + std::to_string(expected));
}

void check_predictions(const Predictions& predictions, int clips, int classes, const std::string& what) {
  if (predictions.clips != 0 && predictions.clips != clips) {
    throw Error(what + " is of " + std::to_string(predictions.clips) + " clips, the dataset has " +
                std::to_string(clips));
  }
  const auto expected = static_cast<std::size_t>(predictions.clips) * static_cast<std::size_t>(classes);
  check_size(predictions.presence.size(), expected, what + ".presence");
  check_size(predictions.salience.size(), expected, what + ".salience");
  check_size(predictions.fused.size(), expected, what + ".fused");
}

Blob blob_of(const ResultRecord& record, const sweep::RecordPart& part) { return {record.at(part), part.size}; }

std::string digest_of(const std::vector<std::uint8_t>& bytes) {
  sweep::Sha256 sha;
  sha.add(bytes.data(), bytes.size());
  return sha.hex();
}

// The parts of a result or of its record, const or not.

template <class Result>
auto& snapshot_of(Result& result, Protocol protocol) {
  return protocol == Protocol::kPaper ? result.paper : result.held_out;
}
template <class OfSnapshot>
auto& split_of(OfSnapshot& snapshot, Split split) {
  return split == Split::kValidation ? snapshot.validation : snapshot.test;
}

/// The columns of table `prediction`, in its order.
struct Column {
  const char* name;
  Protocol protocol;
  Split split;
};
constexpr std::array<Column, 4> kPredictionColumns = {{
    {"held_out_validation", Protocol::kHeldOut, Split::kValidation},
    {"paper_validation", Protocol::kPaper, Split::kValidation},
    {"held_out_test", Protocol::kHeldOut, Split::kTest},
    {"paper_test", Protocol::kPaper, Split::kTest},
}};
using Sha256Bytes = std::array<unsigned char, 32>;

Sha256Bytes digest_of_column(std::size_t column, const std::string& trial_id, Blob blob) {
  return RowDigest("prediction", trial_id).add(kPredictionColumns[column].name).add(blob).bytes();
}

void insert_predictions(Database& database, std::int64_t trial, const ResultRecord& record) {
  std::array<Blob, kPredictionColumns.size()> blobs;
  std::array<Sha256Bytes, kPredictionColumns.size()> digests;
  bool any = false;
  for (std::size_t i = 0; i < blobs.size(); ++i) {
    const Column& column = kPredictionColumns[i];
    blobs[i] = blob_of(record, split_of(snapshot_of(record.parts, column.protocol), column.split));
    digests[i] = digest_of_column(i, record.result.trial_id, blobs[i]);
    any = any || blobs[i].size > 0;
  }
  if (!any) return;
  Statement insert(database, "INSERT INTO prediction VALUES (?, ?, ?, ?, ?, ?)");
  insert.bind(trial, Blob{digests.data(), sizeof digests}, blobs[0], blobs[1], blobs[2], blobs[3]).run();
}

/// Column `at` of `row` is this column of table `prediction`, and column 0 the digests of all.
Predictions read_column(const Statement& row, int at, std::size_t column, const std::string& trial_id) {
  const Blob digests = row.blob(0), bytes = row.blob(at);
  const Sha256Bytes digest = digest_of_column(column, trial_id, bytes);
  const bool sound =
      digests.size == kPredictionColumns.size() * sizeof digest &&
      std::memcmp(static_cast<const char*>(digests.data) + column * sizeof digest, digest.data(), sizeof digest) == 0;
  if (!sound) throw ChangedResult(trial_id, "its predictions");
  return decoded(bytes, sweep::decode_predictions);
}

/// Of all that a gate says of a trial.
Sha256Bytes digest_of_gate(const std::string& trial_id, const std::vector<sweep::EncoderImportance>& encoders,
                           Blob statistics, Blob weights, Blob cka) {
  RowDigest digest("gate", trial_id);
  for (const sweep::EncoderImportance& e : encoders) {
    digest.add(e.encoder).add(e.mean).add(e.sd).add(e.selection_frequency);
  }
  return digest.add(statistics).add(weights).add(cka).bytes();
}

void insert_importance(Database& database, std::int64_t trial, const ResultRecord& record) {
  const auto& encoders = record.result.importance.encoders;
  const Blob statistics = blob_of(record, record.parts.statistics), weights = blob_of(record, record.parts.weights),
             cka = blob_of(record, record.parts.cka);
  if (encoders.empty() && weights.size == 0 && cka.size == 0) return;
  Statement insert(database, "INSERT INTO importance VALUES (?, ?, ?, ?, ?, ?)");
  for (std::size_t i = 0; i < encoders.size(); ++i) {
    const sweep::EncoderImportance& e = encoders[i];
    insert.bind(trial, static_cast<std::int64_t>(i), e.encoder, e.mean, e.sd, e.selection_frequency).run();
  }
  const Sha256Bytes digest = digest_of_gate(record.result.trial_id, encoders, statistics, weights, cka);
  Statement gate(database, "INSERT INTO gate VALUES (?, ?, ?, ?, ?)");
  gate.bind(trial, statistics, weights, cka, Blob{digest.data(), digest.size()}).run();
}

/// The numbers that tables read without the surfaces: columns of table `result`. Paper-style ones are none for a
/// diverged trial, and those at thresholds of the inner fold none without one.
struct LeaderboardNumbers {
  std::optional<sweep::ThresholdSurface::Best> paper;
  std::optional<sweep::Accuracy> inner;
};

LeaderboardNumbers leaderboard_numbers(const TrialResult& result) {
  LeaderboardNumbers numbers;
  if (result.outcome != sweep::Outcome::kFinished) return numbers;
  numbers.paper = result.paper.surface.best();
  if (result.inner.clips > 0 && result.held_out.epoch > 0) {
    const auto chosen = result.inner.best();
    numbers.inner = result.held_out.surface.at(chosen.alpha_index, chosen.beta_index);
  }
  return numbers;
}

}  // namespace

sweep::Promise promise_of(const DatasetRecord& dataset) {
  sweep::Promise promise{dataset.classes, {}, {}, 0, dataset.test_fingerprint};
  for (const ClipRecord& clip : dataset.clips) {
    if (clip.fold < 0) {
      ++promise.test_clips;
    } else if (clip.label) {
      promise.labels[clip.fold].push_back(*clip.label);
    }
  }
  for (const EncoderRecord& encoder : dataset.encoders) promise.encoders.push_back(encoder.name);
  return promise;
}

std::string result_digest(const TrialResult& result) { return digest_of(sweep::encode_result(result)); }

sweep::DatasetShape shape_of(const DatasetRecord& dataset) {
  sweep::DatasetShape shape;
  shape.fingerprint = dataset.fingerprint;
  shape.test_fingerprint = dataset.test_fingerprint;
  shape.folds = dataset.folds;
  std::set<std::string> actors;
  for (const ClipRecord& clip : dataset.clips) {
    if (clip.fold < 0) shape.has_test = true;
    if (clip.fold >= 0) {
      ++shape.clip_count;
      actors.insert(clip.actor);
    }
    if (clip.actor.empty()) (clip.fold < 0 ? shape.test_actors : shape.actors) = false;
  }
  shape.actor_count = static_cast<int>(actors.size());
  for (const EncoderRecord& encoder : dataset.encoders) {
    shape.encoders.push_back(encoder.name);
    shape.modalities.push_back(sweep::word_of(encoder.labels, sweep::kModality));
    shape.layers.push_back(encoder.layers);
    shape.dims.push_back(encoder.dim);
  }
  return shape;
}

std::string dataset_digest(const DatasetRecord& dataset) {
  nlohmann::json all = {dataset.fingerprint, dataset.test_fingerprint, dataset.folder, dataset.name,
                        dataset.synthetic,   dataset.classes.names,    dataset.folds};
  for (const bool exclusive : dataset.classes.exclusive) all.push_back(exclusive);
  for (const ClipRecord& clip : dataset.clips) {
    all.push_back({clip.filename, clip.actor, clip.fold});
    if (clip.label) all.push_back({clip.label->first, clip.label->second, clip.label->salience});
  }
  for (const EncoderRecord& encoder : dataset.encoders) {
    all.push_back({encoder.name, encoder.labels, encoder.dim, encoder.layers});
  }
  return sweep::sha256_hex(sweep::json_text(all));
}

std::vector<ClipRecord> read_clips(Database& database, std::int64_t dataset) {
  Statement rows(database,
                 "SELECT filename, actor, fold, first, second, salience FROM clip WHERE dataset = ? ORDER BY position");
  rows.bind(dataset);
  std::vector<ClipRecord> clips;
  while (rows.step()) {
    ClipRecord& clip = clips.emplace_back();
    clip.filename = rows.text(0);
    clip.actor = rows.text(1);
    clip.fold = rows.whole(2);
    if (!rows.is_null(3)) clip.label = sweep::Label{rows.whole(3), rows.whole(4), rows.whole(5)};
  }
  return clips;
}

ResultSizes read_result_sizes(Database& database, std::int64_t dataset, const sweep::Partition& partition) {
  ResultSizes sizes;
  Statement classes(database, "SELECT json_array_length(classes), test_fingerprint FROM dataset WHERE key = ?");
  classes.bind(dataset).step();
  sizes.classes = classes.whole(0);
  sizes.test_fingerprint = classes.text(1);
  std::vector<ClipRecord> clips = read_clips(database, dataset);
  sweep::put_in_folds(clips, partition);
  for (const ClipRecord& clip : clips) ++(clip.fold < 0 ? sizes.test_clips : sizes.clips_of_fold[clip.fold]);
  return sizes;
}

void check_result(const TrialResult& result, const ResultSizes& sizes, int fold) {
  const auto it = sizes.clips_of_fold.find(fold);
  const int clips = it == sizes.clips_of_fold.end() ? 0 : it->second;
  check_predictions(result.paper.validation, clips, sizes.classes, "paper.validation");
  // Others were there when it was trained: their number is not known here, and only its own parts must agree.
  const bool same = result.test_fingerprint == sizes.test_fingerprint;
  const int test_clips = same ? sizes.test_clips : std::max(result.paper.test.clips, result.held_out.test.clips);
  check_predictions(result.paper.test, test_clips, sizes.classes, "paper.test");
  check_predictions(result.held_out.validation, clips, sizes.classes, "held_out.validation");
  check_predictions(result.held_out.test, test_clips, sizes.classes, "held_out.test");
  const std::size_t encoders = result.importance.encoders.size();
  check_size(result.importance.weights.size(), static_cast<std::size_t>(clips) * encoders, "importance.weights");
  check_size(result.importance.cka.size(), encoders * encoders, "importance.cka");
}

void insert_result(Database& database, std::int64_t trial, int attempt, const std::string& delivered_by,
                   const ResultRecord& record) {
  const TrialResult& result = record.result;
  const auto [paper, inner] = leaderboard_numbers(result);
  const auto of = [](const auto& numbers, auto value) {
    return numbers ? std::optional<double>(value(*numbers)) : std::nullopt;
  };
  using Best = sweep::ThresholdSurface::Best;
  using sweep::Accuracy;
  Statement row(database,
                "INSERT INTO result VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, "
                "?, ?, ?)");
  const std::string& id = result.trial_id;
  insert_signed(row, "result", id, trial, attempt, delivered_by, sweep::name_of(result.outcome), result.reason,
                result.seconds, result.samples_per_second, result.peak_memory_bytes, result.pack_size,
                static_cast<std::int64_t>(result.epochs.size()), result.paper.epoch, result.paper.validation.clips,
                result.paper.test.clips, result.held_out.epoch, result.held_out.validation.clips,
                result.held_out.test.clips, result.test_fingerprint, result.arithmetic, digest_of(record.bytes),
                of(paper, [](const Best& b) { return b.thresholds.alpha; }),
                of(paper, [](const Best& b) { return b.thresholds.beta; }),
                of(paper, [](const Best& b) { return b.accuracy.presence; }),
                of(paper, [](const Best& b) { return b.accuracy.salience; }),
                of(paper, [](const Best& b) { return b.accuracy.score(); }),
                of(inner, [](const Accuracy& a) { return a.presence; }),
                of(inner, [](const Accuracy& a) { return a.salience; }),
                of(inner, [](const Accuracy& a) { return a.score(); }));

  Statement surface(database, "INSERT INTO surface VALUES (?, ?, ?, ?, ?)");
  insert_signed(surface, "surface", id, trial, blob_of(record, record.parts.paper.surface),
                blob_of(record, record.parts.held_out.surface), blob_of(record, record.parts.inner));

  Statement epoch(database, "INSERT INTO epoch VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  for (std::size_t i = 0; i < result.epochs.size(); ++i) {
    const sweep::EpochMetrics& e = result.epochs[i];
    epoch
        .bind(trial, static_cast<std::int64_t>(i), e.epoch, e.learning_rate, e.loss, e.validation_loss,
              e.thresholds.alpha, e.thresholds.beta, e.validation.presence, e.validation.salience)
        .run();
  }
  if (record.parts.terms.size > 0) {
    Statement terms(database, "INSERT INTO loss_term VALUES (?, ?)");
    terms.bind(trial, blob_of(record, record.parts.terms)).run();
  }
  insert_predictions(database, trial, record);
  insert_importance(database, trial, record);
}

void delete_result(Database& database, std::int64_t trial) {
  for (const char* table :
       {"gate", "importance", "prediction", "loss_term", "epoch", "surface", "run_score", "result"}) {
    Statement remove(database, std::string("DELETE FROM ") + table + " WHERE trial = ?");
    remove.bind(trial).run();
  }
}

const char* ResultRow::columns() {
  return "r.attempt, r.delivered_by, r.outcome, r.reason, r.seconds, r.samples_per_second, r.peak_memory_bytes, "
         "r.pack_size, r.epochs, r.paper_epoch, r.paper_validation_clips, r.paper_test_clips, r.held_out_epoch, "
         "r.held_out_validation_clips, r.held_out_test_clips, r.test_fingerprint, r.arithmetic, r.sha256, "
         "r.paper_alpha, "
         "r.paper_beta, r.paper_presence, r.paper_salience, r.paper_score, r.inner_presence, r.inner_salience, "
         "r.inner_score, r.row_sha256";
}

ResultRow read_result_row(const Statement& row, int first, const std::string& trial_id) {
  check_signed(row, first, first + ResultRow::kCount - 1, "result", trial_id, "its row of numbers");
  int column = first;
  const auto whole = [&] { return row.whole(column++); };
  const auto text = [&] { return row.text(column++); };
  const auto real = [&] { return row.real(column++); };
  ResultRow r;
  r.attempt = whole();
  r.delivered_by = text();
  r.outcome = enumerator<sweep::Outcome>(text());
  r.reason = text();
  r.seconds = real();
  r.samples_per_second = real();
  r.peak_memory_bytes = row.integer(column++);
  r.pack_size = whole();
  r.epochs = whole();
  for (ResultRow::Snapshot* snapshot : {&r.paper, &r.held_out}) {
    snapshot->epoch = whole();
    snapshot->validation_clips = whole();
    snapshot->test_clips = whole();
  }
  r.test_fingerprint = text();
  r.arithmetic = text();
  r.sha256 = text();
  column += 2;  // thresholds, which the surface has too
  if (!row.is_null(column)) r.paper_accuracy = sweep::Accuracy{row.real(column), row.real(column + 1)};
  return r;
}

Surfaces read_surfaces(const Statement& row, int first, const std::string& trial_id) {
  check_signed(row, first, first + 3, "surface", trial_id, "its surfaces");
  const auto surface = [&](int column) { return decoded(row.blob(column), sweep::decode_surface); };
  return {surface(first), surface(first + 1), surface(first + 2)};
}

std::vector<sweep::EpochMetrics> read_epochs(Database& database, std::int64_t trial) {
  Statement rows(database,
                 "SELECT epoch, learning_rate, loss, validation_loss, alpha, beta, presence, salience FROM epoch "
                 "WHERE trial = ? ORDER BY position");
  rows.bind(trial);
  std::vector<sweep::EpochMetrics> epochs;
  while (rows.step()) {
    sweep::EpochMetrics e;
    e.epoch = rows.whole(0);
    e.learning_rate = rows.real(1);
    e.loss = rows.real(2);
    e.validation_loss = rows.real(3);
    e.thresholds = {rows.real(4), rows.real(5)};
    e.validation.presence = rows.real(6);
    e.validation.salience = rows.real(7);
    epochs.push_back(std::move(e));
  }
  Statement terms(database, "SELECT terms FROM loss_term WHERE trial = ?");
  if (terms.bind(trial).step()) {
    decoded(terms.blob(0),
            [&](const std::uint8_t* data, std::size_t size) { sweep::decode_terms(data, size, epochs); });
  }
  return epochs;
}

sweep::Importance read_importance(Database& database, std::int64_t trial, const std::string& trial_id) {
  sweep::Importance importance;
  Statement rows(database,
                 "SELECT encoder, mean, sd, selection_frequency FROM importance WHERE trial = ? ORDER BY position");
  rows.bind(trial);
  while (rows.step()) {
    sweep::EncoderImportance& e = importance.encoders.emplace_back();
    e.encoder = rows.text(0);
    e.mean = rows.real(1);
    e.sd = rows.real(2);
    e.selection_frequency = rows.real(3);
  }
  Statement gate(database, "SELECT statistics, weights, cka, row_sha256 FROM gate WHERE trial = ?");
  if (!gate.bind(trial).step()) {
    if (!importance.encoders.empty()) throw ChangedResult(trial_id, "the importance of its encoders");
    return importance;
  }
  const Blob statistics = gate.blob(0), digest = gate.blob(3);
  const Sha256Bytes bytes = digest_of_gate(trial_id, importance.encoders, statistics, gate.blob(1), gate.blob(2));
  if (digest.size != bytes.size() || std::memcmp(digest.data, bytes.data(), bytes.size()) != 0) {
    throw ChangedResult(trial_id, "the importance of its encoders");
  }
  decoded(statistics, [&](const std::uint8_t* data, std::size_t size) {
    sweep::decode_statistics(data, size, importance.encoders);
  });
  importance.weights = decoded(gate.blob(1), sweep::decode_weights);
  importance.cka = decoded(gate.blob(2), sweep::decode_cka);
  return importance;
}

Predictions read_predictions(Database& database, std::int64_t trial, const std::string& trial_id, Protocol protocol,
                             Split split) {
  std::size_t column = 0;
  while (kPredictionColumns[column].protocol != protocol || kPredictionColumns[column].split != split) ++column;
  Statement row(database, std::string("SELECT row_sha256, ") + kPredictionColumns[column].name +
                              " FROM prediction WHERE trial = ?");
  return row.bind(trial).step() ? read_column(row, 1, column, trial_id) : Predictions();
}

TrialResult read_result(Database& database, std::int64_t trial, const std::string& trial_id) {
  TrialResult result;
  result.trial_id = trial_id;
  Statement row(database, std::string("SELECT ") + ResultRow::columns() + " FROM result r WHERE r.trial = ?");
  if (!row.bind(trial).step()) throw Error("the store is damaged: trial " + trial_id + " has no result");
  const ResultRow numbers = read_result_row(row, 0, trial_id);
  result.outcome = numbers.outcome;
  result.reason = numbers.reason;
  result.seconds = numbers.seconds;
  result.samples_per_second = numbers.samples_per_second;
  result.peak_memory_bytes = numbers.peak_memory_bytes;
  result.pack_size = numbers.pack_size;
  for (const Protocol protocol : {Protocol::kPaper, Protocol::kHeldOut}) {
    const ResultRow::Snapshot& stored = snapshot_of(numbers, protocol);
    auto& snapshot = snapshot_of(result, protocol);
    snapshot.epoch = stored.epoch;
  }
  result.test_fingerprint = numbers.test_fingerprint;
  result.arithmetic = numbers.arithmetic;

  Statement surface(database, "SELECT paper, held_out, inner, row_sha256 FROM surface WHERE trial = ?");
  if (!surface.bind(trial).step()) throw Error("the store is damaged: trial " + trial_id + " has no surfaces");
  const Surfaces surfaces = read_surfaces(surface, 0, trial_id);
  result.paper.surface = surfaces.paper;
  result.held_out.surface = surfaces.held_out;
  result.inner = surfaces.inner;

  Statement predictions(database,
                        "SELECT row_sha256, held_out_validation, paper_validation, held_out_test, paper_test FROM "
                        "prediction WHERE trial = ?");
  if (predictions.bind(trial).step()) {
    for (std::size_t i = 0; i < kPredictionColumns.size(); ++i) {
      const Column& column = kPredictionColumns[i];
      split_of(snapshot_of(result, column.protocol), column.split) =
          read_column(predictions, 1 + static_cast<int>(i), i, trial_id);
    }
  }
  result.epochs = read_epochs(database, trial);
  result.importance = read_importance(database, trial, trial_id);
  if (result_digest(result) != numbers.sha256) throw ChangedResult(trial_id, "its result");
  return result;
}

std::string fault_of_result(Database& database, std::int64_t trial, const std::string& trial_id) {
  try {
    read_result(database, trial, trial_id);
  } catch (const ChangedResult& error) {
    return error.fault();
  } catch (const SystemError&) {
    throw;
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

}  // namespace medley::storage
