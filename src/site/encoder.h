// Encoder: a content coding as a stream. Plain bytes in, coded bytes out, both in pieces.
//
//   encode(.., kNone | kSync)*  ->  encode(.., kEnd) until done
//
// Memory is bounded, whatever goes through and however long: at most 2 MiB each, gzip 0.3 MiB.
// docs/decisions/0010-compression.md has the figures and says why these levels and windows. The
// library's state is made by the first encode(): one that is never used costs nothing. One thread
// at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include <midstream/error.h>

#include "http/coding.h"

namespace midstream::site {

class Encoder {
 public:
  enum class Flush : std::uint8_t {
    kNone,  ///< keep what codes better together with what follows
    kSync,  ///< all that was taken can be decoded from what was given
    kEnd,   ///< and it is the whole body
  };

  struct Step {
    std::size_t given = 0;  ///< bytes at the front of `out`
    /// All of `in` was taken and what `flush` asks for was given. If not, call again with what is
    /// left of `in`, the same `flush`, and new room.
    bool done = false;
  };

  /// With less room zlib can repeat the mark of a flush for ever (zlib.h at deflate()).
  static constexpr std::size_t kRoomBytesMin = 16;

  virtual ~Encoder() = default;

  /// Takes bytes off the front of `in` and writes coded ones to `out`, which has at least
  /// kRoomBytesMin. `in` is shorter than 4 GiB. Errors, all our own fault: no memory (ENOMEM); a
  /// body that is not as long as make_encoder() was told (EINVAL). After an error it can only be
  /// destroyed.
  [[nodiscard]] virtual result<Step> encode(std::string_view& in, Flush flush,
                                            std::span<char> out) = 0;
};

/// `size_bytes`: the length of the body, where it is known. zstd needs less memory for a short one.
[[nodiscard]] std::unique_ptr<Encoder> make_encoder(http::Coding coding,
                                                    std::optional<std::uint64_t> size_bytes);

}  // namespace midstream::site
