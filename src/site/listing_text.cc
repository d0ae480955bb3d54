#include "site/listing_text.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <ctime>

#include "http/chars.h"

namespace midstream::site {
namespace {

constexpr std::string_view kHex = "0123456789ABCDEF";

void append_hex(std::string& out, char c) {
  const auto byte = static_cast<unsigned char>(c);
  out.push_back(kHex[byte >> 4]);
  out.push_back(kHex[byte & 15]);
}

struct Sequence {
  std::size_t size;
  bool whole;
};

// The first character of `text`, or what of it becomes one U+FFFD: the longest start that could
// have become a character, as browsers do (Unicode 15, section 3.9, table 3-7).
Sequence first_sequence(std::string_view text) {
  const auto byte = [text](std::size_t at) { return static_cast<unsigned char>(text[at]); };
  const unsigned lead = byte(0);
  if (lead < 0x80) return {1, true};
  if (lead < 0xc2 || lead > 0xf4) return {1, false};
  const std::size_t size = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  // Of the second byte: no overlong form, no surrogate, nothing beyond U+10FFFF.
  unsigned lowest = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
  unsigned highest = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
  std::size_t at = 1;
  while (at < size && at < text.size() && byte(at) >= lowest && byte(at) <= highest) {
    lowest = 0x80;
    highest = 0xbf;
    ++at;
  }
  return {at, at == size};
}

bool is_unreserved(char c) {
  return http::is_digit(c) || (http::to_lower(c) >= 'a' && http::to_lower(c) <= 'z') || c == '-' ||
         c == '.' || c == '_' || c == '~';
}

void append_two_digits(std::string& out, int number) {
  out.push_back(static_cast<char>('0' + number / 10));
  out.push_back(static_cast<char>('0' + number % 10));
}

}  // namespace

std::string to_utf8(std::string_view bytes) {
  std::string utf8;
  utf8.reserve(bytes.size());
  while (!bytes.empty()) {
    const Sequence first = first_sequence(bytes);
    utf8.append(first.whole ? bytes.substr(0, first.size) : "\xef\xbf\xbd");
    bytes.remove_prefix(first.size);
  }
  return utf8;
}

void append_html(std::string& out, std::string_view utf8) {
  for (const char c : utf8) {
    switch (c) {
      case '&': out.append("&amp;"); break;
      case '<': out.append("&lt;"); break;
      case '>': out.append("&gt;"); break;
      case '"': out.append("&quot;"); break;
      case '\'': out.append("&#39;"); break;
      default: out.push_back(c);
    }
  }
}

void append_href(std::string& out, std::string_view name) {
  for (const char c : name) {
    if (is_unreserved(c)) {
      out.push_back(c);
    } else {
      out.push_back('%');
      append_hex(out, c);
    }
  }
}

void append_json_string(std::string& out, std::string_view utf8) {
  out.push_back('"');
  for (const char c : utf8) {
    if (c == '"' || c == '\\') {
      out.push_back('\\');
      out.push_back(c);
    } else if (static_cast<unsigned char>(c) < 0x20) {
      out.append("\\u00");
      append_hex(out, c);
    } else {
      out.push_back(c);
    }
  }
  out.push_back('"');
}

std::string size_text(std::uint64_t bytes) {
  constexpr std::array<std::string_view, 7> kUnits = {" B",   " KiB", " MiB", " GiB",
                                                      " TiB", " PiB", " EiB"};
  constexpr double kNextUnit = 1023.5;  // what would be shown as 1024
  constexpr double kNoTenths = 99.95;   // what would be shown as 100.0
  double value = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (value >= kNextUnit) {
    value /= 1024;
    ++unit;
  }
  const bool tenths = unit > 0 && value < kNoTenths;
  const auto rounded =
      static_cast<std::uint64_t>(std::floor(tenths ? value * 10 + 0.5 : value + 0.5));
  std::string text = std::to_string(tenths ? rounded / 10 : rounded);
  if (tenths) text.append(1, '.').append(std::to_string(rounded % 10));
  return text.append(kUnits[unit]);
}

std::string rfc3339(std::int64_t unix_seconds) {
  constexpr std::int64_t kFirstSecond = -62135596800;  // 0001-01-01 00:00:00
  constexpr std::int64_t kLastSecond = 253402300799;   // 9999-12-31 23:59:59
  const std::time_t seconds = std::clamp(unix_seconds, kFirstSecond, kLastSecond);
  std::tm utc{};
  ::gmtime_r(&seconds, &utc);
  const int year = utc.tm_year + 1900;
  std::string text;
  text.reserve(20);
  append_two_digits(text, year / 100);
  append_two_digits(text, year % 100);
  text.push_back('-');
  append_two_digits(text, utc.tm_mon + 1);
  text.push_back('-');
  append_two_digits(text, utc.tm_mday);
  text.push_back('T');
  append_two_digits(text, utc.tm_hour);
  text.push_back(':');
  append_two_digits(text, utc.tm_min);
  text.push_back(':');
  append_two_digits(text, utc.tm_sec);
  return text.append(1, 'Z');
}

std::string natural_key(std::string_view name) {
  std::string key;
  key.reserve(name.size() + 8);
  for (std::size_t at = 0; at < name.size();) {
    if (!http::is_digit(name[at])) {
      key.push_back(http::to_lower(name[at++]));
      continue;
    }
    std::size_t end = at;
    while (end < name.size() && http::is_digit(name[end]))
      ++end;
    while (at < end && name[at] == '0')
      ++at;
    // A number is its length and its digits. The length is written so that it compares by value
    // and begins with a digit, so that numbers keep their place among other characters.
    key.append((end - at) / 9, '9').push_back(static_cast<char>('0' + (end - at) % 9));
    key.append(name.substr(at, end - at));
    at = end;
  }
  return key;
}

}  // namespace midstream::site
