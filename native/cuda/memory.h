// Memory of a GPU and pinned memory of the host: taken in large pieces, cut, and kept.
#pragma once

#include <cuda_runtime.h>

#include <atomic>
#include <functional>
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
  // Between the two the block is free, but work that uses it may wait for the submission thread, which calls the second when it has come
  // to the release.
  void release(void* data, const std::function<void()>& queue) noexcept;
  void released(const void* data) noexcept;
  // Takes the segments that are free as a whole out of the arena. Queued work may still use them: give them back only behind it. On the
  // submission thread `settled` leaves out those that work uses which it has not come to.
  std::vector<void*> takeFree(bool settled = false);
  MemoryStats stats() const;
  void resetPeak();

 private:
  struct Segment {
    size_t size;          // usable
    size_t releases = 0;  // on their way to the submission thread
  };
  using Segments = std::map<size_t, Segment>;  // by address

  bool grow(size_t size, bool lastTry);
  Segments::iterator segmentOf(const void* data);

  const int device_;
  mutable std::mutex mutex_;
  FreeList free_;  // by address
  Segments segments_;
  std::unordered_map<size_t, size_t> used_;  // address -> size
  MemoryStats stats_;
};

// Gives back what takeFree took, all of it; then throws the first failure, if there was one.
void freeSegments(const std::vector<void*>& segments);

// Scratch memory of kernels, for one thread and one stream: a piece may be handed out again to the next operator, which runs behind.
class Scratch {
 public:
  // Where there is no room: waits for the stream, has `makeRoom` free what it can, gives back what earlier operators left, and asks again.
  void* take(size_t bytes, cudaStream_t stream, const std::function<void()>& makeRoom);
  void reset(cudaStream_t stream);  // the operator's kernels are queued
  size_t reserved() const { return reserved_; }

 private:
  struct Piece {
    void* data;
    size_t bytes;
  };
  Piece allocate(size_t bytes);  // null data where there is no room
  void freeAllBut(size_t last);

  std::vector<Piece> chunks_;
  std::vector<Piece> taken_;
  size_t used_ = 0;  // of the last chunk
  std::atomic<size_t> reserved_{0};
};

// Staging buffers in page-locked memory, which a GPU copies from and to without the processor. From any thread.
class PinnedPool {
 public:
  explicit PinnedPool(int device) : device_(device) {}
  std::shared_ptr<void> take(size_t bytes);  // goes back when the last reference goes; null where there is no room
  size_t trim();

 private:
  void* fresh(size_t size);  // null where there is no room
  void give(void* data, size_t size);

  static constexpr size_t kKeep = size_t{512} << 20;
  const int device_;
  std::mutex mutex_;
  std::multimap<size_t, void*> free_;
  size_t kept_ = 0;
  std::atomic<bool> freeFailed_{false};
};

}  // namespace convtape::CONVTAPE_GPU
