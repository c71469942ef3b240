// Work that crosses between two simulated GPUs as the package has it: values go over, are overwritten as soon as they have gone, are
// replaced where they arrived, and come back. CONVTAPE_PLANTED names the fault that is planted in the runtime's text, if any
// (test/simt/runtime_faults.test.ts). Prints what the values are, or the error that came in their place. With the argument `kernel` or
// `copy` the first GPU sends what a kernel of its own should have computed that failed, and such a thing is the first to use it.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <thread>
#include <vector>

#include "core/device.h"
#include "core/host_read.h"
#include "core/ops/all.h"

namespace convtape {

bool planted(const char* fault) {
  const char* wanted = std::getenv("CONVTAPE_PLANTED");
  return wanted && std::strcmp(wanted, fault) == 0;
}

void late() {
  if (planted("late")) std::this_thread::sleep_for(std::chrono::milliseconds(200));
}

// With a fault the host waits for nothing until all of the work is under way.
void unaware() {
  static std::once_flag once;
  if (std::getenv("CONVTAPE_PLANTED") && !planted("late") && !planted("none"))
    std::call_once(once, [] { std::this_thread::sleep_for(std::chrono::milliseconds(300)); });
}

namespace sim {
std::vector<std::unique_ptr<Device>> createDevices();
}

namespace {

using Values = std::shared_ptr<Storage>;
constexpr int64_t kCount = 5000;

Values make(Device& on) { return std::make_shared<Storage>(on, kCount, DType::F32); }

void negate(const Values& x, const Values& y) {
  Launch work;
  work.op = static_cast<int>(OpCode::Unary);
  const Unary::Params p{UnaryFunction::Neg, kCount};
  std::memcpy(work.params, &p, sizeof p);
  work.operands.inputs = work.operands.outputs = 1;
  work.operands.in[0] = {x->data, kCount, DType::F32};
  work.operands.out[0] = {y->data, kCount, DType::F32};
  work.inStatus[0] = x->status;
  work.outStatus[0] = y->status;
  y->device.awaitReaders(*y);
  y->device.launch(std::move(work));
}

void report(const char* what, const Values& values, float expected) {
  auto memory = std::make_shared<std::vector<float>>(kCount);
  auto read = std::make_shared<HostRead>(std::shared_ptr<void>(memory, memory->data()));
  values->device.read(values, read);
  if (const auto error = read->wait()) {
    std::printf("%s: %s\n", what, error->what());
    return;
  }
  size_t wrong = 0;
  for (const float value : *memory) wrong += value != expected;
  std::printf(wrong ? "%s: wrong values\n" : "%s: right\n", what);
}

void cross(Device& first, Device& second) {
  const std::vector<float> ones(kCount, 1.0f);
  const Values x = make(first), sent = make(first), back = make(first);
  const Values arrived = make(second), used = make(second), usedAgain = make(second);
  first.write(x, ones.data());
  negate(x, sent);                 // −1
  second.copyFrom(arrived, sent);  // goes over
  first.write(sent, ones.data());  // overwritten as soon as it has gone
  negate(arrived, used);           // 1
  second.copyFrom(arrived, sent);  // 1, replaces what was read just now
  negate(arrived, usedAgain);      // −1
  first.copyFrom(back, usedAgain);
  report("what came first", used, 1);
  report("what came then", usedAgain, -1);
  report("what came back", back, -1);
}

void failAndCross(Device& first, Device& second, bool copyFirst) {
  const Values sent = make(first), arrived = make(second), used = make(second), copied = make(second);
  negate(make(first), sent);  // reads memory that nothing has written
  second.copyFrom(arrived, sent);
  if (copyFirst) second.copyFrom(copied, arrived);
  negate(arrived, used);
  if (!copyFirst) second.copyFrom(copied, arrived);
  report("what was computed", used, 1);
  report("what was copied", copied, -1);
}

void run(const char* failing) {
  const auto devices = sim::createDevices();
  Device &first = *devices.at(0), &second = *devices.at(1);
  for (auto* pair : {&first, &second}) pair->peerAccess(pair == &first ? second : first);  // tried before the work, not amid it
  if (failing)
    failAndCross(first, second, std::strcmp(failing, "copy") == 0);
  else
    cross(first, second);
  std::fflush(stdout);
  std::_Exit(0);  // the devices' threads never end
}

}  // namespace
}  // namespace convtape

int main(int, char** arguments) {
  convtape::run(arguments[1]);
}
