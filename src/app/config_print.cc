// Writes a Config as TOML, by the schema: what differs from the defaults, and what has to be there.
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "app/config_file.h"
#include "app/config_schema.h"

namespace midstream::app {
namespace {

constexpr std::size_t kColumns = 100;

struct Line {
  std::string text;
  std::string_view help;
};

// A table, taken apart: TOML wants the plain keys before the tables within.
struct Printed {
  struct Inner;
  std::vector<Line> lines;
  std::vector<Inner> tables;

  [[nodiscard]] bool empty() const;
};

struct Printed::Inner {
  std::string name;
  bool in_list = false;
  Printed table;
};

bool Printed::empty() const { return lines.empty() && tables.empty(); }

std::string print_key(std::string_view key) {
  const bool bare = !key.empty() && key.find_first_not_of(
                                        "abcdefghijklmnopqrstuvwxyz"
                                        "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                        "0123456789_-") == std::string_view::npos;
  if (bare) return std::string(key);
  return quote_toml(key);  // no key of ours holds "${"
}

template <typename T>
class TablePrinter {
 public:
  static Printed print(const T& object) {
    Printed out;
    TablePrinter printer(object, out);
    describe(printer, Keys<T>());
    return out;
  }

  TablePrinter(const T& object, Printed& out) : object_(object), out_(out) {}

  template <typename Access, typename Kind>
  void key(std::string_view name, Access access, const Kind& kind, std::string_view help,
           Need need = Need::kOptional) {
    const auto& value = std::invoke(access, object_);
    if constexpr (requires { kind.entries(value); }) {
      Printed table;
      for (const auto& [entry, text] : kind.entries(value))
        table.lines.push_back({print_key(entry) + " = " + text, {}});
      if (!table.empty()) out_.tables.push_back({std::string(name), false, std::move(table)});
    } else {
      const std::string text = kind.print(value);
      if (need == Need::kOptional && text == kind.print(std::invoke(access, kDefaults))) return;
      out_.lines.push_back({std::string(name) + " = " + text, help});
    }
  }

  template <typename Access>
  void table(std::string_view name, Access access, std::string_view /*help*/) {
    Printed table = print_one(std::invoke(access, object_));
    if (!table.empty()) out_.tables.push_back({std::string(name), false, std::move(table)});
  }

  template <typename Access>
  void tables(std::string_view name, Access access, std::string_view /*help*/) {
    for (const auto& each : std::invoke(access, object_))
      out_.tables.push_back({std::string(name), true, print_one(each)});
  }

  template <typename Alternative, typename Access>
  void choice(std::string_view name, Access access, std::string_view /*help*/) {
    if (const auto* chosen = std::get_if<Alternative>(&std::invoke(access, object_)))
      out_.tables.push_back({std::string(name), false, print_one(*chosen)});
  }

  template <typename Part>
  void part(Part T::*access) {
    TablePrinter<Part> inner(object_.*access, out_);
    describe(inner, Keys<Part>());
  }

 private:
  template <typename U>
  static Printed print_one(const U& object) {
    return TablePrinter<U>::print(object);
  }

  static inline const T kDefaults{};
  const T& object_;
  Printed& out_;
};

// "{a = 1, b = {c = 2}}"; empty where that is no good idea.
std::string in_one_line(const Printed& table) {
  std::string out;
  const auto append = [&out](std::string_view text) {
    out.append(out.empty() ? "" : ", ").append(text);
  };
  for (const Line& line : table.lines)
    append(line.text);
  for (const Printed::Inner& inner : table.tables) {
    const std::string text = inner.in_list ? "" : in_one_line(inner.table);
    if (text.empty()) return {};
    append(inner.name + " = " + text);
  }
  return out.size() > kColumns ? "" : "{" + out + "}";
}

void render(const Printed& table, const std::string& path, std::string& out) {
  for (const Line& line : table.lines) {
    out += line.text;
    if (!line.help.empty() && line.text.size() + line.help.size() + 4 <= kColumns)
      out.append("  # ").append(line.help);
    out += '\n';
  }
  std::vector<const Printed::Inner*> with_header;
  for (const Printed::Inner& inner : table.tables) {
    const std::string text = path.empty() || inner.in_list ? "" : in_one_line(inner.table);
    if (text.empty() || inner.name.size() + text.size() + 3 > kColumns)
      with_header.push_back(&inner);
    else
      out.append(inner.name).append(" = ").append(text) += '\n';
  }
  for (const Printed::Inner* inner : with_header) {
    const std::string inner_path = path.empty() ? inner->name : path + "." + inner->name;
    if (!out.empty()) out += '\n';
    out.append(inner->in_list ? "[[" : "[").append(inner_path);
    out.append(inner->in_list ? "]]\n" : "]\n");
    render(inner->table, inner_path, out);
  }
}

}  // namespace

std::string print_config(const Config& config) {
  std::string out;
  render(TablePrinter<Config>::print(config), {}, out);
  return out;
}

}  // namespace midstream::app
