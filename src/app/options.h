// The command line, as a Config.
#pragma once

#include <optional>
#include <string>

#include "app/config.h"
#include "app/server.h"

namespace midstream::app {

/// What a command line asks the server to do.
struct Invocation {
  Config config;
  std::string config_file;  ///< of `run`; empty for `serve`
  /// The configuration anew, with what the command line says on top of it. Logs what is wrong.
  /// Empty for `serve`.
  ReadConfig read_again;
};

/// nullopt: nothing left to do; exit with `exit_code`: 0 after --help, --version, --print-config
/// and `check` of a file that is right; 2 after an error, which has been told on standard error:
/// in one line, or, of a configuration file, in a line for each problem.
[[nodiscard]] std::optional<Invocation> parse_command_line(int argc, const char* const* argv,
                                                           int& exit_code);

}  // namespace midstream::app
