// What was computed from values that another device sent, until it is known that they were sent whole.
#pragma once

#include <deque>
#include <memory>
#include <mutex>
#include <vector>

#include "core/device.h"

namespace convtape::CONVTAPE_GPU {

// A device's kernel may fail after its successor on another device has been queued: the copy between them then brought nothing, and what
// was computed from it is worth nothing either. So each copy from another device is an import; as long as one is under way, what was
// computed from what is written down, and if the other device turns out to have failed, the error follows the values.
class Imports {
 public:
  // On the submission thread, in the order of the work.
  void begin(std::shared_ptr<Status> status);
  void computed(const Launch& work);  // that ran: its inputs were not in error when it was launched
  void computed(const std::shared_ptr<Status>* in, int inputs, const std::shared_ptr<Status>* out, int outputs);
  bool anyUnderWay() const;
  // On the completion thread: the oldest import has ended.
  void end(const std::shared_ptr<const Error>& error);

 private:
  struct Flow {
    std::shared_ptr<Status> import;  // where an import begins; else null
    std::vector<std::shared_ptr<Status>> in, out;
  };
  mutable std::mutex mutex_;
  std::deque<Flow> flows_;
  size_t underWay_ = 0;
};

}  // namespace convtape::CONVTAPE_GPU
