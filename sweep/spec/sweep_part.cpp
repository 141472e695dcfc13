#include "sweep/spec/sweep_part.h"

#include <algorithm>

namespace medley::sweep {

std::vector<SweepPart> sweep_parts(const std::string& text, const std::string& file) {
  std::vector<SweepPart> parts = {{file, ""}};
  for (std::size_t start = 0; start < text.size();) {
    const std::size_t end = std::min(text.find('\n', start), text.size() - 1) + 1;
    const std::string line = text.substr(start, end - start);
    std::string head = line;
    while (!head.empty() && (head.back() == '\n' || head.back() == '\r')) head.pop_back();
    if (head.rfind(kFileHead, 0) == 0) {
      parts.push_back({head.substr(kFileHead.size()), ""});
    } else if (head == kSetHead) {
      parts.push_back({"--set", "", true});
    } else {
      parts.back().text += line;
    }
    start = end;
  }
  return parts;
}

}  // namespace medley::sweep
