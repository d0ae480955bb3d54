// The kinds of values that keys can have: how each is read, written and named.
//
// A kind K for members of type T has
//   type()                           for the manual
//   print(const T&)                  as a TOML value
//   read(node, path, T&, reading)    says what is wrong; then T is whatever it is
// A kind of table with free keys has entries(const T&) instead of print: keys and TOML values.
#pragma once

#include <algorithm>
#include <chrono>
#include <concepts>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "app/config_reading.h"
#include "app/config_text.h"
#include "app/config_units.h"
#include "site/options.h"

namespace midstream::app {

using ConfigEntries = std::vector<std::pair<std::string, std::string>>;

/// The integer of a node; where a string came out of the environment, the integer that it says.
[[nodiscard]] std::optional<std::int64_t> integer_of(const ConfigNode& node);
[[nodiscard]] std::optional<bool> boolean_of(const ConfigNode& node);
/// Notes the place, checks that it is a string, and that the text is right.
[[nodiscard]] std::optional<std::string> read_text(const ConfigNode& node, const std::string& path,
                                                   Checked (*check)(std::string&),
                                                   std::string_view expected,
                                                   ConfigReading& reading);

struct Boolean {
  static std::string type() { return "boolean"; }
  static std::string print(bool value) { return value ? "true" : "false"; }
  static void read(const ConfigNode& node, const std::string& path, bool& value,
                   ConfigReading& reading);
};

struct Integer {
  std::int64_t min = 1;
  std::int64_t max = std::numeric_limits<std::int64_t>::max();
  const char* absent = nullptr;  ///< what 0, which cannot be written, stands for

  static std::string type() { return "integer"; }
  template <std::integral T>
  std::string print(T value) const {
    return value == 0 && absent != nullptr ? absent : std::to_string(value);
  }
  template <std::integral T>
  void read(const ConfigNode& node, const std::string& path, T& value,
            ConfigReading& reading) const {
    if (const auto number = read_number(node, path, reading)) value = static_cast<T>(*number);
  }

 private:
  [[nodiscard]] std::optional<std::int64_t> read_number(const ConfigNode& node,
                                                        const std::string& path,
                                                        ConfigReading& reading) const;
};

/// Some integers.
struct IntegerOf {
  std::span<const int> values;

  static std::string type() { return "integer"; }
  static std::string print(int value) { return std::to_string(value); }
  void read(const ConfigNode& node, const std::string& path, int& value,
            ConfigReading& reading) const;
};

/// The permissions of a file.
struct Mode {
  static std::string type() { return "integer"; }
  static std::string print(unsigned value);
  static void read(const ConfigNode& node, const std::string& path, unsigned& value,
                   ConfigReading& reading);
};

struct Duration {
  static std::string type() { return "duration"; }
  static std::string print(std::chrono::milliseconds value);
  static void read(const ConfigNode& node, const std::string& path,
                   std::chrono::milliseconds& value, ConfigReading& reading);
};

struct Size {
  std::uint64_t min = 1;
  std::uint64_t max = std::numeric_limits<std::int64_t>::max();

  static std::string type() { return "size"; }
  static std::string print(std::uint64_t value);
  template <std::unsigned_integral T>
  void read(const ConfigNode& node, const std::string& path, T& value,
            ConfigReading& reading) const {
    if (const auto size_bytes = read_bytes(node, path, reading))
      value = static_cast<T>(*size_bytes);
  }

 private:
  [[nodiscard]] std::optional<std::uint64_t> read_bytes(const ConfigNode& node,
                                                        const std::string& path,
                                                        ConfigReading& reading) const;
};

/// One of some words. W is what a word stands for: an enumerator, or the word itself.
template <typename W>
struct Words {
  struct Word {
    std::string_view text;
    W value;
  };
  std::span<const Word> words;

