#pragma once

#include <filesystem>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace medley::fuzz {

/// One reader of what a peer, a user or a file says.
struct Target {
  const char* name;                        ///< also of its folder in corpus/
  void (*read)(const std::string& input);  ///< throws Broken, or any exception that the reader promises not to throw
  int mutations;                           ///< of each file of the corpus that the replay test reads
};

/// All targets, in the order of their table.
const std::vector<Target>& targets();

/// A property of a reader does not hold.
class Broken : public std::logic_error {
 public:
  using std::logic_error::logic_error;
};

/// Throws Broken saying `what` is wrong.
inline void require(bool holds, const std::string& what) {
  if (!holds) throw Broken(what);
}

/// A file of this name and these bytes, in memory where the host has such a place. The next call removes it.
std::filesystem::path file_of(const std::string& name, const std::string& bytes);

/// The input as two parts: before its first zero byte, and after it.
std::pair<std::string, std::string> halves(const std::string& input);

// The targets, a file for each folder of Medley.
// worker/protocol
void frames(const std::string& input);
void handshakes(const std::string& input);
// sweep
void results(const std::string& input);
void sweeps(const std::string& input);
// storage
void surfaces(const std::string& input);
void parts(const std::string& input);
void ensembles(const std::string& input);
// trainer/data
void npy(const std::string& input);
void npz(const std::string& input);
void csv(const std::string& input);
void metadata(const std::string& input);
void descriptions(const std::string& input);
void features(const std::string& input);
void series(const std::string& input);
void submissions(const std::string& input);
void archives(const std::string& input);
// trainer
void checkpoints(const std::string& input);
void resume_points(const std::string& input);
// coordinator
void profiles(const std::string& input);
void records(const std::string& input);
// web
void requests(const std::string& input);
void http(const std::string& input);

}  // namespace medley::fuzz
