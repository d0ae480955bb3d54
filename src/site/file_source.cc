#include "site/file_source.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace midstream::site {
namespace {

// What a connection sends in one turn (Limits::turn_bytes): asked for and read in at once.
constexpr std::uint64_t kWindowBytes = std::uint64_t{1} << 20;

}  // namespace

FileSource::FileSource(std::shared_ptr<const OpenFile> file, std::uint64_t offset,
                       std::uint64_t count, net::DiskPool& pool) noexcept
    : file_(std::move(file)),
      pool_(pool),
      offset_(offset),
      count_(count),
      left_(count),
      there_until_(file_->reads == Reads::kMemory ? std::numeric_limits<std::uint64_t>::max()
                                                  : offset) {}

FileRange FileSource::window() const noexcept {
  return {file_->fd.get(), offset_, std::min(left_, kWindowBytes)};
}

serve::Piece FileSource::next(std::uint64_t limit_bytes) {
  using serve::Piece;
  if (error_) return {.kind = Piece::Kind::kFailed, .error = error_};
  if (left_ == 0) return {};
  std::uint64_t count = std::min(left_, limit_bytes);
  if (file_->content.empty()) {
    if (offset_ == there_until_) {
      const FileRange ahead = window();
      const bool there = file_->reads == Reads::kProbed && is_in_page_cache(ahead);
      if (!there) return {.kind = Piece::Kind::kPending};
      there_until_ = offset_ + ahead.count;
    }
    count = std::min(count, there_until_ - offset_);
  }
  const std::uint64_t offset = offset_;
  offset_ += count;
  left_ -= count;
  const auto after = left_ == 0 ? Piece::After::kEnd : Piece::After::kMore;
  if (!file_->content.empty()) {
    const auto bytes =
        std::string_view(file_->content)
            .substr(static_cast<std::size_t>(offset), static_cast<std::size_t>(count));
    return {.kind = Piece::Kind::kMemory, .after = after, .memory = bytes};
  }
  return {.kind = Piece::Kind::kFile, .after = after, .file = {file_->fd.get(), offset, count}};
}

net::Awaitable<void> FileSource::wait(asio::cancellation_slot) {
  const FileRange ahead = window();
  auto job = [ahead] { return read_in(ahead); };
  auto reading = pool_.run(job);
  const result<void> done = co_await std::move(reading);
  if (!done) error_ = done.error();
  there_until_ = ahead.offset + ahead.count;
}

}  // namespace midstream::site
