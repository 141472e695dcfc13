#include "worker/command.h"

namespace medley::worker {

void add_device_option(CLI::App& command, sweep::Device& device) {
  const auto set = [&device](const std::string& text) {
    const auto parsed = sweep::parse_device(text);
    if (!parsed) throw CLI::ValidationError("--device", "'" + text + "' is no device; valid: cpu, cuda, cuda:0, ...");
    device = *parsed;
  };
  command.add_option_function<std::string>("--device", set, "cpu, cuda or cuda:N")
      ->default_str(sweep::to_string(device));
}

}  // namespace medley::worker
