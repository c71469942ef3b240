// A piece of one device's memory, and what is known about the values in it.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "core/dtype.h"
#include "core/error.h"

namespace convtape {

class Device;
class Event;

// Work is queued, so a kernel may fail long after the call that asked for it returned. The failure travels with the data:
// outputs of a failed kernel carry its error, kernels that read such an output do not run and pass the error on, and whoever
// reads the values back is given the first error. Set and read on stream threads, hence the lock.
class Status {
 public:
  std::shared_ptr<const Error> error() const {
    std::lock_guard<std::mutex> lock(mutex_);
    return error_;
  }
  void set(std::shared_ptr<const Error> error) {
    std::lock_guard<std::mutex> lock(mutex_);
    error_ = std::move(error);
  }

  // Number of the last work in the queue of its device that writes the values; 0 where none is queued. Set when that is queued.
  std::atomic<uint64_t> writtenBy{0};

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<const Error> error_;
};

// Returned to its device's allocator when the last reference goes. The block may be handed out again at once: work queued on the
// device's stream before that moment runs before whatever is queued after it. Work on *another* device's stream that reads a
// storage must therefore hold a reference until it has run.
class Storage {
 public:
  Storage(Device& device, int64_t count, DType dtype);
  ~Storage();
  Storage(const Storage&) = delete;
  Storage& operator=(const Storage&) = delete;

  // Work on other devices' streams that reads this storage: whatever overwrites it must wait for it (Device::awaitReaders).
  void addReader(std::shared_ptr<Event> event);
  std::vector<std::shared_ptr<Event>> takeReaders();

  size_t bytes() const { return static_cast<size_t>(count) * sizeOf(dtype); }

  Device& device;
  const int64_t count;
  const DType dtype;
  void* const data;
  const std::shared_ptr<Status> status = std::make_shared<Status>();

 private:
  std::mutex mutex_;
  std::vector<std::shared_ptr<Event>> readers_;
};

}  // namespace convtape
