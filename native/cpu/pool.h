// Worker threads shared by all CPU devices, and the parallel loop kernels use.
//
// A kernel cuts its work into tasks by the problem's size alone, never by the number of threads, and no two tasks add into the same
// number; so results have the same bits whatever the number of threads. A task runs on the device's own thread or on a helper;
// helpers join only while fewer than `numThreads` threads are busy, so two busy devices do not crowd each other out.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

namespace convtape::cpu {

// `worker` tells the threads of one run apart: 0 is the caller, helpers have fixed numbers below the run's limit.
using TaskFn = void (*)(void* context, int64_t task, int worker);

class Pool {
 public:
  static Pool& instance();

  int numThreads() const { return limit_.load(std::memory_order_relaxed); }
  void setNumThreads(int n);
  // Every worker number there is now is below this: as many slices of scratch memory serve all of a run's threads.
  int workers() const { return started_.load() + 1; }

  // Runs fn(context, 0 … tasks-1, worker), in any order, on workers below `workers`, and returns when all have run. Called from a
  // device's thread, inside Busy. fn must not throw.
  void run(int64_t tasks, TaskFn fn, void* context, int workers);

  // The task that a worker takes after `task` if it is one of two; there may be none such. (See Job::rest.)
  static int64_t following(int64_t task, int worker) { return worker == 0 ? task + 1 : task - 1; }

  // A device's thread is about to wait, for work or for another device: a helper may take its place meanwhile.
  void yielded();
  // What `count` such threads wait for has come; and each of them has noticed.
  void resuming(int count) { busy_.fetch_add(count); }
  void resumed() { busy_.fetch_sub(1); }

  // Marks a device's thread as computing for as long as it lives.
  class Busy {
   public:
    Busy() { Pool::instance().busy_.fetch_add(1); }
    ~Busy() { Pool::instance().busy_.fetch_sub(1); }
    Busy(const Busy&) = delete;
    Busy& operator=(const Busy&) = delete;
  };

 private:
  Pool();
  struct alignas(64) Job {
    std::atomic<bool> taken{false};  // a device's thread owns the slot
    std::atomic<bool> open{false};   // helpers may look at the fields below
    std::atomic<int> helpers{0};     // helpers that are looking
    // Tasks that nobody has begun: from `first` up to, and without, `first + left`. The owner takes them from below and helpers from
    // above, so that of two runs over the same data a thread finds in its caches what it left there.
    std::atomic<uint64_t> rest{0};
    static uint64_t packed(uint32_t first, uint32_t left) { return uint64_t{first} << 32 | left; }
    int64_t take(bool below);  // −1 where none is left
    int workers = 0;
    TaskFn fn = nullptr;
    void* context = nullptr;
  };
  static constexpr int kJobs = 64;
  static constexpr int64_t kMostTasks = 0xffffffff;  // that threads share; of more the caller runs all

  bool wanted() const { return openJobs_.load() > 0 && busy_.load() < numThreads(); }
  void wake();
  void helperLoop(int worker);
  bool helpOnce(int worker);

  Job jobs_[kJobs];
  std::atomic<int> limit_{1};
  std::atomic<int> busy_{0};
  std::atomic<int> openJobs_{0};
  std::atomic<int> sleeping_{0};
  std::mutex mutex_;
  std::condition_variable wake_;
  std::atomic<int> started_{0};
};

}  // namespace convtape::cpu
