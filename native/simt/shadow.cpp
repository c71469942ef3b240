#include "simt/shadow.h"

#include <link.h>
#include <sys/mman.h>

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "simt/arena.h"
#include "simt/executor.h"
#include "simt/machine.h"

namespace simt {

// 64 bits an access: launch 16, block 18, block barriers passed 12, warp barriers passed since 6, thread 10, and two marks.
struct Access {
  uint64_t writer;
  uint64_t reader;
};

namespace {

constexpr uint64_t kMany = 1;       // readers of more than one thread (of one warp, where kManyWarps is not set)
constexpr uint64_t kManyWarps = 2;  // readers of more than one warp or block

struct Stamp {
  uint64_t v;
  uint64_t launch() const { return v >> 48; }
  uint64_t block() const { return v >> 30 & 0x3ffff; }
  uint64_t epoch() const { return v >> 18 & 0xfff; }
  uint64_t warpEpoch() const { return v >> 12 & 0x3f; }
  uint64_t thread() const { return v >> 2 & 0x3ff; }
};

uint64_t launchStamp = 1;

Stamp now() {
  const Thread* t = currentThread;
  if (!t) return {launchStamp << 48};  // a copy
  const uint64_t warpEpoch = t->warpEpoch < 63 ? t->warpEpoch : 63;
  return {launchStamp << 48 | uint64_t{currentBlock.linear & 0x3ffff} << 30 | uint64_t{currentBlock.epoch & 0xfff} << 18 | warpEpoch << 12 |
          uint64_t{t->linear} << 2};
}

// The host code beside a kernel is instrumented as well, and runs on threads of its own. Initial-exec: a lookup by name at every access of
// every kernel would cost as much as the check.
__attribute__((tls_model("initial-exec"))) thread_local bool runsKernels = false;

std::vector<Access> sharedWords;
std::vector<uint8_t> sharedWritten, sharedPending;  // one a byte

bool sameWarp(Stamp a, Stamp b) { return a.thread() / 32 == b.thread() / 32; }

// Whether the recorded access and one made now are unordered: same launch, and no barrier between them.
bool unordered(Stamp then, Stamp me) {
  if (then.launch() != me.launch()) return false;
  if (then.block() != me.block()) return true;
  if (then.epoch() != me.epoch()) return false;
  if (then.v & kManyWarps) return true;
  if (then.thread() == me.thread() && !(then.v & kMany)) return false;
  return !(sameWarp(then, me) && then.warpEpoch() < me.warpEpoch());
}

std::string who(Stamp s) {
  return s.v & (kMany | kManyWarps) ? std::string("several threads")
                                    : "thread " + std::to_string(s.thread()) + " of block " + std::to_string(s.block());
}

std::string at(const void* p, const char* space, const void* base) {
  return std::string(space) + " memory at byte " + std::to_string(static_cast<const char*>(p) - static_cast<const char*>(base));
}

void race(const char* mine, const char* theirs, Stamp then, const std::string& where) {
  fault(std::string("race: ") + mine + " " + where + " that " + who(then) + " " + theirs + " with no barrier in between" +
        (then.block() != (currentBlock.linear & 0x3ffff) ? " (another block: nothing orders blocks)" : ""));
}

// An earlier kernel's or copy's access that no event and no stream orders before the running one.
void checkTasks(Stamp then, const char* mine, const char* theirs, const std::string& where) {
  if (then.launch() == 0 || then.launch() == launchStamp || !currentClock) return;
  const TaskRecord& task = taskOf(then.launch());
  const size_t stream = static_cast<size_t>(task.stream);
  if (task.stream == currentStream || (stream < currentClock->size() && (*currentClock)[stream] >= task.position)) return;
  fault(std::string("missing event between streams: ") + mine + " " + where + " that " + task.name + " on another stream " + theirs);
}

void check(Access& a, bool write, bool atomic, const void* p, const char* space, const void* base) {
  const Stamp me = now();
  checkTasks({a.writer}, write ? "writes" : "reads", "wrote", at(p, space, base));
  if (write) checkTasks({a.reader}, "writes", "read", at(p, space, base));
  if (unordered({a.writer}, me) && !(atomic && (a.writer & kMany)))
    race(write ? "writes" : "reads", "wrote", {a.writer}, at(p, space, base));
  if (write) {
    if (unordered({a.reader}, me)) race("writes", "read", {a.reader}, at(p, space, base));
    a.writer = atomic ? me.v | kMany : me.v;
    return;
  }
  const Stamp before{a.reader};
  uint64_t mark = 0;
  if (unordered(before, me)) mark = (before.v & kManyWarps) || before.block() != me.block() || !sameWarp(before, me) ? kManyWarps : kMany;
  a.reader = me.v | mark;
}

// Addresses that are neither a device's nor the block's: the thread's own stack, or constants of the program.
bool inProgram(const void* p) {
  struct Query {
    uintptr_t address;
    bool found;
  } query = {reinterpret_cast<uintptr_t>(p), false};
  dl_iterate_phdr(
      [](dl_phdr_info* info, size_t, void* data) {
        auto& q = *static_cast<Query*>(data);
        for (int i = 0; i < info->dlpi_phnum; ++i) {
          const auto& h = info->dlpi_phdr[i];
          const uintptr_t begin = info->dlpi_addr + h.p_vaddr;
          if (h.p_type == PT_LOAD && q.address >= begin && q.address < begin + h.p_memsz) q.found = true;
        }
        return 0;
      },
      &query);
  return query.found;
}

void accessShared(const char* p, size_t bytes, bool write, bool atomic) {
  const size_t offset = static_cast<size_t>(p - reinterpret_cast<const char*>(currentBlock.shared));
  if (offset + bytes > currentBlock.sharedBytes)
    fault(std::string(write ? "writes" : "reads") + " outside the block's shared memory: byte " + std::to_string(offset) + " of " +
          std::to_string(currentBlock.sharedBytes));
  for (size_t i = offset; i < offset + bytes; ++i) {
    if (sharedPending[i])
      fault(std::string(write ? "writes" : "reads") + " " + at(p, "shared", currentBlock.shared) +
            " while an asynchronous copy to it is under way (a wait is missing)");
    if (write)
      sharedWritten[i] = 1;
    else if (!sharedWritten[i])
      fault("reads uninitialised " + at(p, "shared", currentBlock.shared));
  }
  for (size_t w = offset / 4; w <= (offset + bytes - 1) / 4; ++w) check(sharedWords[w], write, atomic, p, "shared", currentBlock.shared);
}

void accessDevice(int device, const char* p, size_t bytes, bool write, bool atomic) {
  DeviceArena& a = arena(device);
  const size_t offset = static_cast<size_t>(p - a.base);
  if (device != currentDevice)
    fault(std::string(write ? "writes" : "reads") + " memory of sim:" + std::to_string(device) + " without a peer copy");
  if (firstClear(a.usable, offset, bytes) < bytes)
    fault(std::string(write ? "writes" : "reads") + " outside an allocation: " + at(p, "global", a.base));
  if (write)
    setBits(a.written, offset, bytes, true);
  else if (firstClear(a.written, offset, bytes) < bytes)
    fault("reads uninitialised " + at(p, "global", a.base));
  if (bytes >= 4)
    for (size_t w = offset / 4; w < (offset + bytes) / 4; ++w) check(a.words[w], write, atomic, p, "global", a.base);
  else {
    a.byteAccesses = true;
    for (size_t i = offset; i < offset + bytes; ++i) check(a.bytes[i], write, atomic, p, "global", a.base);
  }
}

void access(const void* pointer, size_t bytes, bool write, bool atomic = false) {
  if (!runsKernels || !currentThread || !options().check) return;
  const char* p = static_cast<const char*>(pointer);
  if (p >= currentThread->stack && p < currentThread->stack + kStackBytes) return;
  const char* shared = reinterpret_cast<const char*>(currentBlock.shared);
  // A little beyond its end counts as shared, so that an overrun is named as one.
  if (p >= shared && p < shared + currentBlock.sharedBytes + 256) return accessShared(p, bytes, write, atomic);
  const int device = deviceOf(p);
  if (device >= 0) return accessDevice(device, p, bytes, write, atomic);
  if (ownedBySimulator(p)) return;
  if (write || !inProgram(p)) fault(std::string(write ? "writes" : "reads") + " host memory, which no GPU could reach");
}

}  // namespace

void shadowOwnThread() { runsKernels = true; }

void shadowBeginTask(const char* name) {
  if (++launchStamp == (1u << 16)) {
    // The stamps start again: forget the old ones.
    launchStamp = 1;
    for (int d = 0; d < deviceCount(); ++d) {
      DeviceArena& a = arena(d);
      madvise(a.words, a.capacity / 4 * sizeof(Access), MADV_DONTNEED);
      madvise(a.bytes, a.capacity * sizeof(Access), MADV_DONTNEED);
    }
  }
  const size_t stream = static_cast<size_t>(currentStream < 0 ? 0 : currentStream);
  recordTask(launchStamp, {name, currentStream, currentClock ? (*currentClock)[stream] : 0});
}

namespace {

void accessCopy(int device, const char* p, size_t bytes, bool write) {
  if (!options().check || bytes == 0) return;
  DeviceArena& a = arena(device);
  const size_t offset = static_cast<size_t>(p - a.base);
  if (firstClear(a.usable, offset, bytes) < bytes)
    throw KernelFault(std::string(write ? "writes" : "reads") + " outside an allocation: " + at(p, "global", a.base));
  if (write)
    setBits(a.written, offset, bytes, true);
  else if (const size_t i = firstClear(a.written, offset, bytes); i < bytes)
    throw KernelFault("reads uninitialised " + at(p + i, "global", a.base));
  // Both granularities, since the next reader may be of either. A copy has no threads to race with, but it has other streams.
  for (size_t w = offset / 4; w < (offset + bytes) / 4; ++w) check(a.words[w], write, false, a.base + w * 4, "global", a.base);
  const bool bytewise = a.byteAccesses || bytes % 4 != 0;
  for (size_t i = offset; bytewise && i < offset + bytes; ++i) check(a.bytes[i], write, false, a.base + i, "global", a.base);
}

}  // namespace

void shadowCopyRead(int device, const void* p, size_t bytes) { accessCopy(device, static_cast<const char*>(p), bytes, false); }
void shadowCopyWrite(int device, void* p, size_t bytes) { accessCopy(device, static_cast<const char*>(p), bytes, true); }

void shadowResetShared(void*, size_t bytes) {
  sharedWords.assign(bytes / 4 + 1, Access{0, 0});
  sharedWritten.assign(bytes, 0);
  sharedPending.assign(bytes, 0);
}

void shadowRead(const void* p, size_t bytes) { access(p, bytes, false); }
void shadowWrite(void* p, size_t bytes) { access(p, bytes, true); }
void shadowAtomic(void* p, size_t bytes) { access(p, bytes, true, true); }

void shadowAsyncIssue(void* to, size_t bytes) {
  if (!options().check) return;
  access(to, bytes, true);
  const size_t offset = static_cast<size_t>(static_cast<unsigned char*>(to) - currentBlock.shared);
  if (offset + bytes > currentBlock.sharedBytes) fault("an asynchronous copy must go to shared memory");
  std::memset(&sharedPending[offset], 1, bytes);
}

void shadowAsyncDone(void* to, size_t bytes) {
  if (!options().check) return;
  const size_t offset = static_cast<size_t>(static_cast<unsigned char*>(to) - currentBlock.shared);
  std::memset(&sharedPending[offset], 0, bytes);
  access(to, bytes, true);
}

}  // namespace simt

