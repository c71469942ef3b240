#include "core/work_queue.h"

#include <thread>
#include <utility>

namespace convtape {

void WorkQueue::start() {
  std::thread([this] { loop(); }).detach();
}

void WorkQueue::submit(std::function<void()> work) {
  std::lock_guard<std::mutex> lock(mutex_);
  queue_.push_back(std::move(work));
  if (idle_) {
    idle_ = false;
    ready_.notify_one();
  }
}

bool WorkQueue::idle() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return idle_;
}

void WorkQueue::loop() {
  for (;;) {
    std::function<void()> work;
    {
      std::unique_lock<std::mutex> lock(mutex_);
      if (queue_.empty()) {
        idle_ = true;
        ready_.wait(lock, [this] { return !queue_.empty(); });
      }
      work = std::move(queue_.front());
      queue_.pop_front();
    }
    work();
  }
}

}  // namespace convtape
