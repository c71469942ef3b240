#include "core/arena.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdio>
#include <fstream>

#include "core/error.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#endif

namespace convtape {
namespace {

constexpr size_t kAlign = 256;
constexpr size_t kHugePage = size_t{2} << 20;
constexpr size_t kSmallLimit = size_t{256} << 10;  // requests below go to the small heap
constexpr size_t kHeadroom = size_t{192} << 20;    // left to the rest of the process

size_t roundUp(size_t n, size_t to) { return (n + to - 1) / to * to; }

// Under AddressSanitizer a free block, and what is left of a block behind the bytes that were asked for, may not be touched.
#if defined(__SANITIZE_ADDRESS__)
void markUsable(void* p, size_t bytes) { __asan_unpoison_memory_region(p, bytes); }
void markFree(void* p, size_t bytes) { __asan_poison_memory_region(p, bytes); }
#else
void markUsable(void*, size_t) {}
void markFree(void*, size_t) {}
#endif

// Reserves addresses only; pages arrive when first touched. Halves the wish where the system limits address space.
char* reserve(size_t& capacity) {
  for (; capacity >= kHugePage * 8; capacity /= 2) {
    void* p = mmap(nullptr, capacity + kHugePage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED) continue;
    char* aligned = reinterpret_cast<char*>(roundUp(reinterpret_cast<size_t>(p), kHugePage));
    madvise(aligned, capacity, MADV_HUGEPAGE);
    return aligned;
  }
  capacity = 0;
  return nullptr;
}

long long readNumber(const char* path) {
  std::ifstream in(path);
  long long value = -1;
  in >> value;
  return in ? value : -1;
}

}  // namespace

size_t availableMemory() {
  size_t available = ~size_t{0};
  std::ifstream meminfo("/proc/meminfo");
  for (std::string line; std::getline(meminfo, line);) {
    unsigned long long kb = 0;
    if (std::sscanf(line.c_str(), "MemAvailable: %llu kB", &kb) == 1) {
      available = static_cast<size_t>(kb) << 10;
      break;
    }
  }
  const long long limit = readNumber("/sys/fs/cgroup/memory.max");
  const long long current = readNumber("/sys/fs/cgroup/memory.current");
  if (limit > 0 && current >= 0) available = std::min(available, static_cast<size_t>(std::max(0LL, limit - current)));
  return available;
}

Arena::Arena(std::string owner, size_t limit) : owner_(std::move(owner)), limit_(limit) {
  small_.capacity = size_t{16} << 30;
  small_.base = reserve(small_.capacity);
  large_.capacity = size_t{4} << 40;
  large_.base = reserve(large_.capacity);
}

Arena::~Arena() {
  if (small_.base) munmap(small_.base, small_.capacity);
  if (large_.base) munmap(large_.base, large_.capacity);
}

bool Arena::grow(Heap& heap, size_t size) {
  // A free block that ends at the top is extended rather than left behind.
  size_t start = heap.top;
  const auto& pieces = heap.free.pieces();
  if (!pieces.empty())
    if (const auto last = std::prev(pieces.end()); last->first + last->second == heap.top) start = last->first;
  const size_t step = roundUp(start + size, kHugePage) - heap.top;
  if (step > heap.capacity - heap.top) return false;
  if (!room(step)) return false;
  markFree(heap.base + heap.top, step);
  heap.free.insert(heap.top, step);
  heap.top += step;
  stats_.reserved += step;
  return true;
}

bool Arena::room(size_t bytes) const {
  if (limit_ && stats_.reserved + bytes > limit_) return false;
  // Asking the system costs microseconds, and only growth asks.
  const size_t available = availableMemory();
  return bytes <= (available > kHeadroom ? available - kHeadroom : 0);
}

bool Arena::canReserve(size_t bytes) const {
  std::lock_guard<std::mutex> lock(mutex_);
  return room(bytes);
}

void* Arena::take(Heap& heap, size_t size, size_t bytes) {
  size_t offset;
  if (!heap.free.take(size, &offset)) return nullptr;
  heap.used.emplace(offset, size);
  stats_.allocated += size;
  stats_.peak = std::max(stats_.peak, stats_.allocated);
  markUsable(heap.base + offset, bytes);
  return heap.base + offset;
}

void* Arena::tryAllocate(size_t bytes) {
  if (bytes >= (size_t{1} << 53)) return nullptr;
  std::lock_guard<std::mutex> lock(mutex_);
  const size_t size = roundUp(std::max<size_t>(bytes, 1), kAlign);
  Heap& heap = size < kSmallLimit ? small_ : large_;
  if (void* p = take(heap, size, bytes)) return p;
  return heap.base && grow(heap, size) ? take(heap, size, bytes) : nullptr;
}

void* Arena::allocate(size_t bytes) {
  if (void* p = tryAllocate(bytes)) return p;
  std::lock_guard<std::mutex> lock(mutex_);
  const auto mb = [](size_t n) { return (n + (1 << 20) - 1) >> 20; };  // rounded up
  fail(ErrorKind::OutOfMemory, "", "out of memory on ", owner_, ": asked for ", mb(bytes), " MB, ", mb(stats_.allocated),
       " MB are allocated, ", mb(stats_.reserved), " MB reserved, the machine has ", mb(availableMemory()), " MB free",
       limit_ ? str(" (CONVTAPE_MEMORY_LIMIT_MB is ", mb(limit_), ")") : "",
       ". Dispose of tensors you no longer need, or use a smaller batch");
}

void Arena::retire(void* data) noexcept {
  std::lock_guard<std::mutex> lock(mutex_);
  Heap& heap = heapOf(static_cast<char*>(data));
  auto it = heap.used.find(static_cast<size_t>(static_cast<char*>(data) - heap.base));
  if (it != heap.used.end()) stats_.allocated -= it->second;
}

void Arena::reclaim(void* data) noexcept {
  std::lock_guard<std::mutex> lock(mutex_);
  Heap& heap = heapOf(static_cast<char*>(data));
  auto it = heap.used.find(static_cast<size_t>(static_cast<char*>(data) - heap.base));
  if (it == heap.used.end()) return;
  const size_t offset = it->first, size = it->second;
  heap.used.erase(it);
  markFree(heap.base + offset, size);
  heap.free.insert(offset, size);
}

// Only the free block at the top can shorten `reserved`; pages of the others go back as well, and count as reserved until reused.
size_t Arena::trimHeap(Heap& heap) {
  size_t given = 0;
  for (const auto& [offset, size] : heap.free.pieces()) {
    const size_t from = roundUp(offset, kHugePage), to = (offset + size) / kHugePage * kHugePage;
    if (to > from) {
      madvise(heap.base + from, to - from, MADV_DONTNEED);
      given += to - from;
    }
  }
  if (!heap.free.pieces().empty()) {
    const auto last = std::prev(heap.free.pieces().end());
    const size_t offset = last->first, size = last->second, cut = roundUp(offset, kHugePage);
    if (offset + size == heap.top && cut < heap.top) {
      heap.free.erase(last);
      stats_.reserved -= heap.top - cut;
      heap.top = cut;
      if (cut > offset) heap.free.insert(offset, cut - offset);
    }
  }
  return given;
}

size_t Arena::trim() {
  std::lock_guard<std::mutex> lock(mutex_);
  return trimHeap(small_) + trimHeap(large_);
}

MemoryStats Arena::stats() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return stats_;
}

void Arena::resetPeak() {
  std::lock_guard<std::mutex> lock(mutex_);
  stats_.peak = stats_.allocated;
}

}  // namespace convtape
