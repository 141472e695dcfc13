// The made-up datasets beside the repository, one property each: a line a case. A case that differs from `base` in
// storage only has the fingerprint of `base`.
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <map>

#include <gtest/gtest.h>

#include "tests/support/error_of.h"
#include "tests/support/folder.h"
#include "trainer/data/dataset.h"
#include "trainer/data/error.h"
#include "trainer/data/folds.h"
#include "trainer/data/import.h"

namespace medley::data {
namespace {

namespace fs = std::filesystem;

fs::path cases() {
  const char* set = std::getenv("MEDLEY_SHARED");
  return (set != nullptr ? fs::path(set) : fs::path(MEDLEY_SOURCE_DIR) / ".." / "shared") / "cases" / "data";
}

class Cases : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!fs::exists(cases() / "base")) GTEST_SKIP() << cases() << " is not here (set MEDLEY_SHARED)";
    base_ = load_dataset(cases() / "base").fingerprint;
  }
  static void import(const std::string& name, const fs::path& out, const ImportOptions& options = {}) {
    import_dataset(cases() / name, out, options, [](const ImportProgress&) {});
  }
  static std::string load_error(const std::string& name) {
    return test::error_of<Error>([&] { load_dataset(cases() / name); });
  }

  test::Folder folder_;
  std::string base_;
};

#define EXPECT_SAYS(text, part) EXPECT_NE((text).find(part), std::string::npos) << (text)

TEST_F(Cases, ThatDifferInStorageOnlyHaveTheFingerprintOfBase) {
  for (const char* name : {"c02_npz_by_clip", "c04_excel_de", "c04b_tab", "c04c_utf16", "c06_py2_L", "c09_bool_mix",
                           "c09e_single100", "c09g_R", "c17_train_test_npz", "c18_macos", "c26_trailing_comma",
                           "c53_static_csv", "c59_plain_names", "c16b_dup_same", "c44_later/after"}) {
    std::string fingerprint;
    EXPECT_EQ(test::error_of<Error>([&] { fingerprint = load_dataset(cases() / name).fingerprint; }), "") << name;
    EXPECT_EQ(fingerprint, base_) << name;
  }
}

/// Fingerprints by docs/data.md from numpy.load(), astype(numpy.float32) and the csv module of Python.
TEST_F(Cases, ThatDifferInContentTooAreReadAsNumpyReadsThem) {
  const std::map<std::string, std::string> numpy = {
      {"base", "e76634d9c54d815af11f7bd75fe1ff58f05b32f59803a330ee5ac0eadcb7b40d"},
      {"c05_cp1252", "35abec406a2a1ecb21c3d6e6825c9274267a3d15ce1c12bc56ea7af5ffcbc671"},
      {"c09f_yaml", "b1566dba79b94be83dd1e8f8b6868e4b8c1a97a7657ed56e496d72eb3bef41f2"},
      {"c10_foldname", "8f768afd95e2b1268b16394f5f50c7b5ef8d9ba35d0f878cadffb350635cab44"},
      {"c13_bf16", "b0959bae10896244a5ccfc0bc5eacf36c68206ae6e007da7aac8b9fa09e2796e"},
      {"c13_int32", "84698995cf42d2223f5ff8b8e4542b6bae17903de7aade1e53bf1a9ec69e55dc"},
      {"c13_uint8", "1ba71575e90e5f7a85c3a7a2b69e8c788016482ccd7c5809880f78c7e0bdd922"},
      {"c23_dots", "beabe92b755b21bc7ad7b0261d723abdaac5f020fc8af593cf565eb37475753a"},
      {"c46_noblend", "23e1c463efc381e47c5444554a0f5c656ac398dbc77d0df645820ae85341886d"},
      {"c55_sparse_boaw", "bae971dda50eb659342631cbf7645d3757479916fdf04e0415eac18287c5b40a"}};
  for (const auto& [name, fingerprint] : numpy) {
    std::string read;
    EXPECT_EQ(test::error_of<Error>([&] { read = load_dataset(cases() / name).fingerprint; }), "") << name;
    EXPECT_EQ(read, fingerprint) << name;
  }
  EXPECT_EQ(load_dataset(cases() / "c44_later/before").clips.size(), 192u);
}

