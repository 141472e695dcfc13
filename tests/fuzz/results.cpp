// What a worker says of a trial.
#include <string>
#include <vector>

#include "storage/records.h"
#include "sweep/error.h"
#include "sweep/result.h"
#include "sweep/score/admission.h"
#include "tests/fuzz/target.h"
#include "tests/web/sample_store.h"

namespace medley::fuzz {

void results(const std::string& input) {
  sweep::TrialResult result;
  try {
    result = sweep::decode_result({input.begin(), input.end()});
  } catch (const sweep::Error&) {
    return;
  }
  const std::vector<std::uint8_t> bytes = sweep::encode_result(result);
  require(std::string(bytes.begin(), bytes.end()) == input, "a result came back as another");
  // Whether it is admitted is a value, whatever it holds.
  static const sweep::Promise promise = storage::promise_of(test::sample_dataset());
  sweep::TrialSpec trial;
  trial.id = result.trial_id;
  trial.config.encoders = promise.encoders;
  sweep::admission_problem(result, trial, promise);
  trial.config.inner_fold = true;
  sweep::admission_problem(result, trial, promise);
}

}  // namespace medley::fuzz
