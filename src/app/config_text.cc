#include "app/config_text.h"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <span>
#include <system_error>

#include "app/config_units.h"
#include "http/chars.h"
#include "http/fields.h"
#include "http/target.h"
#include "net/listen_address.h"

namespace midstream::app {
namespace {

bool has_control_byte(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

void lower(std::string& text) {
  for (char& c : text)
    c = http::to_lower(c);
}

Checked expect(bool right, const char* expected) {
  return right ? std::nullopt : Checked(Refusal{expected, {}});
}

bool is_label(std::string_view label) {
  constexpr std::size_t kLabelMax = 63;  // RFC 1035 2.3.4
  return !label.empty() && label.size() <= kLabelMax &&
         std::all_of(label.begin(), label.end(), [](char c) {
           return http::is_digit(c) || (c >= 'a' && c <= 'z') || c == '-' || c == '_';
         });
}

// A name of labels, or an IPv4 address, which looks like one.
bool is_host_name(std::string_view text) {
  constexpr std::size_t kNameMax = 253;
  if (text.size() > kNameMax) return false;
  while (true) {
    const std::size_t dot = text.find('.');
    if (!is_label(text.substr(0, dot))) return false;
    if (dot == std::string_view::npos) return true;
    text.remove_prefix(dot + 1);
  }
}

// Every "{" begins one of `known`.
Checked check_placeholders(std::string_view text, std::span<const std::string_view> known) {
  for (std::size_t at = text.find('{'); at != std::string_view::npos; at = text.find('{', at + 1)) {
    const std::size_t end = text.find('}', at);
    const std::string_view word =
        text.substr(at, end == std::string_view::npos ? end : end + 1 - at);
    if (std::find(known.begin(), known.end(), word) != known.end()) continue;
    std::string expected = "in braces only";
    for (const std::string_view each : known)
      expected.append(each == known.front()  ? " "
                      : each == known.back() ? " or "
                                             : ", ")
          .append(each);
    return Refusal{std::move(expected), std::string(nearest(word, known))};
  }
  return std::nullopt;
}

bool is_media_type(std::string_view type, bool range) {
  const std::size_t slash = type.find('/');
  if (slash == std::string_view::npos) return false;
  const std::string_view subtype = type.substr(slash + 1);
  return http::is_token(type.substr(0, slash)) && http::is_token(subtype) &&
         type.substr(0, slash) != "*" && (subtype != "*" || range);
}

}  // namespace

Checked check_any(std::string& /*text*/) { return std::nullopt; }

Checked check_name(std::string& text) {
  return expect(!text.empty() && !has_control_byte(text), "a name");
}

Checked check_host(std::string& text) {
  constexpr const char* kExpected =
      R"(a host such as "example.org", "*.example.org", "192.0.2.1" or "[2001:db8::1]")";
  lower(text);
  if (text == "*") return Refusal{R"(no "hosts" at all for every host that no other site has)", {}};
  if (std::any_of(text.begin(), text.end(), [](char c) { return (c & 0x80) != 0; }))
    return Refusal{R"(a host in ASCII, such as "xn--bcher-kva.example")", {}};
  if (text.starts_with('[') && text.ends_with(']')) {
    const bool scoped = text.find('%') != std::string::npos;  // means something to one machine only
    return expect(!scoped && net::parse_listen_address(text + ":1").has_value(), kExpected);
  }
  const std::size_t colon = text.find(':');
  const bool has_port = colon != std::string::npos &&
                        std::all_of(text.begin() + static_cast<std::ptrdiff_t>(colon) + 1,
                                    text.end(), http::is_digit);
  if (has_port && is_host_name(std::string_view(text).substr(0, colon)))
    return Refusal{"a host without a port", text.substr(0, colon)};
  const std::string_view name = text;
  return expect(is_host_name(name.starts_with("*.") ? name.substr(2) : name), kExpected);
}

Checked check_route_path(std::string& text) {
  if (!text.starts_with('/'))
    return Refusal{R"(a path that begins with "/")", has_control_byte(text) ? "" : "/" + text};
  if (text.find('?') != std::string::npos) return Refusal{"a path without a query", {}};
  while (text.size() > 1 && text.ends_with('/'))
    text.pop_back();
  std::string decoded;
  const auto path = http::decode_path(text, decoded);
  if (!path || path->relative != std::string_view(text).substr(1))
    return Refusal{R"(a decoded path without empty, "." and ".." components)", {}};
  return std::nullopt;
}

Checked check_name_pattern(std::string& text) {
  return expect(!text.empty() && text.find('/') == std::string::npos && !has_control_byte(text),
                R"(a pattern for one component of a path, such as "*.css" or ".*")");
}

Checked check_media_type(std::string& text) {
  const std::string_view type = http::trim_blanks(std::string_view(text).substr(0, text.find(';')));
  return expect(
      is_media_type(type, false) && http::is_field_value(text) && http::trim_blanks(text) == text,
      R"(a media type such as "text/html" or "text/plain; charset=utf-8")");
}

Checked check_media_range(std::string& text) {
  return expect(is_media_type(text, true), R"(a media type such as "text/css" or "text/*")");
}

Checked check_extension(std::string& text) {
  constexpr const char* kExpected = R"(an extension without its dot, such as "md" or "tar.gz")";
  lower(text);
  if (text.size() > 1 && text.starts_with('.')) return Refusal{kExpected, text.substr(1)};
  return expect(!text.empty() && text.find_first_of("/ \t") == std::string::npos &&
                    !text.starts_with('.') && !text.ends_with('.') && !has_control_byte(text),
                kExpected);
}

Checked check_redirect_target(std::string& text) {
  static constexpr std::string_view kKnown[] = {"{host}", "{path}", "{rest}", "{query}"};
  const bool printable = std::all_of(text.begin(), text.end(), [](char c) {
    return static_cast<unsigned char>(c) > 0x20 && static_cast<unsigned char>(c) < 0x7f;
  });
  const bool begins = text.starts_with('/') || text.starts_with("{path}") ||
                      text.starts_with("{rest}") || text.find("://") != std::string::npos;
  if (!printable || !begins)
    return Refusal{R"(a URL in ASCII such as "https://{host}{path}{query}" or "/new{rest}")", {}};
  return check_placeholders(text, kKnown);
}

Checked check_try_file(std::string& text) {
  static constexpr std::string_view kKnown[] = {"{path}"};
  if (text.starts_with('='))
    return expect(parse_try_status(text).has_value(), R"(a status from "=400" to "=599")");
  if ((!text.starts_with('/') && !text.starts_with("{path}")) || has_control_byte(text))
    return Refusal{R"("{path}", "{path}.html", "{path}/", "/index.html" or "=404")", {}};
  return check_placeholders(text, kKnown);
}

std::optional<int> parse_try_status(std::string_view text) {
  int status = 0;
  const char* const last = text.data() + text.size();
  if (!text.starts_with('=')) return std::nullopt;
  const auto [end, failed] = std::from_chars(text.data() + 1, last, status);
  if (failed != std::errc() || end != last || status < 400 || status > 599) return std::nullopt;
  return status;
}

Checked check_field_name(std::string& text) {
  if (!http::is_token(text)) return Refusal{"the name of a header field", {}};
  for (const std::string_view ours : {"Connection", "Content-Length", "Date", "Keep-Alive",
                                      "Server", "Trailer", "Transfer-Encoding", "Upgrade"}) {
    if (http::iequals(text, ours))
      return Refusal{"another field: this one belongs to the connection", {}};
  }
  return std::nullopt;
}

Checked check_field_value(std::string& text) {
  text = http::trim_blanks(text);
  return expect(http::is_field_value(text), "a field value: no line breaks, no control bytes");
}

Checked check_file_path(std::string& text) {
  return expect(!text.empty() && text.find('\0') == std::string::npos, "the path of a file");
}

}  // namespace midstream::app
