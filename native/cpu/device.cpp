#include "cpu/device.h"

#include <cstdlib>
#include <cstring>
#include <thread>

#include "core/error.h"
#include "core/registry.h"
#include "cpu/isa.h"

namespace convtape::cpu {
namespace {

class CpuEvent : public Event {
 public:
  void wait() override {
    std::unique_lock<std::mutex> lock(mutex_);
    done_.wait(lock, [this] { return set_; });
  }
  void set() {
    std::lock_guard<std::mutex> lock(mutex_);
    set_ = true;
    done_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable done_;
  bool set_ = false;
};

long long environmentNumber(const char* name, long long fallback) {
  const char* text = std::getenv(name);
  if (!text || !*text) return fallback;
  char* end = nullptr;
  const long long value = std::strtoll(text, &end, 10);
  return *end == '\0' && value > 0 ? value : fallback;
}

}  // namespace

std::vector<std::unique_ptr<Device>> createDevices() {
  kernels();  // an instruction set that cannot be had is refused here, when the addon loads
  const int count = static_cast<int>(std::min(64LL, std::max(2LL, environmentNumber("CONVTAPE_CPU_DEVICES", 2))));
  const size_t limit = static_cast<size_t>(environmentNumber("CONVTAPE_MEMORY_LIMIT_MB", 0)) << 20;
  std::vector<std::unique_ptr<Device>> devices;
  for (int i = 0; i < count; ++i) devices.push_back(std::make_unique<CpuDevice>(i, limit));
  return devices;
}

const KernelTable& kernels() {
  static const KernelTable& table = [&]() -> const KernelTable& {
    switch (chooseIsa()) {
      case Isa::Avx512:
        return kernelTableAvx512();
      case Isa::Avx2:
        return kernelTableAvx2();
      default:
        return kernelTablePortable();
    }
  }();
  return table;
}

CpuDevice::CpuDevice(int index, size_t memoryLimit) : Device(DeviceKind::Cpu, index), arena_(name(), memoryLimit), context_(*this) {
  // Lives as long as the process: the device is never destroyed.
  std::thread([this] { loop(); }).detach();
}

std::string CpuDevice::describe() const {
  return str(processorName(), ", ", kernels().isa, ", ", Pool::instance().numThreads(), " threads");
}

void CpuDevice::submit(std::function<void()> work) {
  std::lock_guard<std::mutex> lock(mutex_);
  queue_.push_back(std::move(work));
  if (idle_) {
    idle_ = false;
    ready_.notify_one();
  }
}

void CpuDevice::loop() {
  for (;;) {
    std::function<void()> work;
    {
      std::unique_lock<std::mutex> lock(mutex_);
      if (queue_.empty()) {
        idle_ = true;
        ready_.wait(lock, [this] { return !queue_.empty(); });
      }
      work = std::move(queue_.front());
      queue_.pop_front();
    }
    work();
  }
}

void CpuDevice::remember(const std::shared_ptr<const Error>& error) {
  std::lock_guard<std::mutex> lock(errorMutex_);
  if (!untold_) untold_ = error;
}

void CpuDevice::forget(const std::shared_ptr<const Error>& error) {
  std::lock_guard<std::mutex> lock(errorMutex_);
  if (untold_ == error) untold_ = nullptr;
}

void CpuDevice::launch(Launch&& work) {
  submit([this, work = std::make_shared<Launch>(std::move(work))] { runLaunch(*work); });
}

void CpuDevice::runLaunch(Launch& work) {
  Pool::Busy busy;
  std::shared_ptr<const Error> error;
  for (int i = 0; i < work.operands.inputs && !error; ++i)
    if (work.inStatus[i]) error = work.inStatus[i]->error();
  if (!error) {
    try {
      kernels().kernels[work.op](work.params, work.operands, context_);
    } catch (const Error& e) {
      error = std::make_shared<Error>(e.kind, "", str(e.what(), " (on ", name(), ")"));
      remember(error);
    } catch (const std::exception& e) {
      error = std::make_shared<Error>(ErrorKind::Device, opInfo(work.op).name, str(e.what(), " (on ", name(), ")"));
      remember(error);
    }
  }
  if (work.inPlace) return;  // values that were there before stay valid: the failed update did not happen
  for (int i = 0; i < work.operands.outputs; ++i)
    if (work.outStatus[i] && (error || !work.partial)) work.outStatus[i]->set(error);
}

void CpuDevice::write(const std::shared_ptr<Storage>& to, const void* from) {
  bool direct;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    direct = idle_;
  }
  if (direct) {  // nothing queued can still be using the block
    std::memcpy(to->data, from, to->bytes());
    to->status->set(nullptr);
    return;
  }
  const size_t bytes = to->bytes();
  void* staging = arena_.allocate(bytes);
  std::memcpy(staging, from, bytes);
  // Released when the closure has run, so later work cannot be handed the block before.
  std::shared_ptr<void> held(staging, [this](void* p) { arena_.release(p); });
  submit([to = to->data, status = to->status, held, bytes] {
    std::memcpy(to, held.get(), bytes);
    status->set(nullptr);
  });
}

void CpuDevice::read(const std::shared_ptr<Storage>& from, void* to, std::function<void(std::shared_ptr<const Error>)> done) {
  submit([this, from, to, done = std::move(done)] {
    auto error = from->status->error();
    if (error)
      forget(error);
    else
      std::memcpy(to, from->data, from->bytes());
    done(error);
  });
}

std::shared_ptr<Event> CpuDevice::record() {
  auto event = std::make_shared<CpuEvent>();
  submit([event] { event->set(); });
  return event;
}

void CpuDevice::waitFor(const std::shared_ptr<Event>& event) {
  submit([event] { event->wait(); });
}

void CpuDevice::copyFrom(const std::shared_ptr<Storage>& to, const std::shared_ptr<Storage>& from) {
  const size_t bytes = to->bytes();
  if (&from->device != this) waitFor(from->device.record());
  submit([from, to = to->data, status = to->status, bytes] {
    auto error = from->status->error();
    if (!error) std::memcpy(to, from->data, bytes);
    status->set(error);
  });
}

void CpuDevice::onIdle(std::function<void(std::shared_ptr<const Error>)> done) {
  submit([this, done = std::move(done)] {
    std::shared_ptr<const Error> error;
    {
      std::lock_guard<std::mutex> lock(errorMutex_);
      std::swap(error, untold_);
    }
    done(error);
  });
}

const char* CpuDevice::peerAccess(const Device& other) const {
  return &other == this ? "same" : other.kind == DeviceKind::Cpu ? "direct" : "staged";
}

void* Context::scratch(size_t bytes) {
  if (bytes > bytes_) {
    if (data_) device_.release(data_, bytes_);
    data_ = nullptr;
    bytes_ = 0;
    data_ = device_.allocate(bytes);
    bytes_ = bytes;
  }
  return data_;
}

}  // namespace convtape::cpu
