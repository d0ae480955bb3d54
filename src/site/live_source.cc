#include "site/live_source.h"

#include <algorithm>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>

namespace midstream::site {

serve::Piece LiveSource::next(std::uint64_t limit_bytes) {
  using serve::Piece;
  const LiveFile::View view = file_->view();
  const bool whole = view.state == LiveFile::State::kSealed;
  std::uint64_t end = size_ ? std::min(view.watermark, *size_) : view.watermark;
  // The last byte of a promised size completes the message: it leaves when the file is complete.
  held_back_ = !whole && size_ && end == *size_ && end > 0;
  if (held_back_) --end;
  if (end > offset_) {
    const FileRange range{file_->fd(), offset_, std::min(end - offset_, limit_bytes)};
    offset_ += range.count;
    Piece piece{.kind = Piece::Kind::kFile, .after = Piece::After::kCaughtUp, .file = range};
    if (offset_ < end) piece.after = Piece::After::kMore;
    if (offset_ == end && whole) piece.after = Piece::After::kEnd;
    // With a length sendfile alone is cheapest; a small chunk is cheaper in one call with its
    // framing.
    if (!size_) piece.memory = worker_.piece_copy().get(file_, range.offset, range.count);
    return piece;
  }
  if (view.state == LiveFile::State::kFailed) {
    return {.kind = Piece::Kind::kFailed, .error = file_->failure()};
  }
  if (!whole) return {.kind = Piece::Kind::kPending};
  if (size_ && offset_ < *size_) return {.kind = Piece::Kind::kFailed, .error = Errc::kIncomplete};
  return {};
}

net::Awaitable<void> LiveSource::wait(asio::cancellation_slot cancel) {
  auto token = asio::bind_cancellation_slot(cancel, asio::as_tuple(net::kAwait));
  // Both outcomes show in next(): a failure of the file as such, a cancellation to whoever asked
  // for it.
  (void)co_await file_->async_wait_beyond(worker_.context().get_executor(),
                                          held_back_ ? *size_ : offset_, token);
}

}  // namespace midstream::site
