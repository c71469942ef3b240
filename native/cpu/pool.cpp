#include "cpu/pool.h"

#include <chrono>

#include "core/cores.h"

namespace convtape::cpu {
namespace {

inline void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#else
  std::this_thread::yield();
#endif
}

// How long a helper looks for work before it sleeps: kernels of one step follow each other within microseconds.
constexpr auto kSpin = std::chrono::microseconds(40);

}  // namespace

Pool& Pool::instance() {
  static Pool* pool = new Pool();
  return *pool;
}

Pool::Pool() { setNumThreads(availableCores()); }

void Pool::setNumThreads(int n) {
  std::lock_guard<std::mutex> lock(mutex_);
  limit_ = n;
  // The device's own thread is one of the n.
  while (started_.load() < n - 1) std::thread([this, worker = started_.fetch_add(1) + 1] { helperLoop(worker); }).detach();
}

int64_t Pool::Job::take(bool below) {
  uint64_t now = rest.load(std::memory_order_relaxed);
  for (;;) {
    const auto first = static_cast<uint32_t>(now >> 32), left = static_cast<uint32_t>(now);
    if (left == 0) return -1;
    const uint64_t then = below ? packed(first + 1, left - 1) : packed(first, left - 1);
    if (rest.compare_exchange_weak(now, then)) return below ? first : int64_t{first} + left - 1;
  }
}

void Pool::run(int64_t tasks, TaskFn fn, void* context, int workers) {
  Job* job = nullptr;
  if (tasks > 1 && tasks <= kMostTasks && numThreads() > 1)
    for (Job& candidate : jobs_) {
      bool expected = false;
      if (candidate.taken.compare_exchange_strong(expected, true)) {
        job = &candidate;
        break;
      }
    }
  if (!job) {
    for (int64_t i = 0; i < tasks; ++i) fn(context, i, 0);
    return;
  }
  job->workers = workers;
  job->fn = fn;
  job->context = context;
  job->rest.store(Job::packed(0, static_cast<uint32_t>(tasks)));
  job->open.store(true);
  openJobs_.fetch_add(1);
  if (busy_.load() < numThreads()) wake();
  for (int64_t i; (i = job->take(true)) >= 0;) fn(context, i, 0);
  openJobs_.fetch_sub(1);
  job->open.store(false);
  while (job->helpers.load() != 0) pause();
  job->taken.store(false);
}

void Pool::wake() {
  if (sleeping_.load() == 0) return;
  std::lock_guard<std::mutex> lock(mutex_);
  wake_.notify_all();
}

void Pool::yielded() {
  if (openJobs_.load() > 0) wake();
}

bool Pool::helpOnce(int worker) {
  bool helped = false;
  for (Job& job : jobs_) {
    if (!job.open.load(std::memory_order_relaxed)) continue;
    if (busy_.fetch_add(1) < numThreads()) {
      job.helpers.fetch_add(1);
      // `open` is read again only now that the owner would wait for this helper.
      if (job.open.load() && worker < job.workers) {
        while (busy_.load() <= numThreads()) {
          const int64_t i = job.take(false);
          if (i < 0) break;
          job.fn(job.context, i, worker);
          helped = true;
        }
      }
      job.helpers.fetch_sub(1);
    }
    busy_.fetch_sub(1);
  }
  return helped;
}

void Pool::helperLoop(int worker) {
  auto last = std::chrono::steady_clock::now();
  for (;;) {
    if (openJobs_.load() > 0 && helpOnce(worker)) {
      last = std::chrono::steady_clock::now();
      continue;
    }
    // Where all the threads that may be busy are, to look for work would only take their processors away.
    if (busy_.load() < numThreads() && std::chrono::steady_clock::now() - last < kSpin) {
      for (int i = 0; i < 16; ++i) pause();
      continue;
    }
    std::unique_lock<std::mutex> lock(mutex_);
    // Counted before it looks: whoever makes it wanted looks at the count after that, so one of the two sees the other.
    sleeping_.fetch_add(1);
    if (wanted())
      wake_.wait_for(lock, std::chrono::microseconds(200));  // by work that is none of ours to take
    else
      wake_.wait(lock, [this] { return wanted(); });
    sleeping_.fetch_sub(1);
    last = std::chrono::steady_clock::now();
  }
}

}  // namespace convtape::cpu
