// What the addon keeps for one JavaScript environment (the main thread, or one worker thread). Nothing of an environment is ever in
// a static, so that workers come and go freely; devices are the process's and shared by all of them.
#pragma once

#include <napi.h>

#include <condition_variable>
#include <functional>
#include <mutex>

#include "core/device.h"
#include "core/error.h"

namespace convtape::js {

class EnvData {
 public:
  explicit EnvData(Napi::Env env);

  // Work under way for this environment whose end must be told to JavaScript. `settle` runs on the JavaScript thread.
  struct Pending {
    std::function<void(Napi::Env, std::shared_ptr<const Error>)> settle;
    std::shared_ptr<const Error> error;
  };
  // Returns what a device calls, on its own thread, when the work is done.
  std::function<void(std::shared_ptr<const Error>)> expect(Napi::Env env,
                                                           std::function<void(Napi::Env, std::shared_ptr<const Error>)> settle);

  Napi::FunctionReference storageConstructor;

 private:
  void waitForAll();
  Napi::ThreadSafeFunction settled_;
  std::mutex mutex_;
  std::condition_variable none_;
  int underWay_ = 0;   // on device threads
  int unsettled_ = 0;  // promises; JavaScript thread only
};

inline EnvData& dataOf(Napi::Env env) { return *env.GetInstanceData<EnvData>(); }

// A JavaScript error (TypeError, RangeError or Error, with a `code`) with the caller's stack.
Napi::Error toJs(Napi::Env env, const Error& error);

// Runs `body`; a native exception becomes a JavaScript one.
template <class Body>
auto guarded(Napi::Env env, Body&& body) {
  try {
    return body();
  } catch (const Error& e) {
    throw toJs(env, e);
  } catch (const std::bad_alloc&) {
    throw toJs(env, Error(ErrorKind::OutOfMemory, "", "the process is out of memory"));
  }
}

}  // namespace convtape::js
