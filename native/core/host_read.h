// A read that native code waits for.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>

#include "core/device.h"

namespace convtape {

class HostRead : public ReadSink {
 public:
  explicit HostRead(std::shared_ptr<void> memory) : memory_(std::move(memory)) {}
  void* begin() override { return memory_.get(); }
  void end(std::shared_ptr<const Error> error) override {
    std::lock_guard<std::mutex> lock(mutex_);
    error_ = std::move(error);
    finished_ = true;
    ready_.notify_all();
  }
  bool tells() const override { return false; }
  // Blocks until the values, or an error, are there.
  std::shared_ptr<const Error> wait() {
    std::unique_lock<std::mutex> lock(mutex_);
    ready_.wait(lock, [this] { return finished_; });
    return error_;
  }
  const void* data() const { return memory_.get(); }

 private:
  const std::shared_ptr<void> memory_;
  std::mutex mutex_;
  std::condition_variable ready_;
  bool finished_ = false;
  std::shared_ptr<const Error> error_;
};

}  // namespace convtape
