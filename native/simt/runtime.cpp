// CUDA's runtime functions over the simulated machine.
#include <signal.h>
#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "core/free_list.h"
#include "simt/machine.h"
#include "simt/runtime_api.h"
#include "simt/settings.h"
#include "simt/shadow.h"

namespace simt {
namespace {

thread_local int selected = 0;
thread_local cudaError_t lastError = cudaSuccess;
std::mutex arenaMutex;
struct Heap {
  convtape::FreeList free;
  std::map<size_t, size_t> used;  // offset -> size
  size_t bytes = 0;
  size_t pinned = 0;  // of the host
} heaps[kMaxDevices];
std::map<void*, std::pair<int, size_t>> pinnedPieces;  // page-locked memory -> its device, its size
bool peerEnabled[kMaxDevices][kMaxDevices] = {};

cudaError_t give(cudaError_t error) {
  if (error != cudaSuccess) lastError = error;
  return error;
}

// Under the mutex.
bool freeFails() {
  long& n = runtimeOptions().failFree;
  return n > 0 && --n == 0;
}

// What every call answers that has to do with a device which is gone; a kernel's fault is told where something waits.
cudaError_t presence(int device) { return Machine::instance().lost(device) ? cudaErrorDevicesUnavailable : cudaSuccess; }
cudaError_t state(int device) {
  return presence(device) != cudaSuccess ? presence(device) : Machine::instance().faulted(device) ? cudaErrorLaunchFailure : cudaSuccess;
}

// Kernels compiled without the shadow log meet the closed arenas of other devices here: the access is named, the arena opened, and the
// kernel goes on to its end, where it fails.
std::atomic<int> trespassed{-1};
struct sigaction previousAction;
void onSegmentationFault(int signal, siginfo_t* info, void* context) {
  const int device = deviceOf(info->si_addr);
  if (device >= 0 && currentDevice >= 0 && device != currentDevice) {
    trespassed = device;
    mprotect(arena(device).base, arena(device).capacity, PROT_READ | PROT_WRITE);
    return;
  }
  if (previousAction.sa_flags & SA_SIGINFO) {
    previousAction.sa_sigaction(signal, info, context);
    return;
  }
  sigaction(signal, &previousAction, nullptr);  // as it was: the instruction runs again and ends the process as it would have
}

void start() {
  static const bool started = [] {
    readSettings();
    struct sigaction action = {};
    action.sa_sigaction = onSegmentationFault;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    sigaction(SIGSEGV, &action, &previousAction);
    return true;
  }();
  (void)started;
}

// Tells the shadow log of a copy or the like; what it finds is named by it.
template <class F>
void accessAs(const char* name, F access) {
  shadowBeginTask(name);
  try {
    access();
  } catch (const KernelFault& fault) {
    throw KernelFault(std::string(name) + ": " + fault.what());
  }
}

bool granted(int from, int to) {
  switch (runtimeOptions().peers) {
    case PeerPolicy::Refused:
      return false;
    case PeerPolicy::OneWay:
      return from < to;
    default:
      return true;
  }
}

// What a run was made with, as it arrived here.
std::string describeOptions() {
  const auto policy = [](auto value, auto eager, auto lazy) { return value == eager ? "eager" : value == lazy ? "lazy" : "random"; };
  const char* const peers[] = {"direct", "refused", "oneway", "lying"};
  const auto& o = runtimeOptions();
  return "seed " + std::to_string(options().seed) + ", copies " + policy(options().copies, CopyPolicy::Eager, CopyPolicy::Lazy) +
         ", streams " + policy(o.streams, StreamPolicy::Eager, StreamPolicy::Lazy) + ", access " + peers[static_cast<int>(o.peers)] +
         (options().check ? "" : ", unchecked");
}

// CUDA copies without access as well, by a way of its own; here that way loses the values, so that nothing rests on it unseen.
bool arrives(int from, int to) { return from == to || (granted(from, to) && runtimeOptions().peers != PeerPolicy::Lying); }

// Copies are tasks of the machine; the shadow log is told of them like of kernels.
void copy(Stream* stream, void* to, const void* from, size_t bytes, const char* name, bool corrupt = false) {
  const int toDevice = deviceOf(to), fromDevice = deviceOf(from);
  Task task;
  task.name = name;
  task.run = [=] {
    const bool gone = fromDevice >= 0 && Machine::instance().lost(fromDevice);
    accessAs(name, [&] {
      // What a failed device did not write is its failure, not the copy's.
      if (fromDevice >= 0 && !gone && !Machine::instance().faulted(fromDevice)) shadowCopyRead(fromDevice, from, bytes);
      if (toDevice >= 0) shadowCopyWrite(toDevice, to, bytes);
    });
    if (gone)
      std::memset(to, 0xff, bytes);
    else if (corrupt)
      std::memset(to, 0, bytes);
    else
      std::memmove(to, from, bytes);
  };
  Machine::instance().push(stream, std::move(task));
}

}  // namespace

RuntimeOptions& runtimeOptions() {
  static RuntimeOptions o;
  return o;
}

void launchKernel(const char* name, Stream* stream, Dim3 grid, Dim3 block, size_t sharedBytes, const void* call, size_t callBytes,
                  void (*invoke)(const void*)) {
  const int device = stream->device;
  if (give(presence(device)) != cudaSuccess) return;
  Task task;
  task.name = name;
  const char* bytes = static_cast<const char*>(call);
  task.run = [=, call = std::vector<char>(bytes, bytes + callBytes)] {
    auto& o = runtimeOptions();
    if (device == o.loseDevice && --o.loseAt == 0) throw DeviceLost();
    isolate(device);
    trespassed = -1;
    try {
      runGrid(name, device, grid, block, sharedBytes, call.data(), call.size(), invoke);
    } catch (...) {
      isolate(-1);
      throw;
    }
    isolate(-1);
    if (trespassed >= 0)
      throw KernelFault(std::string("kernel ") + name + " on sim:" + std::to_string(device) +
                        ": touches memory of sim:" + std::to_string(trespassed) + " without a peer copy");
  };
  Machine::instance().push(stream, std::move(task));
}

namespace {

void annotate(Stream* stream, void* p, size_t bytes, bool allocated) {
  if (bytes == 0) return;
  Task task;
  task.name = allocated ? "allocation" : "release";
  task.run = [=] {
    DeviceArena& a = arena(stream->device);
    const size_t offset = static_cast<size_t>(static_cast<char*>(p) - a.base);
    if (options().check) {
      shadowBeginTask(allocated ? "allocation" : "release");
      setBits(a.usable, offset, bytes, allocated);
      setBits(a.written, offset, bytes, false);
    }
    if (allocated) std::memset(p, 0xff, bytes);  // NaN
  };
  Machine::instance().push(stream, std::move(task));
}

}  // namespace

void annotateAllocated(Stream* stream, void* p, size_t bytes) { annotate(stream, p, bytes, true); }
void annotateReleased(Stream* stream, void* p, size_t bytes) { annotate(stream, p, bytes, false); }

std::string faultOf(int device) { return Machine::instance().faultOf(device); }
std::string takeFault(int device) { return Machine::instance().takeFault(device); }

}  // namespace simt

