#include "simt/arena.h"

#include <sys/mman.h>

#include <cstdlib>

#include "simt/shadow.h"

namespace simt {
namespace {

constexpr size_t kCapacity = size_t{4} << 30;  // of addresses; pages come when touched
constexpr size_t kAccessBytes = 16;            // of a shadow entry

char* addresses(size_t bytes) {
  void* p = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return p == MAP_FAILED ? nullptr : static_cast<char*>(p);
}

DeviceArena* arenas() {
  static DeviceArena* list = [] {
    auto* made = new DeviceArena[kMaxDevices];
    for (int d = 0; d < deviceCount(); ++d) {
      DeviceArena& a = made[d];
      a.base = addresses(kCapacity);
      a.usable = reinterpret_cast<uint8_t*>(addresses(kCapacity / 8));
      a.written = reinterpret_cast<uint8_t*>(addresses(kCapacity / 8));
      a.words = reinterpret_cast<Access*>(addresses(kCapacity / 4 * kAccessBytes));
      a.bytes = reinterpret_cast<Access*>(addresses(kCapacity * kAccessBytes));
      const bool whole = a.base && a.usable && a.written && a.words && a.bytes;
      a.capacity = whole ? kCapacity : 0;
    }
    return made;
  }();
  return list;
}

}  // namespace

int deviceCount() {
  static const int count = [] {
    const char* text = std::getenv("CONVTAPE_SIM");
    const int n = text ? std::atoi(text) : 0;
    return n < 0 ? 0 : n > kMaxDevices ? kMaxDevices : n;
  }();
  return count;
}

DeviceArena& arena(int device) { return arenas()[device]; }

int deviceOf(const void* p) {
  const char* c = static_cast<const char*>(p);
  for (int d = 0; d < deviceCount(); ++d)
    if (c >= arenas()[d].base && c < arenas()[d].base + arenas()[d].capacity) return d;
  return -1;
}

void setBits(uint8_t* bits, size_t from, size_t count, bool value) {
  size_t i = from;
  const size_t end = from + count;
  for (; i < end && i % 8; ++i) value ? bits[i / 8] |= 1 << i % 8 : bits[i / 8] &= ~(1 << i % 8);
  for (; i + 8 <= end; i += 8) bits[i / 8] = value ? 0xff : 0;
  for (; i < end; ++i) value ? bits[i / 8] |= 1 << i % 8 : bits[i / 8] &= ~(1 << i % 8);
}

size_t firstClear(const uint8_t* bits, size_t from, size_t count) {
  for (size_t i = 0; i < count;) {
    const size_t at = from + i;
    if (at % 8 == 0 && i + 8 <= count && bits[at / 8] == 0xff) {
      i += 8;
      continue;
    }
    if (!(bits[at / 8] >> at % 8 & 1)) return i;
    ++i;
  }
  return count;
}

void isolate(int device) {
  for (int d = 0; d < deviceCount(); ++d) {
    DeviceArena& a = arenas()[d];
    if (a.top) mprotect(a.base, (a.top + 4095) & ~size_t{4095}, device < 0 || d == device ? PROT_READ | PROT_WRITE : PROT_NONE);
  }
}

}  // namespace simt
