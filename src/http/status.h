#pragma once

#include <string_view>

namespace midstream::http {

/// The phrase of the IANA registry for 100 to 599. A code without one gets the name of its class
/// ("Client Error"), a number outside 100..599 "Unknown". Never empty; static storage.
[[nodiscard]] std::string_view reason_phrase(int status);

/// 1xx, 204 and 304: an answer without content (RFC 9110 6.4.1).
[[nodiscard]] constexpr bool is_bodiless(int status) {
  return status < 200 || status == 204 || status == 304;
}

}  // namespace midstream::http
