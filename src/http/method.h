#pragma once

#include <cstdint>
#include <string_view>

namespace midstream::http {

/// kOther: a well-formed method that nobody here knows. A server answers 501 (RFC 9110 9.1).
enum class Method : std::uint8_t {
  kGet,
  kHead,
  kOptions,
  kPost,
  kPut,
  kPatch,
  kDelete,
  kTrace,
  kConnect,
  kOther,
};

/// Methods are case-sensitive (RFC 9110 9.1): "get" is kOther.
[[nodiscard]] Method method_from(std::string_view token);

/// "GET" for kGet; empty for kOther, whose text only the request has.
[[nodiscard]] std::string_view name_of(Method method);

/// RFC 9110 9.2.1: GET, HEAD, OPTIONS, TRACE.
[[nodiscard]] bool is_safe(Method method);

/// RFC 9110 9.2.2: the safe ones, PUT, DELETE.
[[nodiscard]] bool is_idempotent(Method method);

}  // namespace midstream::http
