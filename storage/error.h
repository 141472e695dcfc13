#pragma once

#include <stdexcept>
#include <string>

namespace medley::storage {

/// The store cannot be opened, read or written. The message names the operation, the file and the cause.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// The system did not let us read or write the store, or another program holds it. What is stored may well be sound.
class SystemError : public Error {
 public:
  using Error::Error;
};

/// Whoever made the database was interrupted, and left a journal that only a writer can take back.
class InterruptedStart : public SystemError {
 public:
  using SystemError::SystemError;
};

/// What is stored of a trial's result is not what was stored: it has rotted, or somebody wrote to it.
class ChangedResult : public Error {
 public:
  /// `part`: "its surfaces", for one.
  ChangedResult(const std::string& trial, const std::string& part)
      : Error("trial " + trial + ": " + part + " changed since it was stored (SHA-256); medley store check lists all " +
              "such results, and medley run trains them again"),
        fault_(part + " changed since it was stored (SHA-256)") {}
  /// The same without the trial and the remedy.
  const std::string& fault() const { return fault_; }

 private:
  std::string fault_;
};

}  // namespace medley::storage
