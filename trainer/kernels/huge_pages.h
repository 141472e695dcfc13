#pragma once

namespace medley::trainer {

/// From the first call on, tensors of 2 MiB and more on the CPU lie in pages of 2 MiB, where the kernel gives such
/// pages to those that ask (transparent huge pages, "madvise" or "always"; elsewhere nothing changes). A step reads and
/// writes the parameters and moments of all encoders, more memory than the translation caches of small pages reach.
/// Values are the same.
void use_huge_pages();

}  // namespace medley::trainer
