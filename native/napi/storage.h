// The JavaScript handle of a Storage.
#pragma once

#include <napi.h>

#include <memory>

#include "core/device.h"

namespace convtape::js {

class StorageHandle : public Napi::ObjectWrap<StorageHandle> {
 public:
  static void define(Napi::Env env, Napi::Object exports);
  explicit StorageHandle(const Napi::CallbackInfo& info);
  void Finalize(Napi::BasicEnv env) override;

  // The storage behind a value that JavaScript passed; refuses anything that is not a handle, and a disposed one.
  static const std::shared_ptr<Storage>& of(const char* op, const char* role, Napi::Value value);

 private:
  Napi::Value dispose(const Napi::CallbackInfo& info);
  Napi::Value read(const Napi::CallbackInfo& info);      // -> Promise of a fresh typed array
  Napi::Value readSync(const Napi::CallbackInfo& info);  // -> a fresh typed array; blocks
  Napi::Value write(const Napi::CallbackInfo& info);     // (typed array)
  Napi::Value copyFrom(const Napi::CallbackInfo& info);  // (handle), any device

  std::shared_ptr<Storage> storage_;
};

}  // namespace convtape::js
