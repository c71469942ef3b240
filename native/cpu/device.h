// The CPU as devices: each has a thread that runs its queue in order, exactly as a GPU's stream does.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "core/arena.h"
#include "core/device.h"
#include "core/work_queue.h"
#include "cpu/context.h"
#include "cpu/kernels.h"

namespace convtape::cpu {

// CONVTAPE_CPU_DEVICES of them (2 where it is not set).
std::vector<std::unique_ptr<Device>> createDevices();

// The widest instruction set this processor has, or the one CONVTAPE_CPU_ISA names (avx512, avx2, portable).
const KernelTable& kernels();

class CpuDevice : public Device {
 public:
  explicit CpuDevice(int index, size_t memoryLimit);

  std::string describe() const override;
  void* allocate(size_t bytes) override;
  void release(void* data, size_t bytes) noexcept override;
  MemoryStats memory() const override;
  void resetPeak() override { arena_.resetPeak(); }
  bool canReserve(size_t bytes) const { return arena_.canReserve(bytes); }
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
  uint64_t submit(std::function<void()> work) { return queue_.submit(std::move(work)); }
  // Done as soon as all that is queued and writes to `storage`, one of this device's, has run; record()'s waits for later work too.
  std::shared_ptr<Event> written(const Storage& storage);
  void* staging(size_t bytes);

  Arena arena_;
  // Host values on their way to a busy device. Not from arena_: what is free there in the order of calls may still be in use by queued
  // work, and staging is written at once.
  Arena staging_;
  Context context_;
  WorkQueue queue_;
  FailureLog failures_;
};

}  // namespace convtape::cpu
