// libFuzzer's program: MEDLEY_FUZZ_TARGET names the target. An exception that leaves it ends the program, which keeps
// the input.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <iostream>

#include "tests/fuzz/target.h"

namespace {

const medley::fuzz::Target* chosen = nullptr;

}  // namespace

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  const char* name = std::getenv("MEDLEY_FUZZ_TARGET");
  for (const medley::fuzz::Target& target : medley::fuzz::targets()) {
    if (name && target.name == std::string(name)) chosen = &target;
  }
  if (chosen) {
    chosen->read("");  // makes what it needs, such as a store, before the time of an input counts
    return 0;
  }
  std::cerr << "MEDLEY_FUZZ_TARGET must be one of:";
  for (const medley::fuzz::Target& target : medley::fuzz::targets()) std::cerr << " " << target.name;
  std::cerr << "\n";
  std::exit(2);
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  chosen->read(std::string(data, data + size));
  return 0;
}
