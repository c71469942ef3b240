#include "simt/executor.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "simt/fiber.h"
#include "simt/shadow.h"

namespace simt {

Thread* currentThread = nullptr;
Block currentBlock;
Dim3 currentGrid, currentBlockDim;
const char* currentKernel = nullptr;
int currentDevice = -1;
uint32_t currentLaunch = 0;

namespace {

std::vector<Thread> threads;
std::vector<Thread*> ready;
void* mainStack = nullptr;
const void* kernelCall = nullptr;
size_t kernelCallBytes = 0;
void (*kernelInvoke)(const void*) = nullptr;
unsigned alive = 0;
std::string faultText;
std::vector<unsigned char> sharedMemory;
uint64_t randomState = 1;
int voteResult = 0, votes = 0, voteOr = 0, voteAnd = 1, voteCount = 0;

std::string place(const Thread& t) {
  auto dims = [](Dim3 d) { return "(" + std::to_string(d.x) + "," + std::to_string(d.y) + "," + std::to_string(d.z) + ")"; };
  return "block " + dims(currentBlock.id) + ", thread " + dims(t.id);
}

// Hands the processor to some ready thread, or back to runBlock where none is.
void next(void** save) {
  if (ready.empty()) {
    simt_switch(save, mainStack);
    return;
  }
  const size_t i = random() % ready.size();
  Thread* t = ready[i];
  ready[i] = ready.back();
  ready.pop_back();
  if (&t->sp == save) {
    currentThread = t;
    return;
  }
  currentThread = t;
  simt_switch(save, t->sp);
}

void releaseBlockIfComplete();

void entry() {
  kernelInvoke(kernelCall);
  Thread* t = currentThread;
  if (!t->copies.empty()) fault("exits with an asynchronous copy to shared memory that it never waited for");
  t->state = Thread::Exited;
  --alive;
  releaseBlockIfComplete();
  void* unused;
  next(&unused);
  std::abort();  // an exited thread is never resumed
}

// Every thread that is left has reached the barrier: threads that exited do not count, as on the hardware.
void releaseBlockIfComplete() {
  unsigned waiting = 0;
  const Thread* first = nullptr;
  for (const Thread& t : threads)
    if (t.state == Thread::AtBlock) {
      ++waiting;
      first = first ? first : &t;
    }
  if (waiting == 0 || waiting < alive) return;
  for (const Thread& t : threads)
    if (t.state == Thread::AtBlock && t.site != first->site)
      fault("divergent barrier: it waits at " + std::string(t.site) + ", thread (" + std::to_string(first->id.x) + "," +
            std::to_string(first->id.y) + "," + std::to_string(first->id.z) + ") at " + first->site);
  if (waiting < threads.size())
    fault("divergent barrier: " + std::to_string(threads.size() - waiting) + " threads of the block exited without reaching " +
          first->site);
  ++currentBlock.epoch;
  for (Thread& t : threads) {
    t.state = Thread::Ready;
    t.warpEpoch = 0;
    ready.push_back(&t);
  }
}

void runBlock(Dim3 id, uint32_t linear, size_t sharedBytes) {
  currentBlock.id = id;
  currentBlock.linear = linear;
  currentBlock.epoch = 0;
  votes = 0;
  std::memset(currentBlock.shared, 0xff, sharedBytes);  // NaN
  shadowResetShared(currentBlock.shared, sharedBytes);
  ready.clear();
  alive = static_cast<unsigned>(threads.size());
  for (Thread& t : threads) {
    t.warpEpoch = 0;
    t.state = Thread::Ready;
    t.group = 0;
    t.copies.clear();
    t.sp = prepareStack(t.stack, kStackBytes, entry);
    ready.push_back(&t);
  }
  next(&mainStack);
  currentThread = nullptr;
  if (!faultText.empty() || alive == 0) return;
  // Nobody can go on: some threads wait for others that wait elsewhere.
  for (const Thread& t : threads)
    if (t.state == Thread::AtWarp || t.state == Thread::AtBlock) {
      faultText = std::string("deadlock: ") + place(t) + " waits at " + t.site +
                  (t.state == Thread::AtBlock ? " (block barrier)" : " (warp collective)") + " for threads that never come";
      return;
    }
}

}  // namespace

Options& options() {
  static Options o;
  return o;
}

uint64_t random() {  // splitmix64
  uint64_t z = (randomState += 0x9E3779B97F4A7C15ull);
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
  return z ^ (z >> 31);
}

void fault(const std::string& rule) {
  if (!currentThread) throw KernelFault(rule);  // a copy, on the machine's own stack
  if (faultText.empty()) faultText = place(*currentThread) + ": " + rule;
  void* unused;
  simt_switch(&unused, mainStack);
  std::abort();  // the stacks of a failed block are never resumed
}

void faultAt(const char* site, const char* rule) { fault(std::string(rule) + " (" + site + ")"); }

bool ownedBySimulator(const void* p) {
  const char* c = static_cast<const char*>(p);
  const char* first = reinterpret_cast<const char*>(threads.data());
  const char* call = static_cast<const char*>(kernelCall);
  return (c >= first && c < first + threads.size() * sizeof(Thread)) || (c >= call && c < call + kernelCallBytes);
}

void runGrid(const char* kernel, int device, Dim3 grid, Dim3 block, size_t sharedBytes, const void* call, size_t callBytes,
             void (*invoke)(const void*)) {
  static uint32_t launches = 0;
  const std::string name = std::string("kernel ") + kernel + " on sim:" + std::to_string(device) + ": ";
  const unsigned count = block.count();
  if (count == 0 || count > 1024) throw KernelFault(name + std::to_string(count) + " threads in a block (1 to 1024 are possible)");
  if (grid.count() == 0 || grid.y > 65535 || grid.z > 65535)
    throw KernelFault(name + "the grid is empty or has more than 65,535 blocks in y or z");
  if (sharedBytes > (size_t{227} << 10))
    throw KernelFault(name + std::to_string(sharedBytes) + " bytes of shared memory (232,448 are the most)");
  while (threads.size() < count) {
    threads.emplace_back();
    threads.back().stack = static_cast<char*>(std::aligned_alloc(4096, kStackBytes));
  }
  while (threads.size() > count) {
    std::free(threads.back().stack);
    threads.pop_back();
  }
  for (unsigned i = 0; i < count; ++i) {
    threads[i].id = Dim3(i % block.x, i / block.x % block.y, i / (block.x * block.y));
    threads[i].linear = static_cast<uint16_t>(i);
    threads[i].warp = static_cast<uint16_t>(i / 32);
    threads[i].lane = static_cast<uint16_t>(i % 32);
  }
  sharedMemory.resize(sharedBytes + 1024);
  currentBlock.shared = reinterpret_cast<unsigned char*>((reinterpret_cast<uintptr_t>(sharedMemory.data()) + 255) & ~uintptr_t{255});
  currentBlock.sharedBytes = sharedBytes;
  currentGrid = grid;
  currentBlockDim = block;
  currentKernel = kernel;
  currentDevice = device;
  currentLaunch = ++launches;
  randomState = options().seed * 0x9E3779B97F4A7C15ull + launches;
  kernelCall = call;
  kernelCallBytes = callBytes;
  kernelInvoke = invoke;
  faultText.clear();
  shadowBeginTask(kernel);

  std::vector<uint32_t> order(grid.count());
  for (uint32_t i = 0; i < order.size(); ++i) order[i] = i;
  for (size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random() % i]);
  for (uint32_t i : order) {
    runBlock(Dim3(i % grid.x, i / grid.x % grid.y, i / (grid.x * grid.y)), i, sharedBytes);
    if (!faultText.empty()) break;
  }
  currentKernel = nullptr;
  currentDevice = -1;
  currentLaunch = 0;
  if (!faultText.empty()) throw KernelFault(name + faultText);
}

