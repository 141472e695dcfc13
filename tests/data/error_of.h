#pragma once

#include <string>

#include "trainer/data/error.h"

namespace medley::data {

/// The message of the data::Error that `function` throws; "" when it throws none.
template <typename Function>
std::string error_of(Function function) {
  try {
    function();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

}  // namespace medley::data
