#pragma once

#include <string>
#include <vector>

namespace medley::sweep {

/// A sweep file travels, and lies in the store, as one text with all that it includes. The file stands first, as typed.
/// Each other part begins with a line "--- # file: NAME", NAME being relative to the folder of the file, or "--- #
/// set".
struct SweepPart {
  std::string name;  ///< that messages use
  std::string text;
  bool is_set = false;  ///< one setting that is laid over base (--set)
};
inline const std::string kFileHead = "--- # file: ";
inline const std::string kSetHead = "--- # set";
/// Of any text. The first has the name `file`; there is at least one.
std::vector<SweepPart> sweep_parts(const std::string& text, const std::string& file);

}  // namespace medley::sweep
