// convtape_device_check [options]: the GPU kernels against the CPU's (check.h).
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>

#include "check/check.h"

namespace {

constexpr char kHelp[] =
    "usage: convtape_device_check [options]\n\n"
    "Runs every GPU kernel and the CPU's on the same operands and compares. Exit status: 0 all right, 1 some wrong, 2 wrong usage,\n"
    "77 no GPU here.\n"
    "  --op NAME      only the cases of one operator\n"
    "  --most N       only cases whose operands have together at most N elements\n"
    "  --parts N      only every N-th case, from the one that --part names on (0 where it does not)\n"
    "  --part I\n"
    "  --failures     only the cases that must fail\n"
    "  --seed N       of the operands (default 1)\n"
    "  --repeat N     timed runs a case, behind one that is not timed; their median counts (default 20 on a GPU, none with the simulator)\n"
    "  --device N     which GPU (default 0)\n"
    "  --capability N  kernels as for a card of capability N / 10, where that is less than the device's (75: no tensor cores)\n"
    "  --list         the cases, without running them\n";

int wrongUsage(const char* what, const char* argument) {
  std::fprintf(stderr, "convtape_device_check: %s '%s'\n\n%s", what, argument, kHelp);
  return 2;
}

}  // namespace

int main(int count, char** arguments) {
  convtape::device_check::Options options;
  for (int i = 1; i < count; ++i) {
    const std::string option = arguments[i];
    if (option == "--help") {
      std::fputs(kHelp, stdout);
      return 0;
    }
    if (option == "--failures" || option == "--list") {
      (option == "--list" ? options.list : options.failures) = true;
      continue;
    }
    if (option != "--op" && option != "--seed" && option != "--repeat" && option != "--device" && option != "--most" &&
        option != "--capability" && option != "--parts" && option != "--part")
      return wrongUsage("unknown option", arguments[i]);
    if (++i == count) return wrongUsage("a value is missing after", option.c_str());
    if (option == "--op") {
      options.op = arguments[i];
      continue;
    }
    char* end = nullptr;
    const unsigned long long number = std::strtoull(arguments[i], &end, 10);
    if (end == arguments[i] || *end != '\0') return wrongUsage("not a whole number:", arguments[i]);
    if (option == "--seed")
      options.seed = number;
    else if (option == "--most")
      options.most = static_cast<int64_t>(number);
    else if (option == "--parts" || option == "--part")
      (option == "--parts" ? options.parts : options.part) = static_cast<int64_t>(number);
    else
      (option == "--repeat" ? options.repeat : option == "--device" ? options.device : options.capability) = static_cast<int>(number);
  }
  if (options.parts > 0 ? options.part >= options.parts : options.part > 0)
    return wrongUsage("--parts has no part", std::to_string(options.part).c_str());
  setenv("CONVTAPE_SIM", "1", 0);  // the simulator's program needs a device; the other does not look
  try {
    if (!options.list && convtape::device_check::deviceCount() == 0) {
      std::fprintf(stderr, "convtape_device_check: no GPU here, or no driver for it\n");
      return 77;
    }
    return convtape::device_check::runCases(options) ? 0 : 1;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "convtape_device_check: %s\n", e.what());
    return 1;
  }
}
