// What every kind of device does around a kernel.
#pragma once

#include <functional>

#include "core/device.h"

namespace convtape {

// Runs `kernel` unless an input is in error, or `error` is given, and tells the outputs how it went: a failure gets the operator's and
// the device's name.
void perform(const Launch& work, const Device& device, FailureLog& failures, const std::function<void()>& kernel,
             std::shared_ptr<const Error> error = nullptr);

}  // namespace convtape
