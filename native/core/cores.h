// How many threads can run at once.
#pragma once

#include <algorithm>
#include <thread>

#if defined(__linux__)
#include <sched.h>
#endif

namespace convtape {

// Cores this process may run on. What the C++ library counts are the machine's: a process confined to one of them (taskset, a container's
// cpuset) would have its threads wait for each other in turns.
inline int availableCores() {
#if defined(__linux__)
  cpu_set_t allowed;
  // Fails where the machine has more than the 1024 cores of a cpu_set_t.
  if (sched_getaffinity(0, sizeof allowed, &allowed) == 0) return CPU_COUNT(&allowed);
#endif
  return static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
}

}  // namespace convtape
