#include "simt/machine.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <thread>

#include "simt/shadow.h"

namespace simt {

const Clock* currentClock = nullptr;
int currentStream = -1;

namespace {

TaskRecord records[1 << 16];

void merge(Clock& into, const Clock& from) {
  if (into.size() < from.size()) into.resize(from.size());
  for (size_t i = 0; i < from.size(); ++i) into[i] = std::max(into[i], from[i]);
}

// A line for each task as it begins, where CONVTAPE_SIM_TRACE names a file. On the machine's thread.
void trace(const Stream& stream, const char* name, const Clock& clock) {
  static std::FILE* const file = [] {
    const char* path = std::getenv("CONVTAPE_SIM_TRACE");
    return path && *path ? std::fopen(path, "w") : nullptr;
  }();
  if (!file) return;
  std::fprintf(file, "{\"device\":%d,\"stream\":%d,\"task\":\"%s\",\"behind\":[", stream.device, stream.id, name);
  for (size_t i = 0; i < clock.size(); ++i) std::fprintf(file, i ? ",%llu" : "%llu", static_cast<unsigned long long>(clock[i]));
  std::fputs("]}\n", file);
  std::fflush(file);  // processes end without a word to this thread
}

}  // namespace

void recordTask(uint64_t stamp, const TaskRecord& record) { records[stamp & 0xffff] = record; }
const TaskRecord& taskOf(uint64_t stamp) { return records[stamp & 0xffff]; }

Machine& Machine::instance() {
  static Machine* machine = new Machine();
  return *machine;
}

Machine::Machine() {
  random_ = options().seed * 0x9E3779B97F4A7C15ull + 1;
  std::thread([this] { loop(); }).detach();
}

Stream* Machine::createStream(int device) {
  std::lock_guard<std::mutex> lock(mutex_);
  auto stream = std::make_unique<Stream>();
  stream->id = static_cast<int>(streams_.size());
  stream->device = device;
  streams_.push_back(std::move(stream));
  return streams_.back().get();
}

void Machine::push(Stream* stream, Task task) {
  std::lock_guard<std::mutex> lock(mutex_);
  task.submitted = ++submissions_;
  task.knownToHost = host_;
  ++stream->pushed;
  if (task.mark) {
    task.mark->stream = stream;
    task.mark->position = stream->pushed;
  }
  const bool host = task.host;
  stream->queue.push_back(std::move(task));
  if (host) demand(stream, stream->pushed);
  work_.notify_one();
}

void Machine::demand(Stream* stream, uint64_t position) {
  if (position > stream->demanded) {
    stream->demanded = position;
    stream->demandedAt = ++demands_;
  }
  work_.notify_one();
}

// Only what something waits for; of several candidates the one asked for latest. A wait in the way asks for what it waits for.
Stream* Machine::pickDemanded() {
  for (;;) {
    Stream* best = nullptr;
    bool asked = false;
    for (auto& s : streams_) {
      if (s->queue.empty() || s->done >= s->demanded) continue;
      if (blocked(*s)) {
        const Mark& mark = *s->queue.front().wait;
        if (mark.position > mark.stream->demanded) {
          demand(mark.stream, mark.position);
          asked = true;
        }
        continue;
      }
      if (!best || s->demandedAt > best->demandedAt) best = s.get();
    }
    if (best || !asked) return best;
  }
}

Stream* Machine::pick() {
  switch (runtimeOptions().streams) {
    case StreamPolicy::Lazy:
      return pickDemanded();
    case StreamPolicy::Eager: {
      Stream* first = nullptr;
      for (auto& s : streams_)
        if (!s->queue.empty() && !blocked(*s) && (!first || s->queue.front().submitted < first->queue.front().submitted)) first = s.get();
      return first;
    }
    default: {
      std::vector<Stream*> candidates;
      for (auto& s : streams_)
        if (!s->queue.empty() && !blocked(*s)) candidates.push_back(s.get());
      if (candidates.empty()) return nullptr;
      random_ = random_ * 6364136223846793005ull + 1442695040888963407ull;
      return candidates[(random_ >> 33) % candidates.size()];
    }
  }
}

void Machine::loop() {
  shadowOwnThread();
  for (;;) {
    Stream* stream = nullptr;
    {
      std::unique_lock<std::mutex> lock(mutex_);
      work_.wait(lock, [&] { return (stream = pick()) != nullptr; });
    }
    execute(stream);
  }
}

void Machine::execute(Stream* stream) {
  Task task;
  Clock clock;
  bool skip;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    task = std::move(stream->queue.front());
    stream->queue.pop_front();
    merge(stream->clock, task.knownToHost);
    if (task.wait) merge(stream->clock, task.wait->clock);
    if (stream->clock.size() < streams_.size()) stream->clock.resize(streams_.size());
    stream->clock[static_cast<size_t>(stream->id)] = stream->done + 1;
    clock = stream->clock;
    // Host functions run even so: somebody waits to be told.
    skip = (!faults_[stream->device].empty() || lost_[stream->device]) && !task.host;
  }
  trace(*stream, task.name, clock);
  std::string fault;
  if (task.run && !skip) {
    currentClock = &clock;
    currentStream = stream->id;
    try {
      task.run();
    } catch (const DeviceLost&) {
      lost_[stream->device] = true;
    } catch (const std::exception& e) {
      fault = e.what();
    }
    currentClock = nullptr;
  }
  std::lock_guard<std::mutex> lock(mutex_);
  ++stream->done;
  if (task.mark) {
    task.mark->reached = true;
    task.mark->clock = stream->clock;
  }
  if (task.host) merge(host_, stream->clock);
  if (!fault.empty() && faults_[stream->device].empty()) faults_[stream->device] = fault;
  progress_.notify_all();
}

void Machine::waitForStream(Stream* stream) {
  std::unique_lock<std::mutex> lock(mutex_);
  const uint64_t target = stream->pushed;
  demand(stream, target);
  progress_.wait(lock, [&] { return stream->done >= target; });
  merge(host_, stream->clock);
}

void Machine::waitForMark(const std::shared_ptr<Mark>& mark) {
  std::unique_lock<std::mutex> lock(mutex_);
  demand(mark->stream, mark->position);
  progress_.wait(lock, [&] { return mark->reached; });
  merge(host_, mark->clock);
}

void Machine::waitForDevice(int device) {
  std::vector<Stream*> mine;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    for (auto& s : streams_)
      if (s->device == device) mine.push_back(s.get());
  }
  for (Stream* s : mine) waitForStream(s);
}

bool Machine::reached(const std::shared_ptr<Mark>& mark) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (mark->reached)
    merge(host_, mark->clock);
  else
    demand(mark->stream, mark->position);
  return mark->reached;
}

std::string Machine::takeFault(int device) {
  std::lock_guard<std::mutex> lock(mutex_);
  std::string fault;
  std::swap(fault, faults_[device]);
  return fault;
}

std::string Machine::faultOf(int device) {
  std::lock_guard<std::mutex> lock(mutex_);
  return faults_[device];
}

}  // namespace simt
