// Whether one GPU can copy from another, found out and not believed.
#pragma once

namespace convtape::CONVTAPE_GPU {

// Whether `to` may copy straight from `from`: access is granted in that direction, and a copy's bytes arrived as they were. Some systems
// grant access and corrupt what is copied without a word (NVIDIA/open-gpu-kernel-modules #1257, NVIDIA/nccl #2335). The answer is found on
// first use and kept.
bool canCopyDirectly(int from, int to);

}  // namespace convtape::CONVTAPE_GPU
