#include "cuda/imports.h"

#include <algorithm>
#include <iterator>
#include <unordered_set>

namespace convtape::CONVTAPE_GPU {

void Imports::begin(std::shared_ptr<Status> status) {
  std::lock_guard<std::mutex> lock(mutex_);
  flows_.push_back({std::move(status), {}, {}});
  ++underWay_;
}

void Imports::computed(const Launch& work) {
  if (!anyUnderWay()) return;
  const auto given = [](const std::shared_ptr<Status>* all, int count) {
    std::vector<std::shared_ptr<Status>> some;
    std::copy_if(all, all + count, std::back_inserter(some), [](const auto& status) { return status != nullptr; });
    return some;
  };
  computed(given(work.inStatus, work.operands.inputs), given(work.outStatus, work.operands.outputs));
}

void Imports::computed(std::vector<std::shared_ptr<Status>> in, std::vector<std::shared_ptr<Status>> out) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (underWay_ > 0) flows_.push_back({nullptr, std::move(in), std::move(out)});
}

bool Imports::anyUnderWay() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return underWay_ > 0;
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
