#include "cpu/device.h"

#include <sys/mman.h>

#include <cstdlib>
#include <cstring>

#include "core/error.h"
#include "core/host_read.h"
#include "core/launch.h"
#include "cpu/isa.h"
#include "cpu/pool.h"

namespace convtape::cpu {
namespace {

class CpuEvent : public Event {
 public:
  void wait() override {
    std::unique_lock<std::mutex> lock(mutex_);
    if (set_) return;
    ++waiting_;
    Pool::instance().yielded();
    done_.wait(lock, [this] { return set_; });
    Pool::instance().resumed();
  }
  void set() {
    std::lock_guard<std::mutex> lock(mutex_);
    set_ = true;
    // Counted as computing from now on, or a helper that has taken a waiting thread's processor would keep it.
    Pool::instance().resuming(waiting_);
    done_.notify_all();
  }
  bool done() override {
    std::lock_guard<std::mutex> lock(mutex_);
    return set_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable done_;
  int waiting_ = 0;
  bool set_ = false;
};

constexpr size_t kScratchStep = size_t{2} << 20;

long long environmentNumber(const char* name, long long low, long long high, long long fallback) {
  const char* text = std::getenv(name);
  if (!text || !*text) return fallback;
  char* end = nullptr;
  const long long value = std::strtoll(text, &end, 10);
  if (*end != '\0' || value < low || value > high)
    fail(ErrorKind::Range, name, "must be a whole number from ", low, " to ", high, ", got '", text, "'");
  return value;
}

}  // namespace

std::vector<std::unique_ptr<Device>> createDevices() {
  kernels();  // an instruction set that cannot be had is refused here, when the addon loads
  const int count = static_cast<int>(environmentNumber("CONVTAPE_CPU_DEVICES", 2, 64, 2));
  const size_t limit = static_cast<size_t>(environmentNumber("CONVTAPE_MEMORY_LIMIT_MB", 1, 1LL << 30, 0)) << 20;
  std::vector<std::unique_ptr<Device>> devices;
  for (int i = 0; i < count; ++i) devices.push_back(std::make_unique<CpuDevice>(i, limit));
  return devices;
}

const KernelTable& kernels() {
  static const KernelTable& table = [&]() -> const KernelTable& {
    const Isa isa = chooseIsa();
#if defined(CONVTAPE_AVX512)
    if (isa == Isa::Avx512) return kernelTableAvx512();
#endif
#if defined(CONVTAPE_AVX2)
    if (isa == Isa::Avx2) return kernelTableAvx2();
#endif
#if defined(CONVTAPE_PORTABLE)
    if (isa == Isa::Portable) return kernelTablePortable();
#endif
    std::abort();  // chooseIsa gives what was compiled
  }();
  return table;
}

CpuDevice::CpuDevice(int index, size_t memoryLimit)
    : Device(DeviceKind::Cpu, index), arena_(name(), memoryLimit), staging_(name(), memoryLimit), context_(*this) {
  queue_.start([] { Pool::instance().yielded(); });
}

std::string CpuDevice::describe() const {
  return str(processorName(), ", ", kernels().isa, ", ", Pool::instance().numThreads(), " threads");
}

void CpuDevice::launch(Launch&& work) {
  const auto shared = std::make_shared<Launch>(std::move(work));
  const uint64_t number = submit([this, work = shared] {
    Pool::Busy busy;
    perform(*work, *this, failures_, [&] { kernels().kernels[work->op](work->params, work->operands, context_); });
  });
  for (int i = 0; i < shared->operands.outputs; ++i)
    if (shared->outStatus[i]) shared->outStatus[i]->writtenBy = number;
}

void CpuDevice::write(const std::shared_ptr<Storage>& to, const void* from) {
  awaitReaders(*to);
  if (queue_.idle()) {  // nothing queued can still be using the block
    std::memcpy(to->data, from, to->bytes());
    to->status->set(nullptr);
    return;
  }
  const size_t bytes = to->bytes();
  std::shared_ptr<void> held(staging(bytes), [this](void* p) { staging_.release(p); });
  std::memcpy(held.get(), from, bytes);
  to->status->writtenBy = submit([to = to->data, status = to->status, held, bytes] {
    std::memcpy(to, held.get(), bytes);
    status->set(nullptr);
  });
}

void* CpuDevice::staging(size_t bytes) {
  if (void* p = staging_.tryAllocate(bytes)) return p;
  releaseCached();
  return staging_.allocate(bytes);
}

void CpuDevice::read(const std::shared_ptr<Storage>& from, std::shared_ptr<ReadSink> to) {
  submit([from = std::shared_ptr<Storage>(from), to = std::move(to)]() mutable {
    auto error = from->status->error();
    if (error && to->tells()) error->told = true;
    void* memory = error ? nullptr : to->begin();
    if (memory) std::memcpy(memory, from->data, from->bytes());
    from.reset();  // who has the values finds the memory as it was without the read
    to->end(std::move(error));
  });
}

std::shared_ptr<Event> CpuDevice::written(const Storage& storage) {
  auto event = std::make_shared<CpuEvent>();
  queue_.after(storage.status->writtenBy, [event] { event->set(); });
  return event;
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
  const bool foreign = &from->device != this;
  awaitReaders(*to);
  if (from->device.kind != DeviceKind::Cpu) {  // memory that only its device can read
    auto values = std::make_shared<HostRead>(std::shared_ptr<void>(staging(bytes), [this](void* p) { staging_.release(p); }));
    from->device.read(from, values);
    to->status->writtenBy = submit([values, to = to->data, status = to->status, bytes] {
      auto error = values->wait();
      if (!error) std::memcpy(to, values->data(), bytes);
      status->set(std::move(error));
    });
    return;
  }
  if (foreign) waitFor(static_cast<CpuDevice&>(from->device).written(*from));
  to->status->writtenBy = submit([from, to = to->data, status = to->status, bytes] {
    auto error = from->status->error();
    if (!error) std::memcpy(to, from->data, bytes);
    status->set(error);
  });
  if (foreign) from->addReader(record());
}

void CpuDevice::onIdle(std::function<void(std::shared_ptr<const Error>)> done) {
  submit([this, done = std::move(done)] { done(failures_.take()); });
}

const char* CpuDevice::peerAccess(const Device& other) const {
  return &other == this ? "same" : other.kind == DeviceKind::Cpu ? "direct" : "staged";
}

void* CpuDevice::allocate(size_t bytes) {
  if (void* p = arena_.tryAllocate(bytes)) return p;
  releaseCached();  // what blocks of one size hold may be what another size lacks
  return arena_.allocate(bytes);
}

size_t CpuDevice::releaseCached() {
  record()->wait();  // queued work may still read what the caller has freed
  return arena_.trim() + staging_.trim();
}

void CpuDevice::release(void* data, size_t) noexcept {
#if defined(__SANITIZE_ADDRESS__)
  // Work that is queued may use the block: only behind it can a use of freed memory be told from a right one.
  arena_.retire(data);
  submit([this, data] { arena_.reclaim(data); });
#else
  arena_.release(data);
#endif
}

MemoryStats CpuDevice::memory() const {
  MemoryStats stats = arena_.stats();
  stats.reserved += context_.scratchBytes() + staging_.stats().reserved;
  return stats;
}

void* Context::scratch(size_t bytes) {
  const size_t had = bytes_.load(std::memory_order_relaxed);
  if (bytes <= had) return data_;
  // Not from the device's arena: a block that is free there as JavaScript sees it may still be in use by work queued behind this kernel.
  const size_t size = (bytes + kScratchStep - 1) / kScratchStep * kScratchStep;
  bytes_ = 0;  // what there is makes room for what is asked for
  void* p = device_.canReserve(size) ? mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) : MAP_FAILED;
  if (p == MAP_FAILED) {
    bytes_ = had;  // and stays, for kernels that need no more
    fail(ErrorKind::OutOfMemory, "", "out of memory on ", device_.name(), ": a kernel needs ", static_cast<double>(bytes) / (1 << 20),
         " MB of scratch memory. Use a smaller batch");
  }
  if (had) munmap(data_, had);
  madvise(p, size, MADV_HUGEPAGE);
  data_ = p;
  bytes_ = size;
  return data_;
}

}  // namespace convtape::cpu
