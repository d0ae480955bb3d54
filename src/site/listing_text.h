// Texts of a listing: names made safe for where they go, sizes and times for people.
//
// A name is any bytes but "/" and NUL. What goes out is UTF-8: other bytes become U+FFFD where the
// name is shown; where it is a link they are percent-encoded, which loses nothing.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace midstream::site {

/// Broken UTF-8 becomes U+FFFD.
[[nodiscard]] std::string to_utf8(std::string_view bytes);

/// As the text of an element or in a quoted attribute. `utf8` must be UTF-8.
void append_html(std::string& out, std::string_view utf8);

/// As one segment of a relative reference: everything but unreserved characters (RFC 3986 2.3) is
/// percent-encoded. So no name can look like a scheme, a query or another host.
void append_href(std::string& out, std::string_view name);

/// With its quotes (RFC 8259 section 7). `utf8` must be UTF-8.
void append_json_string(std::string& out, std::string_view utf8);

/// "842 B", "1.4 MiB", "212 GiB". listing.js has the same.
[[nodiscard]] std::string size_text(std::uint64_t bytes);

/// "2026-11-21T18:18:16Z" (RFC 3339). Outside the years 1 to 9999: the nearest inside.
[[nodiscard]] std::string rfc3339(std::int64_t unix_seconds);

/// Texts that compare like names are read: ASCII letters without case, digits by their value, so
/// "v2" < "V10". listing.js has the same.
[[nodiscard]] std::string natural_key(std::string_view name);

}  // namespace midstream::site
