// The addon's exports. lib/native/addon.ts is their typed face.
#include <napi.h>

#include "core/device.h"
#include "core/precision.h"
#include "cpu/device.h"
#include "cpu/isa.h"
#include "cpu/pool.h"
#include "cpu/rates.h"
#include "data/jpeg.h"
#include "napi/env.h"
#include "napi/launch.h"
#include "napi/records.h"
#include "napi/storage.h"

namespace convtape::js {
namespace {

Device& deviceAt(const Napi::CallbackInfo& info) {
  const double position = info[0].IsNumber() ? info[0].As<Napi::Number>().DoubleValue() : -1;
  return DeviceRegistry::instance().at(position >= 0 && position < 1e6 ? static_cast<int>(position) : -1);
}

Napi::Value devices(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    Napi::Env env = info.Env();
    const auto& all = DeviceRegistry::instance().all();
    Napi::Array list = Napi::Array::New(env, all.size());
    for (size_t i = 0; i < all.size(); ++i) {
      Napi::Object row = Napi::Object::New(env);
      row.Set("kind", nameOf(all[i]->kind));
      row.Set("index", all[i]->index);
      row.Set("name", all[i]->name());
      row.Set("description", all[i]->describe());
      const PeakRates peak = all[i]->peakRates();
      row.Set("peakFlops", peak.flops);
      row.Set("peakBytes", peak.bytes);
      list.Set(static_cast<uint32_t>(i), row);
    }
    return list;
  });
}

Napi::Value memory(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const MemoryStats stats = deviceAt(info).memory();
    Napi::Object row = Napi::Object::New(info.Env());
    row.Set("allocated", static_cast<double>(stats.allocated));
    row.Set("reserved", static_cast<double>(stats.reserved));
    row.Set("peak", static_cast<double>(stats.peak));
    return row;
  });
}

Napi::Value resetPeak(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    deviceAt(info).resetPeak();
    return info.Env().Undefined();
  });
}

Napi::Value releaseCached(const Napi::CallbackInfo& info) {
  return guarded(info.Env(),
                 [&]() -> Napi::Value { return Napi::Number::New(info.Env(), static_cast<double>(deviceAt(info).releaseCached())); });
}

Napi::Value synchronize(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    Napi::Env env = info.Env();
    auto deferred = std::make_shared<Napi::Promise::Deferred>(env);
    Device& device = deviceAt(info);
    const uint64_t number = dataOf(env).expect(env, [deferred](Napi::Env env, std::shared_ptr<const Error> error) {
      if (error)
        deferred->Reject(toJs(env, *error).Value());
      else
        deferred->Resolve(env.Undefined());
    });
    device.onIdle(
        [mailbox = dataOf(env).mailbox(), number](std::shared_ptr<const Error> error) { mailbox->post(number, std::move(error)); });
    return deferred->Promise();
  });
}

Napi::Value peerAccess(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const double position = info[1].IsNumber() ? info[1].As<Napi::Number>().DoubleValue() : -1;
    Device& other = DeviceRegistry::instance().at(position >= 0 && position < 1e6 ? static_cast<int>(position) : -1);
    return Napi::String::New(info.Env(), deviceAt(info).peerAccess(other));
  });
}

Napi::Value numThreads(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    auto& pool = cpu::Pool::instance();
    if (!info[0].IsUndefined()) {
      const double n = info[0].IsNumber() ? info[0].As<Napi::Number>().DoubleValue() : -1;
      if (!(n >= 1 && n <= 1024) || n != static_cast<int>(n))
        fail(ErrorKind::Range, "numThreads", "must be a whole number between 1 and 1024, got ", n);
      pool.setNumThreads(static_cast<int>(n));
    }
    return Napi::Number::New(info.Env(), pool.numThreads());
  });
}

