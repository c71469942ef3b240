#include "cuda/event.h"

#include "cuda/kernels.h"

namespace convtape::CONVTAPE_GPU {

cudaEvent_t EventPool::take() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (!free_.empty()) {
      cudaEvent_t event = free_.back();
      free_.pop_back();
      return event;
    }
  }
  cudaEvent_t event = nullptr;
  // Blocking: a thread that waits for the GPU leaves its core to others.
  return cleared(cudaEventCreateWithFlags(&event, cudaEventDisableTiming | cudaEventBlockingSync)) == cudaSuccess ? event : nullptr;
}

void EventPool::give(cudaEvent_t event) {
  std::lock_guard<std::mutex> lock(mutex_);
  free_.push_back(event);
}

GpuEvent::~GpuEvent() {
  if (event_) pool_.give(event_);
}

void GpuEvent::record(cudaStream_t stream) {
  cudaEvent_t event = stream ? pool_.take() : nullptr;
  if (event && cleared(cudaEventRecord(event, stream)) != cudaSuccess) {
    pool_.give(event);
    event = nullptr;
  }
  // Without one nobody would wait. What is queued so far is done behind this, or the device has failed, as whoever waits is told.
  const cudaError_t status = stream && !event ? cleared(cudaStreamSynchronize(stream)) : cudaSuccess;
  std::lock_guard<std::mutex> lock(mutex_);
  event_ = event;
  status_ = status;
  set_ = true;
  ready_.notify_all();
}

cudaEvent_t GpuEvent::recorded() {
  std::unique_lock<std::mutex> lock(mutex_);
  ready_.wait(lock, [this] { return set_; });
  return event_;
}

cudaError_t GpuEvent::synchronize() {
  cudaEvent_t event = recorded();
  return event ? cudaEventSynchronize(event) : status_;
}

bool GpuEvent::done() {
  std::lock_guard<std::mutex> lock(mutex_);
  return set_ && (!event_ || cleared(cudaEventQuery(event_)) != cudaErrorNotReady);
}

}  // namespace convtape::CONVTAPE_GPU
