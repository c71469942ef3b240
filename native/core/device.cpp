#include "core/device.h"

#include <cstdlib>

#include "core/error.h"
#include "cpu/device.h"

namespace convtape {

const char* nameOf(DeviceKind kind) { return kind == DeviceKind::Cpu ? "cpu" : kind == DeviceKind::Cuda ? "cuda" : "sim"; }

std::string Device::name() const { return str(nameOf(kind), ":", index); }

DeviceRegistry& DeviceRegistry::instance() {
  static DeviceRegistry* registry = new DeviceRegistry();
  return *registry;
}

DeviceRegistry::DeviceRegistry() {
  for (auto& device : cpu::createDevices()) devices_.push_back(std::move(device));
}

Device& DeviceRegistry::at(int position) const {
  if (position < 0 || static_cast<size_t>(position) >= devices_.size())
    fail(ErrorKind::Range, "device", "no device at position ", position);
  return *devices_[static_cast<size_t>(position)];
}

Storage::Storage(Device& device, int64_t count, DType dtype)
    : device(device), count(count), dtype(dtype), data(device.allocate(static_cast<size_t>(count) * sizeOf(dtype))) {}

Storage::~Storage() { device.release(data, bytes()); }

}  // namespace convtape
