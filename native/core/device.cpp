#include "core/device.h"

#include <algorithm>

#include "core/error.h"
#include "cpu/device.h"
#ifdef CONVTAPE_SIM
#include "simt/settings.h"
#endif

namespace convtape {

#ifdef CONVTAPE_CUDA
namespace cuda {
std::vector<std::unique_ptr<Device>> createDevices();
}
#endif
#ifdef CONVTAPE_SIM
namespace sim {
std::vector<std::unique_ptr<Device>> createDevices();
}
#endif

const char* nameOf(DeviceKind kind) { return kind == DeviceKind::Cpu ? "cpu" : kind == DeviceKind::Cuda ? "cuda" : "sim"; }

std::string Device::name() const { return str(nameOf(kind), ":", index); }

DeviceRegistry& DeviceRegistry::instance() {
  static DeviceRegistry* registry = new DeviceRegistry();
  return *registry;
}

DeviceRegistry::DeviceRegistry() {
  const auto add = [this](std::vector<std::unique_ptr<Device>> made) {
    for (auto& device : made) devices_.push_back(std::move(device));
  };
#ifdef CONVTAPE_SIM
  simt::readSettings();  // what is refused is refused before a device has started
#endif
  add(cpu::createDevices());
#ifdef CONVTAPE_CUDA
  add(cuda::createDevices());
#endif
#ifdef CONVTAPE_SIM
  add(sim::createDevices());
#endif
}

Device& DeviceRegistry::at(int position) const {
  if (position < 0 || static_cast<size_t>(position) >= devices_.size())
    fail(ErrorKind::Range, "device", "no device at position ", position);
  return *devices_[static_cast<size_t>(position)];
}

void Device::awaitReaders(Storage& storage) {
  for (const auto& event : storage.takeReaders()) waitFor(event);
}

void FailureLog::add(std::shared_ptr<const Error> error) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (failures_.size() < kMost) failures_.push_back(std::move(error));
}

std::shared_ptr<const Error> FailureLog::take() {
  std::vector<std::shared_ptr<const Error>> failures;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    failures.swap(failures_);
  }
  std::shared_ptr<const Error> first;
  size_t others = 0;
  for (auto& failure : failures)
    if (!failure->told.exchange(true)) {
      if (first)
        ++others;
      else
        first = failure;
    }
  return others ? std::make_shared<Error>(*first, str(" (and ", others, others == 1 ? " other failure)" : " other failures)")) : first;
}

Storage::Storage(Device& device, int64_t count, DType dtype)
    : device(device), count(count), dtype(dtype), data(device.allocate(static_cast<size_t>(count) * sizeOf(dtype))) {}

Storage::~Storage() { device.release(data, bytes()); }

void Storage::addReader(std::shared_ptr<Event> event) {
  std::lock_guard<std::mutex> lock(mutex_);
  readers_.erase(std::remove_if(readers_.begin(), readers_.end(), [](const auto& reader) { return reader->done(); }), readers_.end());
  readers_.push_back(std::move(event));
}

std::vector<std::shared_ptr<Event>> Storage::takeReaders() {
  std::lock_guard<std::mutex> lock(mutex_);
  return std::move(readers_);
}

}  // namespace convtape
