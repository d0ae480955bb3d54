// Config: everything that a configuration file, or the command line of a quick command, says.
// docs/configuration.md is the manual.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "serve/access_log.h"
#include "serve/limits.h"
#include "site/options.h"

namespace midstream::app {

struct ListenOptions {
  /// "127.0.0.1:8080", "[::1]:80", "unix:/run/midstream.sock", "systemd" or "systemd:NAME" (sockets
  /// that were passed on, sd_listen_fds(3)). Port 0 picks a free one.
  std::string address = "127.0.0.1:8080";
  unsigned mode = 0666;  ///< of a Unix socket's file

  friend bool operator==(const ListenOptions&, const ListenOptions&) = default;
};

struct AccessLogOptions {
  std::string file = "off";  ///< a path, "-" for standard output, or "off"
  serve::LogFormat format = serve::LogFormat::kCombined;

  friend bool operator==(const AccessLogOptions&, const AccessLogOptions&) = default;
};

struct Config {
  unsigned threads = 0;  ///< 0: one per core
  std::string user;      ///< to change to once everything is open; empty: stay
  std::string group;     ///< empty: the user's own
  std::string log_level = "info";
  AccessLogOptions access_log;
  serve::Limits limits;
  std::map<std::string, std::string> media_types;  ///< extension to type, before the system's
  std::vector<ListenOptions> listen;               ///< empty: the default of ListenOptions
  std::vector<site::SiteOptions> sites;

  friend bool operator==(const Config&, const Config&) = default;
};

}  // namespace midstream::app
