// Streams and events of the simulated devices: queues that one thread serves, in an order that the policy allows.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "simt/arena.h"
#include "simt/runtime_api.h"

namespace simt {

// How far each stream had come, as known to a point of some stream: what is ordered before it.
using Clock = std::vector<uint64_t>;

// One recording of an event.
struct Mark {
  Stream* stream;
  uint64_t position;  // in its stream
  bool reached = false;
  Clock clock;
};

struct Task {
  std::function<void()> run;   // null for a mark and for a wait
  std::shared_ptr<Mark> mark;  // recorded here
  std::shared_ptr<Mark> wait;  // goes on only once this is reached
  uint64_t submitted = 0;
  Clock knownToHost;  // what the host had waited for when it submitted this
  bool host = false;  // a host function: by itself a reason to run
  const char* name = "copy";
};

struct Stream {
  int id;
  int device;
  std::deque<Task> queue;
  uint64_t pushed = 0, done = 0;  // tasks
  uint64_t demanded = 0;          // lazy policy: tasks up to here are wanted
  uint64_t demandedAt = 0;
  Clock clock;
};

struct Event {
  std::shared_ptr<Mark> last;
};

class Machine {
 public:
  static Machine& instance();
  Stream* createStream(int device);
  void push(Stream* stream, Task task);
  void waitForStream(Stream* stream);
  void waitForMark(const std::shared_ptr<Mark>& mark);
  void waitForDevice(int device);
  bool reached(const std::shared_ptr<Mark>& mark);
  std::string takeFault(int device);
  std::string faultOf(int device);
  bool faulted(int device) { return !faultOf(device).empty(); }
  bool lost(int device) const { return lost_[device]; }

 private:
  Machine();
  void loop();
  Stream* pick();
  Stream* pickDemanded();
  void demand(Stream* stream, uint64_t position);
  void execute(Stream* stream);
  bool blocked(const Stream& s) const { return s.queue.front().wait && !s.queue.front().wait->reached; }

  std::mutex mutex_;
  std::condition_variable work_, progress_;
  std::vector<std::unique_ptr<Stream>> streams_;
  std::string faults_[kMaxDevices];
  std::atomic<bool> lost_[kMaxDevices] = {};
  Clock host_;  // what the host has waited for
  uint64_t submissions_ = 0, demands_ = 0, random_ = 1;
};

// Thrown by a task whose device is gone with it: nothing of that device's runs any more.
struct DeviceLost {};

// For the shadow log: what runs now, and what ran under a launch's number.
struct TaskRecord {
  const char* name;
  int stream;
  uint64_t position;
};
void recordTask(uint64_t stamp, const TaskRecord& record);
const TaskRecord& taskOf(uint64_t stamp);
extern const Clock* currentClock;  // what the running task is ordered after
extern int currentStream;

}  // namespace simt
