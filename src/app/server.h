#pragma once

#include "app/options.h"

namespace midstream::app {

/// Serves until a signal says stop. Gives the exit code: 0 done, 1 failed at run time, 2 wrong
/// directory.
[[nodiscard]] int run_server(const Options& options);

}  // namespace midstream::app
