// CompressedSource: the body of another source, coded while it is sent.
//
//   taking --inner ends--> ending -> ended
//   taking --inner or encoder fails--> (flushed, if it can be) -> failed
//
// Invariants
//  1. The encoder is ended only when the inner source has ended: what was cut does not look whole.
//  2. The encoder is flushed when a live inner source has nothing right now, and when any has
//     failed: all that was there can be decoded then. For no other reason: it costs ratio.
//  3. Not more than kTurnBytes are coded in one go: coding is work for the worker's thread, and
//     others wait meanwhile.
//
// Memory: one block in, one block out and the encoder. While a live inner source has nothing, the
// encoder alone.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string_view>

#include "serve/body_source.h"
#include "site/encoder.h"

namespace midstream::site {

class CompressedSource final : public serve::BodySource {
 public:
  static constexpr std::size_t kBlockBytes = 64 * 1024;
  static constexpr std::size_t kTurnBytes = kBlockBytes;

  /// File ranges of `inner` are read by pread(2) here: they must be in memory, as for sendfile(2).
  CompressedSource(std::unique_ptr<serve::BodySource> inner,
                   std::unique_ptr<Encoder> encoder) noexcept
      : inner_(std::move(inner)), encoder_(std::move(encoder)) {}

  [[nodiscard]] std::optional<std::uint64_t> size() const override { return std::nullopt; }
  /// Errors: those of `inner`, of the encoder and of pread(2); kTruncated.
  [[nodiscard]] serve::Piece next(std::uint64_t limit_bytes) override;
  [[nodiscard]] net::Awaitable<void> wait(asio::cancellation_slot cancel) override;
  [[nodiscard]] bool is_live() const override { return inner_->is_live(); }

 private:
  using Flush = Encoder::Flush;
  using Kind = serve::Piece::Kind;

  [[nodiscard]] Kind fill();
  [[nodiscard]] Kind take();
  [[nodiscard]] error_code read(const FileRange& range);
  [[nodiscard]] std::size_t encode(std::span<char> out);
  void fail(error_code why);

  std::unique_ptr<serve::BodySource> inner_;
  std::unique_ptr<Encoder> encoder_;
  std::unique_ptr<char[]> block_;  // what was read of a file
  std::unique_ptr<char[]> output_;
  std::string_view input_;      // not yet encoded
  std::string_view ready_;      // of output_: encoded, not yet given
  std::size_t turn_bytes_ = 0;  // taken since the last turn
  error_code error_;
  Flush flush_ = Flush::kNone;  // what the encoder is being asked for, with input_
  bool unflushed_ = false;      // something was encoded since the last flush
  bool inner_ended_ = false;
  bool turn_over_ = false;  // this is what wait() waits for
  bool ended_ = false;
};

}  // namespace midstream::site
