// docs/sweeps.md says what the parser does: its examples parse, and its table is the settings.

#include <gtest/gtest.h>

#include "sweep/spec/bundle.h"
#include "sweep/spec/spec.h"
#include "tests/support/folder.h"

namespace medley::sweep {
namespace {

std::string page() { return test::read_file(MEDLEY_SOURCE_DIR "/docs/sweeps.md"); }

TEST(SweepsPage, ItsExamplesParse) {
  const std::string text = page();
  const std::string fence = "```yaml\n";
  int examples = 0;
  for (std::size_t at = text.find(fence); at != std::string::npos; at = text.find(fence, at + 1)) {
    const std::size_t start = at + fence.size();
    const std::string example = text.substr(start, text.find("```", start) - start);
    const auto any_file = [](const std::string&) { return std::string("{}"); };
    EXPECT_NO_THROW(parse_sweep(bundle_sweep(example, "sweeps.md", any_file), "sweeps.md")) << example;
    ++examples;
  }
  EXPECT_GE(examples, 2);
}

std::string values_of(const Setting& setting) {
  switch (setting.kind) {
    case Setting::Kind::kFlag:
      return "true, false";
    case Setting::Kind::kEncoders:
      return "names";
    case Setting::Kind::kLayers:
      return "all, 7, 6-12";
    case Setting::Kind::kInteger:
      return value_text(setting.minimum) + " to " + value_text(setting.maximum) + ", whole";
    case Setting::Kind::kNumber:
      return value_text(setting.minimum) + " to " + value_text(setting.maximum);
    case Setting::Kind::kChoice:
      break;
  }
  std::string text;
  for (const std::string& name : setting.choices) text += (text.empty() ? "" : ", ") + name;
  return text;
}

TEST(SweepsPage, ItsTableIsTheSettings) {
  const std::string text = page();
  const Config defaults;
  for (const Setting& setting : settings()) {
    const std::string initial = setting.kind == Setting::Kind::kEncoders ? "all" : value_text(setting.get(defaults));
    const std::string alias = setting.alias.empty() ? "" : ", `" + setting.alias + "`";
    const std::string row = "| `" + setting.name + "`" + alias + " | " + values_of(setting) + " | " + initial + " | " +
                            setting.meaning + " | " + (setting.active_when.empty() ? "always" : setting.active_when) +
                            " |\n";
    EXPECT_NE(text.find(row), std::string::npos) << "docs/sweeps.md wants this row:\n" << row;
  }
  std::size_t rows = 0;
  for (std::size_t at = text.find("\n| `", text.find("## Settings")); at != std::string::npos;
       at = text.find("\n| `", at + 1))
    ++rows;
  EXPECT_EQ(rows, settings().size());
}

}  // namespace
}  // namespace medley::sweep
