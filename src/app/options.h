// The command line, as values.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "net/listener.h"
#include "serve/access_log.h"
#include "serve/limits.h"
#include "site/file_handler.h"

namespace midstream::app {

struct Options {
  std::string directory;
  std::vector<net::Endpoint> listen;
  site::FileOptions files;
  serve::Limits limits;
  unsigned threads = 1;
  std::string log_level = "info";
  std::string access_log = "off";
  serve::LogFormat access_log_format = serve::LogFormat::kCombined;
};

/// nullopt: nothing left to do; exit with `exit_code` (0 after --help or --version, 2 after an
/// error, which has been told in one line on standard error).
[[nodiscard]] std::optional<Options> parse_command_line(int argc, const char* const* argv,
                                                        int& exit_code);

/// "250ms", "30s", "5m", "2h". nullopt: not a duration above zero.
[[nodiscard]] std::optional<std::chrono::milliseconds> parse_duration(std::string_view text);
/// "127.0.0.1:8080", "[::1]:80". nullopt: not an address with a port.
[[nodiscard]] std::optional<net::Endpoint> parse_endpoint(const std::string& text);

}  // namespace midstream::app
