#pragma once

#include <cstdint>
#include <filesystem>
#include <random>
#include <string>

#include "storage/error.h"
#include "storage/records.h"
#include "tests/support/error_of.h"
#include "tests/support/folder.h"

namespace medley::storage::testing_store {

/// 2 folds of 6 and 5 labelled clips, 4 test clips, 6 classes, encoders a, b, c.
DatasetRecord small_dataset();

/// `configs` configs (learning rate i * 1e-3, axis "learning_rate") x folds 0, 1 x `seeds` seeds from 7 on.
SweepSubmission small_sweep(const std::string& name, int configs, int seeds);

/// Every member filled with random but possible values, NaN and infinities among them when it diverged. Sizes fit the
/// small dataset.
sweep::TrialResult random_result(const sweep::TrialSpec& trial, std::mt19937_64& random,
                                 sweep::Outcome outcome = sweep::Outcome::kFinished);
/// The same of a fold with `clips` clips.
sweep::TrialResult random_result(const sweep::TrialSpec& trial, std::mt19937_64& random, int clips,
                                 sweep::Outcome outcome = sweep::Outcome::kFinished);

/// A finished result whose only surface cell with hits gives these numbers: `presence` of 5 clips, `salience` of 5.
sweep::TrialResult plain_result(const sweep::TrialSpec& trial, int presence, int salience);

}  // namespace medley::storage::testing_store
