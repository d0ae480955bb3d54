#include "app/config_reading.h"

#include <utility>

namespace midstream::app {
namespace {

constexpr std::string_view type_text(ConfigNode::Type type) {
  switch (type) {
    case ConfigNode::Type::kString: return "a string";
    case ConfigNode::Type::kInteger: return "an integer";
    case ConfigNode::Type::kBoolean: return "a boolean";
    case ConfigNode::Type::kList: return "a list";
    case ConfigNode::Type::kTable: return "a table";
    case ConfigNode::Type::kFloat: return "a floating-point number";
    case ConfigNode::Type::kTime: return "a date or a time";
  }
  return "something else";
}

std::string value_text(const ConfigNode& node) {
  constexpr std::size_t kShown = 80;
  switch (node.type) {
    case ConfigNode::Type::kInteger: return std::to_string(node.integer);
    case ConfigNode::Type::kBoolean: return node.boolean ? "true" : "false";
    case ConfigNode::Type::kString:
      if (node.text.size() <= kShown) return quote_toml(node.text);
      return "a text that begins with " + quote_toml(std::string_view(node.text).substr(0, 20));
    default: return std::string(type_text(node.type));
  }
}

}  // namespace

void ConfigReading::complain(Position at, std::string text) {
  problems.push_back({at.line, at.column, std::move(text)});
}

void ConfigReading::wrong_type(const ConfigNode& node, std::string_view expected) {
  complain(node.at, quote_toml(node.key) + " is " + std::string(type_text(node.type)) +
                        ", expected " + std::string(expected));
}

void ConfigReading::wrong_value(const ConfigNode& node, std::string_view expected,
                                std::string_view meant, std::string_view why) {
  const std::string reason = why.empty() ? "" : " (" + std::string(why) + ")";
  complain(node.at, quote_toml(node.key) + " is " + value_text(node) + reason + ", expected " +
                        std::string(expected) + did_you_mean(meant));
}

std::string ConfigReading::resolve(std::string_view path) const {
  if (path.starts_with('/')) return std::string(path);
  while (path.starts_with("./"))
    path.remove_prefix(2);
  std::string resolved = base_directory_;
  if (path.empty() || path == ".") return resolved;
  if (!resolved.ends_with('/')) resolved += '/';
  return resolved.append(path);
}

std::string did_you_mean(std::string_view word) {
  return word.empty() ? "" : ", did you mean " + quote_toml(word) + "?";
}

std::string one_of(const std::vector<std::string_view>& words) {
  std::string out;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i > 0) out += i + 1 < words.size() ? ", " : " or ";
    out += quote_toml(words[i]);
  }
  return out;
}

}  // namespace midstream::app
