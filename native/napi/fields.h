// Reads an operator's parameters from a JavaScript object, by the names its `fields` gives.
#pragma once

#include <napi.h>

#include <cmath>

#include "core/ops/fields.h"

namespace convtape::js {

class FieldReader {
 public:
  FieldReader(const char* op, Napi::Object object) : op_(op), object_(object) {}

  void operator()(const char* field, int64_t& to) { to = integer(field, get(field)); }
  void operator()(const char* field, double& to) { to = number(field, get(field)); }
  void operator()(const char* field, float& to) { to = static_cast<float>(number(field, get(field))); }
  void operator()(const char* field, bool& to) {
    Napi::Value value = get(field);
    if (!value.IsBoolean()) fail(ErrorKind::Type, op_, field, " must be a boolean");
    to = value.As<Napi::Boolean>().Value();
  }
  void operator()(const char* field, Dims& to) {
    Napi::Value value = get(field);
    if (!value.IsArray()) fail(ErrorKind::Type, op_, field, " must be an array of integers");
    Napi::Array list = value.As<Napi::Array>();
    const uint32_t n = list.Length();  // read once: a getter among the elements may change it
    if (n > kMaxRank) fail(ErrorKind::Range, op_, field, " has ", n, " dimensions, at most ", kMaxRank, " are supported");
    to.rank = n;
    for (uint32_t i = 0; i < n; ++i) to.d[i] = integer(field, list.Get(i));
  }
  template <class E, size_t N>
  void choice(const char* field, E& to, const char* const (&names)[N]) {
    Napi::Value value = get(field);
    const std::string text = value.IsString() ? value.As<Napi::String>().Utf8Value() : std::string();
    for (size_t i = 0; i < N; ++i)
      if (text == names[i]) {
        to = static_cast<E>(i);
        return;
      }
    fail(ErrorKind::Type, op_, field, " is none of the known values: '", text, "'");
  }

 private:
  Napi::Value get(const char* field) { return object_.Get(field); }
  double number(const char* field, Napi::Value value) {
    if (!value.IsNumber()) fail(ErrorKind::Type, op_, field, " must be a number");
    return value.As<Napi::Number>().DoubleValue();
  }
  int64_t integer(const char* field, Napi::Value value) {
    const double n = number(field, value);
    if (!(std::fabs(n) <= 9007199254740992.0) || n != std::floor(n)) fail(ErrorKind::Range, op_, field, " must be an integer, got ", n);
    return static_cast<int64_t>(n);
  }

  const char* op_;
  Napi::Object object_;
};

}  // namespace convtape::js
