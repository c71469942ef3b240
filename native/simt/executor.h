// Runs a kernel on the CPU as CUDA would: one fiber a thread, blocks one after another, and every rule of CUDA's that can be broken
// checked. All of it happens on one machine thread (simt/runtime.h), so its state is plain globals.
#pragma once

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

namespace simt {

struct Dim3 {
  unsigned x = 1, y = 1, z = 1;
  Dim3() = default;
  Dim3(unsigned x, unsigned y = 1, unsigned z = 1) : x(x), y(y), z(z) {}  // NOLINT: implicit, as in CUDA
  unsigned count() const { return x * y * z; }
};

enum class CopyPolicy { Eager, Lazy, Random };

struct Options {
  uint64_t seed = 1;                       // order of threads, warps and blocks; random policies
  CopyPolicy copies = CopyPolicy::Random;  // when an asynchronous copy to shared memory happens
  bool check = true;                       // the shadow log: races, bounds, uninitialised reads (in instrumented builds)
};
Options& options();

// A rule of CUDA's was broken. what(): the kernel, the block, the thread and the rule.
struct KernelFault : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// Runs invoke(call) once for each thread of the grid. Throws KernelFault.
void runGrid(const char* kernel, int device, Dim3 grid, Dim3 block, size_t sharedBytes, const void* call, size_t callBytes,
             void (*invoke)(const void*));

// Whether `p` is the simulator's own: a thread's index, the kernel's arguments.
bool ownedBySimulator(const void* p);

// --- what a running kernel sees -------------------------------------------------------------------------------------------------

struct AsyncCopy {
  void* to;
  const void* from;
  unsigned bytes;
  unsigned group;
  bool done;
};

struct Thread {
  Dim3 id;
  uint16_t linear = 0, warp = 0, lane = 0;
  uint32_t warpEpoch = 0;  // __syncwarp()s passed since the last block barrier
  enum State : uint8_t { Ready, AtWarp, AtBlock, Exited } state = Ready;
  const char* site = nullptr;  // where it waits
  uint32_t mask = 0;
  uint64_t deposit[8] = {};  // what a collective hands in, and takes out
  unsigned group = 0;        // asynchronous copy group being filled
  std::vector<AsyncCopy> copies;
  void* sp = nullptr;
  char* stack = nullptr;
};
constexpr size_t kStackBytes = size_t{64} << 10;

struct Block {
  Dim3 id;
  uint32_t linear = 0;
  uint32_t epoch = 0;  // block barriers passed
  unsigned char* shared = nullptr;
  size_t sharedBytes = 0;
};

extern Thread* currentThread;
extern Block currentBlock;
extern Dim3 currentGrid, currentBlockDim;
extern const char* currentKernel;
extern int currentDevice;
extern uint32_t currentLaunch;  // number of the running kernel; 0 where none runs

enum class Vote { None, Or, And, Count };
int blockBarrier(const char* site, Vote vote = Vote::None, int predicate = 0);

// Waits until every lane of `mask` is at the same site, runs `last` once over the warp's threads (index = lane), then goes on.
// `orders`: whether it also orders memory accesses, as __syncwarp does and a shuffle does not.
void warpCollective(const char* site, uint32_t mask, void (*last)(Thread* const* lanes, uint32_t mask), bool orders);

void asyncCopy(void* to, const void* from, unsigned bytes, unsigned fromBytes);
void asyncCommit();
void asyncWait(unsigned pendingGroups);

// Ends the kernel with a KernelFault; called on a fiber, never returns.
[[noreturn]] void fault(const std::string& rule);
// For inline functions of kernels, which must not instantiate std::string: the linker might keep their instrumented copies for all.
[[noreturn]] void faultAt(const char* site, const char* rule);

uint64_t random();

}  // namespace simt
