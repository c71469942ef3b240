// A device is a stream of work with memory of its own. Everything that differs between kinds of device is behind this interface.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/operand.h"
#include "core/precision.h"
#include "core/storage.h"

namespace convtape {

enum class DeviceKind { Cpu, Cuda, Sim };
const char* nameOf(DeviceKind kind);

struct MemoryStats {
  size_t allocated = 0;  // bytes in live storages
  size_t reserved = 0;   // bytes taken from the system, cached ones included
  size_t peak = 0;       // largest `allocated` so far
};

// What a device could do at most in a second, by its clocks and units; 0 where that is not known.
struct PeakRates {
  double flops = 0;  // additions and multiplications of float32 units
  double bytes = 0;  // from and to memory
};

// Done once everything queued on its stream before it was recorded has run.
class Event {
 public:
  virtual ~Event() = default;
  virtual void wait() = 0;  // blocks the calling thread
  virtual bool done() = 0;
};

// Where a read puts its values. Both functions are called once, in this order, on a thread of the device's.
class ReadSink {
 public:
  virtual ~ReadSink() = default;
  virtual void* begin() = 0;  // the memory to write; null where nobody wants the values any more, or they are in error
  virtual void end(std::shared_ptr<const Error> error) = 0;
  virtual bool tells() const { return true; }  // whether JavaScript is given the error
};

// Failures of a device's kernels that JavaScript has not been told of.
class FailureLog {
 public:
  void add(std::shared_ptr<const Error> error);
  // The first that neither a read nor an earlier call reported, with the number of the others; empties the log.
  std::shared_ptr<const Error> take();

 private:
  static constexpr size_t kMost = 64;
  std::mutex mutex_;
  std::vector<std::shared_ptr<const Error>> failures_;
};

// One operator call: parameters by value, so that nothing of the caller's needs to outlive the call.
struct Launch {
  static constexpr size_t kMaxParams = 384;
  int op = 0;  // index into the operator list
  alignas(8) unsigned char params[kMaxParams];
  Operands operands;
  std::shared_ptr<Status> inStatus[Operands::kMax];
  std::shared_ptr<Status> outStatus[Operands::kMax];
  bool inPlace = false;  // outputs hold values that must survive a failure (the optimiser's update)
  Precision precision = currentPrecision();
  bool partial = false;  // writes a part of its output: success does not undo another part's failure
};

class Device {
 public:
  Device(DeviceKind kind, int index) : kind(kind), index(index) {}
  virtual ~Device() = default;

  const DeviceKind kind;
  const int index;
  std::string name() const;                  // "cpu:0"
  virtual std::string describe() const = 0;  // processor, instruction set, what a person wants to know

  virtual PeakRates peakRates() const { return {}; }

  // Memory. `allocate` throws OutOfMemory; 0 bytes gives a valid pointer.
  virtual void* allocate(size_t bytes) = 0;
  virtual void release(void* data, size_t bytes) noexcept = 0;
  virtual MemoryStats memory() const = 0;
  virtual void resetPeak() = 0;
  virtual size_t releaseCached() = 0;  // gives unused reserved memory back to the system; bytes given back

  // The stream. All of these queue and return.
  virtual void launch(Launch&& work) = 0;
  virtual void write(const std::shared_ptr<Storage>& to, const void* from) = 0;  // `from` is read before the call returns
  virtual void read(const std::shared_ptr<Storage>& from, std::shared_ptr<ReadSink> to) = 0;
  virtual std::shared_ptr<Event> record() = 0;
  virtual void waitFor(const std::shared_ptr<Event>& event) = 0;  // later work on this stream runs after `event`
  // Makes later work on this stream wait for what other devices still read from `storage`; called before it is overwritten.
  void awaitReaders(Storage& storage);
  // Copies between two devices, ordered after what is queued on both; called on the destination.
  virtual void copyFrom(const std::shared_ptr<Storage>& to, const std::shared_ptr<Storage>& from) = 0;
  // Runs `done` after everything queued so far, with the first error that nobody has been told yet, if there was one.
  virtual void onIdle(std::function<void(std::shared_ptr<const Error>)> done) = 0;

  virtual const char* peerAccess(const Device& other) const = 0;  // "same", "direct", "staged"
};

// All devices of this process. Created on first use and never destroyed: their threads outlive every JavaScript environment.
class DeviceRegistry {
 public:
  static DeviceRegistry& instance();
  const std::vector<std::unique_ptr<Device>>& all() const { return devices_; }
  Device& at(int position) const;

 private:
  DeviceRegistry();
  std::vector<std::unique_ptr<Device>> devices_;
};

}  // namespace convtape
