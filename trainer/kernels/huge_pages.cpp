#include "trainer/kernels/huge_pages.h"

#include <cstdint>
#include <cstring>

#include <c10/core/CPUAllocator.h>
#include <c10/core/impl/alloc_cpu.h>
#include <sys/mman.h>

namespace medley::trainer {
namespace {

constexpr std::size_t kPage = 4096;
constexpr std::size_t kLeast = std::size_t{128} << 10;  ///< bytes; smaller tensors lie between larger ones

class HugePages final : public c10::Allocator {
 public:
  // LibTorch 1 declares the first, LibTorch 2 the second and third: these cannot say `override`, and Clang wants all or
  // none.
  c10::DataPtr allocate(std::size_t bytes) const { return made(bytes); }
  c10::DataPtr allocate(std::size_t bytes) { return made(bytes); }
  void copy_data(void* to, const void* from, std::size_t bytes) const { std::memcpy(to, from, bytes); }
  c10::DeleterFnPtr raw_deleter() const { return &c10::free_cpu; }

 private:
  static c10::DataPtr made(std::size_t bytes) {
    void* data = c10::alloc_cpu(bytes);
    if (bytes >= kLeast) ask(reinterpret_cast<std::uintptr_t>(data), bytes);
    return {data, data, &c10::free_cpu, c10::Device(c10::DeviceType::CPU)};
  }

  /// For the pages of a tensor, and with them its neighbours on the heap. Tensors that each began a page of 2 MiB would
  /// fall on the same sets of the caches.
  static void ask(std::uintptr_t data, std::size_t bytes) {
    const std::uintptr_t begin = data / kPage * kPage;
    madvise(reinterpret_cast<void*>(begin), data + bytes - begin, MADV_HUGEPAGE);  // refused: small pages
  }
};

}  // namespace

void use_huge_pages() {
  [[maybe_unused]] static const bool once = [] {
    c10::SetCPUAllocator(new HugePages, 1);  // LibTorch never frees it
    return true;
  }();
}

}  // namespace medley::trainer
