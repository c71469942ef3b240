#include "cuda/imports.h"

#include <algorithm>
#include <unordered_set>

namespace convtape::CONVTAPE_GPU {

void Imports::begin(std::shared_ptr<Status> status) {
  std::lock_guard<std::mutex> lock(mutex_);
  flows_.push_back({std::move(status), {}, {}});
  ++underWay_;
}

void Imports::computed(const Launch& work) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (underWay_ == 0) return;
  Flow flow;
  for (int i = 0; i < work.operands.inputs; ++i)
    if (work.inStatus[i]) flow.in.push_back(work.inStatus[i]);
  for (int i = 0; i < work.operands.outputs; ++i)
    if (work.outStatus[i]) flow.out.push_back(work.outStatus[i]);
  flows_.push_back(std::move(flow));
}

void Imports::end(const std::shared_ptr<const Error>& error) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (error) {
    std::unordered_set<const Status*> worthless;
    for (const Flow& flow : flows_) {
      if (&flow == &flows_.front()) {
        flow.import->set(error);
        worthless.insert(flow.import.get());
        continue;
      }
      const auto& in = flow.in;
      if (std::none_of(in.begin(), in.end(), [&](const auto& status) { return worthless.count(status.get()) != 0; })) continue;
      // Updates in place as well: here they have happened, with the values that never came.
      for (const auto& status : flow.out) {
        status->set(error);
        worthless.insert(status.get());
      }
    }
  }
  flows_.pop_front();
  --underWay_;
  while (!flows_.empty() && !flows_.front().import) flows_.pop_front();
}

}  // namespace convtape::CONVTAPE_GPU
