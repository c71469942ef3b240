// A GPU, or a simulated one, as a device: a thread submits work to the compute stream in the order of the calls, a copy stream moves data
// beside it, events order the two, and another thread is told when work has ended.
//
// Streams. Kernels run on the compute stream. What comes from outside (host values, another device's) arrives on the copy stream, behind
// everything that was queued before and so may still use the block; `arrivals_` keeps the event of what is under way, by block, and the
// compute stream waits for it where that block is first used, or is given back. So only users of a copy wait for it.
//
// Failures. A kernel's fault is noticed by the first call behind it that CUDA answers with an error. The device is then lost to the
// process, as CUDA has it: every later call ends with that error, which names operator and device; other devices go on.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/device.h"
#include "core/work_queue.h"
#include "cuda/event.h"
#include "cuda/imports.h"
#include "cuda/memory.h"
#include "cuda/runner.h"

namespace convtape::CONVTAPE_GPU {

// One for each GPU; none, without an error, where there is no driver.
std::vector<std::unique_ptr<Device>> createDevices();

class GpuDevice : public Device {
 public:
  GpuDevice(DeviceKind kind, int index);

  std::string describe() const override;
  PeakRates peakRates() const override;
  void* allocate(size_t bytes) override;
  void release(void* data, size_t bytes) noexcept override;
  MemoryStats memory() const override;
  void resetPeak() override { arena_.resetPeak(); }
  size_t releaseCached() override;

  void launch(Launch&& work) override;
  void write(const std::shared_ptr<Storage>& to, const void* from) override;
  void read(const std::shared_ptr<Storage>& from, std::shared_ptr<ReadSink> to) override;
  std::shared_ptr<Event> record() override;
  void waitFor(const std::shared_ptr<Event>& event) override;
  void copyFrom(const std::shared_ptr<Storage>& to, const std::shared_ptr<Storage>& from) override;
  void onIdle(std::function<void(std::shared_ptr<const Error>)> done) override;
  const char* peerAccess(const Device& other) const override;

 private:
  using EventPtr = std::shared_ptr<GpuEvent>;

  void submit(std::function<void()> work) { queue_.submit(std::move(work)); }
  void start();  // the submission thread's first task
  // What an error on the submission thread means: the operator's own failure, or the device's.
  std::shared_ptr<const Error> understand(const Error& error);
  std::shared_ptr<const Error> lose(cudaError_t status, const std::string& during);
  std::shared_ptr<const Error> lost() const;
  void throwIfLost();
  // Runs `work` on a caller's thread: an error of CUDA's there is the device's loss where that is what it means, and names the device.
  void asCaller(const std::function<void()>& work);
  std::shared_ptr<void> takePinned(size_t bytes);                   // on a caller's thread, who names the operator
  std::shared_ptr<void> pinnedFor(const char* what, size_t bytes);  // throws where there is no room
  // Runs `work` on the submission thread; the error where it fails, or where the device is lost.
  std::shared_ptr<const Error> attempt(const char* what, const std::function<void()>& work);

  EventPtr mark(cudaStream_t stream);
  void awaitArrival(const void* data);
  // Behind everything on the compute stream and what is on its way to `data`, so that the copy stream may use the block.
  void openToCopies(const void* data);
  // `done` on the completion thread, when the event has come; with the device's error where it is lost.
  void afterwards(EventPtr event, std::function<void(std::shared_ptr<const Error>)> done);
  void drain();
  void runLaunch(const Launch& work);
  void copyInside(const std::shared_ptr<Storage>& to, const std::shared_ptr<Storage>& from);
  void copyFromPeer(const std::shared_ptr<Storage>& to, const std::shared_ptr<Storage>& from, GpuDevice& peer);
  void copyThroughHost(const std::shared_ptr<Storage>& to, const std::shared_ptr<Storage>& from);
  void toBlock(void* to, const void* from, size_t bytes, const EventPtr& after);

  cudaDeviceProp properties_;
  SegmentArena arena_;
  PinnedPool pinned_;
  EventPool events_;
  WorkQueue queue_, completions_;
  FailureLog failures_;
  Imports imports_;
  mutable std::mutex lostMutex_;
  std::shared_ptr<const Error> lost_;

  // The submission thread's own.
  Runner runner_;
  cudaStream_t compute_ = nullptr, copies_ = nullptr;
  std::unordered_map<const void*, EventPtr> arrivals_;
};

}  // namespace convtape::CONVTAPE_GPU
