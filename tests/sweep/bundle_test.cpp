#include "sweep/spec/bundle.h"

#include <map>

#include <gtest/gtest.h>

#include "sweep/error.h"
#include "sweep/spec/spec.h"

namespace medley::sweep {
namespace {

using Files = std::map<std::string, std::string>;

std::string bundled(const std::string& text, const Files& files) {
  return bundle_sweep(text, "s.yaml", [&](const std::string& name) {
    const auto found = files.find(name);
    if (found == files.end()) throw Error("no file '" + name + "'");
    return found->second;
  });
}

SweepSpec parse(const std::string& text, const Files& files) { return parse_sweep(bundled(text, files), "s.yaml"); }

/// "file:line:column: message" of every error.
std::vector<std::string> errors(const std::string& text, const Files& files) {
  try {
    parse(text, files);
  } catch (const SpecError& error) {
    std::vector<std::string> all;
    for (const Diagnostic& d : error.diagnostics()) {
      all.push_back(d.file + ":" + std::to_string(d.line) + ":" + std::to_string(d.column) + ": " + d.message);
    }
    return all;
  }
  return {};
}

using Errors = std::vector<std::string>;

TEST(Bundle, AFileGoesBeforeThoseThatItIncludesKeyByKey) {
  const Files files = {{"common/all.yaml",
                        "name: other\ndataset: ../data\nbase: {epochs: 3, dropout: 0.2}\nseeds: 4\n"
                        "axes: {top_n: [1, 2], selection: [learned, all]}\n"
                        "when: {top_n: {selection: learned}}\n"}};
  const SweepSpec spec = parse("include: common/all.yaml\nbase: {epochs: 5}\naxes: {top_n: [3]}\n", files);
  EXPECT_EQ(spec.name, "s");  // the name of another sweep is not taken
  EXPECT_EQ(spec.dataset, "data");
  EXPECT_EQ(spec.base.epochs, 5);
  EXPECT_EQ(spec.base.dropout, 0.2);
  EXPECT_EQ(spec.seeds.size(), 4u);
  ASSERT_EQ(spec.axes.size(), 2u);
  EXPECT_EQ(spec.axes[0].setting, "top_n");  // where the included file has it
  EXPECT_EQ(spec.axes[0].values.size(), 1u);
  EXPECT_TRUE(spec.axes[0].when.has_value());
  EXPECT_EQ(spec.axes[1].setting, "selection");
}

TEST(Bundle, LaterFilesGoBeforeEarlierOnesAndIncludeOthers) {
  const Files files = {{"a.yaml", "seeds: 2\nfolds: [0]\nbase: {epochs: 2, batch_size: 8}\n"},
                       {"deep/b.yaml", "include: c.yaml\nbase: {epochs: 3}\n"},
                       {"deep/c.yaml", "seeds: 7\nbase: {epochs: 4, dropout: 0.5}\n"}};
  const SweepSpec spec = parse("include: [a.yaml, deep/b.yaml]\n", files);
  EXPECT_EQ(spec.base.epochs, 3);
  EXPECT_EQ(spec.base.batch_size, 8);
  EXPECT_EQ(spec.base.dropout, 0.5);
  EXPECT_EQ(spec.seeds.size(), 7u);
  EXPECT_EQ(spec.folds, std::vector<int>{0});
}

TEST(Bundle, BaseMayBeAFileOfSettingsOrAListOfThem) {
  const Files files = {{"tuned.yaml", "epochs: 3\nlr: 0.002\n"}};
  EXPECT_EQ(parse("base: tuned.yaml\n", files).base.epochs, 3);
  const SweepSpec spec = parse("base: [tuned.yaml, {learning_rate: 0.004}]\n", files);
  EXPECT_EQ(spec.base.epochs, 3);
  EXPECT_EQ(spec.base.learning_rate, 0.004);
}

TEST(Bundle, NamesAreThoseOfTheFolderOfTheFirstFile) {
  const Files files = {{"a/b/c.yaml", "include: ../../d.yaml\ndataset: ../../../x\n"},
                       {"d.yaml", "include: [./a/./e.yaml, /etc/f.yaml]\nbase: {epochs: 3}\n"},
                       {"a/e.yaml", "seeds: 5\n"},
                       {"/etc/f.yaml", "include: ../g.yaml\n"},
                       {"/g.yaml", "folds: [0]\ndataset: data\n"}};
  const SweepSpec spec = parse("include: a/b/../b/c.yaml\n", files);
  EXPECT_EQ(spec.base.epochs, 3);
  EXPECT_EQ(spec.seeds.size(), 5u);
  EXPECT_EQ(spec.folds, std::vector<int>{0});
  EXPECT_EQ(spec.dataset, "../x");
  EXPECT_EQ(parse("include: /etc/f.yaml\n", files).dataset, "/data");
}

TEST(Bundle, TheTextReadsTheSameWithoutTheFiles) {
  const Files files = {{"tuned.yaml", "---\nepochs: 3"}};
  const std::string text = bundled("base: tuned.yaml  # ours", files);
  EXPECT_EQ(text, "base: tuned.yaml  # ours\n--- # file: tuned.yaml\n\nepochs: 3\n");
  EXPECT_EQ(bundled(text, {}), text);
  EXPECT_EQ(parse_sweep(text, "s.yaml").text, text);
  EXPECT_EQ(bundled("seeds: 2", {}), "seeds: 2");  // nothing included: as typed
}

TEST(Bundle, ErrorsNameTheFileTheirLineStandsIn) {
  const Files files = {{"tuned.yaml", "epochs: 3\ndropot: 0.1\n"}, {"more.yaml", "sedes: 3\n"}};
  EXPECT_EQ(errors("include: more.yaml\nbase: tuned.yaml\nfolds: 7\n", files),
            (Errors{"s.yaml:3:8: folds: '7' must be all, a list of folds: [0, 1], or made folds: {regroup: 10}",
                    "more.yaml:1:1: unknown key 'sedes'; did you mean 'seeds'?",
                    "tuned.yaml:2:1: unknown setting 'dropot'; did you mean 'dropout'?"}));
  try {
    parse("base: tuned.yaml\n", files);
    FAIL();
  } catch (const SpecError& error) {
    EXPECT_EQ(error.diagnostics().at(0).source, "dropot: 0.1");
  }
  EXPECT_EQ(errors("base: broken.yaml\n", {{"broken.yaml", "a: 1\nb: [\n"}}).at(0).rfind("broken.yaml:", 0), 0u);
}

TEST(Bundle, FilesThatAreNotThereOrIncludeThemselvesAreErrors) {
  EXPECT_EQ(errors("seeds: 2\ninclude: nowhere.yaml\n", {}), Errors{"s.yaml:2:10: no file 'nowhere.yaml'"});
  EXPECT_EQ(errors("include: a.yaml\n", {{"a.yaml", "include: b.yaml\n"}, {"b.yaml", "include: a.yaml\n"}}),
            Errors{"b.yaml:1:10: include: 'a.yaml' includes itself"});
  EXPECT_EQ(errors("include: {a: 1}\n", {}), Errors{"s.yaml:1:10: include: a map must be a file, or a list of files"});
  EXPECT_EQ(errors("include: a.yaml\n", {{"a.yaml", "- 1\n"}}),
            Errors{"a.yaml:1:1: an included file holds keys of a sweep file, such as 'base'"});
  EXPECT_EQ(errors("base: a.yaml\n", {{"a.yaml", "- 1\n"}}),
            Errors{"a.yaml:1:1: base: [1] must hold settings with values"});
  Files chain;
  for (int i = 0; i < 70; ++i) chain["f" + std::to_string(i)] = "include: f" + std::to_string(i + 1) + "\n";
  EXPECT_EQ(errors("include: f0\n", chain), Errors{"f63:1:10: more than 64 files"});
}

TEST(Bundle, TextThatCameAloneSaysWhatIsMissing) {
  try {
    parse_sweep("include: a.yaml\nseeds: 2\n", "s.yaml");
    FAIL();
  } catch (const SpecError& error) {
    EXPECT_EQ(error.diagnostics().at(0).message,
              "include: the file 'a.yaml' is not part of this text: `medley submit` sends what a file includes");
  }
  try {
    parse_sweep("seeds: 2\n--- # file: a.yaml\nseeds: 3\n", "s.yaml");
    FAIL();
  } catch (const SpecError& error) {
    EXPECT_EQ(error.diagnostics().at(0).str(),
              "a.yaml:1:1: neither include nor base names this file\n 1 | seeds: 3\n   | ^");
  }
}

TEST(Bundle, ManyFilesThatIncludeEachOtherTwiceTakeNoTime) {
  Files files;  // 2^60 ways from the first to the last
  for (int i = 0; i < 60; ++i) {
    const std::string next = "f" + std::to_string(i + 1);
    files["f" + std::to_string(i)] = "include: [" + next + ", ./" + next + "]\n";
  }
  files["f60"] = "seeds: 5\n";
  EXPECT_EQ(parse("include: f0\n", files).seeds.size(), 5u);
}

TEST(Bundle, ASettingIsLaidOverBaseAndKeptInTheText) {
  const std::string text = with_setting(with_setting("base: {epochs: 2}", "dropout=0.3"), "lr=0.01");
  EXPECT_EQ(text, "base: {epochs: 2}\n--- # set\ndropout: 0.3\n--- # set\nlr: 0.01\n");
  const SweepSpec spec = parse_sweep(text, "s.yaml");
  EXPECT_EQ(spec.base.epochs, 2);
  EXPECT_EQ(spec.base.dropout, 0.3);
  EXPECT_EQ(spec.base.learning_rate, 0.01);
  EXPECT_THROW(with_setting("", "dropout"), Error);
  EXPECT_THROW(with_setting("", "dropout=0.3\nseeds: 9"), Error);
}

TEST(Bundle, ASettingThatReachesNotEveryConfigIsAnError) {
  const auto wrong = [](const std::string& text, const std::string& set) {
    try {
      parse_sweep(with_setting(text, set), "s.yaml");
    } catch (const SpecError& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  EXPECT_EQ(wrong("axes: {dropout: [0, 0.5]}", "dropout=0.3"),
            "--set:1:1: dropout is an axis of the sweep\n 1 | dropout: 0.3\n   | ^~~~~~~");
  EXPECT_EQ(wrong("variants: {a: {lr: 0.1}, b: {dropout: 0}}", "lr=0.3"),
            "--set:1:1: the variant 'a' sets learning_rate itself\n 1 | lr: 0.3\n   | ^~");
  EXPECT_EQ(wrong("seeds: 1", "epochs=many").substr(0, 49), "--set:1:9: epochs: 'many' must be a whole number\n");
}

TEST(Aliases, StandWhereverTheNameOfTheirSettingMay) {
  const SweepSpec spec = parse_sweep(
      "base: {wd: 0.1}\naxes: {lr: [0.001, 0.01], bs: [16, 32]}\nwhen: {bs: {lr: 0.01}}\n"
      "compare: {axis: lr, baseline: 0.001}\nlabels: {lr: rate}\nreference: {bs: 32}\n",
      "s.yaml");
  EXPECT_EQ(spec.base.weight_decay, 0.1);
  ASSERT_EQ(spec.axes.size(), 2u);
  EXPECT_EQ(spec.axes[0].setting, "learning_rate");
  EXPECT_EQ(spec.axes[1].setting, "batch_size");
  EXPECT_EQ(spec.axes[1].when->values.count("learning_rate"), 1u);
  EXPECT_EQ(spec.families.at(0).axis, "learning_rate");
  EXPECT_EQ(spec.labels.at(0).name, "learning_rate");
  EXPECT_EQ(spec.reference.count("batch_size"), 1u);
  EXPECT_EQ(errors("base: {lr: 0.1, epochs: 2, learning_rate: 0.2}\n", {}),
            Errors{"s.yaml:1:28: 'learning_rate' and 'lr' in line 1 are one setting: keep one"});
}

}  // namespace
}  // namespace medley::sweep
