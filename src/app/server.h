// The server as a process: everything that a configuration asks for, and the signals.
#pragma once

#include <functional>
#include <optional>

#include "app/config.h"

namespace midstream::app {

/// The configuration anew, for SIGHUP. nullopt: it is broken, and what is wrong has been logged.
/// An empty function: there is nothing that could be read again.
using ReadConfig = std::function<std::optional<Config>()>;

/// Serves until it is told to stop. Says on standard output where it listens, once it does, and on
/// standard error, in one line, why it cannot start. Gives the exit code: 0 after an orderly stop,
/// 1 when it failed, 2 when what the configuration names cannot be served.
[[nodiscard]] int run_server(Config config, const ReadConfig& read_again);

}  // namespace midstream::app
