#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "http/request_head.h"

// Content codings: their names, which one a client gets, and what may be coded.
namespace midstream::http {

/// What we can serve: RFC 7932, RFC 8878 (with the window of RFC 9659), RFC 1952.
enum class Coding : std::uint8_t { kBrotli, kZstd, kGzip };

/// As Content-Encoding and Accept-Encoding say it (RFC 9110 8.4.1): "br", "zstd", "gzip".
[[nodiscard]] std::string_view name_of(Coding coding);

/// Of a precompressed sibling: ".br", ".zst", ".gz".
[[nodiscard]] std::string_view suffix_of(Coding coding);

/// The coding that a request gets, or nullopt: as it is, without one. The highest weight in
/// Accept-Encoding wins; among equals the first of `available`, which is in the server's order.
/// Weight 0 excludes. Without a coding only where nothing else is acceptable, or where "identity"
/// (or "*") is listed with a higher weight. No Accept-Encoding: nullopt.
[[nodiscard]] std::optional<Coding> choose_coding(const RequestHead& head,
                                                  std::span<const Coding> available);

/// Whether a media type is among `patterns`: "text/html", or "text/*" for a whole group. Parameters
/// of `media_type` ("; charset=utf-8") are ignored, and so is case.
[[nodiscard]] bool is_compressible(std::string_view media_type,
                                   std::span<const std::string> patterns);

/// The tag of what is coded on the fly: `"abc"` becomes `W/"abc-zstd"`. Another one for each
/// coding (RFC 9110 8.8.3.3), and weak, because another version of the library may give other
/// bytes: so If-None-Match works, If-Match fails, and If-Range never takes a part of it.
/// `etag`: of the content without a coding, with its quotes.
[[nodiscard]] std::string coded_etag(std::string_view etag, Coding coding);

}  // namespace midstream::http
