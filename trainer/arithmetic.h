#pragma once

#include <string>

namespace medley::trainer {

/// How this process computes on `device` (as LibTorch names it): the first 12 hexadecimal digits of the SHA-256 of what
/// a fixed self-test gives. It trains small packs and multiplies matrices of several sizes, in a fraction of a second.
/// Where processes have the same arithmetic, a trial gives the same bits. Kernels of BLAS, of LibTorch and of the C
/// library depend on the CPU, and on a GPU on its kind. Sets the process's threads to one, as train_pack() does. Throws
/// Error for a device that is not there.
std::string arithmetic(const std::string& device);

}  // namespace medley::trainer
