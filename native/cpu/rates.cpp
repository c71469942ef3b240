#include "cpu/rates.h"

#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace convtape::cpu {
namespace {

using Clock = std::chrono::steady_clock;

double since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

// Results go here, so that no compiler can drop the work.
std::atomic<float> sink;

// Two units with a latency of four or five cycles keep at most ten multiply-adds in flight; more chains only cost registers.
constexpr int kChains = 12;
constexpr int kRounds = 4096;

// One chunk: kRounds × kChains vectors of multiply-adds; returns its operations.
using Chunk = double (*)();

#if defined(__x86_64__)
__attribute__((target("avx512f"))) double chunkAvx512() {
  __m512 a[kChains];
  for (int i = 0; i < kChains; ++i) a[i] = _mm512_set1_ps(static_cast<float>(i));
  const __m512 b = _mm512_set1_ps(0.9999f), c = _mm512_set1_ps(0.0001f);
  for (int round = 0; round < kRounds; ++round)
#pragma GCC unroll 16
    for (int i = 0; i < kChains; ++i) a[i] = _mm512_fmadd_ps(a[i], b, c);
  __m512 sum = a[0];
  for (int i = 1; i < kChains; ++i) sum = _mm512_add_ps(sum, a[i]);
  float lanes[16];
  _mm512_storeu_ps(lanes, sum);
  sink = lanes[0] + lanes[15];
  return 2.0 * 16 * kChains * kRounds;
}

__attribute__((target("avx2,fma"))) double chunkAvx2() {
  __m256 a[kChains];
  for (int i = 0; i < kChains; ++i) a[i] = _mm256_set1_ps(static_cast<float>(i));
  const __m256 b = _mm256_set1_ps(0.9999f), c = _mm256_set1_ps(0.0001f);
  for (int round = 0; round < kRounds; ++round)
#pragma GCC unroll 16
    for (int i = 0; i < kChains; ++i) a[i] = _mm256_fmadd_ps(a[i], b, c);
  __m256 sum = a[0];
  for (int i = 1; i < kChains; ++i) sum = _mm256_add_ps(sum, a[i]);
  float lanes[8];
  _mm256_storeu_ps(lanes, sum);
  sink = lanes[0] + lanes[7];
  return 2.0 * 8 * kChains * kRounds;
}
#endif

double chunkPortable() {
  typedef float Four __attribute__((vector_size(16)));
  Four a[kChains];
  for (int i = 0; i < kChains; ++i) a[i] = Four{} + static_cast<float>(i);
  const Four b = Four{} + 0.9999f, c = Four{} + 0.0001f;
  for (int round = 0; round < kRounds; ++round)
#pragma GCC unroll 16
    for (int i = 0; i < kChains; ++i) {
#if defined(__FP_FAST_FMAF)
      for (int lane = 0; lane < 4; ++lane) a[i][lane] = __builtin_fmaf(a[i][lane], b[lane], c[lane]);
#else
      a[i] = a[i] * b + c;
#endif
    }
  for (int i = 1; i < kChains; ++i) a[0] += a[i];
  sink = a[0][0] + a[0][3];
  return 2.0 * 4 * kChains * kRounds;
}

struct Widest {
  const char* isa;
  Chunk chunk;
};

Widest widest() {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512f")) return {"avx512", chunkAvx512};
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return {"avx2", chunkAvx2};
#endif
  return {"portable", chunkPortable};
}

// body(0 … threads-1), all begun together.
void together(int threads, const std::function<void(int)>& body) {
  std::atomic<int> waiting{threads};
  std::vector<std::thread> others;
  auto run = [&](int i) {
    waiting.fetch_sub(1);
    while (waiting.load() > 0) std::this_thread::yield();
    body(i);
  };
  for (int i = 1; i < threads; ++i) others.emplace_back(run, i);
  run(0);
  for (std::thread& t : others) t.join();
}

// Zeroed, and touched by the thread that will use it.
class Block {
 public:
  explicit Block(size_t bytes) : bytes_(bytes) {
    void* p = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) return;
    madvise(p, bytes, MADV_HUGEPAGE);
    data_ = static_cast<float*>(p);
  }
  ~Block() {
    if (data_) munmap(data_, bytes_);
  }
  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;
  float* data() const { return data_; }

 private:
  size_t bytes_;
  float* data_ = nullptr;
};

