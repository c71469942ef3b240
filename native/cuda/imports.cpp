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

void Imports::computed(const Launch& work) { computed(work.inStatus, work.operands.inputs, work.outStatus, work.operands.outputs); }

void Imports::computed(const std::shared_ptr<Status>* in, int inputs, const std::shared_ptr<Status>* out, int outputs) {
  std::lock_guard<std::mutex> lock(mutex_);
  // An import may have ended, and told its values, since the work looked at them.
  for (int i = 0; i < inputs; ++i)
    if (auto error = in[i] ? in[i]->error() : nullptr) {
      for (int o = 0; o < outputs; ++o)
        if (out[o]) out[o]->set(error);
      return;
    }
  if (underWay_ == 0) return;
  const auto given = [](const std::shared_ptr<Status>* all, int count) {
    std::vector<std::shared_ptr<Status>> some;
    std::copy_if(all, all + count, std::back_inserter(some), [](const auto& status) { return status != nullptr; });
    return some;
  };
  flows_.push_back({nullptr, given(in, inputs), given(out, outputs)});
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