namespace simt_runtime {

using simt::give;
using simt::Machine;
using simt::presence;

const char* cudaGetErrorName(cudaError_t e) {
  switch (e) {
    case cudaSuccess:
      return "cudaSuccess";
    case cudaErrorInvalidValue:
      return "cudaErrorInvalidValue";
    case cudaErrorMemoryAllocation:
      return "cudaErrorMemoryAllocation";
    case cudaErrorInvalidDevice:
      return "cudaErrorInvalidDevice";
    case cudaErrorPeerAccessAlreadyEnabled:
      return "cudaErrorPeerAccessAlreadyEnabled";
    case cudaErrorPeerAccessUnsupported:
      return "cudaErrorPeerAccessUnsupported";
    case cudaErrorLaunchFailure:
      return "cudaErrorLaunchFailure";
    case cudaErrorNotReady:
      return "cudaErrorNotReady";
    case cudaErrorDevicesUnavailable:
      return "cudaErrorDevicesUnavailable";
  }
  return "an unknown error";
}
const char* cudaGetErrorString(cudaError_t e) { return e == cudaErrorMemoryAllocation ? "out of memory" : cudaGetErrorName(e); }

cudaError_t cudaGetLastError() {
  const cudaError_t e = simt::lastError;
  simt::lastError = cudaSuccess;
  return e;
}
cudaError_t cudaPeekAtLastError() { return simt::lastError; }

cudaError_t cudaGetDeviceCount(int* count) {
  simt::start();
  *count = simt::deviceCount();
  return cudaSuccess;
}
cudaError_t cudaGetDevice(int* device) {
  *device = simt::selected;
  return cudaSuccess;
}
cudaError_t cudaSetDevice(int device) {
  if (device < 0 || device >= simt::deviceCount()) return give(cudaErrorInvalidDevice);
  simt::selected = device;
  return give(presence(device));
}
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* p, int device) {
  if (device < 0 || device >= simt::deviceCount()) return give(cudaErrorInvalidDevice);
  *p = {};
  std::snprintf(p->name, sizeof p->name, "simulated GPU, %s", simt::describeOptions().c_str());
  p->major = 8;
  p->minor = 0;
  p->multiProcessorCount = 2;
  p->totalGlobalMem = simt::runtimeOptions().memoryBytes;
  p->sharedMemPerBlockOptin = 227 << 10;
  return cudaSuccess;
}
cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr which, int device) {
  if (device < 0 || device >= simt::deviceCount()) return give(cudaErrorInvalidDevice);
  // Nothing here runs by a clock; one that is named anyway shows what is made of it.
  *value = which == cudaDevAttrGlobalMemoryBusWidth ? 64 : simt::runtimeOptions().clockKHz;
  return cudaSuccess;
}
cudaError_t cudaMemGetInfo(size_t* free, size_t* total) {
  if (presence(simt::selected) != cudaSuccess) return give(presence(simt::selected));
  std::lock_guard<std::mutex> lock(simt::arenaMutex);
  *total = simt::runtimeOptions().memoryBytes;
  *free = *total - std::min(*total, simt::heaps[simt::selected].bytes);
  return cudaSuccess;
}

