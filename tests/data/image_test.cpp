#include "trainer/data/image.h"

#include <cstdint>
#include <cstring>
#include <memory>

#include <gtest/gtest.h>

#include "tests/support/error_of.h"
#include "tests/support/folder.h"
#include "trainer/data/error.h"
#include "trainer/data/synthetic.h"

namespace medley::data {
namespace {

struct Block {
  explicit Block(std::size_t size) : bytes(new std::byte[size + 64]) {
    const auto at = reinterpret_cast<std::uintptr_t>(bytes.get());
    first = bytes.get() + (64 - at % 64) % 64;
  }
  std::shared_ptr<std::byte[]> bytes;
  std::byte* first;
};

TEST(Image, IsTheDatasetAgain) {
  const test::Folder folder;
  SyntheticOptions options;
  options.encoders = 3;
  options.train_actors = 6;
  options.test_actors = 2;
  make_synthetic(folder / "data", options, Existing::kRefuse);
  const Dataset original = load_dataset(folder / "data");
  const ImageWriter writer(original);
  const Block block(writer.size());
  writer.write(block.first);
  const std::weak_ptr<std::byte[]> watched = block.bytes;
  const Dataset copy = read_image(block.first, writer.size(), block.bytes);

  EXPECT_EQ(copy.folder, original.folder);
  EXPECT_EQ(copy.synthetic, original.synthetic);
  EXPECT_EQ(copy.classes.names, original.classes.names);
  EXPECT_EQ(copy.classes.exclusive, original.classes.exclusive);
  EXPECT_EQ(copy.folds, original.folds);
  EXPECT_EQ(copy.fingerprint, original.fingerprint);
  ASSERT_EQ(copy.clips.size(), original.clips.size());
  std::vector<int> all;
  for (std::size_t i = 0; i < original.clips.size(); ++i) {
    const Clip &a = copy.clips[i], &b = original.clips[i];
    EXPECT_EQ(std::tie(a.filename, a.stem, a.actor, a.fold, a.label),
              std::tie(b.filename, b.stem, b.actor, b.fold, b.label));
    all.push_back(static_cast<int>(i));
  }
  ASSERT_EQ(copy.encoder_names(), original.encoder_names());
  for (std::size_t e = 0; e < original.encoders.size(); ++e) {
    const Encoder &a = *copy.encoders[e], &b = *original.encoders[e];
    EXPECT_EQ(a.labels(), b.labels());
    ASSERT_EQ(a.dim(), b.dim());
    ASSERT_EQ(a.layers(), b.layers());
    std::vector<float> x(all.size() * static_cast<std::size_t>(a.dim() * a.layers())), y(x.size());
    a.gather(all, x.data());
    b.gather(all, y.data());
    EXPECT_EQ(x, y);
    ASSERT_NE(a.matrix(), nullptr);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(a.matrix()) % 64, 0u);
    EXPECT_EQ(0, std::memcmp(a.matrix() + static_cast<std::size_t>(a.row_of(5) * a.dim()),
                             &y[static_cast<std::size_t>(5 * a.dim())], 8));
  }
}

TEST(Image, RefusesABlockThatIsCutOff) {
  const test::Folder folder;
  SyntheticOptions options;
  options.encoders = 3;
  options.train_actors = 6;
  make_synthetic(folder / "data", options, Existing::kRefuse);
  const Dataset dataset = load_dataset(folder / "data");
  const ImageWriter writer(dataset);
  const Block block(writer.size());
  writer.write(block.first);
  for (const std::size_t size : {std::size_t{3}, std::size_t{20}, writer.size() / 2, writer.size() - 1000}) {
    EXPECT_NE(test::error_of<Error>([&] { read_image(block.first, size, block.bytes); }), "") << size;
  }
}

}  // namespace
}  // namespace medley::data
