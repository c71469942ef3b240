// Work on many equal items, cut into a number of tasks that depends on the number of items alone.
#pragma once

#include <cstdint>

#ifdef CONVTAPE_ISA
namespace convtape::cpu::CONVTAPE_ISA {

// At most `most` tasks, so that memory a task needs for itself stays bounded.
struct Chunks {
  explicit Chunks(int64_t items, int64_t most = 128) : items(items), tasks(items < most ? items : most) {}
  int64_t begin(int64_t task) const { return items / tasks * task + (task < items % tasks ? task : items % tasks); }
  int64_t end(int64_t task) const { return begin(task + 1); }
  const int64_t items, tasks;
};

}  // namespace convtape::cpu::CONVTAPE_ISA
#endif
