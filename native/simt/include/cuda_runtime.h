// Stands in for CUDA's header of this name where native/cuda is compiled for the simulator. The part of CUDA that the project uses, no
// more: a kernel that needs something else does not compile here until it is added, with its meaning.
#pragma once

#define CONVTAPE_SIMULATED 1

#include "simt/device_functions.h"
#include "simt/runtime_api.h"
