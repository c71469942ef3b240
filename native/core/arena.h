// A caching allocator over one contiguous range of addresses: best fit, neighbours merged, 256-byte alignment, large pages where the
// system gives them. The range is reserved once and grows by moving its top, so freed memory is never stranded in a segment.
#pragma once

#include <cstddef>
#include <mutex>
#include <string>
#include <unordered_map>

#include "core/device.h"
#include "core/free_list.h"

namespace convtape {

class Arena {
 public:
  // `limit`: most bytes the arena may reserve; 0 leaves it to what the machine has free.
  Arena(std::string owner, size_t limit);
  ~Arena();
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  void* allocate(size_t bytes);     // throws OutOfMemory
  void* tryAllocate(size_t bytes);  // null where there is no room
  void release(void* data) noexcept {
    retire(data);
    reclaim(data);
  }
  // The two halves of a release: the block no longer counts, and it may be handed out again.
  void retire(void* data) noexcept;
  void reclaim(void* data) noexcept;
  // Whether the limit and the machine leave room for this much more.
  bool canReserve(size_t bytes) const;
  MemoryStats stats() const;
  void resetPeak();
  // Gives the pages of free blocks back to the system; what they held is lost, so no queued work may still use them.
  size_t trim();

 private:
  struct Heap {
    char* base = nullptr;
    size_t capacity = 0;
    size_t top = 0;  // bytes handed out from the range so far
    FreeList free;
    std::unordered_map<size_t, size_t> used;  // offset -> size
  };
  void* take(Heap& heap, size_t size, size_t bytes);
  Heap& heapOf(const char* p) { return p >= small_.base && p < small_.base + small_.capacity ? small_ : large_; }
  bool grow(Heap& heap, size_t size);
  bool room(size_t bytes) const;
  size_t trimHeap(Heap& heap);

  const std::string owner_;
  const size_t limit_;
  mutable std::mutex mutex_;
  Heap small_;  // kept apart so that a long-lived scalar cannot split the space of an activation
  Heap large_;
  MemoryStats stats_;
};

// Bytes the machine (or the control group this process runs in) can still give without swapping.
size_t availableMemory();

}  // namespace convtape
