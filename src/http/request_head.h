#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "http/fields.h"
#include "http/method.h"

namespace midstream::http {

/// The fields that the server itself looks at on most requests.
enum class KnownField : std::uint8_t {
  kAccept,
  kAcceptEncoding,
  kConnection,
  kContentLength,
  kExpect,
  kHost,
  kIfMatch,
  kIfModifiedSince,
  kIfNoneMatch,
  kIfRange,
  kIfUnmodifiedSince,
  kPrefer,
  kRange,
  kReferer,
  kTransferEncoding,
  kUserAgent,
  kUnknown,
};

/// Without regard to case. `name` must be a token.
[[nodiscard]] KnownField known_field(std::string_view name);

/// One request head, of either protocol. Everything is borrowed: the texts from the buffer that was
/// parsed, `fields` from the parser.
///
/// A pre-extracted field that is absent has `data() == nullptr`; one that is present but empty has
/// not. A field given on several lines:
///  - lists (accept, accept_encoding, if_match, if_none_match, prefer): the view is the first line,
///    `is_repeated` says that there is more, `for_each_line` visits all of them in order, which
///    means the same as one line joined with commas (RFC 9110 5.3);
///  - range, if_modified_since, if_unmodified_since: not valid more than once, treated as absent;
///    a repeated if_range takes the range with it, because the client's condition is not known;
///  - user_agent, referer: the first one (they are only logged);
///  - Host, Content-Length: the parser refuses the request.
struct RequestHead {
  enum class BodyKind : std::uint8_t { kNone, kLength, kChunked };

  Method method = Method::kOther;
  BodyKind body = BodyKind::kNone;
  /// After this exchange the connection may be used again, as far as the client is concerned.
  bool keep_alive = false;
  /// Expect: 100-continue, in HTTP/1.1 and later only (RFC 9110 10.1.1).
  bool expect_continue = false;
  /// A Host field is there; it may be empty.
  bool has_host = false;
  /// Connection: upgrade. Without it an Upgrade field has no meaning (RFC 9110 7.8).
  bool connection_upgrade = false;
  /// Major times ten plus minor. 1.x with x > 1 is read as 1.1 (RFC 9110 2.5).
  int version = 11;
  /// With kLength: may be 0. Otherwise 0.
  std::uint64_t content_length = 0;
  std::string_view method_text;
  /// As sent, not empty, no blank or control byte: see target.h.
  std::string_view target;
  /// In the order sent.
  std::span<const FieldView> fields;

  std::string_view accept;
  std::string_view accept_encoding;
  std::string_view host;
  std::string_view if_match;
  std::string_view if_modified_since;
  std::string_view if_none_match;
  std::string_view if_range;
  std::string_view if_unmodified_since;
  std::string_view prefer;
  std::string_view range;
  std::string_view referer;
  std::string_view user_agent;

  /// One bit for each KnownField that came on more than one line.
  std::uint32_t repeated_bits = 0;

  [[nodiscard]] bool is_repeated(KnownField field) const {
    return ((repeated_bits >> static_cast<unsigned>(field)) & 1U) != 0;
  }

  /// One of the fields that evaluate() looks at was sent.
  [[nodiscard]] bool is_conditional() const {
    return if_match.data() != nullptr || if_none_match.data() != nullptr ||
           if_modified_since.data() != nullptr || if_unmodified_since.data() != nullptr;
  }

  /// The first value of that name, without regard to case; nullopt when absent.
  [[nodiscard]] std::optional<std::string_view> find(std::string_view name) const;

  /// Calls `visit(std::string_view value)` for every line of that name, in order.
  template <typename Visit>
  void for_each_line(std::string_view name, Visit&& visit) const {
    for (const FieldView& field : fields) {
      if (iequals(field.name, name)) visit(field.value);
    }
  }
};

/// Whether a pre-extracted field was sent at all.
[[nodiscard]] constexpr bool is_present(std::string_view field) { return field.data() != nullptr; }

}  // namespace midstream::http