  [[nodiscard]] std::string type() const { return one_of(texts()); }
  template <typename T>
  std::string print(const T& value) const {
    for (const Word& word : words) {
      if (word.value == value) return quote_toml(word.text);
    }
    return "\"\"";
  }
  template <typename T>
  void read(const ConfigNode& node, const std::string& path, T& value,
            ConfigReading& reading) const {
    const auto text = read_text(node, path, &check_any, type(), reading);
    if (!text) return;
    for (const Word& word : words) {
      if (word.text == *text) {
        value = word.value;
        return;
      }
    }
    reading.wrong_value(node, type(), nearest(*text, texts()));
  }

 private:
  [[nodiscard]] std::vector<std::string_view> texts() const {
    std::vector<std::string_view> all;
    for (const Word& word : words)
      all.push_back(word.text);
    return all;
  }
};

struct Text {
  Checked (*check)(std::string&) = &check_any;

  static std::string type() { return "string"; }
  static std::string print(const std::string& value) { return quote_toml(value); }
  void read(const ConfigNode& node, const std::string& path, std::string& value,
            ConfigReading& reading) const;
};

/// A path of the file system; `words` are not paths but mean something by themselves.
struct Path {
  std::vector<std::string_view> words = {};

  [[nodiscard]] std::string type() const;
  static std::string print(const std::string& value) { return quote_toml(value); }
  void read(const ConfigNode& node, const std::string& path, std::string& value,
            ConfigReading& reading) const;
};

/// ListenOptions::address.
struct Address {
  static std::string type() { return "address"; }
  static std::string print(const std::string& value) { return quote_toml(value); }
  static void read(const ConfigNode& node, const std::string& path, std::string& value,
                   ConfigReading& reading);
};

/// The two members that say what is followed.
struct FollowWord {
  static std::string type() { return R"("auto", "never" or a pattern)"; }
  static std::string print(const site::FileOptions& files);
  static void read(const ConfigNode& node, const std::string& path, site::FileOptions& files,
                   ConfigReading& reading);
};

/// Items of one kind, none of them twice.
template <typename Item>
struct List {
  Item item;

  [[nodiscard]] std::string type() const {
    const std::string of = item.type();
    return "list of " + (of == "string" ? "strings" : of);
  }
  template <typename T>
  std::string print(const std::vector<T>& values) const {
    std::string out = "[";
    for (const T& value : values)
      out.append(out.size() > 1 ? ", " : "").append(item.print(value));
    return out += "]";
  }
  template <typename T>
  void read(const ConfigNode& node, const std::string& path, std::vector<T>& values,
            ConfigReading& reading) const {
    reading.places[path] = node.at;
    if (node.type != ConfigNode::Type::kList)
      return reading.wrong_type(node, "a " + type() + ", in brackets");
    values.clear();
    for (std::size_t i = 0; i < node.items.size(); ++i) {
      T value{};
      const std::size_t known = reading.problems.size();
      item.read(node.items[i], path + "[" + std::to_string(i) + "]", value, reading);
      if (reading.problems.size() == known && !node.items[i].broken &&
          std::find(values.begin(), values.end(), value) != values.end())
        reading.wrong_value(node.items[i], "it only once");
      values.push_back(std::move(value));
    }
  }
};

/// Extension to media type.
struct MediaTypeTable {
  static std::string type() { return "table: extension = media type"; }
  static ConfigEntries entries(const std::map<std::string, std::string>& types);
  static void read(const ConfigNode& node, const std::string& path,
                   std::map<std::string, std::string>& types, ConfigReading& reading);
};

/// Status, "4xx" or "5xx" to file.
struct ErrorPageTable {
  static std::string type() { return "table: status = path"; }
  static ConfigEntries entries(const site::ErrorPages& pages);
  static void read(const ConfigNode& node, const std::string& path, site::ErrorPages& pages,
                   ConfigReading& reading);
};

/// Field name to one value, or to a list of them.
struct FieldTable {
  static std::string type() { return "table: name = value, or list of values"; }
  static ConfigEntries entries(const site::HeaderRules::Fields& fields);
  static void read(const ConfigNode& node, const std::string& path,
                   site::HeaderRules::Fields& fields, ConfigReading& reading);
};

}  // namespace midstream::app
