// LiveSource: the body of a response that follows a growing file.
#pragma once

#include <memory>
#include <optional>

#include <midstream/live_file.h>

#include "net/disk_pool.h"
#include "serve/body_source.h"
#include "serve/worker.h"
#include "site/page_cache.h"

namespace midstream::site {

class LiveSource final : public serve::BodySource {
 public:
  /// `worker` and `pool` outlive it.
  LiveSource(std::shared_ptr<LiveFile> file, serve::Worker& worker, net::DiskPool& pool) noexcept
      : file_(std::move(file)),
        worker_(worker),
        pool_(pool),
        size_(file_->total_size()),
        reads_(how_it_reads(file_->fd())) {}

  [[nodiscard]] std::optional<std::uint64_t> size() const override { return size_; }
  [[nodiscard]] serve::Piece next(std::uint64_t limit_bytes) override;
  [[nodiscard]] net::Awaitable<void> wait(asio::cancellation_slot cancel) override;
  [[nodiscard]] bool is_live() const override { return true; }

 private:
  // How many of the `count` bytes from offset_ can be sent without waiting for the disk.
  [[nodiscard]] std::uint64_t at_hand(std::uint64_t count);

  std::shared_ptr<LiveFile> file_;
  serve::Worker& worker_;
  net::DiskPool& pool_;
  std::optional<std::uint64_t> size_;
  std::uint64_t offset_ = 0;
  std::uint64_t there_until_ = 0;  // up to here it is in the page cache
  std::uint64_t cold_bytes_ = 0;   // what wait() has to read in, from offset_
  error_code error_;               // why no more can be read
  Reads reads_;
  bool held_back_ = false;
};

}  // namespace midstream::site
