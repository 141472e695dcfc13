#pragma once

#include <atomic>
#include <cstdint>
#include <stdexcept>
#include <string>

#include "web/control.h"

namespace medley::test {

/// Does whatever it is asked, and throws std::logic_error for what no request may ask.
class AgreeingControl : public web::Control {
 public:
  Answer pause(const std::string&) override { return yes(); }
  Answer resume(const std::string&) override { return yes(); }
  Answer stop(const std::string&) override { return yes(); }
  Answer remove_sweep(const std::string&) override { return yes(); }
  Answer retry(const std::string&) override { return yes(); }
  Answer retry_sweep(const std::string&) override { return yes(); }
  Answer add_configs(const std::string&, const nlohmann::json&, bool) override {
    Answer answer = yes();
    answer.details["configs"] = nlohmann::json::array();
    return answer;
  }
  Answer mark(const std::string&, const storage::ConfigMarkChange&) override { return yes(); }
  Answer mark_sweep(const std::string&, const storage::SweepMarkChange&) override { return yes(); }
  Answer release(const std::string&) override { return yes(); }
  Answer pause_worker(const std::string&) override { return yes(); }
  Answer send_away(const std::string&) override { return yes(); }
  Answer plan(const SweepForm&) override { return yes(); }
  Answer submit(const SweepForm&) override { return yes(); }
  Answer build_ensemble(const std::string&, const sweep::EnsembleRequest& request) override {
    const auto in = [](int number, int most) { return number >= 1 && number <= most; };
    const auto& options = request.options;
    if (!in(options.k, 10'000) || options.most_candidates > 10'000 || !in(options.rounds, 1'000) ||
        !in(options.bags, 1'000)) {
      throw std::logic_error("an ensemble of impossible options was asked for");
    }
    return yes();
  }
  nlohmann::json fits() override { return nlohmann::json::array(); }
  Answer export_ensemble(std::int64_t, const std::string&) override { return yes(); }

  std::atomic<long> asked{0};

 private:
  Answer yes() {
    ++asked;
    return {true, "done", nlohmann::json::object()};
  }
};

}  // namespace medley::test
