#include "site/live_source.h"

#include <algorithm>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>

namespace midstream::site {
namespace {

// Asked for and read in at once, as in file_source.cc.
constexpr std::uint64_t kWindowBytes = std::uint64_t{1} << 20;
// What a reader at the live edge gets has just been written, so it is in memory: not asked.
constexpr std::uint64_t kFreshBytesMax = 64 * 1024;

}  // namespace

std::uint64_t LiveSource::at_hand(std::uint64_t count) {
  const bool fresh = reads_ == Reads::kProbed && count <= kFreshBytesMax;
  if (reads_ == Reads::kMemory || fresh) return count;
  if (there_until_ > offset_) return std::min(count, there_until_ - offset_);
  count = std::min(count, kWindowBytes);
  if (reads_ == Reads::kProbed && is_in_page_cache({file_->fd(), offset_, count})) return count;
  cold_bytes_ = count;
  return 0;
}

serve::Piece LiveSource::next(std::uint64_t limit_bytes) {
  using serve::Piece;
  if (error_) return {.kind = Piece::Kind::kFailed, .error = error_};
  const LiveFile::View view = file_->view();
  const bool whole = view.state == LiveFile::State::kSealed;
  std::uint64_t end = size_ ? std::min(view.watermark, *size_) : view.watermark;
  // The last byte of a promised size completes the message: it leaves when the file is complete.
  held_back_ = !whole && size_ && end == *size_ && end > 0;
  if (held_back_) --end;
  if (end > offset_) {
    const std::uint64_t count = at_hand(std::min(end - offset_, limit_bytes));
    if (count == 0) return {.kind = Piece::Kind::kPending};
    const FileRange range{file_->fd(), offset_, count};
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
  if (cold_bytes_ > 0) {
    const FileRange cold{file_->fd(), offset_, std::exchange(cold_bytes_, 0)};
    auto job = [cold] { return read_in(cold); };
    auto reading = pool_.run(job);
    const result<void> done = co_await std::move(reading);
    if (!done) error_ = done.error();
    there_until_ = cold.offset + cold.count;
    co_return;
  }
  auto token = asio::bind_cancellation_slot(cancel, asio::as_tuple(net::kAwait));
  // Both outcomes show in next(): a failure of the file as such, a cancellation to whoever asked
  // for it.
  (void)co_await file_->async_wait_beyond(worker_.context().get_executor(),
                                          held_back_ ? *size_ : offset_, token);
}

}  // namespace midstream::site