int blockBarrier(const char* site, Vote vote, int predicate) {
  Thread* t = currentThread;
  if (vote != Vote::None) {
    if (votes++ == 0) voteOr = 0, voteAnd = 1, voteCount = 0;
    voteOr |= predicate != 0;
    voteAnd &= predicate != 0;
    voteCount += predicate != 0;
    if (votes == static_cast<int>(threads.size())) {
      votes = 0;
      voteResult = vote == Vote::Or ? voteOr : vote == Vote::And ? voteAnd : voteCount;
    }
  }
  t->state = Thread::AtBlock;
  t->site = site;
  releaseBlockIfComplete();
  next(&t->sp);
  return voteResult;
}

void warpCollective(const char* site, uint32_t mask, void (*last)(Thread* const* lanes, uint32_t mask), bool orders) {
  Thread* t = currentThread;
  if (!(mask >> t->lane & 1)) fault("calls " + std::string(site) + " with a mask that does not hold its own lane");
  t->state = Thread::AtWarp;
  t->site = site;
  t->mask = mask;
  Thread* lanes[32] = {};
  bool complete = true;
  for (unsigned lane = 0; lane < 32; ++lane) {
    const size_t i = t->warp * 32u + lane;
    if (i >= threads.size()) {
      if (mask == 0xffffffffu) continue;  // the last warp of a block may be short
      if (mask >> lane & 1)
        fault("the mask at " + std::string(site) + " holds lane " + std::to_string(lane) + ", which the block does not have");
      continue;
    }
    if (!(mask >> lane & 1)) continue;
    Thread& other = threads[i];
    if (other.state == Thread::Exited)
      fault("the mask at " + std::string(site) + " holds lane " + std::to_string(lane) + ", which has exited");
    if (other.state == Thread::AtBlock)
      fault("divergent warp: it waits at " + std::string(site) + ", lane " + std::to_string(lane) + " at the block barrier " + other.site);
    if (other.state != Thread::AtWarp) {
      complete = false;
      continue;
    }
    if (other.site != site || other.mask != mask) {
      if (other.mask >> t->lane & 1)
        fault("divergent warp: it waits at " + std::string(site) + ", lane " + std::to_string(lane) + " at " + other.site);
      complete = false;
      continue;
    }
    lanes[lane] = &other;
  }
  if (complete) {
    if (last) last(lanes, mask);
    for (Thread* lane : lanes)
      if (lane) {
        lane->state = Thread::Ready;
        lane->warpEpoch += orders;
        ready.push_back(lane);
      }
  }
  next(&t->sp);
}

