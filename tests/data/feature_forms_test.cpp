// The ways in which people store features. Expected values come from the format's definition, or from NumPy where said.
#include <cmath>
#include <limits>

#include "tests/data/raw_zip.h"
#include "tests/data/small_dataset.h"
#include "trainer/data/import.h"
#include "trainer/data/npy.h"
#include "trainer/data/npz.h"

namespace medley::data {
namespace {

using Bytes = std::string;

template <std::size_t size>
Bytes bytes(const char (&text)[size]) {
  return Bytes(text, size - 1);
}

std::string header(const std::string& descr, const std::string& shape, bool fortran = false) {
  return "{'descr': '" + descr + "', 'fortran_order': " + (fortran ? "True" : "False") + ", 'shape': " + shape + ", }";
}

std::vector<float> numbers(const std::string& descr, const std::string& shape, const Bytes& data) {
  const test::Folder folder;
  test::write_file(folder / "a.npz", raw_zip({stored("X.npy", raw_npy(header(descr, shape), data))}));
  return NpzFile::open(folder / "a.npz").read_float32("X");
}

TEST(NpyTypes, EveryNumberOfNumpyIsRead) {
  using F = std::vector<float>;
  EXPECT_EQ(numbers("|b1", "(2,)", bytes("\x00\x01")), (F{0, 1}));
  EXPECT_EQ(numbers("|u1", "(2,)", bytes("\x00\xff")), (F{0, 255}));
  EXPECT_EQ(numbers("|i1", "(2,)", bytes("\x80\x7f")), (F{-128, 127}));
  EXPECT_EQ(numbers("<i2", "(2,)", bytes("\xfe\xff\x00\x01")), (F{-2, 256}));
  EXPECT_EQ(numbers(">i2", "(2,)", bytes("\xff\xfe\x01\x00")), (F{-2, 256}));
  EXPECT_EQ(numbers("<u2", "(1,)", bytes("\xfe\xff")), (F{65534}));
  EXPECT_EQ(numbers("<i4", "(1,)", bytes("\xff\xff\xff\xff")), (F{-1}));
  EXPECT_EQ(numbers(">u4", "(1,)", bytes("\x00\x00\x01\x02")), (F{258}));
  // numpy.array([2**24 + 1, -1]).astype(numpy.float32) is [16777216., -1.]
  EXPECT_EQ(numbers("<i8", "(2,)", bytes("\x01\x00\x00\x01\x00\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff")),
            (F{16777216, -1}));
  EXPECT_EQ(numbers("<u8", "(1,)", bytes("\xff\xff\xff\xff\xff\xff\xff\xff")), (F{18446744073709551616.0f}));
  EXPECT_EQ(numbers(">f4", "(2,)", bytes("\x3f\x80\x00\x00\xc0\x20\x00\x00")), (F{1, -2.5f}));
  EXPECT_EQ(numbers(">f8", "(1,)", bytes("\x3f\xb9\x99\x99\x99\x99\x99\x9a")), (F{0.1f}));
  EXPECT_EQ(numbers(">f2", "(1,)", bytes("\x3c\x00")), (F{1}));
}

TEST(NpyTypes, TwoRawBytesAreBfloat16) {
  // The upper half of float32: 1.5 is 3fc00000, -0.25 is be800000.
  for (const char* descr : {"|V2", "<V2", "bfloat16"}) {
    EXPECT_EQ(numbers(descr, "(2,)", bytes("\xc0\x3f\x80\xbe")), (std::vector<float>{1.5f, -0.25f})) << descr;
  }
}

TEST(NpyTypes, LengthsOfPython2EndInLAndNumpy2MayNameTheirType) {
  EXPECT_EQ(numbers("<f4", "(np.int64(1), np.int64(1))", bytes("\x00\x00\x80\x3f")), (std::vector<float>{1}));
  EXPECT_EQ(numbers("<f4", "(1L, 1L)", bytes("\x00\x00\x80\x3f")), (std::vector<float>{1}));
}

TEST(NpyTypes, OthersAreRefusedByName) {
  const auto error = [](const std::string& descr, std::size_t size) {
    return test::error_of<Error>([&] { numbers(descr, "(1,)", Bytes(size, '\0')); });
  };
  EXPECT_SAYS(error("<c8", 8), "dtype '<c8' is not read; valid: floats, integers, bool");
  EXPECT_SAYS(error("|V4", 4), "dtype '|V4' is not read");
  EXPECT_SAYS(error("<f16", 16), "dtype '<f16' is not read");
  EXPECT_SAYS(error("<M8[ns]", 8), "dtype '<M8[ns]' is not read");
  EXPECT_SAYS(error("<f4", 4) + "read", "read");
}

/// Small, whose feature file is written by `members`: float32 rows of clips t1, b2, b1, a2, a1.
struct Forms {
  Small small;
  Dataset plain = small.load();

