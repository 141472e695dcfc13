#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "trainer/data/dataset.h"

namespace medley::data {

/// A dataset as one block of bytes, for processes that share memory: the ranks of a gang on one host, of which one
/// reads the files. Not a format for disks: both sides are the same program.
///
/// The block begins with the length of the header (8 bytes) and the header (JSON). The features of each encoder follow,
/// float32 [clip, layer, dim], each at a multiple of 64 bytes.
class ImageWriter {
 public:
  /// `dataset` is borrowed.
  explicit ImageWriter(const Dataset& dataset);
  std::size_t size() const { return size_; }
  /// Writes size() bytes.
  void write(std::byte* block) const;

 private:
  const Dataset& dataset_;
  std::string header_;
  std::size_t size_ = 0;
};

/// The dataset in a block that write() filled; its features stay in the block, which `owner` keeps.
/// Throws Error when the block is not one.
Dataset read_image(const std::byte* block, std::size_t size, const std::shared_ptr<const void>& owner);

}  // namespace medley::data
