// Records of shards for JavaScript. lib/native/addon.ts is the typed face.
#pragma once

#include <napi.h>

namespace convtape::js {

Napi::Value readRecords(const Napi::CallbackInfo& info);
Napi::Value crc32c(const Napi::CallbackInfo& info);

}  // namespace convtape::js
