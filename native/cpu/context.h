// What a CPU kernel may use besides its operands.
#pragma once

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

 private:
  class CpuDevice& device_;
  void* data_ = nullptr;
  size_t bytes_ = 0;
};

}  // namespace convtape::cpu
