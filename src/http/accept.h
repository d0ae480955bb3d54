#pragma once

#include <optional>
#include <string_view>

#include "http/request_head.h"

// Content negotiation (RFC 9110 12.4 and 12.5). A quality is a weight in thousandths: 1000 is the
// best, 0 means not acceptable. A member with a malformed weight counts as 0.
namespace midstream::http {

/// How much the client wants a content coding ("br", "gzip", "identity"). A coding that is not
/// listed gets the weight of "*"; without "*" only identity is acceptable, and so it is when there
/// is no Accept-Encoding at all (there the RFC allows any coding, but clients that send none often
/// cannot decode). "x-gzip" is "gzip".
[[nodiscard]] int coding_quality(const RequestHead& head, std::string_view coding);

/// coding_quality where the client says something: nullopt when it lists neither the coding nor
/// "*".
[[nodiscard]] std::optional<int> listed_coding_quality(const RequestHead& head,
                                                       std::string_view coding);

/// How much the client wants a media type, given as "type/subtype". The most specific member
/// counts: the type itself, then "type/*", then "*/*". Parameters are not compared. Without Accept
/// everything is 1000.
[[nodiscard]] int media_quality(const RequestHead& head, std::string_view type);

}  // namespace midstream::http
