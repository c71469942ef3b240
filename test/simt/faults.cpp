// Plants every fault the simulator claims to find, and shows each one caught and named; and the same kernels without fault, which must
// pass. Built and run by test/simt/faults.test.ts.
#include "simt/faults.h"

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

const std::vector<const char*> right;  // no fault

// One of `texts` must be in what was found: the order of threads, which the seed decides, may show a fault in more than one way.
void expect(const char* name, const std::string& found, const std::vector<const char*>& texts) {
  bool ok = texts.empty() && found.empty();
  for (const char* text : texts) ok |= found.find(text) != std::string::npos;
  std::printf("%s %s: %s\n", ok ? "ok" : "NOT OK", name, found.empty() ? "no fault" : found.c_str());
  (ok ? passed : failed)++;
}

void plant(const char* name, Launcher* kernel, std::vector<const char*> texts, unsigned blocks = 1) {
  for (bool fault : {false, true}) {
    Place p = make(0);
    kernel(p.stream, p.x, p.y, fault, blocks);
    cudaStreamSynchronize(p.stream);
    expect((std::string(name) + (fault ? ", planted" : ", right")).c_str(), simt::takeFault(0), fault ? texts : right);
  }
}

void plantAsync(int fault, const std::vector<const char*>& texts) {
  Place p = make(0);
  asynchronousLaunch(p.stream, p.x, p.y, fault, 1);
  cudaStreamSynchronize(p.stream);
  expect(fault == 0   ? "asynchronous, right"
         : fault == 1 ? "missing wait"
                      : "missing trailing barrier of a copy",
         simt::takeFault(0), texts);
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
  expect(name, found, right);
}

// Stream a writes, stream b reads; only an event between them makes that right.
void plantEvent(bool fault) {
  Place a = make(0), b = make(0);
  cudaStreamSynchronize(a.stream);
  cudaStreamSynchronize(b.stream);
  scaleLaunch("producer", a.stream, a.x, a.y);
  cudaEvent_t done;
  cudaEventCreateWithFlags(&done, cudaEventDisableTiming);
  cudaEventRecord(done, a.stream);
  if (!fault) cudaStreamWaitEvent(b.stream, done);
  scaleLaunch("consumer", b.stream, a.y, b.y);
  cudaStreamSynchronize(a.stream);
  cudaStreamSynchronize(b.stream);
  // Where the reader happened to come first it read what nobody had written.
  if (fault)
    expect("missing event, planted", simt::takeFault(0), {"missing event between streams", "reads uninitialised global memory"});
  else
    expect("missing event, right", simt::takeFault(0), right);
}

void plantPeer(bool fault) {
  Place a = make(0), b = make(1);
  cudaStreamSynchronize(a.stream);
  if (!fault) {
    cudaMemcpyPeerAsync(b.x, 1, a.x, 0, kThreads * sizeof(float), b.stream);
    scaleLaunch("reads its own copy", b.stream, b.x, b.y);
  } else {
    scaleLaunch("reads its peer", b.stream, a.x, b.y);
  }
  cudaStreamSynchronize(b.stream);
  expect(fault ? "peer's memory, planted" : "peer's memory, right", simt::takeFault(1),
         fault ? std::vector<const char*>{"memory of sim:0 without a peer copy"} : right);
}

void plantAllocation() {
  simt::runtimeOptions().failAllocation = 2;
  void* p = nullptr;
  cudaSetDevice(0);
  const bool first = cudaMalloc(&p, 1024) == cudaSuccess, second = cudaMalloc(&p, 1024) == cudaErrorMemoryAllocation,
             third = cudaMalloc(&p, 1024) == cudaSuccess;
  expect("the n-th allocation fails, and only that", first && second && third ? "" : "wrong order", right);
}

}  // namespace

int main() {
  int count = 0;
  cudaGetDeviceCount(&count);
  if (count < 2) {
    std::printf("needs CONVTAPE_SIM=2\n");
    return 2;
  }
  plant("missing barrier", reverseLaunch, {"race", "reads uninitialised shared memory"});
  plant("missing trailing barrier", trailingLaunch, {"race"});
  plant("divergent barrier", divergentLaunch, {"divergent barrier"});
  plant("a thread exits before a barrier", earlyExitLaunch, {"divergent barrier"});
  plant("a lane exits before a shuffle", laneExitLaunch, {"which has exited"});
  plant("a mask without its own lane", foreignMaskLaunch, {"does not hold its own lane"});
  plant("out-of-bounds read", outOfBoundsLaunch, {"reads outside an allocation"});
  plant("out-of-bounds write", outOfBoundsWriteLaunch, {"writes outside an allocation"});
  plant("out-of-bounds shared memory", sharedOverrunLaunch, {"writes outside the block's shared memory"});
  plant("uninitialised shared memory", uninitialisedSharedLaunch, {"reads uninitialised shared memory"});
  plant("race between blocks", betweenBlocksLaunch, {"another block"}, 2);
  plantAsync(0, right);
  plantAsync(1, {"a wait is missing"});
  plantAsync(2, {"race"});
  plant("an operand of mma that was not rounded", tf32ProductLaunch, {"its conversion is missing"});
  plantProduct("mma, tf32", tf32ProductLaunch, 8);
  plantProduct("mma, bf16", bf16ProductLaunch, 16);
  plantEvent(false);
  plantEvent(true);
  plantPeer(false);
  plantPeer(true);
  plantAllocation();
  std::printf("%d passed, %d failed\n", passed, failed);
  return failed ? 1 : 0;
}
