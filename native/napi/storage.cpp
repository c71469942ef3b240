#include "napi/storage.h"

#include <cmath>
#include <condition_variable>
#include <mutex>

#include "core/arena.h"
#include "napi/env.h"

namespace convtape::js {
namespace {

// What the garbage collector is told of: the most bytes that were in this thread's storages at once, since it last found some that nobody
// had disposed of. Told of every tensor that comes and goes it would collect once a training step; a leak is a new maximum all the time,
// and makes it collect.
class Reported {
 public:
  void add(Napi::BasicEnv env, size_t bytes) {
    live_ += static_cast<int64_t>(bytes);
    if (live_ <= most_) return;
    Napi::MemoryManagement::AdjustExternalMemory(env, live_ - most_);
    most_ = live_;
  }
  void remove(size_t bytes) { live_ -= static_cast<int64_t>(bytes); }
  void collected(Napi::BasicEnv env, size_t bytes) {
    remove(bytes);
    Napi::MemoryManagement::AdjustExternalMemory(env, live_ - most_);
    most_ = live_;
  }

 private:
  int64_t live_ = 0, most_ = 0;
};
thread_local Reported reported;

constexpr napi_type_tag kTag = {0x6d1f0f5c8a6b4e0fULL, 0x9b7c1d2e3f405162ULL};

// V8 ends the process where an array cannot be had, so that is found out before.
Napi::TypedArray freshArray(Napi::Env env, const char* op, const Storage& storage) {
  constexpr size_t kAsk = size_t{16} << 20, kHeadroom = size_t{64} << 20, kLongest = ~uint32_t{0};
  const size_t n = static_cast<size_t>(storage.count), bytes = storage.bytes();
  if (n > kLongest || (bytes > kAsk && bytes + kHeadroom > availableMemory()))
    fail(ErrorKind::OutOfMemory, op, "out of memory: a typed array of ", n, " elements (", bytes >> 20, " MB) cannot be had");
  switch (storage.dtype) {
    case DType::F32:
      return Napi::Float32Array::New(env, n);
    case DType::I32:
      return Napi::Int32Array::New(env, n);
    case DType::BF16:
      return Napi::Uint16Array::New(env, n);
    default:
      return Napi::Uint8Array::New(env, n);
  }
}

// Not by way of the array's buffer: Node-API takes no SharedArrayBuffer there.
void* dataOf(Napi::TypedArray array) {
  void* data = nullptr;
  if (napi_get_typedarray_info(array.Env(), array, nullptr, nullptr, &data, nullptr, nullptr) != napi_ok)
    throw Napi::Error::New(array.Env());
  return data;
}

// Waits for a read on the JavaScript thread.
class Waiter : public ReadSink {
 public:
  explicit Waiter(void* memory) : memory_(memory) {}
  void* begin() override { return memory_; }
  void end(std::shared_ptr<const Error> error) override {
    std::lock_guard<std::mutex> lock(mutex_);
    error_ = std::move(error);
    finished_ = true;
    ready_.notify_one();
  }
  std::shared_ptr<const Error> wait() {
    std::unique_lock<std::mutex> lock(mutex_);
    ready_.wait(lock, [this] { return finished_; });
    return error_;
  }

