// The library's parser is compiled here, and nowhere else: without exceptions, and so that the
// sanitizers and the fuzzer see it.
#undef TOML_HEADER_ONLY
#undef TOML_SHARED_LIB
#define TOML_HEADER_ONLY 1         // NOLINT(readability-identifier-naming)
#define TOML_EXCEPTIONS 0          // NOLINT(readability-identifier-naming)
#define TOML_ENABLE_FORMATTERS 0   // NOLINT(readability-identifier-naming)
#define TOML_MAX_NESTED_VALUES 32  // NOLINT(readability-identifier-naming)

#include "app/config_tree.h"

#include <algorithm>
#include <utility>

#include <toml++/toml.h>

namespace midstream::app {
namespace {

Position position_of(const toml::source_region& region) {
  return {region.begin.line, region.begin.column};
}

// Dotted keys can nest without end. No key of ours is as deep, so what is below matters to nobody.
constexpr int kDepthMax = 16;

ConfigNode convert(const toml::node& node, std::string key, Position key_at, int depth) {
  ConfigNode made;
  made.at = position_of(node.source());
  made.key = std::move(key);
  made.key_at = key_at;
  if (depth > kDepthMax) return made;
  if (const auto* table = node.as_table()) {
    made.type = ConfigNode::Type::kTable;
    for (const auto& [name, value] : *table)
      made.items.push_back(
          convert(value, std::string(name.str()), position_of(name.source()), depth + 1));
    std::stable_sort(made.items.begin(), made.items.end(),
                     [](const auto& a, const auto& b) { return a.key_at < b.key_at; });
  } else if (const auto* list = node.as_array()) {
    made.type = ConfigNode::Type::kList;
    for (const auto& value : *list)
      made.items.push_back(convert(value, made.key, key_at, depth + 1));
  } else if (const auto* text = node.as_string()) {
    made.type = ConfigNode::Type::kString;
    made.text = text->get();
  } else if (const auto* integer = node.as_integer()) {
    made.type = ConfigNode::Type::kInteger;
    made.integer = integer->get();
  } else if (const auto* boolean = node.as_boolean()) {
    made.type = ConfigNode::Type::kBoolean;
    made.boolean = boolean->get();
  } else {
    made.type = node.is_floating_point() ? ConfigNode::Type::kFloat : ConfigNode::Type::kTime;
  }
  return made;
}

}  // namespace

const ConfigNode* ConfigNode::find(std::string_view wanted) const {
  for (const ConfigNode& item : items) {
    if (item.key == wanted) return &item;
  }
  return nullptr;
}

boost::system::result<ConfigNode, ConfigProblem> parse_toml(std::string_view text) {
  const toml::parse_result parsed = toml::parse(text);
  if (!parsed) {
    const toml::parse_error& error = parsed.error();
    const Position at = position_of(error.source());
    std::string what(error.description());
    std::replace(what.begin(), what.end(), '\n', ' ');
    return ConfigProblem{at.line, at.column, "not TOML: " + what};
  }
  return convert(parsed.table(), {}, {}, 0);
}

}  // namespace midstream::app
