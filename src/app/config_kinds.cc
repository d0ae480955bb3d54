#include "app/config_kinds.h"

#include <array>
#include <charconv>
#include <cstdio>
#include <system_error>

#include "app/config_units.h"
#include "http/chars.h"
#include "http/fields.h"
#include "net/listen_address.h"

namespace midstream::app {
namespace {

using Type = ConfigNode::Type;

std::string range_text(std::uint64_t min, std::uint64_t max, std::string (*print)(std::uint64_t)) {
  return max == static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())
             ? "at least " + print(min)
             : print(min) + " to " + print(max);
}

std::string number_text(std::uint64_t value) { return std::to_string(value); }

constexpr std::string_view kFollowAuto = "auto";
constexpr std::string_view kFollowNever = "never";

}  // namespace

std::optional<std::int64_t> integer_of(const ConfigNode& node) {
  if (node.type == Type::kInteger) return node.integer;
  if (node.type != Type::kString || !node.from_environment) return std::nullopt;
  std::int64_t value = 0;
  const char* const last = node.text.data() + node.text.size();
  const auto [end, failed] = std::from_chars(node.text.data(), last, value);
  return failed == std::errc() && end == last ? std::optional(value) : std::nullopt;
}

std::optional<bool> boolean_of(const ConfigNode& node) {
  if (node.type == Type::kBoolean) return node.boolean;
  if (node.type != Type::kString || !node.from_environment) return std::nullopt;
  if (node.text == "true") return true;
  return node.text == "false" ? std::optional(false) : std::nullopt;
}

std::optional<std::string> read_text(const ConfigNode& node, const std::string& path,
                                     Checked (*check)(std::string&), std::string_view expected,
                                     ConfigReading& reading) {
  reading.places[path] = node.at;
  if (node.broken) return std::nullopt;
  if (node.type != Type::kString) {
    reading.wrong_type(node, expected);
    return std::nullopt;
  }
  std::string text = node.text;
  if (const Checked refused = check(text)) {
    reading.wrong_value(node, refused->expected, refused->meant);
    return std::nullopt;
  }
  return text;
}

void Boolean::read(const ConfigNode& node, const std::string& path, bool& value,
                   ConfigReading& reading) {
  reading.places[path] = node.at;
  if (node.broken) return;
  const auto flag = boolean_of(node);
  if (!flag) return reading.wrong_value(node, "true or false");
  value = *flag;
}

std::optional<std::int64_t> Integer::read_number(const ConfigNode& node, const std::string& path,
                                                 ConfigReading& reading) const {
  reading.places[path] = node.at;
  if (node.broken) return std::nullopt;
  const auto number = integer_of(node);
  if (number && *number >= min && *number <= max) return number;
  const std::string range =
      range_text(static_cast<std::uint64_t>(min), static_cast<std::uint64_t>(max), &number_text);
  if (number || node.from_environment) {
    const bool zero = number && *number == 0 && absent != nullptr;
    reading.wrong_value(node, range + (zero ? std::string(", or no such key: ") + absent : ""));
  } else {
    reading.wrong_type(node, "an integer, " + range);
  }
  return std::nullopt;
}

void IntegerOf::read(const ConfigNode& node, const std::string& path, int& value,
                     ConfigReading& reading) const {
  reading.places[path] = node.at;
  if (node.broken) return;
  const auto number = integer_of(node);
  std::string expected;
  for (const int each : values) {
    if (number == each) {
      value = each;
      return;
    }
    expected.append(each == values.front()  ? ""
                    : each == values.back() ? " or "
                                            : ", ")
        .append(std::to_string(each));
  }
  reading.wrong_value(node, expected);
}

std::string Mode::print(unsigned value) {
  std::array<char, 16> text{};
  std::snprintf(text.data(), text.size(), "0o%03o", value);
  return text.data();
}

void Mode::read(const ConfigNode& node, const std::string& path, unsigned& value,
                ConfigReading& reading) {
  constexpr std::int64_t kMax = 0777;
  reading.places[path] = node.at;
  if (node.broken) return;
  const auto number = integer_of(node);
  if (!number) return reading.wrong_value(node, "an octal integer such as 0o660");
  if (*number < 0 || *number > kMax)
    return reading.wrong_value(node, "an octal integer from 0o000 to 0o777, such as 0o660");
  value = static_cast<unsigned>(*number);
}

std::string Duration::print(std::chrono::milliseconds value) {
  return quote_toml(print_duration(value));
}

