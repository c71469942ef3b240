// Work for one thread, run in the order it came: what makes a device a stream.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <utility>
#include <vector>

namespace convtape {

class WorkQueue {
 public:
  WorkQueue() = default;
  WorkQueue(const WorkQueue&) = delete;
  WorkQueue& operator=(const WorkQueue&) = delete;

  // Starts the thread, which lives as long as the process: devices are never destroyed. `idling` is called on it before it waits for work.
  void start(void (*idling)() = nullptr);
  // Returns the number of the work: 1 for the first.
  uint64_t submit(std::function<void()> work);
  // Calls `then` on the queue's thread as soon as the work of that number has run; at once, and here, where it has.
  void after(uint64_t number, std::function<void()> then);
  bool idle() const;  // nothing queued and nothing running

 private:
  void loop(void (*idling)());

  mutable std::mutex mutex_;
  std::condition_variable ready_;
  std::deque<std::function<void()>> queue_;
  std::vector<std::pair<uint64_t, std::function<void()>>> due_;
  uint64_t submitted_ = 0, done_ = 0;
  bool idle_ = true;
};

}  // namespace convtape
