// The Context that a device gives its kernels.
#pragma once

#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "cuda/kernels.h"
#include "cuda/memory.h"

namespace convtape::CONVTAPE_GPU {

class Runner : public Context {
 public:
  // Queues the operator's kernels. Where they may report a wrong value it waits for them, so that nothing runs on what they left.
  void run(int op, const void* params, const Operands& operands, Precision wanted);
  size_t scratchReserved() const { return scratch_.reserved(); }
  // The operator that launched a kernel of this name not long ago; empty where none did.
  std::string operatorOf(const std::string& kernel) const;
  std::string recentOperators() const;  // oldest first

  // Frees device memory that nothing queued so far uses; the stream is idle.
  std::function<void()> makeRoom;

 protected:
  void* scratchBytes(size_t bytes) override { return scratch_.take(bytes, stream, makeRoom); }
  Report* reportTo(const void* params, size_t bytes, Describe describe) override;
  void launching(const char* kernel) override;

 private:
  void queueAndReport(int number, const void* params, const Operands& operands);
  void finish();

  struct Recent {
    const char* op = nullptr;
    const char* kernel = nullptr;
  };
  static constexpr size_t kRecent = 64;
  mutable std::mutex recentMutex_;  // the completion thread asks
  Recent recent_[kRecent];
  size_t launches_ = 0;
  Scratch scratch_;
  std::vector<unsigned char> params_;
  Describe describe_ = nullptr;
  Report* deviceReport_ = nullptr;
};

}  // namespace convtape::CONVTAPE_GPU
