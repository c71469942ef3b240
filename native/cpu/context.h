// What a CPU kernel may use besides its operands.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "cpu/pool.h"

namespace convtape::cpu {

// One a device; its memory is used by one kernel at a time, on the device's own thread.
class Context {
 public:
  explicit Context(class CpuDevice& device) : device_(device) {}

  // Scratch memory for one kernel call, 256-byte aligned and uninitialised, kept between calls. Asked for once a call, before any task
  // runs.
  void* scratch(size_t bytes);
  size_t scratchBytes() const { return bytes_.load(std::memory_order_relaxed); }  // from any thread

 private:
  class CpuDevice& device_;
  void* data_ = nullptr;
  std::atomic<size_t> bytes_{0};
};

}  // namespace convtape::cpu
