// The shadow log: who last read and wrote each word, to find races, accesses outside allocations, reads of what nobody wrote, and
// accesses to another device's memory.
//
// Kernels are compiled with -fsanitize=thread, which makes the compiler call __tsan_read4(p) and its like at every access; shadow.cpp
// defines these functions. The sanitizer's own runtime is not linked.
#pragma once

#include <cstddef>

namespace simt {

// Called once on the thread that runs kernels: what other threads do with instrumented code is not a kernel's doing.
void shadowOwnThread();

// A kernel or a copy begins: accesses from now on are its own, and ordered after what currentClock (simt/machine.h) says.
void shadowBeginTask(const char* name);
void shadowResetShared(void* shared, size_t bytes);

void shadowRead(const void* p, size_t bytes);
void shadowWrite(void* p, size_t bytes);
void shadowAtomic(void* p, size_t bytes);

// A copy between devices or with the host.
void shadowCopyRead(int device, const void* p, size_t bytes);
void shadowCopyWrite(int device, void* p, size_t bytes);

// An asynchronous copy owns its destination from issue to the wait that completes it: nobody may touch it in between.
void shadowAsyncIssue(void* to, size_t bytes);
void shadowAsyncDone(void* to, size_t bytes);

}  // namespace simt