  static Bytes row(float a, float b) {
    Bytes data(8, '\0');
    std::memcpy(data.data(), &a, 4);
    std::memcpy(data.data() + 4, &b, 4);
    return data;
  }
  static Bytes all() { return row(5, 5.5) + row(4, 4.5) + row(3, 3.5) + row(2, 2.5) + row(1, 1.5); }
  static RawMember x(const std::string& name, const std::string& shape = "(5, 2)") {
    return stored(name, raw_npy(header("<f4", shape), all()));
  }
  static RawMember names(const std::string& name, const std::string& shape = "(5,)") {
    return stored(name, raw_npy(header("|S2", shape), "t1b2b1a2a1"));
  }

  Dataset load(const std::vector<RawMember>& members) const {
    test::write_file(small.folder / "face_static_features.npz", raw_zip(members));
    return load_dataset(small.folder.path());
  }
  void same(const std::vector<RawMember>& members, const std::string& what) const {
    Dataset read;
    EXPECT_EQ(test::error_of<Error>([&] { read = load(members); }), "") << what;
    EXPECT_EQ(read.fingerprint, plain.fingerprint) << what;
  }
  std::string error(const std::vector<RawMember>& members) const {
    return test::error_of<Error>([&] { load(members); });
  }
};

TEST(FeatureForms, ArraysHaveOtherNamesAndFolders) {
  const Forms forms;
  for (const char* x : {"features", "x", "feats", "embeddings", "data", "arr_0"}) {
    for (const char* names : {"names", "filenames", "files", "clip_ids", "arr_1"}) {
      forms.same({Forms::x(std::string(x) + ".npy"), Forms::names(std::string(names) + ".npy")},
                 std::string(x) + names);
    }
  }
  forms.same({Forms::x("X.npy"), Forms::names("filenames.npy"), Forms::x("features.npy")}, "ours goes first");
  EXPECT_SAYS(forms.error({Forms::x("features.npy"), Forms::x("data.npy"), Forms::names("names.npy")}),
              "arrays 'features' and 'data' could both be the features ('X')");
  EXPECT_SAYS(forms.error({Forms::x("features.npy")}),
              "it has no array of clip names ('filenames'); its arrays are features; save them with np.savez(");
}

TEST(FeatureForms, ArchivesPackedAnewByMacosAreRead) {
  const Forms forms;
  forms.same({stored("feat/", ""), Forms::x("feat/X.npy"), stored("__MACOSX/feat/._X.npy", "\x00\x05\x16\x07"),
              Forms::names("feat/filenames.npy"), stored("__MACOSX/._feat", "")},
             "a folder, and resource forks beside it");
}

TEST(FeatureForms, NamesAreAColumnOrBigEndianOrNumbers) {
  const Forms forms;
  forms.same({Forms::x("X.npy"), Forms::names("filenames.npy", "(5, 1)")}, "[n, 1]");
  forms.same({Forms::x("X.npy"), Forms::names("filenames.npy", "(1, 5)")}, "[1, n]");
  Bytes wide;
  for (const char c : Bytes("t1b2b1a2a1")) wide += bytes("\x00\x00\x00") + c;
  forms.same({Forms::x("X.npy"), stored("filenames.npy", raw_npy(header(">U2", "(5,)"), wide))}, ">U2");
  const test::Folder folder;
  test::write_file(folder / "a.npz",
                   raw_zip({stored("filenames.npy", raw_npy(header("<i2", "(2,)"), bytes("\x07\x00\x0a\x01")))}));
  EXPECT_EQ(NpzFile::open(folder / "a.npz").read_strings("filenames"), (std::vector<std::string>{"7", "266"}));
}

TEST(FeatureForms, OneArrayAClipIsRead) {
  const Forms forms;
  std::vector<RawMember> members;
  const std::vector<std::string> order = {"t1", "b2", "b1", "a2", "a1"};
  for (std::size_t i = 0; i < order.size(); ++i) {
    members.push_back(
        stored(order[i] + ".npy", raw_npy(header("<f4", i % 2 ? "(2,)" : "(1, 2)"), Forms::all().substr(8 * i, 8))));
  }
  forms.same(members, "one array a clip");
  members[0] = stored("t1.npy", raw_npy(header("<f4", "(2, 2)"), Forms::all().substr(0, 16)));
  EXPECT_SAYS(forms.error(members),
              "array 't1' has shape (2, 2); valid: [dim]; reduce steps to statistics with: medley "
              "data import ");
}

TEST(FeatureForms, AxesAreNotGuessed) {
  const Forms forms;
  forms.same({Forms::x("X.npy", "(5, 1, 2)"), Forms::names("filenames.npy")}, "one layer");
  forms.same({Forms::x("X.npy", "(1, 5, 2)"), Forms::names("filenames.npy")}, "a batch of all clips");
  EXPECT_SAYS(forms.error({Forms::x("X.npy", "(5, 2, 1)"), Forms::names("filenames.npy")}),
              "array 'X' has shape (5, 2, 1), which is 2 layers of one number; if it is [clips, dim, 1], drop the last "
              "axis with: medley data import ");
  EXPECT_SAYS(forms.error({Forms::x("X.npy", "(2, 5)"), Forms::names("filenames.npy")}),
              "but X has 2 rows; its axes are exchanged, save X.T");
  EXPECT_SAYS(forms.error({Forms::x("X.npy", "(5, 1, 1, 2)"), Forms::names("filenames.npy")}),
              "valid: [clips, dim] or");
  std::vector<RawMember> layers = {stored("X.npy", raw_npy(header("<f4", "(5, 2, 2)"), Forms::all() + Forms::all())),
                                   Forms::names("filenames.npy")};
  EXPECT_SAYS(forms.load(layers).notes.at(0),
              "encoder 'face' has three axes, read as 2 layers of 2 numbers; a config "
              "averages layers, so an axis of time must not stand there");
}

TEST(FeatureForms, FilesHaveOtherNamesAndParts) {
  const Forms forms;
  const auto file = [&](const std::string& name) { return forms.small.folder / name; };
  const auto fingerprint = [&] { return load_dataset(forms.small.folder.path()).fingerprint; };
  std::filesystem::rename(file("face_static_features.npz"), file("face_features.npz"));
  EXPECT_EQ(fingerprint(), forms.plain.fingerprint);
  std::filesystem::rename(file("face_features.npz"), file("face.npz"));
  EXPECT_EQ(fingerprint(), forms.plain.fingerprint);
  std::filesystem::remove(file("face.npz"));
  write_npz(file("face_train_static_features.npz"),
            {{"X", {4, 2}, std::vector<float>{1, 1.5, 2, 2.5, 3, 3.5, 4, 4.5}},
             {"filenames", {4}, std::vector<std::string>{"a1", "a2", "b1", "b2"}}});
  write_npz(file("face_test_static_features.npz"),
            {{"X", {1, 2}, std::vector<float>{5, 5.5}}, {"filenames", {1}, std::vector<std::string>{"t1"}}});
  const Dataset parts = load_dataset(forms.small.folder.path());
  EXPECT_EQ(parts.fingerprint, forms.plain.fingerprint);
  EXPECT_SAYS(parts.notes.at(0),
              "encoder 'face' is read from face_test_static_features.npz, face_train_static_features.npz");
  write_npz(file("voice.npz"), {{"X", {1}, std::vector<float>{1}}});
  EXPECT_SAYS(load_dataset(forms.small.folder.path()).notes.at(0),
              "voice.npz: not read, because feature files here end in "
              "_static_features");
}

TEST(FeatureForms, WhatIsWrongWithSeveralEncodersIsOneMessage) {
  Small small;
  small.x[5] = std::numeric_limits<float>::quiet_NaN();
  small.error();
  const auto face = small.folder / "face_static_features.npz";
  std::filesystem::copy_file(face, small.folder / "hand_static_features.npz");
  std::filesystem::copy_file(face, small.folder / "voice_static_features.npz");
  const std::string error = small.error();
  EXPECT_SAYS(error, "1 error\n");
  EXPECT_SAYS(error, "encoder 'face': row 2, column 1 (clip 'b1') is NaN");
  EXPECT_SAYS(error, "; the same in encoder 'hand', 'voice'");
}

TEST(FeatureForms, TablesInCsvAreReadWithoutColumnsOfRows) {
  const Forms forms;
  std::filesystem::remove(forms.small.folder / "face_static_features.npz");
  const auto table = forms.small.folder / "face_static_features.csv";
  test::write_file(
      table,
      "filename, frame, timestamp, confidence, success, AU01_r, AU02_r\na1, 1, 0.0, 0.98, 1, 1.0, 1.5\n"
      "a2, 1, 0, 1, 1, 2, 2.5\nb1, 1, 0, 1, 1, 3e0, 3.5\nb2, 1, 0, 1, 1, 4, 4.5\nt1, 1, 0, 1, 1, 5, 5.5\n");
  const Dataset read = load_dataset(forms.small.folder.path());
  EXPECT_EQ(read.fingerprint, forms.plain.fingerprint);
  EXPECT_SAYS(read.notes.at(0),
              "columns 'frame', 'timestamp', 'confidence', 'success' are no features and were left out");
  test::write_file(table, ",0,1\na1,1,1.5\na2,2,2.5\nb1,3,3.5\nb2,4,4.5\nt1,5,5.5\n");
  EXPECT_EQ(load_dataset(forms.small.folder.path()).fingerprint, forms.plain.fingerprint)
      << "DataFrame(X, index=names)";
  test::write_file(table, "a1;1;1.5\na2;2;2.5\nb1;3;3.5\nb2;4;4.5\nt1;5;5.5\n");
  EXPECT_EQ(load_dataset(forms.small.folder.path()).fingerprint, forms.plain.fingerprint) << "openXBOW";
  test::write_file(table,
                   "name;frameTime;F0;F1\n'a1.wav';0.0;1;1.5\n'a2';0.0;2;2.5\n'b1';0.0;3;3.5\n'b2';0.0;4;4.5\n"
                   "'t1';0.0;5;5.5\n");
  EXPECT_EQ(load_dataset(forms.small.folder.path()).fingerprint, forms.plain.fingerprint) << "openSMILE";
  const auto error = [&](const std::string& text) {
    test::write_file(table, text);
    return test::error_of<Error>([&] { load_dataset(forms.small.folder.path()); });
  };
  EXPECT_SAYS(error("filename,AU1,sex\na1,1,f\n"), ":2: column 'sex': 'f' is not a number");
  EXPECT_SAYS(error("AU1,AU2\n1,2\n"), "it has no column of clip names; name it 'filename'");
  EXPECT_SAYS(error("filename,AU1\na1,NA\na2,1\nb1,1\nb2,1\nt1,1\n"), "row 0, column 0 (clip 'a1') is NaN");
}

TEST(FeatureForms, ArraysThatAreNoClipsAreLeftOut) {
  const Forms forms;
  const std::vector<std::string> order = {"t1", "b2", "b1", "a2", "a1"};
  // np.savez(path, allow_pickle=False, **clips) writes a scalar of that name; others add what describes the file.
  std::vector<RawMember> members = {stored("allow_pickle.npy", raw_npy(header("|b1", "()"), bytes("\x00"))),
                                    stored("mean.npy", raw_npy(header("<f4", "(3,)"), Bytes(12, '\0'))),
                                    stored("layout.npy", raw_npy(header("<f4", "(2, 2)"), Bytes(16, '\0'))),
                                    stored("emotions.npy", raw_npy(header("|S3", "(2,)"), "angsad")),
                                    stored("settings.npy", raw_npy(header("|O", "()"), "pickle"))};
  for (std::size_t i = 0; i < order.size(); ++i) {
    members.push_back(stored(order[i] + ".npy", raw_npy(header("<f4", "(2,)"), Forms::all().substr(8 * i, 8))));
  }
  forms.same(members, "beside arrays that are no clips");
  EXPECT_SAYS(forms.load(members).notes.at(0),
              "arrays that are no clips were left out: 'allow_pickle', 'mean', 'layout', 'emotions', 'settings'");
  members.back() = stored("a1.npy", raw_npy(header("<f4", "()"), Bytes(4, '\0')));
  EXPECT_SAYS(forms.error(members), "array 'a1' has shape (); valid: [dim]");
}

TEST(FeatureForms, ExtensionsHaveAnyLetterCase) {
  const Forms forms;
  const auto file = [&](const std::string& name) { return forms.small.folder / name; };
  const auto fingerprint = [&] { return load_dataset(forms.small.folder.path()).fingerprint; };
  std::filesystem::rename(file("face_static_features.npz"), file("face_static_features.NPZ"));
  EXPECT_EQ(fingerprint(), forms.plain.fingerprint);
  test::write_file(file("face_static_features.npz"), test::read_file(file("face_static_features.NPZ")));
  EXPECT_SAYS(test::error_of<Error>(fingerprint), "encoder 'face' has another file");
  std::filesystem::remove(file("face_static_features.npz"));
  std::filesystem::remove(file("face_static_features.NPZ"));
  test::write_file(file("face_static_features.CSV"),
                   "filename,f1,f2\na1,1,1.5\na2,2,2.5\nb1,3,3.5\nb2,4,4.5\nt1,5,5.5\n");
  EXPECT_EQ(fingerprint(), forms.plain.fingerprint);
}

TEST(FeatureForms, EncodersInOtherFormatsAreNotedBesideOneThatIsRead) {
  const Forms forms;
  for (const char* name :
       {"clip_static_features.npy", "hubert_static_features.PT", "opt_features.parquet", "x_static_features.tsv"}) {
    test::write_file(forms.small.folder / name, "");
    const Dataset read = load_dataset(forms.small.folder.path());
    EXPECT_SAYS(read.notes.at(0),
                std::string(name) + " is not read; save it with np.savez(path, X=..., filenames=...)");
    EXPECT_EQ(read.notes.size(), 1u);
    EXPECT_EQ(read.fingerprint, forms.plain.fingerprint);
    const std::vector<std::string> notes =
        import_dataset(forms.small.folder.path(), forms.small.folder / "out", {}, [](const ImportProgress&) {});
    EXPECT_SAYS(notes.at(0), std::string(name) + " is not read");
    std::filesystem::remove_all(forms.small.folder / "out");
    std::filesystem::remove(forms.small.folder / name);
  }
  test::write_file(forms.small.folder / "notes.pkl", "");
  EXPECT_TRUE(load_dataset(forms.small.folder.path()).notes.empty()) << "a file that has not the name of an encoder";
}

TEST(FeatureForms, VectorsInACellAndNamesInBytesHaveARemedy) {
  const Forms forms;
  std::filesystem::remove(forms.small.folder / "face_static_features.npz");
  const auto error = [&](const std::string& text) {
    test::write_file(forms.small.folder / "face_static_features.csv", text);
    return test::error_of<Error>([&] { load_dataset(forms.small.folder.path()); });
  };
  EXPECT_SAYS(error("filename,embedding\na1,\"[2.52, -0.48]\"\n"),
              "'[2.52, -0.48]' is not a number; give each number of a vector a column");
  EXPECT_SAYS(error("filename,f1\nb'a1',1\nb'a2',2\n"), "which is bytes of Python; save name.decode()");
}

TEST(FeatureForms, AFolderOfClipsNamesImport) {
  const Forms forms;
  std::filesystem::remove(forms.small.folder / "face_static_features.npz");
  const auto error = [&] { return test::error_of<Error>([&] { load_dataset(forms.small.folder.path()); }); };
  EXPECT_SAYS(error(), "no feature file (<encoder>_static_features.npz)");
  test::write_file(forms.small.folder / "face.pkl", "");
  EXPECT_SAYS(error(), "face.pkl is not read; save it with np.savez(");
  std::filesystem::create_directories(forms.small.folder / "face");
  test::write_file(forms.small.folder / "face/a1.npy", "");
  EXPECT_SAYS(error(), "it has folders of clips (face); make a dataset of them with: medley data import ");
}

}  // namespace
}  // namespace medley::data
