#include "cuda/memory.h"

#include <algorithm>
#include <cstdio>

#include "core/error.h"
#include "cuda/kernels.h"

namespace convtape::CONVTAPE_GPU {
namespace {

constexpr size_t kAlign = 256;
constexpr size_t kMegabyte = size_t{1} << 20;

#ifdef CONVTAPE_SIMULATED
constexpr size_t kRedZone = 256;  // behind every tensor: what is written there is found
#else
constexpr size_t kRedZone = 0;
#endif

size_t roundUp(size_t n, size_t to) { return (n + to - 1) / to * to; }

size_t addressOf(const void* p) { return reinterpret_cast<size_t>(p); }

// Of several calls, all of which are to be made.
struct FirstFailure {
  cudaError_t status = cudaSuccess;
  void note(cudaError_t next) {
    if (cleared(next) != cudaSuccess && status == cudaSuccess) status = next;
  }
};

}  // namespace

bool SegmentArena::grow(size_t size, bool lastTry) {
  // Small tensors share a segment, so that many of them do not cost as many calls; a large one gets what it needs.
  const size_t segment = size <= kMegabyte ? 2 * kMegabyte : size <= 10 * kMegabyte ? 20 * kMegabyte : roundUp(size, 2 * kMegabyte);
  check(cudaSetDevice(device_), "", "cudaSetDevice");
  size_t free = 0, total = 0;
  check(cudaMemGetInfo(&free, &total), "", "cudaMemGetInfo");
  const size_t headroom = total / 32;
  for (const size_t wanted : {segment, roundUp(size, kAlign)}) {
    if (!lastTry && wanted + headroom > free) continue;
    void* p = nullptr;
    // The gap at the end keeps pieces of neighbouring segments apart: no copy may cross from one into the other.
    const cudaError_t status = cleared(cudaMalloc(&p, wanted + kAlign));
    if (status == cudaSuccess) {
      segments_.emplace(addressOf(p), Segment{wanted});
      free_.insert(addressOf(p), wanted);
      stats_.reserved += wanted + kAlign;
      return true;
    }
    if (status != cudaErrorMemoryAllocation) check(status, "", "cudaMalloc");
  }
  return false;
}

void* SegmentArena::tryAllocate(size_t bytes, bool lastTry) {
  if (bytes >= (size_t{1} << 53)) return nullptr;
  std::lock_guard<std::mutex> lock(mutex_);
  const size_t size = roundUp(std::max<size_t>(bytes, 1), kAlign) + kRedZone;
  size_t address;
  if (!free_.take(size, &address) && !(grow(size, lastTry) && free_.take(size, &address))) return nullptr;
  used_.emplace(address, size);
  stats_.allocated += size - kRedZone;
  stats_.peak = std::max(stats_.peak, stats_.allocated);
  return reinterpret_cast<void*>(address);
}

SegmentArena::Segments::iterator SegmentArena::segmentOf(const void* data) {
  auto segment = segments_.upper_bound(addressOf(data));
  if (segment == segments_.begin()) return segments_.end();
  --segment;
  return addressOf(data) < segment->first + segment->second.size ? segment : segments_.end();
}

void SegmentArena::release(void* data, const std::function<void()>& queue) noexcept {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    const auto segment = segmentOf(data);
    if (segment != segments_.end()) ++segment->second.releases;
  }
  queue();  // before the block can be had again: whoever gets it next queues behind this
  std::lock_guard<std::mutex> lock(mutex_);
  const auto it = used_.find(addressOf(data));
  if (it == used_.end()) return;
  stats_.allocated -= it->second - kRedZone;
  free_.insert(it->first, it->second);
  used_.erase(it);
}

void SegmentArena::released(const void* data) noexcept {
  std::lock_guard<std::mutex> lock(mutex_);
  const auto segment = segmentOf(data);  // none where it was taken since: whoever did waits for this thread
  if (segment != segments_.end()) --segment->second.releases;
}

std::vector<void*> SegmentArena::takeFree(bool settled) {
  std::lock_guard<std::mutex> lock(mutex_);
  std::vector<void*> whole;
  for (auto it = segments_.begin(); it != segments_.end();) {
    const auto piece = free_.pieces().find(it->first);
    if (piece == free_.pieces().end() || piece->second != it->second.size || (settled && it->second.releases > 0)) {
      ++it;
      continue;
    }
    whole.push_back(reinterpret_cast<void*>(it->first));
    stats_.reserved -= it->second.size + kAlign;
    free_.erase(piece);
    it = segments_.erase(it);
  }
  return whole;
}

void freeSegments(const std::vector<void*>& segments) {
  FirstFailure failure;
  for (void* segment : segments) failure.note(cudaFree(segment));
  check(failure.status, "", "cudaFree");
}

MemoryStats SegmentArena::stats() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return stats_;
}

void SegmentArena::resetPeak() {
  std::lock_guard<std::mutex> lock(mutex_);
  stats_.peak = stats_.allocated;
}