cudaError_t cudaMalloc(void** p, size_t bytes) {
  if (presence(simt::selected) != cudaSuccess) return give(presence(simt::selected));
  std::lock_guard<std::mutex> lock(simt::arenaMutex);
  auto& o = simt::runtimeOptions();
  if (o.failAllocation > 0 && --o.failAllocation == 0) return give(cudaErrorMemoryAllocation);
  auto& a = simt::arena(simt::selected);
  auto& heap = simt::heaps[simt::selected];
  const size_t size = (bytes + 255) & ~size_t{255};
  if (size < bytes || heap.bytes + size > o.memoryBytes) return give(cudaErrorMemoryAllocation);
  size_t offset;
  if (!heap.free.take(size, &offset)) {
    if (a.top + size > a.capacity) return give(cudaErrorMemoryAllocation);
    offset = a.top;
    a.top += size;
  }
  heap.used.emplace(offset, size);
  heap.bytes += size;
  *p = a.base + offset;
  return cudaSuccess;
}
cudaError_t cudaFree(void* p) {
  if (!p) return cudaSuccess;
  const int device = simt::deviceOf(p);
  if (device < 0) return give(cudaErrorInvalidValue);
  if (presence(device) != cudaSuccess) return give(presence(device));
  Machine::instance().waitForDevice(device);
  std::lock_guard<std::mutex> lock(simt::arenaMutex);
  if (simt::freeFails()) return give(cudaErrorInvalidValue);
  auto& heap = simt::heaps[device];
  const auto used = heap.used.find(static_cast<size_t>(static_cast<char*>(p) - simt::arena(device).base));
  if (used == heap.used.end()) return give(cudaErrorInvalidValue);
  simt::setBits(simt::arena(device).usable, used->first, used->second, false);  // what uses it from now on is found
  heap.free.insert(used->first, used->second);
  heap.bytes -= used->second;
  heap.used.erase(used);
  return cudaSuccess;
}
cudaError_t cudaMallocHost(void** p, size_t bytes) {
  if (presence(simt::selected) != cudaSuccess) return give(presence(simt::selected));
  std::lock_guard<std::mutex> lock(simt::arenaMutex);
  auto& pinned = simt::heaps[simt::selected].pinned;
  const size_t size = (bytes + 4095) & ~size_t{4095}, most = simt::runtimeOptions().pinnedBytes;
  if (size < bytes || pinned > most || size > most - pinned) return give(cudaErrorMemoryAllocation);
  *p = std::aligned_alloc(4096, size);
  if (!*p) return give(cudaErrorMemoryAllocation);
  pinned += size;
  simt::pinnedPieces[*p] = {simt::selected, size};
  return cudaSuccess;
}
cudaError_t cudaFreeHost(void* p) {
  if (!p) return cudaSuccess;
  std::lock_guard<std::mutex> lock(simt::arenaMutex);
  if (simt::freeFails()) return give(cudaErrorInvalidValue);
  const auto piece = simt::pinnedPieces.find(p);
  if (piece == simt::pinnedPieces.end()) return give(cudaErrorInvalidValue);
  simt::heaps[piece->second.first].pinned -= piece->second.second;
  simt::pinnedPieces.erase(piece);
  std::free(p);
  return cudaSuccess;
}

cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes, cudaMemcpyKind kind, cudaStream_t s) {
  if (presence(s->device) != cudaSuccess) return give(presence(s->device));
  const bool toDevice = kind == cudaMemcpyHostToDevice || kind == cudaMemcpyDeviceToDevice;
  const bool fromDevice = kind == cudaMemcpyDeviceToHost || kind == cudaMemcpyDeviceToDevice;
  if ((kind != cudaMemcpyDefault) && ((simt::deviceOf(to) >= 0) != toDevice || (simt::deviceOf(from) >= 0) != fromDevice))
    return give(cudaErrorInvalidValue);
  if (kind == cudaMemcpyDeviceToDevice && simt::deviceOf(to) != simt::deviceOf(from)) return give(cudaErrorInvalidValue);
  simt::copy(s, to, from, bytes, "cudaMemcpyAsync");
  return cudaSuccess;
}
cudaError_t cudaMemcpyPeerAsync(void* to, int toDevice, const void* from, int fromDevice, size_t bytes, cudaStream_t s) {
  if (presence(s->device) != cudaSuccess) return give(presence(s->device));
  if (simt::deviceOf(to) != toDevice || simt::deviceOf(from) != fromDevice) return give(cudaErrorInvalidValue);
  simt::copy(s, to, from, bytes, "cudaMemcpyPeerAsync", !simt::arrives(fromDevice, toDevice));
  return cudaSuccess;
}
cudaError_t cudaMemsetAsync(void* p, int value, size_t bytes, cudaStream_t s) {
  if (presence(s->device) != cudaSuccess) return give(presence(s->device));
  const int device = simt::deviceOf(p);
  if (device < 0) return give(cudaErrorInvalidValue);
  simt::Task task;
  task.name = "cudaMemsetAsync";
  task.run = [=] {
    simt::accessAs("cudaMemsetAsync", [&] { simt::shadowCopyWrite(device, p, bytes); });
    std::memset(p, value, bytes);
  };
  Machine::instance().push(s, std::move(task));
  return cudaSuccess;
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* s, unsigned) {
  if (presence(simt::selected) != cudaSuccess) return give(presence(simt::selected));
  *s = Machine::instance().createStream(simt::selected);
  return cudaSuccess;
}
cudaError_t cudaStreamDestroy(cudaStream_t) { return cudaSuccess; }
cudaError_t cudaStreamSynchronize(cudaStream_t s) {
  Machine::instance().waitForStream(s);
  return give(simt::state(s->device));
}
cudaError_t cudaStreamWaitEvent(cudaStream_t s, cudaEvent_t e, unsigned) {
  if (presence(s->device) != cudaSuccess) return give(presence(s->device));
  if (!e->last) return cudaSuccess;  // never recorded: nothing to wait for
  simt::Task task;
  task.wait = e->last;
  task.name = "cudaStreamWaitEvent";
  Machine::instance().push(s, std::move(task));
  return cudaSuccess;
}
cudaError_t cudaEventCreateWithFlags(cudaEvent_t* e, unsigned) {
  *e = new simt::Event();
  return cudaSuccess;
}
cudaError_t cudaEventDestroy(cudaEvent_t e) {
  delete e;
  return cudaSuccess;
}
cudaError_t cudaEventRecord(cudaEvent_t e, cudaStream_t s) {
  if (presence(s->device) != cudaSuccess) return give(presence(s->device));
  e->last = std::make_shared<simt::Mark>();
  simt::Task task;
  task.mark = e->last;
  task.name = "cudaEventRecord";
  Machine::instance().push(s, std::move(task));
  return cudaSuccess;
}
cudaError_t cudaEventSynchronize(cudaEvent_t e) {
  if (!e->last) return cudaSuccess;
  Machine::instance().waitForMark(e->last);
  return give(simt::state(e->last->stream->device));
}
cudaError_t cudaEventQuery(cudaEvent_t e) { return !e->last || Machine::instance().reached(e->last) ? cudaSuccess : cudaErrorNotReady; }
cudaError_t cudaLaunchHostFunc(cudaStream_t s, cudaHostFn_t function, void* data) {
  simt::Task task;
  task.host = true;
  task.name = "a host function";
  task.run = [=] { function(data); };
  Machine::instance().push(s, std::move(task));
  return cudaSuccess;
}
cudaError_t cudaDeviceSynchronize() {
  Machine::instance().waitForDevice(simt::selected);
  return give(simt::state(simt::selected));
}
cudaError_t cudaDeviceCanAccessPeer(int* can, int device, int peer) {
  *can = device != peer && simt::granted(peer, device);
  return cudaSuccess;
}
cudaError_t cudaDeviceEnablePeerAccess(int peer, unsigned) {
  if (!simt::granted(peer, simt::selected)) return give(cudaErrorPeerAccessUnsupported);
  bool& enabled = simt::peerEnabled[simt::selected][peer];
  if (enabled) return give(cudaErrorPeerAccessAlreadyEnabled);
  enabled = true;
  return cudaSuccess;
}

}  // namespace simt_runtime
