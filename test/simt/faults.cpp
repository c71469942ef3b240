// Plants every fault the simulator claims to find, and shows each one caught and named; and the same kernels without fault, which must
// pass. Built and run by test/simt/faults.test.ts.
#include "simt/faults.h"

#include <cmath>
#include <cstdio>
#include <string>
#include <vector>

namespace {

int passed = 0, failed = 0;

struct Place {
  cudaStream_t stream;
  float* x;
  float* y;
};

float* allocate(int device, cudaStream_t stream, size_t count) {
  cudaSetDevice(device);
  void* p = nullptr;
  cudaMalloc(&p, count * sizeof(float) + 256);
  simt::annotateAllocated(stream, p, count * sizeof(float));
  return static_cast<float*>(p);
}

Place make(int device) {
  static std::vector<float> ones(kThreads, 1.0f);
  cudaSetDevice(device);
  Place p;
  cudaStreamCreateWithFlags(&p.stream, cudaStreamNonBlocking);
  p.x = allocate(device, p.stream, kThreads);
  p.y = allocate(device, p.stream, 2 * kThreads);
  cudaMemcpyAsync(p.x, ones.data(), kThreads * sizeof(float), cudaMemcpyHostToDevice, p.stream);
  return p;
}

struct Found {
  std::string by;                  // begins so: the kernel or copy that did it
  std::vector<const char*> texts;  // one of them is in it: the order of threads may show a fault in more than one way
};
const Found nothing;

void expect(const std::string& name, const std::string& found, const Found& wanted) {
  bool ok = wanted.texts.empty() && found.empty();
  for (const char* text : wanted.texts) ok |= found.rfind(wanted.by, 0) == 0 && found.find(text) != std::string::npos;
  std::printf("%s %s: %s\n", ok ? "ok" : "NOT OK", name.c_str(), found.empty() ? "no fault" : found.c_str());
  (ok ? passed : failed)++;
}

// Runs `work` without its fault and with it, on memory of its own.
template <class Work>
void plant(const char* name, const Found& wanted, Work work) {
  for (bool fault : {false, true}) {
    work(fault);
    std::string found;
    for (int device : {0, 1}) {
      cudaSetDevice(device);
      cudaDeviceSynchronize();
      found += simt::takeFault(device);
    }
    cudaGetLastError();
    expect(std::string(name) + (fault ? ", planted" : ", right"), found, fault ? wanted : nothing);
  }
}

struct Kernel {
  const char* name;
  Launcher* launch;
};

// What is found names the kernel, the block and the thread.
void plantIn(const Kernel& kernel, const char* name, const std::vector<const char*>& texts, int which = 1, unsigned blocks = 1) {
  std::string found;
  plant(name, {std::string("kernel ") + kernel.name + " on sim:0: ", texts}, [&](bool fault) {
    Place p = make(0);
    kernel.launch(p.stream, p.x, p.y, fault ? which : 0, blocks);
    cudaStreamSynchronize(p.stream);
    found = simt::faultOf(0);
  });
  const bool placed = found.find("block (") != std::string::npos && found.find(", thread (") != std::string::npos;
  expect(std::string(name) + ", where", placed ? "" : "no block and thread in it: " + found, nothing);
}

// Products of small integers, exact in tf32 and bf16.
void plantProduct(const char* name, Launcher* kernel, int depth) {
  Place p = make(0);
  kernel(p.stream, p.x, p.y, 0, 1);
  std::vector<float> y(128);
  cudaMemcpyAsync(y.data(), p.y, y.size() * sizeof(float), cudaMemcpyDeviceToHost, p.stream);
  cudaStreamSynchronize(p.stream);
  std::string found = simt::takeFault(0);
  for (int i = 0; i < 16 && found.empty(); ++i)
    for (int j = 0; j < 8 && found.empty(); ++j) {
      int sum = 0;
      for (int k = 0; k < depth; ++k) sum += elementOfA(i, k) * elementOfB(k, j);
      if (y[static_cast<size_t>(i * 8 + j)] != static_cast<float>(sum)) found = "wrong at " + std::to_string(i) + ", " + std::to_string(j);
    }
  expect(name, found, nothing);
}

// Two streams, each with what it needs; nothing orders them but an event.
void plantEvents() {
  Place a, b;
  cudaEvent_t done;
  const auto begin = [&] {
    a = make(0), b = make(0);
    cudaStreamSynchronize(a.stream);
    cudaStreamSynchronize(b.stream);
    cudaEventCreateWithFlags(&done, cudaEventDisableTiming);
  };
  const auto order = [&](bool fault) {
    cudaEventRecord(done, a.stream);
    if (!fault) cudaStreamWaitEvent(b.stream, done);
  };
  // Where the reader happened to come first it read what nobody had written.
  const std::vector<const char*> unordered{"missing event between streams", "reads uninitialised global memory"};
  plant("missing event between kernels", {"kernel consumer on sim:0: ", unordered}, [&](bool fault) {
    begin();
    scaleLaunch("producer", a.stream, a.x, a.y);
    order(fault);
    scaleLaunch("consumer", b.stream, a.y, b.y);
  });
  plant("an event recorded too early", {"kernel consumer on sim:0: ", unordered}, [&](bool fault) {
    begin();
    if (fault) order(false);
    scaleLaunch("producer", a.stream, a.x, a.y);
    if (!fault) order(false);
    scaleLaunch("consumer", b.stream, a.y, b.y);
  });
  plant("missing event before a copy", {"cudaMemcpyAsync: ", unordered}, [&](bool fault) {
    begin();
    scaleLaunch("producer", a.stream, a.x, a.y);
    order(fault);
    cudaMemcpyAsync(b.x, a.y, kThreads * sizeof(float), cudaMemcpyDeviceToDevice, b.stream);
  });
  plant("missing event behind a copy", {"kernel consumer on sim:0: ", unordered}, [&](bool fault) {
    begin();
    cudaMemcpyAsync(a.y, a.x, kThreads * sizeof(float), cudaMemcpyDeviceToDevice, a.stream);
    order(fault);
    scaleLaunch("consumer", b.stream, a.y, b.y);
  });
  // Whichever comes second is the one that is named.
  plant("values overwritten while another stream may read them", {"", {"missing event between streams"}}, [&](bool fault) {
    begin();
    scaleLaunch("reader", a.stream, a.x, a.y);
    order(fault);
    scaleLaunch("writer", b.stream, b.x, a.x);
  });
}

void plantPeers() {
  const char* text = "memory of sim:0 without a peer copy";
  for (bool checked : {true, false}) {
    // Without the shadow log it is the closed arena that tells.
    simt::options().check = checked;
    plant(checked ? "a kernel reads its peer" : "a kernel reads its peer, unchecked", {"kernel of one on sim:1: ", {text}},
          [&](bool fault) {
            Place a = make(0), b = make(1);
            cudaStreamSynchronize(a.stream);
            if (!fault) cudaMemcpyPeerAsync(b.x, 1, a.x, 0, kThreads * sizeof(float), b.stream);
            scaleLaunch("of one", b.stream, fault ? a.x : b.x, b.y);
          });
    plant(checked ? "a kernel writes to its peer" : "a kernel writes to its peer, unchecked", {"kernel of one on sim:1: ", {text}},
          [&](bool fault) {
            Place a = make(0), b = make(1);
            cudaStreamSynchronize(a.stream);
            scaleLaunch("of one", b.stream, b.x, fault ? a.y : b.y);
          });
  }
  simt::options().check = true;
}

// What the shadow log would have found, were it on: unwritten memory is NaN.
void plantPoison() {
  simt::options().check = false;
  for (bool fault : {false, true}) {
    Place p = make(0);
    std::vector<float> y(kThreads);
    uninitialisedGlobalLaunch(p.stream, p.x, p.y, fault, 1);
    cudaMemcpyAsync(y.data(), p.y, y.size() * sizeof(float), cudaMemcpyDeviceToHost, p.stream);
    cudaStreamSynchronize(p.stream);
    int wrong = 0;
    for (float v : y) wrong += std::isnan(v);
    expect(fault ? "poison of fresh memory, planted" : "poison of fresh memory, right",
           wrong == (fault ? 1 : 0) ? "" : std::to_string(wrong) + " are NaN", nothing);
    uninitialisedSharedLaunch(p.stream, p.x, p.y, fault, 1);
    cudaMemcpyAsync(y.data(), p.y, y.size() * sizeof(float), cudaMemcpyDeviceToHost, p.stream);
    cudaStreamSynchronize(p.stream);
    wrong = 0;
    for (float v : y) wrong += std::isnan(v);
    expect(fault ? "poison of shared memory, planted" : "poison of shared memory, right",
           wrong == (fault ? 1 : 0) ? "" : std::to_string(wrong) + " are NaN", nothing);
  }
  simt::options().check = true;
}

void plantCopies() {
  static std::vector<float> host(4 * kThreads);
  constexpr size_t kBytes = kThreads * sizeof(float);
  plant("a copy beyond its source", {"cudaMemcpyAsync: ", {"reads outside an allocation"}}, [](bool fault) {
    Place p = make(0);
    cudaMemcpyAsync(host.data(), p.x, kBytes + (fault ? 4 : 0), cudaMemcpyDeviceToHost, p.stream);
  });
  plant("a copy beyond its target", {"cudaMemcpyAsync: ", {"writes outside an allocation"}}, [](bool fault) {
    Place p = make(0);
    cudaMemcpyAsync(p.x, host.data(), kBytes + (fault ? 4 : 0), cudaMemcpyHostToDevice, p.stream);
  });
  plant("a copy between devices beyond its target", {"cudaMemcpyPeerAsync: ", {"writes outside an allocation"}}, [](bool fault) {
    Place a = make(0), b = make(1);
    cudaMemsetAsync(a.y, 0, 2 * kBytes, a.stream);
    cudaStreamSynchronize(a.stream);
    cudaMemcpyPeerAsync(b.x, 1, a.y, 0, kBytes + (fault ? 4 : 0), b.stream);
  });
  plant("a fill beyond its target", {"cudaMemsetAsync: ", {"writes outside an allocation"}}, [](bool fault) {
    Place p = make(0);
    cudaMemsetAsync(p.x, 0, kBytes + (fault ? 4 : 0), p.stream);
  });
  plant("a copy of what nobody wrote", {"cudaMemcpyAsync: ", {"reads uninitialised global memory"}}, [](bool fault) {
    Place p = make(0);
    cudaMemcpyAsync(host.data(), fault ? p.y : p.x, kBytes, cudaMemcpyDeviceToHost, p.stream);
  });
}

void plantPointers() {
  static std::vector<float> host(kThreads, 1.0f);
  plant("a kernel reads host memory", {"kernel of one on sim:0: block (", {"reads host memory"}}, [](bool fault) {
    Place p = make(0);
    scaleLaunch("of one", p.stream, fault ? host.data() : p.x, p.y);
  });
  plant("a kernel writes to host memory", {"kernel of one on sim:0: block (", {"writes host memory"}}, [](bool fault) {
    Place p = make(0);
    scaleLaunch("of one", p.stream, p.x, fault ? host.data() : p.y);
  });
  plant("a kernel uses what the allocator has taken back", {"kernel of one on sim:0: block (", {"reads outside an allocation"}},
        [](bool fault) {
          Place p = make(0);
          if (fault) simt::annotateReleased(p.stream, p.x, kThreads * sizeof(float));
          scaleLaunch("of one", p.stream, p.x, p.y);
          if (!fault) simt::annotateReleased(p.stream, p.x, kThreads * sizeof(float));
        });
  plant("a kernel uses what was freed", {"kernel of one on sim:0: block (", {"writes outside an allocation"}}, [](bool fault) {
    Place p = make(0);
    if (fault) cudaFree(p.y);
    scaleLaunch("of one", p.stream, p.x, p.y);
    if (!fault) cudaFree(p.y);
  });
  Place p = make(0);
  const bool once = cudaFree(p.y) == cudaSuccess, twice = cudaFree(p.y) == cudaErrorInvalidValue,
             inside = cudaFree(p.x + 1) == cudaErrorInvalidValue;
  cudaGetLastError();
  expect("memory is freed once, by its beginning", once && twice && inside ? "" : "wrong answers", nothing);
}

void plantLaunches() {
  const auto launch = [](const char* name, const char* text, dim3 grid, dim3 block, size_t sharedBytes) {
    plant(name, {"kernel scale on sim:0: ", {text}}, [=](bool fault) {
      Place p = make(0);
      fault ? shapedLaunch(p.stream, p.x, p.y, grid, block, sharedBytes) : shapedLaunch(p.stream, p.x, p.y, dim3(1), dim3(kThreads), 0);
    });
  };
  launch("too many threads", "1025 threads in a block", dim3(1), dim3(1025), 0);
  launch("an empty grid", "the grid is empty", dim3(0), dim3(kThreads), 0);
  launch("too many blocks in y", "more than 65,535 blocks in y", dim3(1, 65536), dim3(kThreads), 0);
  launch("too much shared memory", "232449 bytes of shared memory", dim3(1), dim3(kThreads), 232449);
}

void plantAllocation() {
  simt::runtimeOptions().failAllocation = 2;
  void* p = nullptr;
  cudaSetDevice(0);
  const bool first = cudaMalloc(&p, 1024) == cudaSuccess, second = cudaMalloc(&p, 1024) == cudaErrorMemoryAllocation,
             third = cudaMalloc(&p, 1024) == cudaSuccess;
  expect("the n-th allocation fails, and only that", first && second && third ? "" : "wrong order", nothing);
}

}  // namespace

