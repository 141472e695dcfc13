#include "sweep/spec/diagnostic.h"

#include <algorithm>
#include <tuple>
#include <utility>

namespace medley::sweep {
namespace {

constexpr std::size_t kMaxShown = 50;
constexpr std::size_t kMaxKept = 1000;  // a hostile file must not cost a scan of itself for every error
constexpr std::size_t kMaxSourceBytes = 160;

std::string line_of(const std::string& text, int line) {
  std::size_t start = 0;
  for (int i = 1; i < line; ++i) {
    start = text.find('\n', start);
    if (start == std::string::npos) return "";
    ++start;
  }
  std::string source = text.substr(start, text.find('\n', start) - start);
  if (!source.empty() && source.back() == '\r') source.pop_back();
  return source;
}

bool starts_character(char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }

std::string describe_all(const std::vector<Diagnostic>& diagnostics) {
  std::string text;
  const std::size_t shown = std::min(diagnostics.size(), kMaxShown);
  for (std::size_t i = 0; i < shown; ++i) text += (i ? "\n" : "") + diagnostics[i].str();
  if (diagnostics.size() > shown) text += "\nand " + std::to_string(diagnostics.size() - shown) + " more errors";
  return text;
}

}  // namespace

std::string Diagnostic::str() const {
  std::string result = file;
  if (line > 0) result += ":" + std::to_string(line) + ":" + std::to_string(std::max(column, 1));
  result += ": " + message;
  if (source.empty() || source.size() > kMaxSourceBytes || column < 1) return result;
  const std::string margin = std::to_string(line);
  // The caret line repeats tabs, and has one character for each character above it, not for each byte.
  const std::size_t start = std::min(static_cast<std::size_t>(column) - 1, source.size());
  std::string caret;
  for (std::size_t i = 0; i < start; ++i) {
    if (starts_character(source[i])) caret += source[i] == '\t' ? '\t' : ' ';
  }
  caret += '^';
  const bool quoted = start < source.size() && (source[start] == '"' || source[start] == '\'');
  const std::size_t end = std::min(source.size(), start + text.substr(0, text.find('\n')).size() + (quoted ? 2 : 0));
  for (std::size_t i = start + 1; i < end; ++i) {
    if (starts_character(source[i])) caret += '~';
  }
  result += "\n " + margin + " | " + source;
  result += "\n " + std::string(margin.size(), ' ') + " | " + caret;
  return result;
}

void sort_diagnostics(std::vector<Diagnostic>& diagnostics) {
  std::stable_sort(diagnostics.begin(), diagnostics.end(), [](const Diagnostic& a, const Diagnostic& b) {
    return std::tie(a.part, a.line, a.column) < std::tie(b.part, b.line, b.column);
  });
}

SpecError::SpecError(std::vector<Diagnostic> diagnostics)
    : Error(describe_all(diagnostics)), diagnostics_(std::move(diagnostics)) {}

void Diagnostics::add(const Place& place, std::string message) {
  if (all_.size() >= kMaxKept) return;
  const auto part = static_cast<std::size_t>(std::max(place.part, 0));
  if (part > 0 && parts_.empty()) parts_ = sweep_parts(text_, file_);
  const SweepPart* of = part > 0 && part < parts_.size() ? &parts_[part] : nullptr;
  all_.push_back({of ? of->name : file_, place.line, place.column, place.text, std::move(message),
                  place.line > 0 ? line_of(of ? of->text : text_, place.line) : "", place.part});
}

std::vector<Diagnostic> Diagnostics::take() {
  sort_diagnostics(all_);
  return std::exchange(all_, {});
}

void Diagnostics::throw_if_any() {
  if (!all_.empty()) throw SpecError(take());
}

}  // namespace medley::sweep