TEST_F(Cases, ThatAreRefusedNameTheCauseAndTheCommand) {
  const std::map<std::string, std::vector<std::string>> messages = {
      {"c01_utt_npy", {"no feature file", "folders of clips (clipfeat, ...)", "medley data import "}},
      {"c08_openface_csv", {"no feature file", "folders of clips (openface)", "medley data import "}},
      {"c10c_nofold", {"column 'fold' is missing; make folds that share no actor with: medley data folds "}},
      {"c12_paths",
       {"the same in encoder 'wavlmfeat'", "encoder 'clipfeat': 224 of 224 clips have no row", "have folders",
        "--match folders"}},
      {"c12d_case", {"192 of 224 clips have no row", "differ in letter case", "--match case"}},
      {"c13_nd1", {"shape (224, 8, 1)", "layers of one number", "--axes clips,dim,1"}},
      {"c14_nan",
       {"row 5, column 2 (clip 'A101_neu_int1_ver1') is NaN", "10 numbers of 3 clips are NaN or infinite",
        "--missing"}},
      {"c22_speaker", {"12 of 12 actors are in several folds", "medley data folds "}},
      {"c40_test_only", {"test clips alone"}}};
  for (const auto& [name, parts] : messages) {
    const std::string error = load_error(name);
    for (const std::string& part : parts) EXPECT_SAYS(error, part) << name;
    EXPECT_LE(std::count(error.begin(), error.end(), '\n'), 1) << name << "\n" << error;
  }
}

TEST_F(Cases, TheCommandsThatMessagesNameRepairThem) {
  ImportOptions options;
  import("c01_utt_npy", folder_ / "c01");
  EXPECT_EQ(load_dataset(folder_ / "c01").fingerprint, base_);
  options.match.folders = true;
  import("c12_paths", folder_ / "c12", options);
  EXPECT_EQ(load_dataset(folder_ / "c12").fingerprint, base_);
  options.match = {};
  options.match.case_ = true;
  import("c12d_case", folder_ / "c12d", options);
  EXPECT_EQ(load_dataset(folder_ / "c12d").fingerprint, base_);
  options.match = {};
  options.axes = Axes::kClipsDimOne;
  import("c13_nd1", folder_ / "nd1", options);
  EXPECT_EQ(load_dataset(folder_ / "nd1").fingerprint, base_);
  options.axes = Axes::kClipsLayersDim;
  options.missing = Missing::kDropClip;
  import("c14_nan", folder_ / "nan", options);
  EXPECT_EQ(load_dataset(folder_ / "nan").clips.size(), 221u);
  for (const char* name : {"c10c_nofold", "c22_speaker"}) {
    fs::copy(cases() / name, folder_ / name);
    FoldOptions folds;
    folds.existing = Existing::kOverwrite;
    add_folds(folder_ / name, {}, folds);
    EXPECT_EQ(load_dataset(folder_ / name).folds, (std::vector<int>{0, 1, 2, 3, 4})) << name;
  }
}

TEST_F(Cases, ImportsOfTheSameSeriesAreEqual) {
  import("c28_import_ok", folder_ / "ok");
  const std::string fingerprint = load_dataset(folder_ / "ok").fingerprint;
  for (const char* name : {"c28_import_t1d", "c28_import_1td", "c30_import_hidden", "c31_import_npzclip"}) {
    import(name, folder_ / name);
    EXPECT_EQ(load_dataset(folder_ / name).fingerprint, fingerprint) << name;
  }
  import("c08_openface_csv", folder_ / "openface");
  EXPECT_EQ(load_dataset(folder_ / "openface").encoders.at(0)->dim(), 5 * 7) << "frame, face_id, ... are no features";
}

}  // namespace
}  // namespace medley::data
