// FileSource: a part of an open file as the body of a response. It gives only what is in the page
// cache, so that sending it never waits for the disk; for the rest it waits on a thread of the disk
// pool.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "net/disk_pool.h"
#include "serve/body_source.h"
#include "site/open_file.h"

namespace midstream::site {

class FileSource final : public serve::BodySource {
 public:
  /// Bytes [offset, offset + count). `pool` outlives the source.
  FileSource(std::shared_ptr<const OpenFile> file, std::uint64_t offset, std::uint64_t count,
             net::DiskPool& pool) noexcept;

  [[nodiscard]] std::optional<std::uint64_t> size() const override { return count_; }
  [[nodiscard]] serve::Piece next(std::uint64_t limit_bytes) override;
  [[nodiscard]] net::Awaitable<void> wait(asio::cancellation_slot cancel) override;

 private:
  [[nodiscard]] FileRange window() const noexcept;

  std::shared_ptr<const OpenFile> file_;
  net::DiskPool& pool_;
  std::uint64_t offset_;
  std::uint64_t count_;
  std::uint64_t left_;
  std::uint64_t there_until_;  // up to here it is in the page cache
  error_code error_;           // why there is no more
};

}  // namespace midstream::site
