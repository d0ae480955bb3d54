#include "site/multipart_source.h"

#include <sys/random.h>

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace midstream::site {

using serve::Piece;

Boundary::Boundary(const Bits& bits) noexcept {
  constexpr std::string_view kDigits = "0123456789abcdef";
  for (std::size_t i = 0; i < text_.size(); ++i)
    text_[i] = kDigits[bits[i / 16] >> (60 - i % 16 * 4) & 15];
}

Boundary Boundary::random() noexcept {
  Bits bits;
  // Never less, and never an error, for so few bytes (getrandom(2)).
  MIDSTREAM_CHECK(::getrandom(bits.data(), sizeof bits, 0) == sizeof bits);
  return Boundary(bits);
}

std::string multipart_media_type(const Boundary& boundary) {
  return std::string("multipart/byteranges; boundary=").append(boundary.text());
}

MultipartSource::MultipartSource(const Parts& parts, const Boundary& boundary, OpenPart open_part)
    : open_part_(std::move(open_part)),
      boundary_(boundary),
      media_type_(parts.media_type),
      size_bytes_(parts.size_bytes),
      count_(parts.ranges.size()) {
  MIDSTREAM_CHECK(count_ > 0 && count_ <= ranges_.size());
  std::copy(parts.ranges.begin(), parts.ranges.end(), ranges_.begin());
  for (std::size_t i = 0; i < count_; ++i)
    size_ += head_of(i).size() + ranges_[i].count;
  size_ += closing_line().size();
  begin_text();
}

// RFC 2046 section 5.1.1: the line break in front of a boundary belongs to it. The first one needs
// none, because nothing is in front of it.
std::string MultipartSource::head_of(std::size_t index) const {
  std::string head = index == 0 ? "--" : "\r\n--";
  head.append(boundary_.text()).append("\r\n");
  if (!media_type_.empty()) head.append("Content-Type: ").append(media_type_).append("\r\n");
  head.append("Content-Range: ");
  head.append(http::format_content_range(ranges_[index], size_bytes_).view());
  return head.append("\r\n\r\n");
}

std::string MultipartSource::closing_line() const {
  return std::string("\r\n--").append(boundary_.text()).append("--\r\n");
}

Piece MultipartSource::next(std::uint64_t limit_bytes) {
  if (std::exchange(part_given_, false)) {
    part_.reset();
    phase_ = ++index_ == count_ ? Phase::kClosing : Phase::kHead;
    begin_text();
  }
  if (phase_ == Phase::kDone) return {};
  return phase_ == Phase::kPart ? next_of_part(limit_bytes) : next_of_text(limit_bytes);
}

void MultipartSource::begin_text() {
  text_ = phase_ == Phase::kHead ? head_of(index_) : closing_line();
  text_given_ = 0;
}

Piece MultipartSource::next_of_text(std::uint64_t limit_bytes) {
  const std::size_t left = text_.size() - text_given_;
  const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(limit_bytes, left));
  Piece piece{.kind = Piece::Kind::kMemory,
              .after = Piece::After::kMore,
              .memory = std::string_view(text_).substr(text_given_, count)};
  text_given_ += count;
  if (count != left) return piece;
  if (phase_ == Phase::kClosing) {
    phase_ = Phase::kDone;
    piece.after = Piece::After::kEnd;
  } else {
    phase_ = Phase::kPart;
    open_part_(part_, ranges_[index_]);
  }
  return piece;
}

Piece MultipartSource::next_of_part(std::uint64_t limit_bytes) {
  Piece piece = part_->next(limit_bytes);
  if (piece.kind == Piece::Kind::kEnd) {
    part_given_ = true;
    return next(limit_bytes);
  }
  const bool bytes = piece.kind == Piece::Kind::kMemory || piece.kind == Piece::Kind::kFile;
  if (bytes && piece.after == Piece::After::kEnd) {
    part_given_ = true;
    piece.after = Piece::After::kMore;  // the next head, or the closing line
  }
  return piece;
}

net::Awaitable<void> MultipartSource::wait(asio::cancellation_slot cancel) {
  return part_ ? part_->wait(cancel) : BodySource::wait(cancel);
}

}  // namespace midstream::site
