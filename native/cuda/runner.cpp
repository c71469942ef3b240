#include "cuda/runner.h"

#include <cstdlib>

#include "core/error.h"
#include "core/registry.h"

namespace convtape::CONVTAPE_GPU {
namespace {

// Waits behind every operator, so that a fault is noticed where it happens; for looking for one.
bool synchronous() {
  static const bool wanted = [] {
    const char* text = std::getenv("CONVTAPE_GPU_SYNC");
    return text && *text && std::string(text) != "0";
  }();
  return wanted;
}

}  // namespace

void Runner::run(int number, const void* params, const Operands& operands, Precision wanted) {
  op = opInfo(number).name;
  precision = wanted;
  describe_ = nullptr;
  try {
    queueAndReport(number, params, operands);
  } catch (...) {
    try {
      scratch_.reset(stream);
    } catch (const Error&) {
      // The operator's own error is told; where the device is lost, whoever looks into that error finds out.
    }
    throw;
  }
  scratch_.reset(stream);
}

void Runner::queueAndReport(int number, const void* params, const Operands& operands) {
  kernels().kernels[number](params, operands, *this);
  if (describe_) {
    Report report = kNoReport;
    check(cudaMemcpyAsync(&report, deviceReport_, sizeof report, cudaMemcpyDeviceToHost, stream), op, "cudaMemcpyAsync");
    finish();
    throwReport(op, params_.data(), report, describe_);
  } else if (synchronous()) {
    finish();
  }
}

void Runner::finish() { check(cudaStreamSynchronize(stream), op, "cudaStreamSynchronize"); }

Report* Runner::reportTo(const void* params, size_t bytes, Describe describe) {
  const auto* first = static_cast<const unsigned char*>(params);
  params_.assign(first, first + bytes);
  describe_ = describe;
  deviceReport_ = static_cast<Report*>(scratchBytes(sizeof(Report)));
  check(cudaMemsetAsync(deviceReport_, 0xff, sizeof(Report), stream), op, "cudaMemsetAsync");
  return deviceReport_;
}

void Runner::launching(const char* kernel) {
  std::lock_guard<std::mutex> lock(recentMutex_);
  recent_[launches_++ % kRecent] = {op, kernel};
}

std::string Runner::operatorOf(const std::string& kernel) const {
  std::lock_guard<std::mutex> lock(recentMutex_);
  for (size_t i = 0; i < kRecent && i < launches_; ++i) {
    const Recent& r = recent_[(launches_ - 1 - i) % kRecent];
    if (kernel == r.kernel) return r.op;
  }
  return "";
}

std::string Runner::recentOperators() const {
  constexpr size_t kShown = 8;
  std::lock_guard<std::mutex> lock(recentMutex_);
  std::string text;
  for (size_t i = launches_ < kShown ? 0 : launches_ - kShown; i < launches_; ++i)
    text += (text.empty() ? "" : ", ") + std::string(recent_[i % kRecent].op);
  return text;
}

}  // namespace convtape::CONVTAPE_GPU