Scratch::Piece Scratch::allocate(size_t bytes) {
  Piece made{nullptr, bytes};
  const cudaError_t status = cleared(cudaMalloc(&made.data, bytes));
  if (status == cudaSuccess) return made;
  if (status != cudaErrorMemoryAllocation) check(status, "", "cudaMalloc");
  return {nullptr, 0};
}

void* Scratch::take(size_t bytes, cudaStream_t stream, const std::function<void()>& makeRoom) {
  const size_t size = roundUp(std::max<size_t>(bytes, 1), kAlign) + kRedZone;
  if (chunks_.empty() || used_ + size > chunks_.back().bytes) {
    const size_t chunk = roundUp(std::max(size, chunks_.empty() ? 2 * kMegabyte : 2 * chunks_.back().bytes), 2 * kMegabyte);
    Piece made = allocate(chunk);
    if (!made.data) made = allocate(size);
    if (!made.data) {
      check(cudaStreamSynchronize(stream), "", "cudaStreamSynchronize");
      makeRoom();
      if (taken_.empty()) freeAllBut(0);
      made = allocate(size);
    }
    if (!made.data)
      fail(ErrorKind::OutOfMemory, "", "out of memory: its kernel needs ", static_cast<double>(bytes) / kMegabyte,
           " MB of scratch memory, and what cached memory could be given back did not make room. Dispose of tensors you no longer need, "
           "or use a smaller batch");
    chunks_.push_back(made);
    reserved_ += made.bytes;
    used_ = 0;
  }
  void* p = static_cast<char*>(chunks_.back().data) + used_;
  used_ += size;
  taken_.push_back({p, bytes});
#ifdef CONVTAPE_SIMULATED
  simt::annotateAllocated(stream, p, bytes);
#else
  (void)stream;
#endif
  return p;
}

void Scratch::reset(cudaStream_t stream) {
#ifdef CONVTAPE_SIMULATED
  for (const Piece& piece : taken_) simt::annotateReleased(stream, piece.data, piece.bytes);
#endif
  taken_.clear();
  used_ = 0;
  if (chunks_.size() < 2) return;
  // The largest alone serves the next such operator.
  check(cudaStreamSynchronize(stream), "", "cudaStreamSynchronize");
  freeAllBut(1);
}

void Scratch::freeAllBut(size_t last) {
  while (chunks_.size() > last) {
    const Piece piece = chunks_.front();
    chunks_.erase(chunks_.begin());
    reserved_ -= piece.bytes;
    check(cudaFree(piece.data), "", "cudaFree");
  }
}

std::shared_ptr<void> PinnedPool::take(size_t bytes) {
  const size_t wanted =
      bytes <= kMegabyte ? size_t{4096} << (bytes <= 4096 ? 0 : 64 - __builtin_clzll((bytes - 1) >> 12)) : roundUp(bytes, kMegabyte);
  void* data = nullptr;
  size_t size = wanted;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    const auto fit = free_.lower_bound(wanted);
    if (fit != free_.end() && fit->first <= 2 * wanted) {
      size = fit->first;
      data = fit->second;
      kept_ -= size;
      free_.erase(fit);
    }
  }
  if (!data) data = fresh(size);
  if (!data) {
    trim();
    data = fresh(size);
  }
  if (!data) return nullptr;
  return std::shared_ptr<void>(data, [this, size](void* p) { give(p, size); });
}

void* PinnedPool::fresh(size_t size) {
  check(cudaSetDevice(device_), "", "cudaSetDevice");
  void* data = nullptr;
  const cudaError_t status = cleared(cudaMallocHost(&data, size));
  if (status == cudaSuccess) return data;
  if (status != cudaErrorMemoryAllocation) check(status, "", "cudaMallocHost");
  return nullptr;
}

void PinnedPool::give(void* data, size_t size) {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (kept_ + size <= kKeep) {
      free_.emplace(size, data);
      kept_ += size;
      return;
    }
  }
  // A last reference goes where nothing may be thrown. Of a device that is lost every one of these fails: said once.
  const cudaError_t status = cleared(cudaFreeHost(data));
  if (status != cudaSuccess && !freeFailed_.exchange(true))
    std::fprintf(stderr, "convtape: cudaFreeHost failed: %s (%s), of %zu MB of page-locked memory of device %d\n", cudaGetErrorName(status),
                 cudaGetErrorString(status), size / kMegabyte, device_);
}

size_t PinnedPool::trim() {
  std::multimap<size_t, void*> taken;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    taken.swap(free_);
    kept_ = 0;
  }
  size_t bytes = 0;
  FirstFailure failure;
  for (const auto& [size, data] : taken) {
    failure.note(cudaFreeHost(data));
    bytes += size;
  }
  check(failure.status, "", "cudaFreeHost");
  return bytes;
}

}  // namespace convtape::CONVTAPE_GPU
