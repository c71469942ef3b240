// The environment's CONVTAPE_SIM_*.
#pragma once

namespace simt {

// Puts them into options() and runtimeOptions(). Throws convtape::Error where one has a value that it cannot have.
void readSettings();

}  // namespace simt
