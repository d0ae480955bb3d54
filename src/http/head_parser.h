#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "http/fields.h"
#include "http/request_head.h"

namespace midstream::http {

struct HeadLimits {
  std::size_t target_bytes_max = std::size_t{8} << 10;  ///< more: 414
  std::size_t head_bytes_max = std::size_t{32}
                               << 10;  ///< the whole head, with its last empty line; more: 431
  std::size_t fields_max = 100;        ///< more: 431

  friend bool operator==(const HeadLimits&, const HeadLimits&) = default;
};

/// Reads the head of an HTTP/1 request, strictly (RFC 9112): what two implementations could read in
/// two ways is refused.
///
/// One parser serves one request after the other: parse until kDone, handle the request, reset. It
/// allocates its field table at the first request and keeps it; a connection that only waits can
/// give it back with release_memory. Invariants: (1) The outcome depends on the bytes only, never
/// on how they were cut into fragments. (2) The work is linear in the bytes, whatever the
/// fragments. (3) After kError only reset is legal.
class HeadParser {
 public:
  enum class State : std::uint8_t { kNeedMore, kDone, kError };

  struct Outcome {
    State state = State::kNeedMore;
    /// kDone: how many bytes the head has, with empty lines before it. Otherwise 0.
    std::size_t consumed = 0;
    /// kError: the status to answer with: 400, 414, 431, 501, 505. Then close: nothing that follows
    /// can be trusted to be a request.
    int status = 0;
    /// kError: for the log. Static storage.
    std::string_view why;
  };

  explicit HeadParser(HeadLimits limits = {}) : limits_(limits) {}

  /// `buffer` starts at the first byte of the head, every time, and only grows between the calls of
  /// one head; it may move. Bytes behind the head are not looked at. On kDone `out` is complete:
  /// its texts point into `buffer`, `out.fields` into this parser until the next parse, reset or
  /// release_memory. Otherwise `out` is not to be read.
  [[nodiscard]] Outcome parse(std::string_view buffer, RequestHead& out);

  /// Ready for the next head.
  void reset();

  [[nodiscard]] const HeadLimits& limits() const { return limits_; }

  /// reset, and frees the field table.
  void release_memory();

 private:
  struct RequestLine {
    std::string_view method;
    std::string_view target;
    int version = 0;
  };
  class Scanner;

  [[nodiscard]] Outcome scan(std::string_view buffer, std::size_t from, RequestHead& out);

  HeadLimits limits_;
  std::vector<FieldView> fields_;
  // Only used when a head does not come in one piece. Lines before `checked_` are complete and
  // well-formed; there is no LF in [checked_, searched_).
  std::size_t checked_ = 0;
  std::size_t searched_ = 0;
  unsigned empty_lines_ = 0;
  bool past_request_line_ = false;
};

}  // namespace midstream::http
