// LiveSource: the body of a response that follows a growing file.
#pragma once

#include <memory>
#include <optional>

#include <midstream/live_file.h>

#include "serve/body_source.h"
#include "serve/worker.h"

namespace midstream::site {

class LiveSource final : public serve::BodySource {
 public:
  LiveSource(std::shared_ptr<LiveFile> file, serve::Worker& worker) noexcept
      : file_(std::move(file)), worker_(worker), size_(file_->total_size()) {}

  [[nodiscard]] std::optional<std::uint64_t> size() const override { return size_; }
  [[nodiscard]] serve::Piece next(std::uint64_t limit_bytes) override;
  [[nodiscard]] net::Awaitable<void> wait(asio::cancellation_slot cancel) override;
  [[nodiscard]] bool is_live() const override { return true; }

 private:
  std::shared_ptr<LiveFile> file_;
  serve::Worker& worker_;
  std::optional<std::uint64_t> size_;
  std::uint64_t offset_ = 0;
  bool held_back_ = false;
};

}  // namespace midstream::site
