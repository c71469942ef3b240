// Switching between the stacks of simulated threads.
#pragma once

#include <cstddef>
#include <cstdint>

namespace simt {

extern "C" void simt_switch(void** save, void* to);  // fiber.cpp

// A stack that simt_switch can enter: it starts in `entry`, which must never return.
inline void* prepareStack(char* base, size_t size, void (*entry)()) {
  auto* top = reinterpret_cast<uint64_t*>(reinterpret_cast<uintptr_t>(base + size) & ~uintptr_t{15});
  *--top = 0;  // keeps the stack aligned as after a call, and ends a debugger's backtrace
  *--top = reinterpret_cast<uint64_t>(entry);
  for (int i = 0; i < 6; ++i) *--top = 0;  // the six registers that simt_switch restores
  return top;
}

}  // namespace simt
