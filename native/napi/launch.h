#pragma once

#include <napi.h>

namespace convtape::js {

// launch(operator number, parameters, input handles, output handles): checks everything, queues the kernel, returns.
Napi::Value launch(const Napi::CallbackInfo& info);

// Names by number.
Napi::Value operatorNames(Napi::Env env);

}  // namespace convtape::js
