#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <boost/system/result.hpp>

#include "http/method.h"

namespace midstream::http {

/// A request target taken apart (RFC 9112 3.2). Views into the text that was parsed, but for the
/// path of "http://host", which is a constant "/".
struct Target {
  std::string_view path_raw;  ///< starts with "/", still percent-encoded; empty for "*" and CONNECT
  std::string_view query;     ///< what follows the first "?", byte for byte
  bool has_query = false;     ///< "/a?" has an empty query, "/a" has none
  bool asterisk = false;  ///< "*", or OPTIONS on an absolute target without path and query (3.2.4)
  bool absolute = false;  ///< then `authority` stands above Host (3.2.2)
  std::string_view authority;  ///< host[:port] of an absolute target or of CONNECT
};

/// nullopt means 400: a blank, a control byte or a fragment, no leading "/", a scheme other than
/// http and https, user information, an empty host, "*" with a method other than OPTIONS. Bytes of
/// 0x80 and above are let through as if they were percent-encoded, because clients send them.
[[nodiscard]] std::optional<Target> parse_target(Method method, std::string_view text);

/// host[:port] as in a Host field (RFC 9110 7.2): a name, an IPv4 address or an IPv6 literal in
/// brackets. Empty is not valid here.
[[nodiscard]] bool is_authority(std::string_view text);

/// A path as the file system gets it.
struct DecodedPath {
  /// Relative to the root, without "/" at the ends, without empty, "." and ".." components. Empty
  /// is the root. No NUL, no control byte; any other byte can be there, also a backslash and broken
  /// UTF-8.
  std::string_view relative;
  /// The URL names a directory: it ends in "/", "/." or "/..", before or after decoding.
  bool trailing_slash = false;
};

enum class PathError : std::uint8_t {
  kBadEscape,    ///< "%" without two hexadecimal digits
  kControlByte,  ///< below 0x20 or 0x7f, sent as it is or encoded
};

/// Decodes `path_raw` once and then resolves it like Go's path.Clean, clamped at the root: "/../a"
/// is "a".
/// "%2f" becomes a separator before that, so it cannot hide one. Both errors mean 400.
/// The result is in `storage`, which is overwritten (and so ends in a NUL); with enough capacity
/// nothing is allocated.
[[nodiscard]] boost::system::result<DecodedPath, PathError> decode_path(std::string_view path_raw,
                                                                        std::string& storage);

}  // namespace midstream::http
