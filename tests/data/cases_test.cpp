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
      {"base", "b0a9f94fc60b70831ee82e201095dcbcf7145a316a886d13c0938758181729a9"},
      {"c05_cp1252", "f04eb91319766d5a2c272375c77a048ad12b40af09f0ea6d9b6ef86f627415a6"},
      {"c09f_yaml", "739a30fb0db38a3b3f57629012c2344a93985f542fcfb049aeae375ec2b280d6"},
      {"c10_foldname", "fb0d9e244cc1ad6e31e442df96d607e3cfb8b1068b24019fad07f1f6eaf9ac42"},
      {"c13_bf16", "0f0451930464738d54eb5e48aef9e213d015a485cffa4419b6a4adac240a57c1"},
      {"c13_int32", "fb826136360f3601e75a0033be6fde5349240a4fd67d2e07d70c29c6d86e5202"},
      {"c13_uint8", "9bbd2a24684c152047d6e7afb8f961750861ac3afac79c1b4959437cdaae060c"},
      {"c23_dots", "28f18bbe1baa7f3ce594880da20e2f9a26ea38dc13be9a8bf7a3354f29660461"},
      {"c46_noblend", "c39995bc4416971a8b843ffd490012a9fdb12debbe2462eb1faa1bdb71b2cdbb"},
      {"c55_sparse_boaw", "031ec225a05af9b68a61b486405308d040985fa6f6a3718f17fcd39b9a1b9135"}};
  for (const auto& [name, fingerprint] : numpy) {
    std::string read;
    EXPECT_EQ(test::error_of<Error>([&, folder = cases() / name] { read = load_dataset(folder).fingerprint; }), "")
        << name;
    EXPECT_EQ(read, fingerprint) << name;
  }
  EXPECT_EQ(load_dataset(cases() / "c44_later/before").clips.size(), 192u);
  EXPECT_EQ(load_dataset(cases() / "c44_later/before").fingerprint, base_) << "test clips that come later";
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
