// Events: recorded by a device's submission thread some time after they were asked for.
#pragma once

#include <cuda_runtime.h>

#include <condition_variable>
#include <memory>
#include <mutex>
#include <vector>

#include "core/device.h"

namespace convtape::CONVTAPE_GPU {

// Making an event costs as much as a launch, so they are kept.
class EventPool {
 public:
  cudaEvent_t take();  // on a thread that has selected the pool's device; null where the device gives none any more
  void give(cudaEvent_t event);

 private:
  std::mutex mutex_;
  std::vector<cudaEvent_t> free_;
};

class GpuEvent : public Event {
 public:
  explicit GpuEvent(EventPool& pool) : pool_(pool) {}
  ~GpuEvent() override;

  // On the submission thread, once: records on `stream`. Without a stream the event counts as done: its device has failed. Where CUDA
  // gives no event it waits for the stream instead.
  void record(cudaStream_t stream);
  // Waits until it is recorded, which the submission thread does without waiting for the GPU. Null where there is nothing to wait for.
  cudaEvent_t recorded();
  cudaError_t synchronize();

  void wait() override { synchronize(); }
  bool done() override;

 private:
  EventPool& pool_;
  std::mutex mutex_;
  std::condition_variable ready_;
  bool set_ = false;
  cudaEvent_t event_ = nullptr;
  cudaError_t status_ = cudaSuccess;  // what waiting for the stream came to, where there is no event
};

}  // namespace convtape::CONVTAPE_GPU
