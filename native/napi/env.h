// What the addon keeps for one JavaScript environment (the main thread, or one worker thread). Nothing of an environment is ever in
// a static, so that workers come and go freely; devices are the process's and shared by all of them.
#pragma once

#include <napi.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <unordered_map>

#include "core/device.h"
#include "core/error.h"
#include "napi/mailbox.h"

namespace convtape::js {

class EnvData {
 public:
  explicit EnvData(Napi::Env env);

  // What to do on the JavaScript thread when a piece of work has ended. It holds references into JavaScript, so it stays here; devices
  // hold a number.
  using Settle = std::function<void(Napi::Env, std::shared_ptr<const Error>)>;
  uint64_t expect(Napi::Env env, Settle settle);
  const std::shared_ptr<Mailbox>& mailbox() const { return mailbox_; }

  Napi::FunctionReference storageConstructor;

 private:
  void deliver(Napi::Env env);

  napi_threadsafe_function signal_ = nullptr;
  std::shared_ptr<Mailbox> mailbox_;
  std::unordered_map<uint64_t, Settle> waiting_;
  uint64_t next_ = 0;
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
  } catch (const Napi::Error&) {
    throw;
  } catch (const std::bad_alloc&) {
    throw toJs(env, Error(ErrorKind::OutOfMemory, "", "the process is out of memory"));
  } catch (const std::exception& e) {
    throw toJs(env, Error(ErrorKind::Device, "", e.what()));
  }
}

}  // namespace convtape::js
