// Memory of a GPU and pinned memory of the host: taken in large pieces, cut, and kept.
#pragma once

#include <cuda_runtime.h>

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/device.h"
#include "core/free_list.h"

namespace convtape::CONVTAPE_GPU {

// A device's tensors. As core/arena.h, but a GPU's memory comes in segments of cudaMalloc's, each a range of its own.
class SegmentArena {
 public:
  explicit SegmentArena(int device) : device_(device) {}

  // Null where there is no room. A new segment leaves some memory to kernels' scratch, unless it is the `lastTry`.
  void* tryAllocate(size_t bytes, bool lastTry = false);
  void release(void* data) noexcept;
  // Takes the segments that are free as a whole out of the arena. Queued work may still use them: give them back only behind it.
  std::vector<void*> takeFree();
  MemoryStats stats() const;
  void resetPeak();

 private:
  bool grow(size_t size, bool lastTry);

  const int device_;
  mutable std::mutex mutex_;
  FreeList free_;                            // by address
  std::map<size_t, size_t> segments_;        // address -> usable size
  std::unordered_map<size_t, size_t> used_;  // address -> size
  MemoryStats stats_;
};

// Scratch memory of kernels, for one thread and one stream: a piece may be handed out again to the next operator, which runs behind.
class Scratch {
 public:
  void* take(size_t bytes, int device, cudaStream_t stream);
  void reset(cudaStream_t stream);  // the operator's kernels are queued
  size_t reserved() const { return reserved_; }

 private:
  struct Piece {
    void* data;
    size_t bytes;
  };
  std::vector<Piece> chunks_;
  std::vector<Piece> taken_;
  size_t used_ = 0;  // of the last chunk
  std::atomic<size_t> reserved_{0};
};

// Staging buffers in page-locked memory, which a GPU copies from and to without the processor. From any thread.
class PinnedPool {
 public:
  explicit PinnedPool(int device) : device_(device) {}
  std::shared_ptr<void> take(size_t bytes);  // goes back when the last reference goes
  size_t trim();

 private:
  void give(void* data, size_t size);

  static constexpr size_t kKeep = size_t{512} << 20;
  const int device_;
  std::mutex mutex_;
  std::multimap<size_t, void*> free_;
  size_t kept_ = 0;
};

}  // namespace convtape::CONVTAPE_GPU
