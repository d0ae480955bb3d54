// RequestSlot: the memory that one request needs, from its first byte until its handler has
// answered. A worker keeps a few of them; idle and long-running connections hold none.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "http/fields.h"
#include "http/head_parser.h"
#include "http/request_head.h"
#include "http/target.h"

namespace midstream::serve {

/// Bytes that were received and not yet used. Grows up to a limit; usually never beyond its first
/// size.
class ReadBuffer {
 public:
  static constexpr std::size_t kFirstBytes = 8 * 1024;

  ReadBuffer() : bytes_(kFirstBytes) {}

  [[nodiscard]] std::string_view unread() const noexcept {
    return {bytes_.data() + begin_, end_ - begin_};
  }
  [[nodiscard]] bool empty() const noexcept { return begin_ == end_; }
  void consume(std::size_t count) noexcept { begin_ += count; }
  void produced(std::size_t count) noexcept { end_ += count; }
  void clear() noexcept { begin_ = end_ = 0; }

  /// Room for at least one byte more, as long as fewer than `limit` bytes are unread. Moves the
  /// bytes: views into them are void.
  [[nodiscard]] std::span<char> room(std::size_t limit) {
    if (begin_ == end_) {
      clear();
    } else if (end_ == bytes_.size()) {
      std::memmove(bytes_.data(), bytes_.data() + begin_, end_ - begin_);
      end_ -= begin_;
      begin_ = 0;
      if (end_ == bytes_.size() && bytes_.size() < limit)
        bytes_.resize(std::min(limit, bytes_.size() * 2));
    }
    return std::span(bytes_).subspan(end_);
  }

  /// Not kept for the next request when it had to grow.
  [[nodiscard]] bool is_large() const noexcept { return bytes_.size() > kFirstBytes; }

 private:
  std::vector<char> bytes_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

struct RequestSlot {
  explicit RequestSlot(const http::HeadLimits& limits) : parser(limits) {}

  /// Where received bytes are: a body that does not fit behind its head goes to a buffer of its
  /// own, because views into the head stay valid while the body is read.
  [[nodiscard]] ReadBuffer& input() noexcept { return body_buffer ? *body_buffer : buffer; }
  [[nodiscard]] bool has_unread() noexcept { return !input().empty(); }

  /// The exchange is over: what follows its body is the next head.
  void begin_next() {
    parser.reset();
    fields.clear();
    if (!body_buffer) return;
    std::swap(buffer, *body_buffer);
    body_buffer.reset();
  }

  ReadBuffer buffer;
  std::unique_ptr<ReadBuffer> body_buffer;
  http::HeadParser parser;
  http::RequestHead head;
  http::Target target;
  http::FieldList fields;  // of the response
  std::string scratch;
};

}  // namespace midstream::serve
