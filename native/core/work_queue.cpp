#include "core/work_queue.h"

#include <algorithm>
#include <thread>

namespace convtape {

void WorkQueue::start(void (*idling)()) {
  std::thread([this, idling] { loop(idling); }).detach();
}

uint64_t WorkQueue::submit(std::function<void()> work) {
  std::lock_guard<std::mutex> lock(mutex_);
  queue_.push_back(std::move(work));
  if (idle_) {
    idle_ = false;
    ready_.notify_one();
  }
  return ++submitted_;
}

void WorkQueue::after(uint64_t number, std::function<void()> then) {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (done_ < number) {
      due_.emplace_back(number, std::move(then));
      return;
    }
  }
  then();
}

bool WorkQueue::idle() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return idle_;
}

void WorkQueue::loop(void (*idling)()) {
  std::unique_lock<std::mutex> lock(mutex_);
  for (;;) {
    if (queue_.empty()) {
      idle_ = true;
      if (idling) idling();
      ready_.wait(lock, [this] { return !queue_.empty(); });
    }
    std::function<void()> work = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    work();
    work = nullptr;  // what it held is let go before anybody is told that it has run
    lock.lock();
    ++done_;
    if (due_.empty()) continue;
    const auto later = std::partition(due_.begin(), due_.end(), [this](const auto& d) { return d.first <= done_; });
    std::vector<std::pair<uint64_t, std::function<void()>>> now(std::make_move_iterator(due_.begin()), std::make_move_iterator(later));
    due_.erase(due_.begin(), later);
    if (now.empty()) continue;
    lock.unlock();
    for (const auto& d : now) d.second();
    lock.lock();
  }
}

}  // namespace convtape
