#pragma once

#include <algorithm>
#include <functional>
#include <memory>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <sqlite3.h>
#include <zip.h>

#include "storage/files/write.h"
#include "tests/e2e/program.h"
#include "tests/support/patience.h"

namespace medley::e2e {

using test::eventually;

/// The real programs on a folder of their own; no process of theirs outlives the test.
class EndToEnd : public testing::Test {
 protected:
  ~EndToEnd() override {
    for (const pid_t pid : workers()) ::kill(pid, SIGKILL);
  }

  std::string path(const std::string& name) const { return scratch_ / name; }

  std::string write(const std::string& name, const std::string& text) const {
    std::ofstream(scratch_ / name, std::ios::binary) << text;
    return path(name);
  }

  /// A small synthetic dataset: 540 labelled and 108 test clips, 4 encoders of 8 numbers, 5 folds.
  std::string make_dataset(const std::string& name = "data") const {
    const Ended made = run_program(MEDLEY,
                                   {"data", "make", path(name), "--encoders", "4", "--dim", "8", "--actors", "10",
                                    "--test-actors", "2", "--seed", "3"},
                                   scratch_);
    EXPECT_EQ(made.exit, 0) << made.err;
    return path(name);
  }

  /// A dataset whose labelled clips are the test clips of `data`, with the labels that were planted.
  std::string make_labelled() const {
    std::string rows = "filename,video_id,mix,emotion_1,emotion_2,emotion_1_salience,emotion_2_salience,fold\n";
    const auto truth = nlohmann::json::parse(read_file(path("data") + "/truth.json")).at("test_labels");
    for (const auto& [clip, labels] : truth.items()) {
      const bool blend = labels.size() == 2;
      rows += clip.substr(0, clip.find('.')) + ",S1," + (blend ? "1," : "0,") + labels[0]["emotion"].get<std::string>();
      rows += blend ? "," + labels[1]["emotion"].get<std::string>() + "," + labels[0]["salience"].dump() + "," +
                          labels[1]["salience"].dump()
                    : ",,,";
      rows += ",0\n";
    }
    fs::create_directory(path("labelled"));
    for (const auto& entry : fs::directory_iterator(path("data"))) {
      if (entry.path().extension() == ".npz" || entry.path().extension() == ".yaml")
        fs::copy(entry.path(), path("labelled"));
    }
    write("labelled/train_metadata.csv", rows);
    return path("labelled");
  }

  /// A sweep file beside the dataset `data`; `rest` is YAML after the base settings.
  std::string write_sweep(const std::string& name, const std::string& rest,
                          const std::string& base = "epochs: 3") const {
    return write(name, "dataset: data\nbase: {projection_dim: 8, gate_dim: 4, fusion_dim: 8, " + base + "}\n" + rest);
  }

  std::unique_ptr<Program> start(const std::vector<std::string>& arguments, const std::string& store = "store") const {
    std::vector<std::string> words = {"--store", path(store)};
    words.insert(words.end(), arguments.begin(), arguments.end());
    return std::make_unique<Program>(MEDLEY, words, scratch_);
  }
  Ended medley(const std::vector<std::string>& arguments, const std::string& store = "store") const {
    return start(arguments, store)->wait();
  }
  nlohmann::json medley_json(std::vector<std::string> arguments, const std::string& store = "store") const {
    arguments.push_back("--json");
    const Ended ended = medley(arguments, store);
    EXPECT_EQ(ended.exit, 0) << ended.err;
    return nlohmann::json::parse(ended.out);
  }
  std::unique_ptr<Program> start_run(const std::string& file, int workers = 2, const std::string& store = "store",
                                     std::vector<std::string> more = {"--no-web"}) const {
    std::vector<std::string> words = {"run", file, "--workers", std::to_string(workers)};
    words.insert(words.end(), more.begin(), more.end());
    return start(words, store);
  }
  /// What `medley report` prints of a sweep of the dataset `data` that ran undisturbed. The tests of a build share
  /// these tables, and keep them beside the programs that made them.
  std::string undisturbed_report(const std::string& file) const {
    const std::string store = "undisturbed";
    std::ostringstream key;
    key << read_file(file);
    for (const char* program : {MEDLEY, MEDLEY_WORKER}) {
      key << ' ' << fs::file_size(program) << ' ' << fs::last_write_time(program).time_since_epoch().count();
    }
    const fs::path kept = fs::path(MEDLEY_TABLES) / (std::to_string(std::hash<std::string>()(key.str())) + ".txt");
    if (fs::exists(kept)) return read_file(kept);
    const Ended run = run_sweep(file, 2, store);
    EXPECT_EQ(run.exit, 0) << run.err;
    const std::string table = medley({"report"}, store).out;
    fs::create_directories(MEDLEY_TABLES);
    if (run.exit == 0 && !table.empty()) files::write(kept, table, files::Durability::kAtomic);
    return table;
  }
  Ended run_sweep(const std::string& file, int workers = 2, const std::string& store = "store") const {
    return start_run(file, workers, store)->wait();
  }