// What instrumented code calls. Kernels have no use for the function and vtable hooks.
extern "C" {
void __tsan_init() {}
void __tsan_func_entry(void*) {}
void __tsan_func_exit() {}
void __tsan_vptr_update(void**, void*) {}
void __tsan_vptr_read(void**) {}
#define CONVTAPE_TSAN(N)                                               \
  void __tsan_read##N(void* p) { simt::shadowRead(p, N); }             \
  void __tsan_write##N(void* p) { simt::shadowWrite(p, N); }           \
  void __tsan_unaligned_read##N(void* p) { simt::shadowRead(p, N); }   \
  void __tsan_unaligned_write##N(void* p) { simt::shadowWrite(p, N); } \
  void __tsan_volatile_read##N(void* p) { simt::shadowRead(p, N); }    \
  void __tsan_volatile_write##N(void* p) { simt::shadowWrite(p, N); }
CONVTAPE_TSAN(1)
CONVTAPE_TSAN(2)
CONVTAPE_TSAN(4)
CONVTAPE_TSAN(8)
CONVTAPE_TSAN(16)
#undef CONVTAPE_TSAN
void __tsan_read_range(void* p, unsigned long n) { simt::shadowRead(p, n); }
void __tsan_write_range(void* p, unsigned long n) { simt::shadowWrite(p, n); }
}