// Private, for benchmarks: rate('fma' | 'read' | 'write' | 'copy', threads, seconds | bytes, passes). Runs here and now, on threads of its
// own.
Napi::Value machineRate(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const std::string what = info[0].IsString() ? info[0].As<Napi::String>().Utf8Value() : "";
    auto number = [&](int at, const char* name, double low, double high) {
      const double n = info[at].IsNumber() ? info[at].As<Napi::Number>().DoubleValue() : -1;
      if (!(n >= low && n <= high)) fail(ErrorKind::Range, "machineRate", name, " must be from ", low, " to ", high, ", got ", n);
      return n;
    };
    const int threads = static_cast<int>(number(1, "threads", 1, 1024));
    double rate = 0;
    if (what == "fma")
      rate = cpu::fmaRate(threads, number(2, "seconds", 1e-6, 10));
    else if (what == "read" || what == "write" || what == "copy") {
      const auto bytes = static_cast<size_t>(number(2, "bytes", 1, 1e12));
      const int passes = static_cast<int>(number(3, "passes", 1, 1e6));
      const auto traffic = what == "read" ? cpu::Traffic::Read : what == "write" ? cpu::Traffic::Write : cpu::Traffic::Copy;
      rate = cpu::memoryRate(traffic, threads, bytes, passes);
    } else
      fail(ErrorKind::Range, "machineRate", "must be fma, read, write or copy, got '", what, "'");
    return Napi::Number::New(info.Env(), rate);
  });
}

Napi::Value precision(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    if (info[0].IsString()) {
      const std::string name = info[0].As<Napi::String>().Utf8Value();
      if (name.empty()) fail(ErrorKind::Range, "precision", "must be f32, tf32 or bf16, got ''");
      setPrecision(precisionOf(name.c_str()));
    }
    return Napi::String::New(info.Env(), nameOf(currentPrecision()));
  });
}

// How this file was made, for `convtape devices` and for bug reports.
Napi::Object build(Napi::Env env) {
  Napi::Object row = Napi::Object::New(env);
#if defined(__clang__)
  row.Set("compiler", "Clang " __clang_version__);
#else
  row.Set("compiler", "GCC " __VERSION__);
#endif
#if defined(__OPTIMIZE__)
  row.Set("optimised", true);
#else
  row.Set("optimised", false);
#endif
  Napi::Array isas = Napi::Array::New(env);
  for (const std::string& isa : cpu::compiledIsas()) isas.Set(isas.Length(), isa);
  row.Set("isas", isas);
  row.Set("isa", cpu::kernels().isa);
  row.Set("widestIsa", cpu::widestIsa());
  row.Set("jpeg", data::haveJpeg());
  return row;
}

Napi::Object init(Napi::Env env, Napi::Object exports) {
  return guarded(env, [&] {
    env.SetInstanceData(new EnvData(env));
    DeviceRegistry::instance();
    currentPrecision();  // a CONVTAPE_PRECISION that is none is refused here
    StorageHandle::define(env, exports);
    exports.Set("operators", operatorNames(env));
    exports.Set("build", build(env));
    exports.Set("launch", Napi::Function::New(env, launch, "launch"));
    exports.Set("devices", Napi::Function::New(env, devices, "devices"));
    exports.Set("memory", Napi::Function::New(env, memory, "memory"));
    exports.Set("resetPeak", Napi::Function::New(env, resetPeak, "resetPeak"));
    exports.Set("releaseCached", Napi::Function::New(env, releaseCached, "releaseCached"));
    exports.Set("synchronize", Napi::Function::New(env, synchronize, "synchronize"));
    exports.Set("peerAccess", Napi::Function::New(env, peerAccess, "peerAccess"));
    exports.Set("precision", Napi::Function::New(env, precision, "precision"));
    exports.Set("numThreads", Napi::Function::New(env, numThreads, "numThreads"));
    exports.Set("machineRate", Napi::Function::New(env, machineRate, "machineRate"));
    exports.Set("readRecords", Napi::Function::New(env, readRecords, "readRecords"));
    exports.Set("crc32c", Napi::Function::New(env, crc32c, "crc32c"));
    return exports;
  });
}

}  // namespace
}  // namespace convtape::js

static Napi::Object initAddon(Napi::Env env, Napi::Object exports) { return convtape::js::init(env, exports); }
NODE_API_MODULE(convtape, initAddon)
