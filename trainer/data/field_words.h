#pragma once

#include <map>
#include <string>
#include <vector>

#include "sweep/label.h"
#include "trainer/data/csv.h"
#include "trainer/data/npz.h"
#include "trainer/data/problems.h"

/// The names that files of this field give to the same things. Each list stands once, in field_words.cpp. Letter case,
/// blanks and marks between words do not count in names of columns and arrays.
namespace medley::data {

/// Column names that dataset.yaml gives, by ours.
using ColumnNames = std::map<std::string, std::string>;

/// Our names of the metadata's columns: filename, video_id, mix, emotion_1, ...
std::vector<std::string> metadata_columns();

/// The names that a column `name`, one of metadata_columns(), may have: itself, and others without marks.
std::vector<std::string> accepted_columns(const std::string& name);

/// Index of the column for `name`, one of metadata_columns(), or -1. `named` goes before the list, where the
/// file has that column. Two columns that could be meant, and differ in a row, are an error in `problems` and give -1.
int find_column(const Csv& csv, const std::string& name, const ColumnNames& named, Problems& problems);

/// True for columns of feature tables that count or time rows and are no features: frame, timestamp, confidence,
/// success.
bool is_row_column(const std::string& column);

/// True for the column of OpenFace that says whose face a row is: face_id.
bool is_face_column(const std::string& column);

/// True for the names that hold features: X, features, embeddings, ...
bool is_feature_array(const std::string& name);

/// The arrays of an archive of features. Both names are "" where the archive has one array a clip.
struct FeatureArrays {
  std::string x, filenames;
};
/// Throws Error where two arrays could be meant, or only one of the two is there. Names may be missing, and are then
/// "", unless they are required.
FeatureArrays feature_arrays(const NpzFile& npz, bool names_required = true);

/// The arrays of a file of probabilities: P, filenames, and classes, which is "" where there is none.
struct PredictionArrays {
  std::string probabilities, filenames, classes;
};
/// Throws Error where two arrays could be meant, or P or filenames is not there.
PredictionArrays prediction_arrays(const NpzFile& npz);

/// True for the words train, test, dev, ... that name parts of a dataset.
bool is_split_word(const std::string& text);

/// A path as a shell reads it back.
std::string shell_word(const std::filesystem::path& path);

}  // namespace medley::data