  std::string control_file(const std::string& store = "store") const { return path(store) + "/control.json"; }
  /// A coordinator of `store` that commands can ask.
  std::unique_ptr<Program> serve(std::vector<std::string> more = {"--workers", "1"}) const {
    std::error_code ignored;
    fs::remove(control_file(), ignored);
    std::vector<std::string> words = {"serve", "--port", "0"};
    words.insert(words.end(), more.begin(), more.end());
    auto program = start(words);
    EXPECT_TRUE(eventually([&] { return fs::exists(control_file()) || program->ended(); }));
    return program;
  }

  /// Every worker of this test's stores, whoever its parent is.
  std::vector<pid_t> workers() const {
    return processes([this](const fs::path& process) {
      const std::string words = read_file(process / "cmdline");
      return words.find("medley-worker") < words.find('\0') && words.find(scratch_.path()) != std::string::npos;
    });
  }

  /// One number of the store; -1 while there is none, or it is being made.
  int count_in_store(const std::string& sql, const std::string& store = "store") const {
    sqlite3* db = nullptr;
    sqlite3_stmt* statement = nullptr;
    int value = -1;
    if (sqlite3_open_v2((path(store) + "/medley.db").c_str(), &db, SQLITE_OPEN_READONLY, nullptr) == SQLITE_OK) {
      sqlite3_busy_timeout(db, 1000);
      const int prepared = sqlite3_prepare_v2(db, sql.c_str(), -1, &statement, nullptr);
      const std::string message = sqlite3_errmsg(db);
      // A store that is still being made has no tables yet. Whatever else SQL is wrong in is wrong in the test.
      const bool wrong = prepared == SQLITE_ERROR && message.rfind("no such table", 0) != 0;
      if (wrong) ADD_FAILURE() << sql << ": " << message;
      if (prepared == SQLITE_OK && sqlite3_step(statement) == SQLITE_ROW) value = sqlite3_column_int(statement, 0);
    }
    sqlite3_finalize(statement);
    sqlite3_close(db);
    return value;
  }
  int results(const std::string& store = "store") const { return count_in_store("SELECT count(*) FROM result", store); }

  /// Where the coordinator of a store listens, as soon as it does.
  std::string coordinator(const std::string& store = "store") const {
    std::string port;
    EXPECT_TRUE(eventually([&] {
      port = read_file(path(store) + "/port");
      return !port.empty() && port.back() == '\n';
    }));
    return "127.0.0.1:" + port.substr(0, port.find('\n'));
  }

  Scratch scratch_;
};

/// The text of the one member that an archive holds.
inline std::string archive_member(const std::string& file, const std::string& member) {
  int error = 0;
  zip_t* archive = zip_open(file.c_str(), ZIP_RDONLY | ZIP_CHECKCONS, &error);
  EXPECT_TRUE(archive) << file;
  if (!archive) return "";
  EXPECT_EQ(zip_get_num_entries(archive, 0), 1);
  EXPECT_STREQ(zip_get_name(archive, 0, 0), member.c_str());
  std::string text;
  zip_file_t* entry = zip_fopen(archive, member.c_str(), 0);
  EXPECT_TRUE(entry);
  char buffer[4096];
  for (zip_int64_t n; entry && (n = zip_fread(entry, buffer, sizeof buffer)) > 0;)
    text.append(buffer, static_cast<std::size_t>(n));
  if (entry) zip_fclose(entry);
  zip_close(archive);
  return text;
}

inline bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace medley::e2e
