#include "cuda/memory.h"

#include <algorithm>

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
    const cudaError_t status = cudaMalloc(&p, wanted + kAlign);
    if (status == cudaSuccess) {
      segments_.emplace(addressOf(p), wanted);
      free_.insert(addressOf(p), wanted);
      stats_.reserved += wanted + kAlign;
      return true;
    }
    cudaGetLastError();  // told by the return value; the next launch must not find it
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

void SegmentArena::release(void* data) noexcept {
  std::lock_guard<std::mutex> lock(mutex_);
  const auto it = used_.find(addressOf(data));
  if (it == used_.end()) return;
  stats_.allocated -= it->second - kRedZone;
  free_.insert(it->first, it->second);
  used_.erase(it);
}

std::vector<void*> SegmentArena::takeFree() {
  std::lock_guard<std::mutex> lock(mutex_);
  std::vector<void*> whole;
  for (auto it = segments_.begin(); it != segments_.end();) {
    const auto piece = free_.pieces().find(it->first);
    if (piece == free_.pieces().end() || piece->second != it->second) {
      ++it;
      continue;
    }
    whole.push_back(reinterpret_cast<void*>(it->first));
    stats_.reserved -= it->second + kAlign;
    free_.erase(piece);
    it = segments_.erase(it);
  }
  return whole;
}

MemoryStats SegmentArena::stats() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return stats_;
}

void SegmentArena::resetPeak() {
  std::lock_guard<std::mutex> lock(mutex_);
  stats_.peak = stats_.allocated;
}

void* Scratch::take(size_t bytes, int device, cudaStream_t stream) {
  const size_t size = roundUp(std::max<size_t>(bytes, 1), kAlign) + kRedZone;
  if (chunks_.empty() || used_ + size > chunks_.back().bytes) {
    const size_t chunk = roundUp(std::max(size, chunks_.empty() ? 2 * kMegabyte : 2 * chunks_.back().bytes), 2 * kMegabyte);
    Piece made{nullptr, 0};
    for (const size_t wanted : {chunk, size}) {
      const cudaError_t status = cudaMalloc(&made.data, wanted);
      made.bytes = wanted;
      if (status == cudaSuccess) break;
      cudaGetLastError();
      made.data = nullptr;
      if (status != cudaErrorMemoryAllocation) check(status, "", "cudaMalloc");
    }
    if (!made.data)
      fail(ErrorKind::OutOfMemory, "", "out of memory: its kernel needs ", static_cast<double>(bytes) / kMegabyte,
           " MB of scratch memory. Use a smaller batch, or give cached memory back with releaseCached()");
    chunks_.push_back(made);
    reserved_ += made.bytes;
    used_ = 0;
  }
  void* p = static_cast<char*>(chunks_.back().data) + used_;
  used_ += size;
  taken_.push_back({p, bytes});
  (void)device;
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
  cudaStreamSynchronize(stream);
  for (size_t i = 0; i + 1 < chunks_.size(); ++i) {
    cudaFree(chunks_[i].data);
    reserved_ -= chunks_[i].bytes;
  }
  chunks_.erase(chunks_.begin(), chunks_.end() - 1);
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
  if (!data) {
    check(cudaSetDevice(device_), "", "cudaSetDevice");
    if (cudaMallocHost(&data, size) != cudaSuccess) {
      cudaGetLastError();
      trim();
      check(cudaMallocHost(&data, size), "", "cudaMallocHost");
    }
  }
  return std::shared_ptr<void>(data, [this, size](void* p) { give(p, size); });
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
  cudaFreeHost(data);
}

size_t PinnedPool::trim() {
  std::multimap<size_t, void*> taken;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    taken.swap(free_);
    kept_ = 0;
  }
  size_t bytes = 0;
  for (const auto& [size, data] : taken) {
    cudaFreeHost(data);
    bytes += size;
  }
  return bytes;
}

}  // namespace convtape::CONVTAPE_GPU
