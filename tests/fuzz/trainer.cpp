// What files of trained and of unfinished trials say of themselves.
#include <string>

#include "tests/fuzz/target.h"
#include "trainer/data/error.h"
#include "trainer/data/npz.h"
#include "trainer/error.h"
#include "trainer/saved_headers.h"

namespace medley::fuzz {

void checkpoints(const std::string& input) {
  const auto path = file_of("trial.npz", input);
  try {
    const data::NpzFile file = data::NpzFile::open(path);
    const trainer::CheckpointHeader header = trainer::read_checkpoint_header(file);
    require(!header.layout.encoders.empty() && header.classes.count() > 0, "a checkpoint without encoder or class");
    // What it says is what lies in the file.
    for (const trainer::Parameter& parameter : header.layout.parameters) {
      require(file.header(parameter.name).count() == static_cast<std::size_t>(parameter.size),
              "array '" + parameter.name + "' has another size");
    }
  } catch (const data::Error&) {
  } catch (const trainer::Error&) {
  }
}

void resume_points(const std::string& input) {
  const auto path = file_of("trial.resume", input);
  try {
    const trainer::ResumeHeader header = trainer::read_resume_header(data::NpzFile::open(path));
    require(header.epoch >= 1 && header.index >= 0 && header.step >= 0, "a place that no trial can be at");
    require(!header.so_far.epochs.empty(), "no running epoch");
  } catch (const data::Error&) {
  } catch (const trainer::Error&) {
  }
}

}  // namespace medley::fuzz
