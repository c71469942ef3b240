#include "napi/launch.h"

#include <algorithm>
#include <cstring>
#include <type_traits>

#include "core/registry.h"
#include "napi/env.h"
#include "napi/fields.h"
#include "napi/storage.h"

namespace convtape::js {
namespace {

template <class Op, class = void>
struct InPlace : std::false_type {};
template <class Op>
struct InPlace<Op, std::void_t<decltype(Op::inPlace)>> : std::bool_constant<Op::inPlace> {};
template <class Op, class = void>
struct Partial : std::false_type {};
template <class Op>
struct Partial<Op, std::void_t<decltype(Op::partial)>> : std::bool_constant<Op::partial> {};

template <class Op>
void prepare(Napi::Object object, Launch& work) {
  using Params = typename Op::Params;
  static_assert(std::is_trivially_copyable_v<Params> && sizeof(Params) <= Launch::kMaxParams, "parameters are copied as bytes");
  Params p{};
  FieldReader reader(Op::name, object);
  Op::fields(p, reader);
  Op::check(p, work.operands);
  std::memcpy(work.params, &p, sizeof p);
  work.inPlace = InPlace<Op>::value;
  work.partial = Partial<Op>::value;
}

using PrepareFn = void (*)(Napi::Object, Launch&);
#define CONVTAPE_ROW(Op) &prepare<Op>,
constexpr PrepareFn kPrepare[] = {CONVTAPE_FOR_EACH_OP(CONVTAPE_ROW)};
#undef CONVTAPE_ROW

// Storages of one call, kept alive until it is queued: reading the parameters can run JavaScript, which may dispose of them.
struct Held {
  std::shared_ptr<Storage> in[Operands::kMax], out[Operands::kMax];
};

int readOperands(const char* op, const char* role, Napi::Value value, Operand* operands, std::shared_ptr<Status>* statuses,
                 std::shared_ptr<Storage>* held, Device*& device) {
  if (!value.IsArray()) fail(ErrorKind::Type, op, role, "s must be an array");
  Napi::Array list = value.As<Napi::Array>();
  const uint32_t n = list.Length();  // read once: a getter among the elements may change it
  if (n > Operands::kMax) fail(ErrorKind::Type, op, "has ", n, " ", role, "s, at most ", Operands::kMax, " are possible");
  for (uint32_t i = 0; i < n; ++i) {
    Napi::Value item = list.Get(i);
    if (item.IsNull() || item.IsUndefined()) continue;  // an optional operand
    const auto storage = StorageHandle::of(op, role, item);
    if (device && device != &storage->device)
      fail(ErrorKind::Type, op, "operands are on different devices: ", device->name(), " and ", storage->device.name(),
           "; copy one with copyTo");
    device = &storage->device;
    operands[i] = {storage->data, storage->count, storage->dtype};
    statuses[i] = storage->status;
    held[i] = storage;
  }
  return static_cast<int>(n);
}

// Whether there is an element to write. Where there is none the call ends here: kernels divide by their sizes.
bool writes(const Operands& operands) {
  return std::any_of(operands.out, operands.out + operands.outputs, [](const Operand& y) { return y.count > 0; });
}

}  // namespace

Napi::Value launch(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const double number = info[0].IsNumber() ? info[0].As<Napi::Number>().DoubleValue() : -1;
    if (!(number >= 0 && number < opCount())) fail(ErrorKind::Range, "launch", "no operator number ", number);
    Launch work;
    work.op = static_cast<int>(number);
    const char* name = opInfo(work.op).name;
    if (!info[1].IsObject()) fail(ErrorKind::Type, name, "parameters must be an object");
    Device* device = nullptr;
    Held held;
    work.operands.inputs = readOperands(name, "input", info[2], work.operands.in, work.inStatus, held.in, device);
    work.operands.outputs = readOperands(name, "output", info[3], work.operands.out, work.outStatus, held.out, device);
    if (!device) fail(ErrorKind::Type, name, "has no operands");
    kPrepare[work.op](info[1].As<Napi::Object>(), work);
    if (!writes(work.operands)) return info.Env().Undefined();
    for (const auto& storage : held.out)
      if (storage) device->awaitReaders(*storage);
    device->launch(std::move(work));
    return info.Env().Undefined();
  });
}

Napi::Value operatorNames(Napi::Env env) {
  Napi::Array names = Napi::Array::New(env, static_cast<size_t>(opCount()));
  for (int i = 0; i < opCount(); ++i) names.Set(static_cast<uint32_t>(i), opInfo(i).name);
  return names;
}

}  // namespace convtape::js
