#include "simt/settings.h"

#include <cstdlib>
#include <initializer_list>
#include <string>

#include "core/error.h"
#include "simt/arena.h"
#include "simt/runtime_api.h"

namespace simt {
namespace {

constexpr long long kMost = 999999999999999999;  // 18 digits

std::string setting(const char* name) {
  const char* text = std::getenv(name);
  return text ? text : "";
}

[[noreturn]] void refuse(const char* name, const std::string& wanted, const std::string& text) {
  convtape::fail(convtape::ErrorKind::Range, name, "must be ", wanted, ", got '", text, "'");
}

template <class T>
struct Choice {
  const char* text;
  T value;
};

// The first choice is taken where the variable is not set.
template <class T>
T choice(const char* name, std::initializer_list<Choice<T>> choices) {
  const std::string text = setting(name);
  if (text.empty()) return choices.begin()->value;
  std::string all;
  for (const Choice<T>& c : choices) {
    if (text == c.text) return c.value;
    all += all.empty() ? "" : &c + 1 == choices.end() ? " or " : ", ";
    all += c.text;
  }
  refuse(name, all, text);
}

// A whole number that is at most `most`, in digits alone.
bool isNumber(const std::string& text, long long most, long long& value) {
  if (text.empty() || text.size() > 18 || text.find_first_not_of("0123456789") != std::string::npos) return false;
  value = std::atoll(text.c_str());
  return value <= most;
}

long long number(const char* name, long long least, long long most, long long fallback) {
  const std::string text = setting(name);
  if (text.empty()) return fallback;
  long long value = 0;
  if (!isNumber(text, most, value) || value < least) refuse(name, convtape::str("a whole number from ", least, " to ", most), text);
  return value;
}

void readLoss(const char* name) {
  const std::string text = setting(name);
  if (text.empty()) return;
  const size_t colon = text.find(':');
  long long device = 0, kernel = 0;
  if (colon == std::string::npos || !isNumber(text.substr(0, colon), kMaxDevices - 1, device) ||
      !isNumber(text.substr(colon + 1), kMost, kernel) || kernel == 0)
    refuse(name, "a device and one of its kernels, counted from 1, as in 0:1", text);
  runtimeOptions().loseDevice = static_cast<int>(device);
  runtimeOptions().loseAt = static_cast<long>(kernel);
}

}  // namespace

void readSettings() {
  options().seed = number("CONVTAPE_SIM_SEED", 0, kMost, 1);
  options().copies =
      choice<CopyPolicy>("CONVTAPE_SIM_COPIES", {{"random", CopyPolicy::Random}, {"eager", CopyPolicy::Eager}, {"lazy", CopyPolicy::Lazy}});
  options().check = choice<bool>("CONVTAPE_SIM_CHECK", {{"1", true}, {"0", false}});
  runtimeOptions().streams = choice<StreamPolicy>(
      "CONVTAPE_SIM_STREAMS", {{"random", StreamPolicy::Random}, {"eager", StreamPolicy::Eager}, {"lazy", StreamPolicy::Lazy}});
  runtimeOptions().peers = choice<PeerPolicy>(
      "CONVTAPE_SIM_PEER",
      {{"direct", PeerPolicy::Direct}, {"refused", PeerPolicy::Refused}, {"oneway", PeerPolicy::OneWay}, {"lying", PeerPolicy::Lying}});
  runtimeOptions().clockKHz = static_cast<int>(number("CONVTAPE_SIM_CLOCK_KHZ", 0, 0x7fffffff, 0));
  runtimeOptions().failAllocation = static_cast<long>(number("CONVTAPE_SIM_FAIL_ALLOCATION", 0, kMost, 0));
  runtimeOptions().failFree = static_cast<long>(number("CONVTAPE_SIM_FAIL_FREE", 0, kMost, 0));
  runtimeOptions().memoryBytes = static_cast<size_t>(number("CONVTAPE_SIM_MEMORY_MB", 1, 4096, 1024)) << 20;
  const long long pinned = number("CONVTAPE_SIM_PINNED_KB", 0, 1 << 30, 0);
  if (pinned) runtimeOptions().pinnedBytes = static_cast<size_t>(pinned) << 10;
  readLoss("CONVTAPE_SIM_LOSE");
}

}  // namespace simt