void Duration::read(const ConfigNode& node, const std::string& path,
                    std::chrono::milliseconds& value, ConfigReading& reading) {
  reading.places[path] = node.at;
  if (node.broken) return;
  const auto duration = node.type == Type::kString ? parse_duration(node.text) : std::nullopt;
  if (duration)
    value = *duration;
  else
    reading.wrong_value(node, R"(a duration above zero such as "250ms", "30s", "5m" or "2h")");
}

std::string Size::print(std::uint64_t value) {
  std::string text = print_size(value);
  return http::is_digit(text.back()) ? text : quote_toml(text);
}

std::optional<std::uint64_t> Size::read_bytes(const ConfigNode& node, const std::string& path,
                                              ConfigReading& reading) const {
  reading.places[path] = node.at;
  if (node.broken) return std::nullopt;
  std::optional<std::uint64_t> size_bytes;
  if (node.type == Type::kInteger && node.integer >= 0)
    size_bytes = static_cast<std::uint64_t>(node.integer);
  else if (node.type == Type::kString)
    size_bytes = parse_size(node.text);
  if (size_bytes && *size_bytes >= min && *size_bytes <= max) return size_bytes;
  const bool is_size = size_bytes || node.type == Type::kInteger;
  reading.wrong_value(node, is_size ? range_text(min, max, &print_size)
                                    : R"(a size in bytes such as 4096, "64KiB" or "10GB")");
  return std::nullopt;
}

void Text::read(const ConfigNode& node, const std::string& path, std::string& value,
                ConfigReading& reading) const {
  if (auto text = read_text(node, path, check, "a string", reading)) value = *std::move(text);
}

std::string Path::type() const {
  if (words.empty()) return "path";
  std::vector<std::string_view> rest(words.begin(), words.end());
  return one_of(rest) + ", or a path";
}

void Path::read(const ConfigNode& node, const std::string& path, std::string& value,
                ConfigReading& reading) const {
  auto text = read_text(node, path, &check_file_path, type(), reading);
  if (!text) return;
  const bool is_word = std::find(words.begin(), words.end(), *text) != words.end();
  value = is_word ? *std::move(text) : reading.resolve(*text);
}

void Address::read(const ConfigNode& node, const std::string& path, std::string& value,
                   ConfigReading& reading) {
  constexpr std::string_view kUnix = "unix:";
  static constexpr std::string_view kWords[] = {"systemd", "unix"};
  auto text = read_text(node, path, &check_any, "an address in quotes", reading);
  if (!text) return;
  value = *std::move(text);
  if (value.size() > kUnix.size() && value.starts_with(kUnix))
    value = std::string(kUnix) + reading.resolve(value.substr(kUnix.size()));
  const auto parsed = net::parse_listen_address(value);
  if (parsed) return;
  const std::string& why = parsed.error();  // with the address at its end
  const std::size_t colon = value.find(':');
  const std::string_view word = nearest(value.substr(0, colon), kWords);
  const std::string rest = colon == std::string::npos ? "" : value.substr(colon);
  const bool meant = !word.empty() && !value.starts_with(word);
  reading.wrong_value(
      node,
      R"("127.0.0.1:8080", "[::1]:8080", "unix:/run/midstream.sock", "systemd" or "systemd:NAME")",
      meant ? std::string(word) + rest : "", why.substr(0, why.size() - value.size() - 2));
}

std::string FollowWord::print(const site::FileOptions& files) {
  switch (files.follow) {
    case site::Follow::kAuto: return quote_toml(kFollowAuto);
    case site::Follow::kNever: return quote_toml(kFollowNever);
    case site::Follow::kMatching: return quote_toml(files.follow_pattern);
  }
  return {};
}

void FollowWord::read(const ConfigNode& node, const std::string& path, site::FileOptions& files,
                      ConfigReading& reading) {
  static constexpr std::string_view kWords[] = {kFollowAuto, kFollowNever};
  auto text = read_text(node, path, &check_name, type(), reading);
  if (!text) return;
  const bool plain = text->find_first_of("*?[/.") == std::string::npos;
  const std::string_view meant = plain ? nearest(*text, kWords) : std::string_view();
  if (*text == kFollowAuto) {
    files.follow = site::Follow::kAuto;
  } else if (*text == kFollowNever) {
    files.follow = site::Follow::kNever;
  } else if (!meant.empty()) {
    reading.wrong_value(node, type(), meant);
  } else {
    files.follow = site::Follow::kMatching;
    files.follow_pattern = *std::move(text);
  }
}

}  // namespace midstream::app
