// What stands around a kernel's launch: the runtime's status made an error, kernels' reports.
#include "core/error.h"
#include "cuda/kernels.h"

namespace convtape::CONVTAPE_GPU {

void check(cudaError_t status, const char* op, const char* call) {
  if (status == cudaSuccess) return;
  cudaGetLastError();  // told here; the next launch must not be blamed for it
  const ErrorKind kind = status == cudaErrorMemoryAllocation ? ErrorKind::OutOfMemory : ErrorKind::Device;
  fail(kind, op, call, " failed: ", cudaGetErrorName(status), " (", cudaGetErrorString(status), ")");
}

cudaError_t cleared(cudaError_t status) noexcept {
  if (status != cudaSuccess) cudaGetLastError();
  return status;
}

void Context::launched(const char* name) {
  const cudaError_t status = cudaGetLastError();
  if (status == cudaSuccess) return;
  fail(ErrorKind::Device, op, "kernel ", name, " could not be launched: ", cudaGetErrorName(status), " (", cudaGetErrorString(status), ")");
}

void throwReport(const char* op, const void* params, Report report, Describe describe) {
  if (report == kNoReport) return;
  char text[256] = "";
  describe(params, static_cast<long long>(report >> 32), static_cast<int>(report & 0xffffffffu), text, sizeof text);
  fail(ErrorKind::Range, op, text);
}

}  // namespace convtape::CONVTAPE_GPU
