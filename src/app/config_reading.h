// ConfigReading: what the readers of all values share: where relative paths begin, where every
// value stands, and what is wrong.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "app/config_tree.h"

namespace midstream::app {

/// By path: "site[1].route[0].files.root", "site[0].hosts[2]". What is not there was not written.
using ConfigPlaces = std::map<std::string, Position, std::less<>>;

class ConfigReading {
 public:
  explicit ConfigReading(std::string base_directory) : base_directory_(std::move(base_directory)) {}

  ConfigPlaces places;
  std::vector<ConfigProblem> problems;

  void complain(Position at, std::string text);
  /// "KEY is a list, expected ..."
  void wrong_type(const ConfigNode& node, std::string_view expected);
  /// "KEY is 70000 (why), expected ..., did you mean ...?"
  void wrong_value(const ConfigNode& node, std::string_view expected, std::string_view meant = {},
                   std::string_view why = {});

  /// `path`, if it is relative, below the directory of the file.
  [[nodiscard]] std::string resolve(std::string_view path) const;

 private:
  std::string base_directory_;
};

/// ", did you mean "x"?", or nothing.
[[nodiscard]] std::string did_you_mean(std::string_view word);
/// "\"a\", \"b\" or \"c\"".
[[nodiscard]] std::string one_of(const std::vector<std::string_view>& words);

}  // namespace midstream::app
