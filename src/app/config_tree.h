// A TOML text as a tree of plain nodes that know where they stand. Only config_tree.cc knows the
// TOML library.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/system/result.hpp>

namespace midstream::app {

/// Both start at 1. 0: the file as a whole. Columns count code points.
struct Position {
  unsigned line = 0;
  unsigned column = 0;

  friend auto operator<=>(const Position&, const Position&) = default;
};

struct ConfigProblem {
  unsigned line = 0;  ///< 0: the file as a whole
  unsigned column = 0;
  std::string text;  ///< one line: what is wrong, what is expected
};

struct ConfigNode {
  enum class Type : std::uint8_t { kString, kInteger, kBoolean, kList, kTable, kFloat, kTime };

  Type type = Type::kTable;
  Position at;
  /// The key of an entry of a table; a list gives its own to its items. Empty: the whole file.
  std::string key;
  Position key_at;

  std::string text;               ///< kString
  bool from_environment = false;  ///< the text had a variable in it
  bool broken = false;            ///< has been complained about: not to be looked at
  std::int64_t integer = 0;
  bool boolean = false;
  std::vector<ConfigNode> items;  ///< of a list; entries of a table, in the order of the file

  [[nodiscard]] const ConfigNode* find(std::string_view wanted) const;
};

/// The error is the first thing that is not TOML.
[[nodiscard]] boost::system::result<ConfigNode, ConfigProblem> parse_toml(std::string_view text);

/// nullopt: there is no such variable.
using Environment = std::function<std::optional<std::string>(const std::string& name)>;

/// Puts values for "${NAME}" and "${NAME:-default}" into every string; "$${" becomes "${". Gives
/// what went wrong: unset variables, malformed ones.
[[nodiscard]] std::vector<ConfigProblem> expand_variables(ConfigNode& node,
                                                          const Environment& environment);

/// A TOML basic string that expand_variables leaves as `text`.
[[nodiscard]] std::string quote_toml(std::string_view text);

[[nodiscard]] bool is_utf8(std::string_view text);

}  // namespace midstream::app
