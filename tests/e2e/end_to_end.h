#pragma once

#include <algorithm>
#include <functional>
#include <memory>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <sqlite3.h>

#include "tests/e2e/program.h"

namespace medley::e2e {

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
  Ended run_sweep(const std::string& file, int workers = 2, const std::string& store = "store") const {
    return start_run(file, workers, store)->wait();
  }

  /// Every worker of this test's stores, whoever its parent is.
  std::vector<pid_t> workers() const {
    std::vector<pid_t> found;
    for (const auto& entry : fs::directory_iterator("/proc")) {
      const std::string id = entry.path().filename();
      if (id.find_first_not_of("0123456789") != std::string::npos) continue;
      const std::string words = read_file(entry.path() / "cmdline");
      const bool ours =
          words.find("medley-worker") < words.find('\0') && words.find(scratch_.path()) != std::string::npos;
      if (ours) found.push_back(std::stoi(id));
    }
    return found;
  }

  /// One number of the store; -1 while there is none, or it is being made.
  int count_in_store(const std::string& sql, const std::string& store = "store") const {
    sqlite3* db = nullptr;
    sqlite3_stmt* statement = nullptr;
    int value = -1;
    if (sqlite3_open_v2((path(store) + "/medley.db").c_str(), &db, SQLITE_OPEN_READONLY, nullptr) == SQLITE_OK) {
      sqlite3_busy_timeout(db, 1000);
      if (sqlite3_prepare_v2(db, sql.c_str(), -1, &statement, nullptr) == SQLITE_OK &&
          sqlite3_step(statement) == SQLITE_ROW) {
        value = sqlite3_column_int(statement, 0);
      }
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

  static bool eventually(const std::function<bool()>& holds, std::chrono::seconds limit = std::chrono::seconds(20)) {
    const auto end = std::chrono::steady_clock::now() + limit;
    while (!holds()) {
      if (std::chrono::steady_clock::now() > end) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return true;
  }

  Scratch scratch_;
};

inline bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace medley::e2e