namespace {

void perform(AsyncCopy& c) {
  if (c.done) return;
  if (c.from)
    std::memcpy(c.to, c.from, c.bytes);
  else
    std::memset(c.to, 0, c.bytes);
  c.done = true;
}

}  // namespace

void asyncCopy(void* to, const void* from, unsigned bytes, unsigned fromBytes) {
  if (bytes != 4 && bytes != 8 && bytes != 16)
    fault("an asynchronous copy of " + std::to_string(bytes) + " bytes (4, 8 and 16 are possible)");
  if (reinterpret_cast<uintptr_t>(to) % bytes || (fromBytes && reinterpret_cast<uintptr_t>(from) % bytes))
    fault("an asynchronous copy of " + std::to_string(bytes) + " bytes between addresses that are not multiples of that");
  if (fromBytes != 0 && fromBytes != bytes) fault("an asynchronous copy that is partly zeros: only whole ones are used here");
  if (fromBytes) shadowRead(from, bytes);
  shadowAsyncIssue(to, bytes);
  Thread* t = currentThread;
  t->copies.push_back({to, fromBytes ? from : nullptr, bytes, t->group, false});
  const CopyPolicy policy = options().copies;
  if (policy == CopyPolicy::Eager || (policy == CopyPolicy::Random && random() % 2)) perform(t->copies.back());
}

void asyncCommit() { ++currentThread->group; }

void asyncWait(unsigned pendingGroups) {
  Thread* t = currentThread;
  auto& copies = t->copies;
  auto settled = [&](const AsyncCopy& c) { return c.group + pendingGroups < t->group; };
  for (AsyncCopy& c : copies)
    if (settled(c)) {
      perform(c);
      shadowAsyncDone(c.to, c.bytes);
    }
  copies.erase(std::remove_if(copies.begin(), copies.end(), settled), copies.end());
}

}  // namespace simt
