#pragma once

#include <cstddef>
#include <string_view>

// The media type of content that has none, by its first bytes (WHATWG MIME Sniffing, 7.1).
namespace midstream::http {

/// More than so many first bytes change nothing.
inline constexpr std::size_t kSniffBytes = 512;

/// What content that begins so is, with its charset where it is text; static storage, never empty.
/// kDefaultMediaType where nobody can tell. Pure, allocates nothing.
///
/// HTML and XML, whose scripts browsers run, are only what the standard takes for them: one of its
/// tags first, with nothing but blanks before it. Unlike in the standard, what has no byte of
/// binary data can be nothing else than these, PDF, PostScript or text: a text that begins with
/// "BM" or "ID3" is no image and no music. UTF-16 needs its byte order mark.
[[nodiscard]] std::string_view sniff_media_type(std::string_view first_bytes);

}  // namespace midstream::http
