#include "http/prefer.h"

#include <algorithm>
#include <string_view>

#include "http/chars.h"

namespace midstream::http {
namespace {

std::optional<std::uint32_t> read_seconds(std::string_view text) {
  if (text.size() >= 2 && text.front() == '"' && text.back() == '"') {
    text = text.substr(1, text.size() - 2);  // RFC 7240 2: a word is a token or a quoted string
  }
  if (text.empty()) return std::nullopt;
  std::uint64_t seconds = 0;
  for (char c : text) {
    if (!is_digit(c)) return std::nullopt;
    seconds = std::min<std::uint64_t>(seconds * 10 + static_cast<unsigned>(c - '0'), UINT32_MAX);
  }
  return static_cast<std::uint32_t>(seconds);
}

}  // namespace

std::optional<std::uint32_t> preferred_wait_seconds(const RequestHead& head) {
  bool found = false;
  std::optional<std::uint32_t> seconds;
  const auto walk = [&](std::string_view line) {
    for_each_list_member(line, [&](std::string_view member) {
      const std::string_view preference = member.substr(0, member.find(';'));
      const std::size_t equals = preference.find('=');
      if (found || !iequals(trim_blanks(preference.substr(0, equals)), "wait")) return;
      found = true;
      if (equals == std::string_view::npos) return;
      seconds = read_seconds(trim_blanks(preference.substr(equals + 1)));
    });
  };
  if (head.is_repeated(KnownField::kPrefer)) {
    head.for_each_line("Prefer", walk);
  } else {
    walk(head.prefer);
  }
  return seconds;
}

}  // namespace midstream::http
