#include "http/head_rules.h"

#include <cstdint>
#include <limits>
#include <optional>

#include "http/chars.h"
#include "http/target.h"

namespace midstream::http {
namespace {

constexpr Refusal kAccepted{};

constexpr Refusal bad_request(std::string_view why) { return {400, why}; }

// Sums up what the Connection and Transfer-Encoding lines say, however many there are.
struct Options {
  bool close = false;
  bool keep_alive = false;
  unsigned chunked_count = 0;
  unsigned other_coding_count = 0;
  bool last_is_chunked = false;
  bool has_transfer_encoding = false;
  bool has_empty_coding = false;
};

void read_connection(std::string_view value, Options& options, RequestHead& head) {
  for_each_list_member(value, [&](std::string_view option) {
    if (iequals(option, "close")) options.close = true;
    if (iequals(option, "keep-alive")) options.keep_alive = true;
    if (iequals(option, "upgrade")) head.connection_upgrade = true;
  });
}

// RFC 9110 5.6.1.2 lets a recipient skip empty members. Here they are counted, because servers
// differ in what ", chunked" means and a body must not begin where another server sees a request.
void read_codings(std::string_view value, Options& options) {
  options.has_transfer_encoding = true;
  while (true) {
    const std::size_t comma = value.find(',');
    const std::string_view coding = trim_blanks(value.substr(0, comma));
    options.last_is_chunked = iequals(coding, "chunked");
    if (options.last_is_chunked) {
      ++options.chunked_count;
    } else if (coding.empty()) {
      options.has_empty_coding = true;
    } else {
      ++options.other_coding_count;
    }
    if (comma == std::string_view::npos) return;
    value.remove_prefix(comma + 1);
  }
}

// RFC 9110 8.6: 1*DIGIT.
std::optional<std::uint64_t> read_length(std::string_view value) {
  constexpr std::uint64_t kMax = std::numeric_limits<std::uint64_t>::max();
  if (value.empty()) return std::nullopt;
  std::uint64_t length = 0;
  for (char c : value) {
    if (!is_digit(c)) return std::nullopt;
    const auto digit = static_cast<std::uint64_t>(c - '0');
    if (length > kMax / 10 || length * 10 > kMax - digit) return std::nullopt;
    length = length * 10 + digit;
  }
  return length;
}

Refusal frame_body(RequestHead& head, const Options& options, std::string_view length) {
  if (options.has_transfer_encoding) {
    if (is_present(length)) return bad_request("Content-Length and Transfer-Encoding");
    if (head.version < 11) return bad_request("Transfer-Encoding in HTTP/1.0");
    if (options.has_empty_coding) return bad_request("empty transfer coding");
    if (!options.last_is_chunked) return bad_request("last transfer coding is not chunked");
    if (options.chunked_count > 1) return bad_request("chunked twice");
    if (options.other_coding_count > 0) return {501, "unknown transfer coding"};
    head.body = RequestHead::BodyKind::kChunked;
  } else if (is_present(length)) {
    const std::optional<std::uint64_t> value = read_length(length);
    if (!value) return bad_request("malformed Content-Length");
    head.body = RequestHead::BodyKind::kLength;
    head.content_length = *value;
  }
  return kAccepted;
}

// The rules of RequestHead for fields that have no meaning on two lines.
void drop_repeated(RequestHead& head) {
  if (head.is_repeated(KnownField::kIfRange)) head.if_range = head.range = {};
  if (head.is_repeated(KnownField::kRange)) head.range = {};
  if (head.is_repeated(KnownField::kIfModifiedSince)) head.if_modified_since = {};
  if (head.is_repeated(KnownField::kIfUnmodifiedSince)) head.if_unmodified_since = {};
}

// Member by member: clearing a whole RequestHead becomes `rep stos`, a fifth of the time of a small
// head.
void clear_derived(RequestHead& head) {
  head.body = RequestHead::BodyKind::kNone;
  head.keep_alive = head.expect_continue = head.has_host = head.connection_upgrade = false;
  head.content_length = 0;
  head.repeated_bits = 0;
  head.accept = head.accept_encoding = head.host = head.if_match = head.if_modified_since = {};
  head.if_none_match = head.if_range = head.if_unmodified_since = head.prefer = head.range = {};
  head.referer = head.user_agent = {};
}

}  // namespace

Refusal interpret_fields(RequestHead& head) {
  clear_derived(head);
  Options options;
  std::string_view length;
  for (const FieldView& field : head.fields) {
    const KnownField known = known_field(field.name);
    std::string_view* view = nullptr;
    switch (known) {
      case KnownField::kAccept: view = &head.accept; break;
      case KnownField::kAcceptEncoding: view = &head.accept_encoding; break;
      case KnownField::kHost: view = &head.host; break;
      case KnownField::kIfMatch: view = &head.if_match; break;
      case KnownField::kIfModifiedSince: view = &head.if_modified_since; break;
      case KnownField::kIfNoneMatch: view = &head.if_none_match; break;
      case KnownField::kIfRange: view = &head.if_range; break;
      case KnownField::kIfUnmodifiedSince: view = &head.if_unmodified_since; break;
      case KnownField::kPrefer: view = &head.prefer; break;
      case KnownField::kRange: view = &head.range; break;
      case KnownField::kReferer: view = &head.referer; break;
      case KnownField::kUserAgent: view = &head.user_agent; break;
      case KnownField::kContentLength: view = &length; break;
      case KnownField::kConnection: read_connection(field.value, options, head); continue;
      case KnownField::kTransferEncoding: read_codings(field.value, options); continue;
      case KnownField::kExpect:
        if (head.version >= 11 && list_contains(field.value, "100-continue")) {
          head.expect_continue = true;
        }
        continue;
      case KnownField::kUnknown: continue;
    }
    if (is_present(*view)) {
      head.repeated_bits |= 1U << static_cast<unsigned>(known);
    } else {
      *view = field.value;
    }
  }

  if (head.repeated_bits != 0) {
    if (head.is_repeated(KnownField::kHost)) return bad_request("two Host fields");
    if (head.is_repeated(KnownField::kContentLength))
      return bad_request("two Content-Length fields");
    drop_repeated(head);
  }
  head.has_host = is_present(head.host);
  if (!head.has_host && head.version >= 11) return bad_request("no Host field");
  if (!head.host.empty() && !is_authority(head.host)) return bad_request("malformed Host");

  // RFC 9112 9.3.
  head.keep_alive = !options.close && (head.version >= 11 || options.keep_alive);
  return frame_body(head, options, length);
}

}  // namespace midstream::http