 private:
  void* const memory_;
  std::mutex mutex_;
  std::condition_variable ready_;
  bool finished_ = false;
  std::shared_ptr<const Error> error_;
};

}  // namespace

void StorageHandle::define(Napi::Env env, Napi::Object exports) {
  Napi::Function constructor =
      DefineClass(env, "Storage",
                  {InstanceMethod<&StorageHandle::dispose>("dispose"), InstanceMethod<&StorageHandle::read>("read"),
                   InstanceMethod<&StorageHandle::readSync>("readSync"), InstanceMethod<&StorageHandle::write>("write"),
                   InstanceMethod<&StorageHandle::copyFrom>("copyFrom")});
  js::dataOf(env).storageConstructor = Napi::Persistent(constructor);
  exports.Set("Storage", constructor);
}

// new Storage(device position, element count, 'f32' | 'i32' | 'u8' | 'bf16')
StorageHandle::StorageHandle(const Napi::CallbackInfo& info) : Napi::ObjectWrap<StorageHandle>(info) {
  guarded(info.Env(), [&] {
    if (!info[0].IsNumber() || !info[1].IsNumber() || !info[2].IsString())
      fail(ErrorKind::Type, "Storage", "takes a device position, an element count and an element type");
    const double count = info[1].As<Napi::Number>().DoubleValue();
    if (!(count >= 0 && count < 9007199254740992.0) || count != std::floor(count))
      fail(ErrorKind::Range, "Storage", "element count must be a whole number, got ", count);
    const std::string text = info[2].As<Napi::String>().Utf8Value();
    const DType dtype = text == "f32" ? DType::F32 : text == "i32" ? DType::I32 : text == "u8" ? DType::U8 : DType::BF16;
    if (text != nameOf(dtype)) fail(ErrorKind::Type, "Storage", "element type must be f32, i32, u8 or bf16, got '", text, "'");
    const double position = info[0].As<Napi::Number>().DoubleValue();
    Device& device = DeviceRegistry::instance().at(position >= 0 && position < 1e6 ? static_cast<int>(position) : -1);
    storage_ = std::make_shared<Storage>(device, static_cast<int64_t>(count), dtype);
    reported.add(info.Env(), storage_->bytes());
    info.This().As<Napi::Object>().TypeTag(&kTag);
  });
}

void StorageHandle::Finalize(Napi::BasicEnv env) {
  if (storage_) reported.collected(env, storage_->bytes());
}

const std::shared_ptr<Storage>& StorageHandle::of(const char* op, const char* role, Napi::Value value) {
  if (!value.IsObject() || !value.As<Napi::Object>().CheckTypeTag(&kTag)) fail(ErrorKind::Type, op, role, " is not a storage");
  const auto& storage = Unwrap(value.As<Napi::Object>())->storage_;
  if (!storage) fail(ErrorKind::Type, op, role, " has been disposed");
  return storage;
}

Napi::Value StorageHandle::dispose(const Napi::CallbackInfo& info) {
  if (storage_) {
    reported.remove(storage_->bytes());
    storage_.reset();
  }
  return info.Env().Undefined();
}

Napi::Value StorageHandle::read(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const auto storage = of("data", "this", info.This());
    Napi::Env env = info.Env();
    Napi::TypedArray array = freshArray(env, "data", *storage);
    auto deferred = std::make_shared<Napi::Promise::Deferred>(env);
    auto keep = std::make_shared<Napi::Reference<Napi::TypedArray>>(Napi::Persistent(array));
    const uint64_t number = js::dataOf(env).expect(env, [deferred, keep](Napi::Env env, std::shared_ptr<const Error> error) {
      if (error)
        deferred->Reject(toJs(env, *error).Value());
      else
        deferred->Resolve(keep->Value());
    });
    storage->device.read(storage, std::make_shared<MailboxSink>(js::dataOf(env).mailbox(), number, dataOf(array)));
    return deferred->Promise();
  });
}

Napi::Value StorageHandle::readSync(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const auto storage = of("dataSync", "this", info.This());
    Napi::TypedArray array = freshArray(info.Env(), "dataSync", *storage);
    auto waiter = std::make_shared<Waiter>(dataOf(array));
    storage->device.read(storage, waiter);
    if (auto error = waiter->wait()) throw toJs(info.Env(), *error);
    return array;
  });
}

Napi::Value StorageHandle::write(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const auto storage = of("copyFrom", "this", info.This());
    if (!info[0].IsTypedArray()) fail(ErrorKind::Type, "copyFrom", "takes a typed array");
    Napi::TypedArray array = info[0].As<Napi::TypedArray>();
    const auto type = array.TypedArrayType();
    const bool fits = (storage->dtype == DType::F32 && type == napi_float32_array) ||
                      (storage->dtype == DType::I32 && type == napi_int32_array) ||
                      (storage->dtype == DType::U8 && (type == napi_uint8_array || type == napi_uint8_clamped_array)) ||
                      (storage->dtype == DType::BF16 && type == napi_uint16_array);
    if (!fits) fail(ErrorKind::Type, "copyFrom", "a ", nameOf(storage->dtype), " tensor takes another kind of typed array");
    if (static_cast<int64_t>(array.ElementLength()) != storage->count)
      fail(ErrorKind::Range, "copyFrom", "the tensor has ", storage->count, " elements, the array ", array.ElementLength());
    storage->device.write(storage, dataOf(array));
    return info.Env().Undefined();
  });
}

Napi::Value StorageHandle::copyFrom(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const auto to = of("copyTo", "destination", info.This());
    const auto from = of("copyTo", "source", info[0]);
    if (to->dtype != from->dtype || to->count != from->count)
      fail(ErrorKind::Range, "copyTo", "source is ", from->count, " × ", nameOf(from->dtype), ", destination ", to->count, " × ",
           nameOf(to->dtype));
    to->device.copyFrom(to, from);
    return info.Env().Undefined();
  });
}

}  // namespace convtape::js
