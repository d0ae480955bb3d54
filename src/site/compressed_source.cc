#include "site/compressed_source.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>

#include "base/errno_error.h"

namespace midstream::site {

using serve::Piece;

Piece CompressedSource::next(std::uint64_t limit_bytes) {
  Kind state = Kind::kMemory;
  if (ready_.empty() && !ended_) state = fill();
  if (!ready_.empty()) {
    const std::string_view now = ready_.substr(
        0, static_cast<std::size_t>(std::min<std::uint64_t>(limit_bytes, kBlockBytes)));
    ready_.remove_prefix(now.size());
    // What comes next from the encoder, and when, nobody knows: so never kMore.
    const auto after = !ready_.empty() ? Piece::After::kMore
                       : ended_        ? Piece::After::kEnd
                                       : Piece::After::kCaughtUp;
    return {.kind = Kind::kMemory, .after = after, .memory = now};
  }
  if (ended_) return {};
  if (state == Kind::kFailed) return {.kind = Kind::kFailed, .error = error_};
  if (!turn_over_) {  // this may take long
    block_.reset();
    output_.reset();
  }
  return {.kind = Kind::kPending};
}

// Encodes until `ready_` is a full block, or there is nothing to encode. Gives why there is nothing
// (kPending, kFailed), otherwise kMemory.
CompressedSource::Kind CompressedSource::fill() {
  if (!output_) output_ = std::make_unique_for_overwrite<char[]>(kBlockBytes);
  Kind state = Kind::kMemory;
  std::size_t filled = 0;
  while (!ended_ && kBlockBytes - filled >= Encoder::kRoomBytesMin) {
    if (input_.empty() && flush_ == Flush::kNone) state = take();
    if (state != Kind::kMemory) break;
    filled += encode({output_.get() + filled, kBlockBytes - filled});
  }
  ready_ = {output_.get(), filled};
  return state;
}

// Gets something to do for the encoder (kMemory): bytes, or a flush. If there is nothing: kPending,
// or kFailed.
CompressedSource::Kind CompressedSource::take() {
  if (error_) return Kind::kFailed;
  turn_over_ = turn_bytes_ >= kTurnBytes;
  if (turn_over_) return Kind::kPending;
  const Piece piece = inner_ended_ ? Piece{} : inner_->next(kBlockBytes);
  switch (piece.kind) {
    case Kind::kMemory: input_ = piece.memory; break;
    case Kind::kFile:
      // Not `piece.memory`: it need not live until all of it is encoded.
      if (const error_code error = read(piece.file)) fail(error);
      break;
    case Kind::kPending:
      if (!unflushed_ || !inner_->is_live()) return Kind::kPending;
      flush_ = Flush::kSync;
      return Kind::kMemory;
    case Kind::kEnd: flush_ = Flush::kEnd; return Kind::kMemory;
    case Kind::kFailed: fail(piece.error); break;
  }
  if (error_) return unflushed_ ? Kind::kMemory : Kind::kFailed;
  turn_bytes_ += input_.size();
  inner_ended_ = piece.after == Piece::After::kEnd;
  if (inner_ended_) flush_ = Flush::kEnd;
  return Kind::kMemory;
}

// Whatever was there before still reaches the client, in a shape that it can decode.
void CompressedSource::fail(error_code why) {
  if (!error_) error_ = why;
  input_ = {};
  flush_ = unflushed_ ? Flush::kSync : Flush::kNone;
}

error_code CompressedSource::read(const FileRange& range) {
  if (!block_) block_ = std::make_unique_for_overwrite<char[]>(kBlockBytes);
  const auto count = static_cast<std::size_t>(range.count);  // at most what next() was asked for
  std::size_t done = 0;
  while (done < count) {
    const ssize_t got = ::pread(range.fd, block_.get() + done, count - done,
                                static_cast<off_t>(range.offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno_error();
    if (got == 0) return Errc::kTruncated;
    done += static_cast<std::size_t>(got);
  }
  input_ = {block_.get(), count};
  return {};
}

// Gives how many bytes it wrote.
std::size_t CompressedSource::encode(std::span<char> out) {
  unflushed_ = unflushed_ || !input_.empty();
  const auto step = encoder_->encode(input_, flush_, out);
  if (!step) {
    unflushed_ = false;  // it cannot be asked for anything any more
    fail(step.error());
    return 0;
  }
  if (step->done && flush_ != Flush::kNone) {
    ended_ = flush_ == Flush::kEnd;
    flush_ = Flush::kNone;
    unflushed_ = false;
  }
  return step->given;
}

net::Awaitable<void> CompressedSource::wait(asio::cancellation_slot cancel) {
  turn_bytes_ = 0;
  if (!turn_over_) co_return co_await inner_->wait(cancel);
  const auto executor = co_await asio::this_coro::executor;
  co_await asio::post(executor, net::kAwait);
}

}  // namespace midstream::site
