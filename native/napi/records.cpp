#include "napi/records.h"

#include <memory>
#include <string>

#include "data/crc32c.h"
#include "data/jpeg.h"
#include "data/records.h"
#include "napi/env.h"

namespace convtape::js {
namespace {

constexpr const char* kName = "readRecords";

template <class Array>
Array list(Napi::Value value, napi_typedarray_type type, const char* what) {
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != type)
    fail(ErrorKind::Type, kName, what, " is another kind of array");
  return value.As<Array>();
}

int64_t size(Napi::Value value, const char* what) {
  const double n = value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : -1;
  if (!(n >= 1 && n <= 65536) || n != static_cast<int64_t>(n)) fail(ErrorKind::Range, kName, what, " must be from 1 to 65536, got ", n);
  return static_cast<int64_t>(n);
}

constexpr double kMostBytes = 1 << 30;  // of one record

}  // namespace

// readRecords(files: Int32Array, offsets: Float64Array, lengths: Uint32Array, checksums: Uint32Array, jpeg: boolean, channels, height,
// width, out: Uint8Array) -> Promise<void>; it is rejected with `PLACE: text` of the first record that failed. `out` must stay where it
// is until then, and its buffer must not be transferred.
Napi::Value readRecords(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    Napi::Env env = info.Env();
    auto files = list<Napi::Int32Array>(info[0], napi_int32_array, "files");
    auto offsets = list<Napi::Float64Array>(info[1], napi_float64_array, "offsets");
    auto lengths = list<Napi::Uint32Array>(info[2], napi_uint32_array, "lengths");
    auto checksums = list<Napi::Uint32Array>(info[3], napi_uint32_array, "checksums");
    auto out = list<Napi::Uint8Array>(info[8], napi_uint8_array, "out");
    auto batch = std::make_shared<data::RecordBatch>();
    batch->encoding = info[4].ToBoolean().Value() ? data::Encoding::Jpeg : data::Encoding::Raw;
    batch->channels = size(info[5], "channels");
    batch->height = size(info[6], "height");
    batch->width = size(info[7], "width");
    if (batch->encoding == data::Encoding::Jpeg && !data::haveJpeg()) fail(ErrorKind::Type, kName, "this build has no JPEG decoder");
    if (batch->encoding == data::Encoding::Jpeg && batch->channels != 3) fail(ErrorKind::Range, kName, "JPEG records have 3 channels");
    const size_t count = files.ElementLength();
    if (offsets.ElementLength() != count || lengths.ElementLength() != count || checksums.ElementLength() != count)
      fail(ErrorKind::Range, kName, "files, offsets, lengths and checksums must have one entry a record");
    if (out.ElementLength() != count * static_cast<size_t>(batch->imageBytes()))
      fail(ErrorKind::Range, kName, "out must have ", count * static_cast<size_t>(batch->imageBytes()), " bytes, got ",
           out.ElementLength());
    auto deferred = std::make_shared<Napi::Promise::Deferred>(env);
    if (count == 0) {
      deferred->Resolve(env.Undefined());
      return deferred->Promise();
    }
    for (size_t i = 0; i < count; ++i) {
      if (!(offsets[i] >= 0 && offsets[i] < 9007199254740992.0)) fail(ErrorKind::Range, kName, "an offset is negative or too large");
      if (lengths[i] > kMostBytes) fail(ErrorKind::Range, kName, "a record of ", lengths[i], " bytes is too large");
      batch->records.push_back({files[i], static_cast<int64_t>(offsets[i]), lengths[i], checksums[i]});
    }
    auto keep = std::make_shared<Napi::Reference<Napi::Uint8Array>>(Napi::Persistent(out));
    const auto mailbox = dataOf(env).mailbox();
    const uint64_t number = dataOf(env).expect(env, [deferred, keep](Napi::Env env, std::shared_ptr<const Error> error) {
      if (error)
        deferred->Reject(toJs(env, *error).Value());
      else
        deferred->Resolve(env.Undefined());
    });
    batch->memory = [mailbox, memory = out.Data()]() -> uint8_t* { return mailbox->beginWriting() ? memory : nullptr; };
    batch->release = [mailbox] { mailbox->endWriting(); };
    batch->done = [mailbox, number](int64_t place, const std::string& text) {
      mailbox->post(number,
                    place < 0 ? nullptr : std::make_shared<const Error>(ErrorKind::Device, "", std::to_string(place) + ": " + text));
    };
    data::RecordThreads::instance().submit(std::move(batch));
    return deferred->Promise();
  });
}

// crc32c(bytes: Uint8Array, before = 0) -> number
Napi::Value crc32c(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    if (!info[0].IsTypedArray() || info[0].As<Napi::TypedArray>().TypedArrayType() != napi_uint8_array)
      fail(ErrorKind::Type, "crc32c", "takes bytes");
    auto bytes = info[0].As<Napi::Uint8Array>();
    const uint32_t before = info[1].IsNumber() ? info[1].As<Napi::Number>().Uint32Value() : 0;
    return Napi::Number::New(info.Env(), data::crc32c(bytes.Data(), bytes.ElementLength(), before));
  });
}

}  // namespace convtape::js
