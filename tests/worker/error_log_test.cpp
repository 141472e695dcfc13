// Standard error as a log that is rotated, in a process of its own.
#include "worker/error_log.h"

#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>
#include <string>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <spdlog/spdlog.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/folder.h"

namespace medley::worker {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kMaxBytes = 10'000;

/// Runs `work` in a process whose standard error is `file`.
void log_into(const fs::path& file, int flags, const std::function<void()>& work) {
  const pid_t child = ::fork();
  if (child == 0) {
    const int target = ::open(file.c_str(), O_WRONLY | O_CREAT | flags, 0600);
    ::dup2(target, STDERR_FILENO);
    log_to_standard_error(kMaxBytes);
    work();
    ::_exit(0);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_EQ(status, 0);
}

std::string text_of(const fs::path& file) {
  std::ostringstream text;
  text << std::ifstream(file).rdbuf();
  return text.str();
}

TEST(ErrorLog, AFileIsRotatedAndBoundedAndLosesNoLine) {
  const test::Folder scratch;
  const fs::path log = scratch.path() / "worker-1.log";
  constexpr int kLines = 900;  // about 60 bytes each: six files of them
  log_into(log, O_APPEND, [] {
    spdlog::info("joined 127.0.0.1:7000 as aa11");
    for (int i = 0; i < kLines; ++i) spdlog::info("line {}", i);
  });
  std::string all;
  for (const char* name : {"worker-1.log.3", "worker-1.log.2", "worker-1.log.1", "worker-1.log"}) {
    const fs::path file = scratch.path() / name;
    ASSERT_TRUE(fs::exists(file)) << name;
    EXPECT_LE(fs::file_size(file), static_cast<std::size_t>(kMaxBytes) + 100) << name;
    EXPECT_EQ(fs::status(file).permissions(), fs::perms::owner_read | fs::perms::owner_write) << name;
    const std::string text = text_of(file);
    EXPECT_NE(text.substr(0, text.find('\n')).find("info: joined 127.0.0.1:7000 as aa11"), std::string::npos) << name;
    all += text;
  }
  EXPECT_FALSE(fs::exists(scratch.path() / "worker-1.log.4"));
  std::vector<int> numbers;
  std::istringstream in(all);
  for (std::string line; std::getline(in, line);) {
    const std::size_t at = line.find("info: line ");
    if (at != std::string::npos) numbers.push_back(std::stoi(line.substr(at + 11)));
  }
  ASSERT_GT(numbers.size(), 300u);
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    EXPECT_EQ(numbers[i], kLines - static_cast<int>(numbers.size()) + static_cast<int>(i));
  }
}

TEST(ErrorLog, WhatOthersWriteToTheSameFileComesAfterTheCut) {
  const test::Folder scratch;
  const fs::path log = scratch.path() / "cluster-1.log";
  std::ofstream script(log, std::ios::app);  // as a batch script holds it
  log_into(log, O_APPEND, [] {
    for (int i = 0; i < 200; ++i) spdlog::info("line {}", i);
  });
  script << "the worker ended, another one starts" << std::endl;
  const std::string text = text_of(log);
  EXPECT_EQ(text.find('\0'), std::string::npos);
  EXPECT_NE(text.find("the worker ended, another one starts"), std::string::npos);
}

TEST(ErrorLog, AFileThatIsNotAppendedToAndALinkStayAsTheyAre) {
  const test::Folder scratch;
  const auto much = [] {
    for (int i = 0; i < 400; ++i) spdlog::info("line {}", i);
  };
  log_into(scratch.path() / "plain.log", 0, much);
  EXPECT_FALSE(fs::exists(scratch.path() / "plain.log.1"));
  std::ofstream(scratch.path() / "victim") << "precious";
  fs::create_symlink(scratch.path() / "victim", scratch.path() / "worker-1.log.1");
  log_into(scratch.path() / "worker-1.log", O_APPEND, much);
  EXPECT_EQ(text_of(scratch.path() / "victim"), "precious");
}

}  // namespace
}  // namespace medley::worker
