#include "napi/env.h"

namespace convtape::js {

EnvData::EnvData(Napi::Env env) {
  settled_ = Napi::ThreadSafeFunction::New(env, Napi::Function::New(env, [](const Napi::CallbackInfo&) {}), "convtape", 0, 1);
  settled_.Unref(env);
  // A read writes into an ArrayBuffer of this environment: the environment must not go before the read is done.
  env.AddCleanupHook([this] { waitForAll(); });
}

void EnvData::waitForAll() {
  {
    std::unique_lock<std::mutex> lock(mutex_);
    none_.wait(lock, [this] { return underWay_ == 0; });
  }
  settled_.Abort();
}

std::function<void(std::shared_ptr<const Error>)> EnvData::expect(Napi::Env env,
                                                                  std::function<void(Napi::Env, std::shared_ptr<const Error>)> settle) {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    ++underWay_;
  }
  // The process stays alive while a promise is open, and only then.
  if (++unsettled_ == 1) settled_.Ref(env);
  settled_.Acquire();
  return [this, settle = std::move(settle)](std::shared_ptr<const Error> error) {
    auto* pending = new Pending{settle, std::move(error)};
    const auto status = settled_.NonBlockingCall(pending, [this](Napi::Env env, Napi::Function, Pending* pending) {
      if (--unsettled_ == 0) settled_.Unref(env);
      Napi::HandleScope scope(env);
      pending->settle(env, pending->error);
      delete pending;
    });
    if (status == napi_ok)
      settled_.Release();
    else
      delete pending;
    std::lock_guard<std::mutex> lock(mutex_);
    if (--underWay_ == 0) none_.notify_all();
  };
}

Napi::Error toJs(Napi::Env env, const Error& error) {
  Napi::Error value = error.kind == ErrorKind::Type    ? Napi::Error(Napi::TypeError::New(env, error.what()))
                      : error.kind == ErrorKind::Range ? Napi::Error(Napi::RangeError::New(env, error.what()))
                                                       : Napi::Error::New(env, error.what());
  const char* code = error.kind == ErrorKind::OutOfMemory ? "ERR_OUT_OF_MEMORY" : error.kind == ErrorKind::Device ? "ERR_DEVICE" : nullptr;
  if (code) value.Set("code", Napi::String::New(env, code));
  if (!error.op.empty()) value.Set("operator", Napi::String::New(env, error.op));
  return value;
}

}  // namespace convtape::js
