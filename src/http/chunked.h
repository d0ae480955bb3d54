#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "http/fields.h"

// The chunked transfer coding (RFC 9112 7.1), read. Writing it is base/framed_output.h.
namespace midstream::http {

struct ChunkedLimits {
  std::size_t extension_bytes_max = std::size_t{1} << 10;  ///< of one chunk
  /// What size lines may cost in a whole body beyond the bytes they announce (many tiny chunks with
  /// long extensions); 16 bytes for each chunk are free.
  std::uint64_t overhead_bytes_max = std::uint64_t{16} << 10;
  std::size_t trailer_bytes_max = std::size_t{8} << 10;
};

/// Takes a chunked body apart, strictly: sizes of 1 to 16 hexadecimal digits and nothing else, CRLF
/// only, extensions skipped. Fed with any fragments; the outcome does not depend on them.
///   size -> (extension) -> data -> size ... -> 0 -> trailers -> done     any -> error (both final)
class ChunkedDecoder {
 public:
  enum class State : std::uint8_t { kNeedMore, kBody, kDone, kError };

  struct Outcome {
    State state = State::kNeedMore;
    /// How many bytes of the input are dealt with. kNeedMore: all of it.
    std::size_t consumed = 0;
    /// kBody: the next bytes of the body, a view into the input, not empty. Call again with the
    /// rest.
    std::string_view body;
    /// kError: for the log; static storage. The answer is 400 and the connection is of no further
    /// use.
    std::string_view why;
  };

  explicit ChunkedDecoder(ChunkedLimits limits = {}) : limits_(limits) {}

  /// The bytes that follow those consumed so far. After kDone and kError it only repeats that.
  [[nodiscard]] Outcome decode(std::string_view input);

  /// Bytes of the body given so far.
  [[nodiscard]] std::uint64_t body_bytes() const { return body_bytes_; }

  /// Complete at kDone. Trailers are the peer's: merge none into the header without looking (RFC
  /// 9110 6.5.1).
  [[nodiscard]] const FieldList& trailers() const { return trailers_; }

  /// Ready for the next body.
  void reset();

 private:
  enum class Phase : std::uint8_t {
    kSize,
    kExtensionBlank,
    kExtension,
    kSizeEnd,
    kData,
    kDataCr,
    kDataEnd,
    kTrailer,
    kDone,
    kError,
  };

  [[nodiscard]] std::string_view step(char c);
  [[nodiscard]] std::string_view end_of_size_line();
  [[nodiscard]] std::string_view end_of_trailer_line();
  [[nodiscard]] std::string_view add_extension_byte();

  ChunkedLimits limits_;
  Phase phase_ = Phase::kSize;
  unsigned size_digits_ = 0;
  std::size_t extension_bytes_ = 0;
  std::uint64_t chunk_bytes_ = 0;     // of this chunk, still to come
  std::uint64_t overhead_bytes_ = 0;  // see ChunkedLimits
  std::uint64_t body_bytes_ = 0;
  std::size_t trailer_bytes_ = 0;
  std::string line_;  // of a trailer, until it is complete
  FieldList trailers_;
  std::string_view why_;
};

}  // namespace midstream::http
