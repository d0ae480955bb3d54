#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

// The dates of HTTP (RFC 9110 5.6.7) and seconds since 1970-01-01 00:00:00 UTC.
namespace midstream::http {

inline constexpr std::size_t kHttpDateSize = 29;

/// "Sun, 06 Nov 1994 08:49:37 GMT". Times outside the years 1 to 9999 become the nearest one
/// inside.
[[nodiscard]] std::array<char, kHttpDateSize> format_http_date(std::int64_t unix_seconds);

/// The time that decides the century of two digits of a year when the caller does not say:
/// 2026-01-01.
inline constexpr std::int64_t kCenturyReference = 1767225600;

/// Reads the three forms: IMF-fixdate, RFC 850 and asctime; nothing else, and no blanks around
/// them. Days and times must exist; second 60 is taken as the second after 59; the name of the day
/// must be one, but is not compared with the date. The two digits of RFC 850 mean the latest year
/// that is not more than 50 years after `now_seconds`.
[[nodiscard]] std::optional<std::int64_t> parse_http_date(
    std::string_view text, std::int64_t now_seconds = kCenturyReference);

}  // namespace midstream::http
