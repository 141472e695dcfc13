#pragma once

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/error_of.h"
#include "tests/support/folder.h"
#include "trainer/data/dataset.h"
#include "trainer/data/error.h"
#include "trainer/data/npz_write.h"

namespace medley::data {

inline constexpr char kHeader[] =
    "filename,video_id,mix,emotion_1,emotion_2,emotion_1_salience,emotion_2_salience,fold\n";

/// Four clips of two actors in two folds, one test clip, one encoder `face` of two numbers.
struct Small {
  test::Folder folder;
  std::string train = std::string(kHeader) +
                      "a1.mov,A,0,ang,,,,0\n"
                      "a2.mov,A,1,ang,sad,70,30,0\n"
                      "b1.mov,B,1,sad,ang,50,50,1\n"
                      "b2.mov,B,0,neu,,,,1\n";
  std::string test = "filename\nt1.mov\n";
  std::string yaml;
  std::vector<std::string> names = {"t1", "b2", "b1", "a2", "a1"};
  std::vector<float> x = {5, 5.5, 4, 4.5, 3, 3.5, 2, 2.5, 1, 1.5};
  Packing packing = Packing::kStored;

  Dataset load() const {
    test::write_file(folder / "train_metadata.csv", train);
    test::write_file(folder / "test_metadata.csv", test);
    if (!yaml.empty()) test::write_file(folder / "dataset.yaml", yaml);
    write_npz(folder / "face_static_features.npz", {{"X", {names.size(), 2}, x}, {"filenames", {names.size()}, names}},
              packing);
    return load_dataset(folder.path());
  }
  std::string error() const {
    return test::error_of<Error>([&] { load(); });
  }
};

}  // namespace medley::data

#define EXPECT_SAYS(text, part) EXPECT_NE((text).find(part), std::string::npos) << (text)
