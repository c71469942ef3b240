#include "napi/env.h"

#include <utility>

namespace convtape::js {

void Mailbox::post(uint64_t number, std::shared_ptr<const Error> error) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (!open_) return;
  letters_.emplace_back(number, std::move(error));
  if (letters_.size() == 1) napi_call_threadsafe_function(signal_, nullptr, napi_tsfn_nonblocking);
}

bool Mailbox::beginWriting() {
  std::lock_guard<std::mutex> lock(mutex_);
  if (open_) ++writing_;
  return open_;
}

void Mailbox::endWriting() {
  std::lock_guard<std::mutex> lock(mutex_);
  if (--writing_ == 0) quiet_.notify_all();
}

std::vector<Mailbox::Letter> Mailbox::collect() {
  std::lock_guard<std::mutex> lock(mutex_);
  return std::exchange(letters_, {});
}

void Mailbox::close() {
  std::unique_lock<std::mutex> lock(mutex_);
  open_ = false;
  quiet_.wait(lock, [this] { return writing_ == 0; });
}

EnvData::EnvData(Napi::Env env) {
  // Called with a null environment where the environment is going away.
  const auto call = [](napi_env env, napi_value, void* self, void*) {
    if (env) static_cast<EnvData*>(self)->deliver(env);
  };
  const napi_status status = napi_create_threadsafe_function(env, nullptr, nullptr, Napi::String::New(env, "convtape"), 0, 1, nullptr,
                                                             nullptr, this, call, &signal_);
  if (status != napi_ok) throw Napi::Error::New(env);
  napi_unref_threadsafe_function(env, signal_);
  mailbox_ = std::make_shared<Mailbox>(signal_);
  env.AddCleanupHook([this] {
    mailbox_->close();
    waiting_.clear();  // here, where references into JavaScript may still be given up
  });
}

uint64_t EnvData::expect(Napi::Env env, Settle settle) {
  // The process stays alive while a promise is open, and only then.
  if (waiting_.empty()) napi_ref_threadsafe_function(env, signal_);
  waiting_.emplace(next_, std::move(settle));
  return next_++;
}

void EnvData::deliver(Napi::Env env) {
  for (auto& [number, error] : mailbox_->collect()) {
    auto letter = waiting_.extract(number);
    if (waiting_.empty()) napi_unref_threadsafe_function(env, signal_);
    try {
      Napi::HandleScope scope(env);
      letter.mapped()(env, error);
    } catch (const Napi::Error&) {  // a worker that is being terminated settles nothing
    }
  }
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