int main() {
  int count = 0;
  cudaGetDeviceCount(&count);
  if (count < 2) {
    std::printf("needs CONVTAPE_SIM=2\n");
    return 2;
  }
#define KERNEL(name) Kernel{#name, name##Launch}
  plantIn(KERNEL(reverse), "missing barrier", {"race", "reads uninitialised shared memory"});
  plantIn(KERNEL(trailing), "missing trailing barrier", {"race"});
  plantIn(KERNEL(divergent), "barriers at different places", {"divergent barrier"});
  plantIn(KERNEL(divergentVote), "barriers with a vote at different places", {"divergent barrier"});
  plantIn(KERNEL(earlyExit), "a thread exits before a barrier", {"divergent barrier"});
  // What comes last there can only be found at the end, when nobody can go on.
  plantIn(KERNEL(barrierBesideShuffle), "a barrier while other lanes shuffle", {"divergent warp", "deadlock"});
  plantIn(KERNEL(laneExit), "a lane exits before a shuffle", {"which has exited", "deadlock"});
  plantIn(KERNEL(foreignMask), "a mask without its own lane", {"does not hold its own lane"});
  plantIn(KERNEL(foreignSource), "a shuffle from outside its mask", {"reads a lane that its mask does not hold"});
  plantIn(KERNEL(missingLane), "a mask with a lane that is not there", {"which the block does not have"});
  plantIn(KERNEL(unequalMasks), "masks that do not agree", {"divergent warp", "which has exited", "deadlock"});
  plantIn(KERNEL(divergentWarp), "lanes at different shuffles", {"divergent warp"});
  plantIn(KERNEL(tf32Product), "mma without half its lanes", {"which has exited", "deadlock"}, 2);
  plantIn(KERNEL(outOfBounds), "out-of-bounds read", {"reads outside an allocation"});
  plantIn(KERNEL(outOfBoundsWrite), "out-of-bounds write", {"writes outside an allocation"});
  plantIn(KERNEL(sharedOverread), "out-of-bounds read of shared memory", {"reads outside the block's shared memory"});
  plantIn(KERNEL(sharedOverrun), "out-of-bounds write to shared memory", {"writes outside the block's shared memory"});
  plantIn(KERNEL(uninitialisedShared), "uninitialised shared memory", {"reads uninitialised shared memory"});
  plantIn(KERNEL(uninitialisedGlobal), "uninitialised global memory", {"reads uninitialised global memory"});
  plantIn(KERNEL(withinWarp), "race within a warp", {"race"});
  plantIn(KERNEL(withinWarp), "a shuffle in a barrier's place", {"race"}, 2);
  plantIn(KERNEL(throughGlobal), "race in global memory", {"race"});
  plantIn(KERNEL(atomicAndPlain), "race with an atomic", {"race"});
  plantIn(KERNEL(betweenBlocks), "race between blocks", {"another block"}, 1, 2);
  plantIn(KERNEL(asynchronous), "missing wait", {"a wait is missing"}, 1);
  plantIn(KERNEL(asynchronous), "missing trailing barrier of a copy", {"race"}, 2);
  plantIn(KERNEL(asynchronous), "a write while a copy is under way", {"a wait is missing"}, 3);
  plantIn(KERNEL(asynchronous), "a copy that nobody waits for", {"it never waited for"}, 4);
  plantIn(KERNEL(asynchronousOfFour), "a copy between unaligned addresses", {"are not multiples of that"});
  plantIn(KERNEL(tf32Product), "an operand of mma that was not rounded", {"its conversion is missing"});
#undef KERNEL
  plantProduct("mma, tf32", tf32ProductLaunch, 8);
  plantProduct("mma, bf16", bf16ProductLaunch, 16);
  plantLaunches();
  plantPointers();
  plantCopies();
  plantEvents();
  plantPeers();
  plantPoison();
  plantAllocation();
  std::printf("%d passed, %d failed\n", passed, failed);
  return failed ? 1 : 0;
}
