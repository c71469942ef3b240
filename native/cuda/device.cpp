#include "cuda/device.h"

#include <cstring>

#include "core/error.h"
#include "core/launch.h"
#include "cuda/peak.h"

namespace convtape::CONVTAPE_GPU {
namespace {

#ifdef CONVTAPE_SIMULATED
constexpr DeviceKind kKind = DeviceKind::Sim;
#else
constexpr DeviceKind kKind = DeviceKind::Cuda;
#endif

double megabytes(size_t bytes) { return static_cast<double>(bytes) / (1 << 20); }

}  // namespace

std::vector<std::unique_ptr<Device>> createDevices() {
  int count = 0;
  if (cudaGetDeviceCount(&count) != cudaSuccess) {
    cudaGetLastError();
    count = 0;
  }
  std::vector<std::unique_ptr<Device>> devices;
  for (int i = 0; i < count; ++i) devices.push_back(std::make_unique<GpuDevice>(kKind, i));
  return devices;
}

GpuDevice::GpuDevice(DeviceKind kind, int index) : Device(kind, index), arena_(index), pinned_(index) {
  check(cudaGetDeviceProperties(&properties_, index), "", "cudaGetDeviceProperties");
  submit([this] { start(); });
  queue_.start();
  completions_.submit([this] {
    const cudaError_t status = cleared(cudaSetDevice(this->index));
    if (status != cudaSuccess) lose(status, "cudaSetDevice");
  });
  completions_.start();
}

// Here, and not when the addon loads: a context takes a GPU's memory, and a fraction of a second.
void GpuDevice::start() {
  attempt("start", [this] {
    check(cudaSetDevice(index), "", "cudaSetDevice");
    check(cudaStreamCreateWithFlags(&compute_, cudaStreamNonBlocking), "", "cudaStreamCreateWithFlags");
    check(cudaStreamCreateWithFlags(&copies_, cudaStreamNonBlocking), "", "cudaStreamCreateWithFlags");
    runner_.stream = compute_;
    runner_.device = index;
    runner_.multiprocessors = properties_.multiProcessorCount;
    runner_.capability = properties_.major * 10 + properties_.minor;
    runner_.sharedLimit = properties_.sharedMemPerBlockOptin;
    // Blocks that copies still read are held by them, and what copies wrote the stream had waited for when the block was released.
    runner_.makeRoom = [this] { freeSegments(arena_.takeFree(true)); };
  });
}

std::string GpuDevice::describe() const {
  return str(properties_.name, ", compute capability ", properties_.major, ".", properties_.minor, ", ",
             static_cast<long long>(megabytes(properties_.totalGlobalMem)), " MB, ", properties_.multiProcessorCount, " multiprocessors");
}

PeakRates GpuDevice::peakRates() const { return peakRatesOf(index, properties_); }

// ── failures ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

std::shared_ptr<const Error> GpuDevice::lost() const {
  std::lock_guard<std::mutex> lock(lostMutex_);
  return lost_;
}

std::shared_ptr<const Error> GpuDevice::lose(cudaError_t status, const std::string& during) {
  std::lock_guard<std::mutex> lock(lostMutex_);
  if (lost_) return lost_;
  std::string op, text;
#ifdef CONVTAPE_SIMULATED
  text = simt::faultOf(index);
  if (text.rfind("kernel ", 0) == 0) op = runner_.operatorOf(text.substr(7, text.find(" on ") - 7));
#endif
  if (text.empty()) {
    const std::string recent = runner_.recentOperators();
    text = str(cudaGetErrorName(status), " (", cudaGetErrorString(status), "), noticed in ", during);
    if (!recent.empty()) text += str("; queued last: ", recent, ". CONVTAPE_GPU_SYNC=1 shows which one fails");
  }
  lost_ = std::make_shared<Error>(ErrorKind::Device, op,
                                  str(text, " (on ", name(), ", which this process can no longer use; other devices go on)"));
  failures_.add(lost_);
  return lost_;
}

// Behind what is queued it is known.
void GpuDevice::throwIfLost() {
  drain();
  if (auto error = lost()) throw Error(*error);
}

void GpuDevice::asCaller(const std::function<void()>& work) {
  try {
    work();
  } catch (const Error& e) {
    if (e.kind != ErrorKind::Device) throw;
    throwIfLost();
    throw Error(e, str(" (on ", name(), ")"));
  }
}

std::shared_ptr<const Error> GpuDevice::understand(const Error& error) {
  if (error.kind != ErrorKind::Device) return std::make_shared<Error>(error);
  // A call that was wrong in itself leaves the device usable; a fault of a kernel is answered by every call from now on.
  const cudaError_t status = compute_ ? cudaStreamSynchronize(compute_) : cudaErrorInvalidDevice;
  cudaGetLastError();
  return status == cudaSuccess ? std::make_shared<Error>(error) : lose(status, error.what());
}

std::shared_ptr<const Error> GpuDevice::attempt(const char* what, const std::function<void()>& work) {
  if (auto error = lost()) return error;
  try {
    work();
    return nullptr;
  } catch (const Error& e) {
    return understand(e.op.empty() ? Error(e.kind, what, str(e.what(), " (on ", name(), ")")) : e);
  }
}

// ── streams ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

GpuDevice::EventPtr GpuDevice::mark(cudaStream_t stream) {
  auto event = std::make_shared<GpuEvent>(events_);
  event->record(lost() ? nullptr : stream);
  return event;
}

void GpuDevice::awaitArrival(const void* data) {
  const auto it = arrivals_.find(data);
  if (it == arrivals_.end()) return;
  if (cudaEvent_t event = it->second->recorded()) check(cudaStreamWaitEvent(compute_, event, 0), "", "cudaStreamWaitEvent");
  arrivals_.erase(it);
}

void GpuDevice::openToCopies(const void* data) {
  awaitArrival(data);
  if (cudaEvent_t event = mark(compute_)->recorded()) check(cudaStreamWaitEvent(copies_, event, 0), "", "cudaStreamWaitEvent");
}

void GpuDevice::afterwards(EventPtr event, std::function<void(std::shared_ptr<const Error>)> done) {
  completions_.submit([this, event = std::move(event), done = std::move(done)] {
    const cudaError_t status = event->synchronize();
    done(status == cudaSuccess ? lost() : lose(status, "cudaEventSynchronize"));
  });
}

std::shared_ptr<Event> GpuDevice::record() {
  auto event = std::make_shared<GpuEvent>(events_);
  submit([this, event] { event->record(lost() ? nullptr : compute_); });
  return event;
}

void GpuDevice::waitFor(const std::shared_ptr<Event>& event) {
  submit([this, event] {
    auto* mine = dynamic_cast<GpuEvent*>(event.get());
    if (!mine) return event->wait();  // of another kind of device, which no stream here can wait for
    attempt("wait", [&] {
      if (cudaEvent_t recorded = mine->recorded()) check(cudaStreamWaitEvent(compute_, recorded, 0), "", "cudaStreamWaitEvent");
    });
  });
}

void GpuDevice::onIdle(std::function<void(std::shared_ptr<const Error>)> done) {
  submit([this, done = std::move(done)] {
    EventPtr copied = mark(copies_);
    afterwards(copied, [](std::shared_ptr<const Error>) {});
    afterwards(mark(compute_), [this, done](std::shared_ptr<const Error> error) {
      auto failure = failures_.take();
      // A lost device says so every time: nothing that was asked of it has been done.
      done(failure ? failure : error);
    });
  });
}

void GpuDevice::drain() {
  std::mutex mutex;
  std::condition_variable changed;
  bool idle = false;
  submit([&, this] {
    afterwards(mark(copies_), [](std::shared_ptr<const Error>) {});
    afterwards(mark(compute_), [&](std::shared_ptr<const Error>) {
      std::lock_guard<std::mutex> lock(mutex);
      idle = true;
      changed.notify_one();
    });
  });
  std::unique_lock<std::mutex> lock(mutex);
  changed.wait(lock, [&] { return idle; });
}

// ── memory ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

std::shared_ptr<void> GpuDevice::pinnedFor(const char* what, size_t bytes) {
  auto memory = pinned_.take(bytes);
  if (!memory)
    fail(ErrorKind::OutOfMemory, what, "out of memory: no page-locked memory for ", megabytes(bytes), " MB on ", name(),
         ". It is memory of the host: copy or read less at a time, or leave it more room");
  return memory;
}

std::shared_ptr<void> GpuDevice::takePinned(size_t bytes) {
  std::shared_ptr<void> memory;
  asCaller([&] { memory = pinnedFor("", bytes); });
  return memory;
}

void* GpuDevice::allocate(size_t bytes) {
  if (auto error = lost()) throw Error(*error);
  void* p = nullptr;
  asCaller([&] { p = arena_.tryAllocate(bytes); });
  if (!p) {
    releaseCached();
    asCaller([&] {
      p = arena_.tryAllocate(bytes);
      if (!p) p = arena_.tryAllocate(bytes, true);
    });
  }
  if (!p) {
    const MemoryStats stats = arena_.stats();
    fail(ErrorKind::OutOfMemory, "", "out of memory on ", name(), ": asked for ", megabytes(bytes), " MB, ", megabytes(stats.allocated),
         " MB are allocated, ", megabytes(stats.reserved), " MB reserved of ", megabytes(properties_.totalGlobalMem),
         " MB. Dispose of tensors you no longer need, or use a smaller batch");
  }
#ifdef CONVTAPE_SIMULATED
  submit([this, p, bytes] { simt::annotateAllocated(compute_, p, bytes); });
#endif
  return p;
}

void GpuDevice::release(void* data, size_t bytes) noexcept {
  arena_.release(data, [&] {
    submit([this, data, bytes] {
      attempt("release", [&] { awaitArrival(data); });
#ifdef CONVTAPE_SIMULATED
      simt::annotateReleased(compute_, data, bytes);
#else
      (void)bytes;
#endif
      arena_.released(data);
    });
  });
}

MemoryStats GpuDevice::memory() const {
  MemoryStats stats = arena_.stats();
  stats.reserved += runner_.scratchReserved();
  return stats;
}

size_t GpuDevice::releaseCached() {
  const size_t before = arena_.stats().reserved;
  throwIfLost();  // it drains: what waits for completed work is let go, and is cached too
  const std::vector<void*> segments = arena_.takeFree();
  drain();  // work that uses them was queued before they were free
  asCaller([&] {
    check(cudaSetDevice(index), "", "cudaSetDevice");
    freeSegments(segments);
    pinned_.trim();
  });
  return before - arena_.stats().reserved;
}

// ── work ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

void GpuDevice::launch(Launch&& work) {
  submit([this, work = std::make_shared<Launch>(std::move(work))] { runLaunch(*work); });
}

void GpuDevice::runLaunch(const Launch& work) {
  bool ran = false;
  perform(
      work, *this, failures_,
      [&] {
        try {
          for (int i = 0; i < work.operands.inputs; ++i) awaitArrival(work.operands.in[i].data);
          for (int i = 0; i < work.operands.outputs; ++i) awaitArrival(work.operands.out[i].data);
          runner_.run(work.op, work.params, work.operands, work.precision);
          ran = true;
        } catch (const Error& e) {
          throw Error(*understand(e));
        }
      },
      lost());
  if (ran) imports_.computed(work);
}

void GpuDevice::toBlock(void* to, const void* from, size_t bytes, const EventPtr& after) {
  openToCopies(to);
  if (after)
    if (cudaEvent_t event = after->recorded()) check(cudaStreamWaitEvent(copies_, event, 0), "", "cudaStreamWaitEvent");
  if (bytes) check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyHostToDevice, copies_), "", "cudaMemcpyAsync");
  arrivals_[to] = mark(copies_);
}

