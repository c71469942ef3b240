// Work for one thread, run in the order it came: what makes a device a stream.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>

namespace convtape {

class WorkQueue {
 public:
  WorkQueue() = default;
  WorkQueue(const WorkQueue&) = delete;
  WorkQueue& operator=(const WorkQueue&) = delete;

  // Starts the thread, which lives as long as the process: devices are never destroyed.
  void start();
  void submit(std::function<void()> work);
  bool idle() const;  // nothing queued and nothing running

 private:
  void loop();

  mutable std::mutex mutex_;
  std::condition_variable ready_;
  std::deque<std::function<void()>> queue_;
  bool idle_ = true;
};

}  // namespace convtape
