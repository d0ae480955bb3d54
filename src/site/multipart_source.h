// MultipartSource: several ranges of one file in one body, multipart/byteranges (RFC 9110
// section 14.6).
//
//   head of part 1, its bytes, head of part 2, its bytes, ..., closing line
//
// Invariants
//  1. size() is what next() gives, to the byte: a part that fails fails the body.
//  2. One part is open at a time; the last piece of a part stays valid until the next call of
//     next().
//
// Lives on its worker's thread, as every BodySource.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "http/range.h"
#include "serve/body_source.h"

namespace midstream::site {

/// What separates the parts. 128 bits that nobody can guess when the content is written: so it does
/// not occur in there, and nobody can forge a part.
class Boundary {
 public:
  using Bits = std::array<std::uint64_t, 2>;

  explicit Boundary(const Bits& bits) noexcept;
  /// One system call.
  [[nodiscard]] static Boundary random() noexcept;

  [[nodiscard]] std::string_view text() const noexcept { return {text_.data(), text_.size()}; }

 private:
  std::array<char, 32> text_;  // hexadecimal digits
};

/// The Content-Type of such a response. The response has no Content-Range of its own.
[[nodiscard]] std::string multipart_media_type(const Boundary& boundary);

/// What all parts have in common. Copied by the source.
struct Parts {
  std::string_view media_type;              ///< empty: the parts say none
  std::uint64_t size_bytes = 0;             ///< of the whole file
  std::span<const http::ByteRange> ranges;  ///< in the order asked; at most kRangesMax, none empty
};

class MultipartSource final : public serve::BodySource {
 public:
  /// Puts a source of exactly this range into `place`.
  using OpenPart = std::function<void(serve::Body& place, const http::ByteRange& range)>;

  MultipartSource(const Parts& parts, const Boundary& boundary, OpenPart open_part);

  [[nodiscard]] std::optional<std::uint64_t> size() const override { return size_; }
  [[nodiscard]] serve::Piece next(std::uint64_t limit_bytes) override;
  [[nodiscard]] net::Awaitable<void> wait(asio::cancellation_slot cancel) override;

 private:
  enum class Phase : std::uint8_t { kHead, kPart, kClosing, kDone };

  [[nodiscard]] std::string head_of(std::size_t index) const;
  [[nodiscard]] std::string closing_line() const;
  [[nodiscard]] serve::Piece next_of_part(std::uint64_t limit_bytes);
  [[nodiscard]] serve::Piece next_of_text(std::uint64_t limit_bytes);
  void begin_text();

  OpenPart open_part_;
  Boundary boundary_;
  std::string media_type_;
  std::uint64_t size_bytes_;
  std::uint64_t size_ = 0;
  std::array<http::ByteRange, http::kRangesMax> ranges_;
  std::size_t count_;
  std::size_t index_ = 0;  // of the part whose head or bytes are given
  Phase phase_ = Phase::kHead;
  bool part_given_ = false;  // all of it; it is closed at the next call
  serve::Body part_;
  std::string text_;  // the head of the part, or the closing line
  std::size_t text_given_ = 0;
};

}  // namespace midstream::site
