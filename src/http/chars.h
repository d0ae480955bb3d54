#pragma once

#include <array>
#include <cstdint>
#include <string_view>

// The byte classes of RFC 9110 5.6 and RFC 5234 B.1 as tables, and the small text helpers that need
// them.
namespace midstream::http {

namespace chars_detail {

enum : std::uint8_t { kTokenBit = 1, kDigitBit = 2, kValueBit = 4, kHostBit = 8, kTagBit = 16 };

consteval std::array<std::uint8_t, 256> make_classes() {
  std::array<std::uint8_t, 256> classes{};
  auto mark = [&classes](std::string_view bytes, std::uint8_t bit) {
    for (char c : bytes)
      classes[static_cast<std::uint8_t>(c)] |= bit;
  };
  for (unsigned c = 0; c < 256; ++c) {
    const bool digit = c >= '0' && c <= '9';
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (digit || letter) classes[c] |= kTokenBit | kHostBit;
    if (digit) classes[c] |= kDigitBit;
    if (c == '\t' || (c >= 0x20 && c != 0x7f)) classes[c] |= kValueBit;
    if (c == 0x21 || (c >= 0x23 && c != 0x7f)) classes[c] |= kTagBit;
  }
  mark("!#$%&'*+-.^_`|~", kTokenBit);
  mark("-._~!$&'()*+,;=%", kHostBit);
  return classes;
}

inline constexpr std::array<std::uint8_t, 256> kClasses = make_classes();

constexpr bool has(char c, std::uint8_t bit) {
  return (kClasses[static_cast<std::uint8_t>(c)] & bit) != 0;
}

}  // namespace chars_detail

/// tchar, RFC 9110 5.6.2.
constexpr bool is_token_char(char c) { return chars_detail::has(c, chars_detail::kTokenBit); }

constexpr bool is_digit(char c) { return chars_detail::has(c, chars_detail::kDigitBit); }

/// What may stand in a field value: VCHAR, obs-text, SP, HTAB (RFC 9110 5.5).
constexpr bool is_value_char(char c) { return chars_detail::has(c, chars_detail::kValueBit); }

/// What may stand in a reg-name (RFC 3986 3.2.2). `%` counts; its two digits are checked elsewhere.
constexpr bool is_host_char(char c) { return chars_detail::has(c, chars_detail::kHostBit); }

/// etagc, RFC 9110 8.8.3.
constexpr bool is_tag_char(char c) { return chars_detail::has(c, chars_detail::kTagBit); }

constexpr bool is_blank(char c) { return c == ' ' || c == '\t'; }

constexpr char to_lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; }

/// 0 to 15, or -1.
constexpr int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char lower = to_lower(c);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

constexpr bool is_token(std::string_view text) {
  for (char c : text) {
    if (!is_token_char(c)) return false;
  }
  return !text.empty();
}

/// Without the blanks (OWS, RFC 9110 5.6.3) at both ends.
constexpr std::string_view trim_blanks(std::string_view text) {
  while (!text.empty() && is_blank(text.front()))
    text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back()))
    text.remove_suffix(1);
  return text;
}

}  // namespace midstream::http
