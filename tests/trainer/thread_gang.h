#pragma once

#include <cstring>
#include <exception>
#include <functional>
#include <memory>
#include <stdexcept>
#include <thread>
#include <vector>

#include <pthread.h>

#include "trainer/collective.h"

namespace medley::tests {

/// A gang whose ranks are threads of this process; sums are made in the order of the ranks.
class ThreadGang {
 public:
  explicit ThreadGang(int ranks) : buffers_(static_cast<std::size_t>(ranks)) {
    pthread_barrier_init(&barrier_, nullptr, static_cast<unsigned>(ranks));
  }
  ~ThreadGang() { pthread_barrier_destroy(&barrier_); }

  /// Runs `rank` on a thread of its own for each rank. Rethrows what the first rank that threw threw; all must throw
  /// then, or the others would wait for ever.
  void run(const std::function<void(trainer::Collective&)>& rank) {
    std::vector<std::exception_ptr> thrown(buffers_.size());
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < buffers_.size(); ++i) {
      threads.emplace_back([&, i] {
        Rank collective(*this, static_cast<int>(i));
        try {
          rank(collective);
        } catch (...) {
          thrown[i] = std::current_exception();
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    for (const auto& exception : thrown) {
      if (exception) std::rethrow_exception(exception);
    }
  }

 private:
  class Rank final : public trainer::Collective {
   public:
    Rank(ThreadGang& gang, int rank) : gang_(gang), rank_(rank) {}
    int rank() const override { return rank_; }
    int size() const override { return static_cast<int>(gang_.buffers_.size()); }
    void all_reduce_sum(float* buffer, std::size_t count) override { reduce(buffer, count); }
    void all_reduce_sum(double* buffer, std::size_t count) override { reduce(buffer, count); }
    void broadcast(void* buffer, std::size_t bytes, int root) override {
      gang_.buffers_[static_cast<std::size_t>(rank_)] = buffer;
      pthread_barrier_wait(&gang_.barrier_);
      if (rank_ != root) std::memcpy(buffer, gang_.buffers_[static_cast<std::size_t>(root)], bytes);
      pthread_barrier_wait(&gang_.barrier_);
    }

   private:
    template <class T>
    void reduce(T* buffer, std::size_t count) {
      gang_.buffers_[static_cast<std::size_t>(rank_)] = buffer;
      pthread_barrier_wait(&gang_.barrier_);
      std::vector<T> sum(count, T(0));
      for (const void* other : gang_.buffers_) {
        for (std::size_t i = 0; i < count; ++i) sum[i] += static_cast<const T*>(other)[i];
      }
      pthread_barrier_wait(&gang_.barrier_);
      std::copy(sum.begin(), sum.end(), buffer);
      pthread_barrier_wait(&gang_.barrier_);
    }
    ThreadGang& gang_;
    int rank_;
  };

  pthread_barrier_t barrier_;
  std::vector<void*> buffers_;
};

}  // namespace medley::tests