// `n` floats, a multiple of 64, aligned to a cache line.
void readPass(const float* from, size_t n) {
#if defined(__x86_64__)
  __m128 sum[4] = {_mm_setzero_ps(), _mm_setzero_ps(), _mm_setzero_ps(), _mm_setzero_ps()};
  for (size_t i = 0; i < n; i += 16)
    for (int j = 0; j < 4; ++j) sum[j] = _mm_add_ps(sum[j], _mm_load_ps(from + i + 4 * j));
  sink = _mm_cvtss_f32(_mm_add_ps(_mm_add_ps(sum[0], sum[1]), _mm_add_ps(sum[2], sum[3])));
#else
  float sum[16] = {};
  for (size_t i = 0; i < n; i += 16)
    for (int j = 0; j < 16; ++j) sum[j] += from[i + j];
  sink = sum[0] + sum[15];
#endif
}

void copyPass(float* to, const float* from, size_t n) {
#if defined(__x86_64__)
  for (size_t i = 0; i < n; i += 16) {
    __builtin_prefetch(from + i + 1024);
    for (int j = 0; j < 16; j += 4) _mm_stream_ps(to + i + j, _mm_load_ps(from + i + j));
  }
  _mm_sfence();
#else
  std::copy(from, from + n, to);
#endif
}

void writePass(float* to, size_t n) {
#if defined(__x86_64__)
  const __m128 one = _mm_set1_ps(1);
  for (size_t i = 0; i < n; i += 4) _mm_stream_ps(to + i, one);
  _mm_sfence();
#else
  std::fill_n(to, n, 1.0f);
#endif
}

// What a rate is measured on, kept from call to call: to be given so much memory takes longer than many passes over it.
class Blocks {
 public:
  Blocks(int threads, size_t each) : threads_(threads), each_(each), from_(bytes()), to_(bytes()) {
    if (!mapped()) return;
    together(threads, [&](int i) {
      std::fill_n(from(i), each, 1.0f);
      std::fill_n(to(i), each, 0.0f);
    });
  }
  bool serves(int threads, size_t each) const { return mapped() && threads == threads_ && each == each_; }
  bool mapped() const { return from_.data() && to_.data(); }
  size_t bytes() const { return each_ * threads_ * sizeof(float); }
  float* from(int thread) const { return from_.data() + thread * each_; }
  float* to(int thread) const { return to_.data() + thread * each_; }

 private:
  int threads_;
  size_t each_;  // floats of a thread
  Block from_, to_;
};

std::mutex keptMutex;
std::unique_ptr<Blocks> kept;

}  // namespace

const char* widestIsa() { return widest().isa; }

double fmaRate(int threads, double seconds) {
  const Chunk chunk = widest().chunk;
  std::vector<double> rates(threads);
  together(threads, [&](int i) {
    const auto start = Clock::now();
    double operations = 0, elapsed = 0;
    do {
      operations += chunk();
      elapsed = since(start);
    } while (elapsed < seconds);
    rates[i] = operations / elapsed;
  });
  double sum = 0;
  for (double rate : rates) sum += rate;
  return sum;
}

double memoryRate(Traffic traffic, int threads, size_t bytes, int passes) {
  const size_t each = bytes / sizeof(float) / threads / 64 * 64;
  if (each == 0) return 0;
  const std::lock_guard lock(keptMutex);
  if (!kept || !kept->serves(threads, each)) {
    kept.reset();  // before there is memory for the next
    kept = std::make_unique<Blocks>(threads, each);
  }
  const Blocks& blocks = *kept;
  if (!blocks.mapped()) return 0;
  double best = 0;
  for (int pass = 0; pass < passes; ++pass) {
    std::vector<double> seconds(threads);
    together(threads, [&](int i) {
      const auto start = Clock::now();
      if (traffic == Traffic::Read)
        readPass(blocks.from(i), each);
      else if (traffic == Traffic::Write)
        writePass(blocks.to(i), each);
      else
        copyPass(blocks.to(i), blocks.from(i), each);
      seconds[i] = since(start);
    });
    const double slowest = *std::max_element(seconds.begin(), seconds.end());
    best = std::max(best, static_cast<double>(blocks.bytes()) * (traffic == Traffic::Copy ? 2 : 1) / slowest);
  }
  return best;
}

}  // namespace convtape::cpu
