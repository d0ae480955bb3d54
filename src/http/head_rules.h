#pragma once

#include <string_view>

#include "http/request_head.h"

namespace midstream::http {

/// Why a request is refused before anybody looks at what it wants. Status 0: it is not.
struct Refusal {
  int status = 0;
  std::string_view why;  ///< for the log; static storage
};

/// Fills everything in `head` that follows from its fields: the pre-extracted views, framing of the
/// body, keep-alive, Expect. Reads only version and fields, and overwrites all members but those,
/// method, method_text and target.
///
/// Framing follows RFC 9112 6.3, and where that leaves a choice, the strict one (all 400 but one):
///  - Transfer-Encoding with Content-Length; Transfer-Encoding in HTTP/1.0;
///  - Content-Length other than digits, beyond 64 bit, as a list, or on two lines, even with equal
///    values;
///  - Transfer-Encoding whose last coding is not chunked, with chunked twice, or with an empty
///    member. Other codings before the chunked one: 501 (RFC 9112 6.1);
///  - Host missing in HTTP/1.1, on two lines, or malformed. An empty Host is valid (RFC 9110 7.2).
[[nodiscard]] Refusal interpret_fields(RequestHead& head);

}  // namespace midstream::http