void GpuDevice::write(const std::shared_ptr<Storage>& to, const void* from) {
  awaitReaders(*to);
  const size_t bytes = to->bytes();
  std::shared_ptr<void> staging = takePinned(bytes);
  std::memcpy(staging.get(), from, bytes);
  submit([this, to = to->data, status = to->status, staging, bytes] {
    status->set(attempt("copyFrom", [&] { toBlock(to, staging.get(), bytes, nullptr); }));
    afterwards(mark(copies_), [staging](std::shared_ptr<const Error>) {});
  });
}

void GpuDevice::read(const std::shared_ptr<Storage>& from, std::shared_ptr<ReadSink> to) {
  submit([this, from, to = std::move(to)] {
    const size_t bytes = from->bytes();
    std::shared_ptr<void> staging;
    auto error = from->status->error();
    if (!error)
      error = attempt("data", [&] {
        staging = pinnedFor("data", bytes);
        awaitArrival(from->data);
        if (bytes) check(cudaMemcpyAsync(staging.get(), from->data, bytes, cudaMemcpyDeviceToHost, compute_), "", "cudaMemcpyAsync");
      });
    const auto end = [to](std::shared_ptr<const Error> error) {
      if (error && to->tells()) error->told = true;
      to->end(std::move(error));
    };
    if (error) return end(std::move(error));
    afterwards(mark(compute_), [from, to, staging, bytes, end](std::shared_ptr<const Error> error) {
      if (!error) error = from->status->error();  // known since: what an import brought was worthless
      if (!error)
        if (void* memory = to->begin()) std::memcpy(memory, staging.get(), bytes);
      end(std::move(error));
    });
  });
}

}  // namespace convtape::CONVTAPE_GPU
