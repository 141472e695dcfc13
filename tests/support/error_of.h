#pragma once

#include <string>

namespace medley::test {

/// The message of the Error that `work` throws; "" when it throws none.
template <class Error, class Work>
std::string error_of(Work work) {
  try {
    work();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

}  // namespace medley::test
