// The memory of the simulated devices, and what is known about each byte of it.
#pragma once

#include <cstddef>
#include <cstdint>

namespace simt {

struct DeviceArena {
  char* base = nullptr;
  size_t capacity = 0;
  size_t top = 0;                  // bytes that cudaMalloc has handed out from the front
  uint8_t* usable = nullptr;       // a bit a byte: inside a live allocation
  uint8_t* written = nullptr;      // a bit a byte: holds a value somebody wrote
  struct Access* words = nullptr;  // shadow of 4-byte accesses
  struct Access* bytes = nullptr;  // shadow of smaller ones
  bool byteAccesses = false;       // whether there were any
};

constexpr int kMaxDevices = 16;
int deviceCount();
DeviceArena& arena(int device);
// The device whose arena holds `p`; -1 where none does.
int deviceOf(const void* p);

void setBits(uint8_t* bits, size_t from, size_t count, bool value);
// Index of the first bit of the range that is not set; `count` where all are.
size_t firstClear(const uint8_t* bits, size_t from, size_t count);

// While a kernel runs on `device`, the other arenas cannot be touched at all; -1 opens all of them.
void isolate(int device);

}  // namespace simt
