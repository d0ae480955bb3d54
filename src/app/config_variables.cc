// Variables of the environment in the strings of a tree, and their escape.
#include <array>
#include <cstdio>
#include <utility>

#include "app/config_tree.h"

namespace midstream::app {
namespace {

bool is_name(std::string_view text) {
  const auto is_letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  };
  if (text.empty() || !is_letter(text.front())) return false;
  for (char c : text) {
    if (!is_letter(c) && !(c >= '0' && c <= '9')) return false;
  }
  return true;
}

class Expander {
 public:
  Expander(const Environment& environment, std::vector<ConfigProblem>& problems)
      : environment_(environment), problems_(problems) {}

  void expand(ConfigNode& node) {
    for (ConfigNode& item : node.items)
      expand(item);
    if (node.type != ConfigNode::Type::kString) return;
    if (node.text.find("${") == std::string::npos) return;
    node.text = expanded(node);
  }

 private:
  std::string expanded(ConfigNode& node) {
    std::string out;
    std::string_view rest = node.text;
    while (!rest.empty()) {
      if (rest.starts_with("$${")) {
        out += "${";
        rest.remove_prefix(3);
      } else if (rest.starts_with("${")) {
        const std::size_t end = rest.find('}');
        if (end == std::string_view::npos) {
          complain(node, R"("${" has no "}"; "$${" stands for the two characters)");
          return out;
        }
        node.from_environment = true;
        out += value_of(rest.substr(2, end - 2), node);
        rest.remove_prefix(end + 1);
      } else {
        out += rest.front();
        rest.remove_prefix(1);
      }
    }
    return out;
  }

  // `inner`: what stands between the braces.
  std::string value_of(std::string_view inner, ConfigNode& node) {
    const std::size_t colon = inner.find(":-");
    const std::string name(inner.substr(0, colon));
    if (!is_name(name)) {
      complain(node, quote_toml(name) +
                         " is not the name of a variable, expected ${NAME} or "
                         "${NAME:-default}");
      return {};
    }
    std::optional<std::string> value = environment_(name);
    if (colon != std::string_view::npos && (!value || value->empty()))
      return std::string(inner.substr(colon + 2));
    if (!value) {
      complain(node, "the environment has no " + name +
                         ", expected it to be set, or a default as in ${" + name + ":-default}");
      return {};
    }
    if (!is_utf8(*value)) {
      complain(node, "the value of " + name + " in the environment is not UTF-8");
      return {};
    }
    return *std::move(value);
  }

  void complain(ConfigNode& node, std::string text) {
    node.broken = true;
    problems_.push_back({node.at.line, node.at.column, std::move(text)});
  }

  const Environment& environment_;
  std::vector<ConfigProblem>& problems_;
};

}  // namespace

std::vector<ConfigProblem> expand_variables(ConfigNode& node, const Environment& environment) {
  std::vector<ConfigProblem> problems;
  Expander(environment, problems).expand(node);
  return problems;
}

std::string quote_toml(std::string_view text) {
  std::string out = "\"";
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (text.substr(i).starts_with("${")) out += '$';
    switch (c) {
      case '"': out += "\\\""; break;
      case '\\': out += "\\\\"; break;
      case '\n': out += "\\n"; break;
      case '\r': out += "\\r"; break;
      case '\t': out += "\\t"; break;
      default:
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
          std::array<char, 8> code{};
          std::snprintf(code.data(), code.size(), "\\u%04X", static_cast<unsigned>(c));
          out += code.data();
        } else {
          out += c;
        }
    }
  }
  return out += '"';
}

// RFC 3629: no overlong form, no surrogate, nothing above U+10FFFF.
bool is_utf8(std::string_view text) {
  std::size_t i = 0;
  while (i < text.size()) {
    const auto lead = static_cast<unsigned char>(text[i]);
    const std::size_t size = lead < 0x80   ? 1
                             : lead < 0xc2 ? 0
                             : lead < 0xe0 ? 2
                             : lead < 0xf0 ? 3
                             : lead < 0xf5 ? 4
                                           : 0;
    if (size == 0 || size > text.size() - i) return false;
    for (std::size_t k = 1; k < size; ++k) {
      if ((static_cast<unsigned char>(text[i + k]) & 0xc0) != 0x80) return false;
    }
    if (size > 1) {
      const auto second = static_cast<unsigned char>(text[i + 1]);
      if ((lead == 0xe0 && second < 0xa0) || (lead == 0xed && second > 0x9f) ||
          (lead == 0xf0 && second < 0x90) || (lead == 0xf4 && second > 0x8f))
        return false;
    }
    i += size;
  }
  return true;
}

}  // namespace midstream::app
