#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "http/date.h"
#include "http/request_head.h"

// Conditional requests (RFC 9110 13).
namespace midstream::http {

enum class Verdict : std::uint8_t {
  kProceed,
  kNotModified,         ///< 304
  kPreconditionFailed,  ///< 412
};

/// Asks the preconditions of a request in the order of RFC 9110 13.2.2: If-Match, or else
/// If-Unmodified-Since; then If-None-Match, or else If-Modified-Since. If-Range is not one of them.
/// To be called when the answer would otherwise be 2xx (13.2.1).
/// `etag`: of the current content, with quotes, possibly weak; empty when it has none.
/// `mtime_seconds`: as Last-Modified says; nullopt when there is none, and then dates are ignored.
/// `exists`: false when there is no current content (a PUT that creates).
/// `now_seconds`: only for dates with two digits of the year.
[[nodiscard]] Verdict evaluate(const RequestHead& head, std::string_view etag,
                               std::optional<std::int64_t> mtime_seconds, bool exists = true,
                               std::int64_t now_seconds = kCenturyReference);

/// Whether the Range of a request with this If-Range may be answered with a part (RFC 9110 13.1.5):
/// the same strong tag, or a date that is exactly the time of modification.
[[nodiscard]] bool if_range_matches(std::string_view if_range, std::string_view etag,
                                    std::optional<std::int64_t> mtime_seconds,
                                    std::int64_t now_seconds = kCenturyReference);

}  // namespace midstream::http
