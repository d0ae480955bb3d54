// The configuration file: TOML to Config and back. docs/configuration.md is the manual.
//
// Everything that is wrong is told at once, each with its line and column. Needs no thread of its
// own; load_config reads files and asks the user database, so no worker may call it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "app/config.h"
#include "app/config_tree.h"

namespace midstream::app {

inline constexpr std::string_view kConfigFile = "/etc/midstream/midstream.toml";

struct LoadedConfig {
  Config config;                        ///< good for nothing while there are problems
  std::vector<ConfigProblem> problems;  ///< in the order of the file
};

struct ParseSettings {
  std::string base_directory = "/";  ///< where relative paths begin
  Environment environment = {};      ///< none: no variable is set
  /// Whether roots, error pages, users and groups are looked for. Without, nothing outside of the
  /// text is asked.
  bool check_files = true;
};

[[nodiscard]] LoadedConfig parse_config(std::string_view text, const ParseSettings& settings);

/// Reads the file, with the environment of the process. That it cannot be read is a problem of
/// line 0.
[[nodiscard]] LoadedConfig load_config(const std::string& file);

/// "FILE:3:7: what is wrong, what is expected", or "FILE: what is wrong".
[[nodiscard]] std::string print_problem(const std::string& file, const ConfigProblem& problem);

/// What differs from the defaults, and what has to be there. parse_config makes the same Config of
/// it, wherever it stands, if all paths are absolute and all texts UTF-8.
[[nodiscard]] std::string print_config(const Config& config);

struct ConfigKey {
  std::string path;   ///< "site.route.files.root"
  std::string type;   ///< "duration"
  std::string value;  ///< the default as TOML, "none" or "required"
  std::string help;
};

/// All keys that there are.
[[nodiscard]] std::vector<ConfigKey> config_keys();

}  // namespace midstream::app
