#include "cuda/peers.h"

#include <cuda_runtime.h>

#include <cstdint>
#include <map>
#include <mutex>
#include <utility>
#include <vector>

#include "cuda/kernels.h"

namespace convtape::CONVTAPE_GPU {
namespace {

// Undoes what a check has taken, whatever became of it.
struct Trial {
  int from, to;
  void *source = nullptr, *target = nullptr;
  cudaStream_t fromStream = nullptr, toStream = nullptr;
  ~Trial() {
    cudaSetDevice(from);
    if (source) cudaFree(source);
    if (fromStream) cudaStreamDestroy(fromStream);
    cudaSetDevice(to);
    if (target) cudaFree(target);
    if (toStream) cudaStreamDestroy(toStream);
    cudaGetLastError();  // a failure here is an answer, not an error
  }
};

bool arrives(int from, int to) {
  // Lengths around the sizes at which copies change their way: a word, a page and a little, some megabytes. The simulator has one way.
#ifdef CONVTAPE_SIMULATED
  constexpr size_t kMost = (size_t{32} << 10) + 12;
#else
  constexpr size_t kMost = (size_t{4} << 20) + 12;
#endif
  const auto ok = [](cudaError_t status) { return status == cudaSuccess; };
  Trial t{from, to};
  if (!ok(cudaSetDevice(from)) || !ok(cudaMalloc(&t.source, kMost)) || !ok(cudaStreamCreateWithFlags(&t.fromStream, cudaStreamNonBlocking)))
    return false;
  if (!ok(cudaSetDevice(to)) || !ok(cudaMalloc(&t.target, kMost)) || !ok(cudaStreamCreateWithFlags(&t.toStream, cudaStreamNonBlocking)))
    return false;
#ifdef CONVTAPE_SIMULATED
  simt::annotateAllocated(t.fromStream, t.source, kMost);
  simt::annotateAllocated(t.toStream, t.target, kMost);
#endif
  std::vector<uint32_t> sent(kMost / 4), got(kMost / 4);
  uint32_t state = 0x9E3779B9u;
  bool same = true;
  for (const size_t bytes : {size_t{4}, size_t{4096 + 4}, kMost}) {
    for (uint32_t& word : sent) word = state = state * 1664525u + 1013904223u;
    // Poison first: what an earlier round left must not pass for this one's.
    same = same && ok(cudaMemsetAsync(t.target, 0xA5, bytes, t.toStream)) && ok(cudaStreamSynchronize(t.toStream)) &&
           ok(cudaMemcpyAsync(t.source, sent.data(), bytes, cudaMemcpyHostToDevice, t.fromStream)) &&
           ok(cudaStreamSynchronize(t.fromStream)) && ok(cudaMemcpyPeerAsync(t.target, to, t.source, from, bytes, t.toStream)) &&
           ok(cudaMemcpyAsync(got.data(), t.target, bytes, cudaMemcpyDeviceToHost, t.toStream)) && ok(cudaStreamSynchronize(t.toStream));
    for (size_t i = 0; same && i < bytes / 4; ++i) same = got[i] == sent[i];
  }
#ifdef CONVTAPE_SIMULATED
  simt::annotateReleased(t.fromStream, t.source, kMost);
  simt::annotateReleased(t.toStream, t.target, kMost);
#endif
  return same;
}

bool find(int from, int to) {
  int can = 0;
  if (cleared(cudaDeviceCanAccessPeer(&can, to, from)) != cudaSuccess || !can) return false;
  if (cleared(cudaSetDevice(to)) != cudaSuccess) return false;
  const cudaError_t status = cleared(cudaDeviceEnablePeerAccess(from, 0));
  return (status == cudaSuccess || status == cudaErrorPeerAccessAlreadyEnabled) && arrives(from, to);
}

}  // namespace

bool canCopyDirectly(int from, int to) {
  static std::mutex mutex;
  static auto* answers = new std::map<std::pair<int, int>, bool>();
  std::lock_guard<std::mutex> lock(mutex);
  const auto known = answers->find({from, to});
  if (known != answers->end()) return known->second;
  int selected = 0;
  // As it was, where that can be: of a lost device these fail, which is no reason not to answer for two others. Nothing here relies on
  // what the caller's thread has selected.
  const bool selectable = cleared(cudaGetDevice(&selected)) == cudaSuccess;
  const bool answer = find(from, to);
  if (selectable) cleared(cudaSetDevice(selected));
  return answers->emplace(std::make_pair(from, to), answer).first->second;
}

}  // namespace convtape::CONVTAPE_GPU
