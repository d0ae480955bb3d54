#include "site/encoder.h"

#include <algorithm>
#include <cerrno>
#include <limits>

#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "base/check.h"
#include "base/errno_error.h"
#include "site/encoder_brotli.h"

namespace midstream::site {
namespace {

using Flush = Encoder::Flush;
using Step = Encoder::Step;

class GzipEncoder final : public Encoder {
 public:
  GzipEncoder() = default;
  GzipEncoder(const GzipEncoder&) = delete;
  GzipEncoder& operator=(const GzipEncoder&) = delete;
  ~GzipEncoder() override {
    if (ready_) ::deflateEnd(&stream_);
  }

  [[nodiscard]] result<Step> encode(std::string_view& in, Flush flush,
                                    std::span<char> out) override {
    if (!ready_ && !prepare()) return errno_error(ENOMEM);
    MIDSTREAM_CHECK(in.size() <= std::numeric_limits<uInt>::max());
    const auto room = std::min<std::size_t>(out.size(), std::numeric_limits<uInt>::max());
    // zlib does not write through next_in; only its type says so.
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(in.data()));
    stream_.avail_in = static_cast<uInt>(in.size());
    stream_.next_out = reinterpret_cast<Bytef*>(out.data());
    stream_.avail_out = static_cast<uInt>(room);
    const int mode = flush == Flush::kEnd    ? Z_FINISH
                     : flush == Flush::kSync ? Z_SYNC_FLUSH
                                             : Z_NO_FLUSH;
    const int status = ::deflate(&stream_, mode);
    // Z_BUF_ERROR: there was nothing to do. It does no harm (zlib.h).
    if (status != Z_OK && status != Z_STREAM_END && status != Z_BUF_ERROR) {
      return errno_error(EINVAL);
    }
    in.remove_prefix(in.size() - stream_.avail_in);
    Step step{.given = room - stream_.avail_out};
    switch (flush) {
      case Flush::kNone: step.done = in.empty(); break;
      case Flush::kSync: step.done = in.empty() && stream_.avail_out > 0; break;
      case Flush::kEnd: step.done = status == Z_STREAM_END; break;
    }
    return step;
  }

 private:
  static constexpr int kLevel = 5;
  static constexpr int kMemoryLevel = 8;  // zlib's default
  static constexpr int kWithGzipHeader = 16;

  bool prepare() {
    ready_ = ::deflateInit2(&stream_, kLevel, Z_DEFLATED, MAX_WBITS + kWithGzipHeader, kMemoryLevel,
                            Z_DEFAULT_STRATEGY) == Z_OK;
    return ready_;
  }

  z_stream stream_{};
  bool ready_ = false;
};

class ZstdEncoder final : public Encoder {
 public:
  explicit ZstdEncoder(std::optional<std::uint64_t> size_bytes) : size_bytes_(size_bytes) {}

  [[nodiscard]] result<Step> encode(std::string_view& in, Flush flush,
                                    std::span<char> out) override {
    if (!context_ && !prepare()) return errno_error(ENOMEM);
    const auto directive = flush == Flush::kEnd    ? ZSTD_e_end
                           : flush == Flush::kSync ? ZSTD_e_flush
                                                   : ZSTD_e_continue;
    ZSTD_inBuffer from{.src = in.data(), .size = in.size(), .pos = 0};
    ZSTD_outBuffer to{.dst = out.data(), .size = out.size(), .pos = 0};
    const std::size_t left = ::ZSTD_compressStream2(context_.get(), &to, &from, directive);
    if (::ZSTD_isError(left) != 0) {
      const bool memory = ::ZSTD_getErrorCode(left) == ZSTD_error_memory_allocation;
      return errno_error(memory ? ENOMEM : EINVAL);
    }
    in.remove_prefix(from.pos);
    return Step{.given = to.pos, .done = in.empty() && (flush == Flush::kNone || left == 0)};
  }

 private:
  static constexpr int kLevel = 3;
  // 512 KiB of history. RFC 9659 allows 8 MiB; each client would cost us more than that.
  static constexpr int kWindowBits = 19;

  struct Destroy {
    void operator()(ZSTD_CCtx* context) const { ::ZSTD_freeCCtx(context); }
  };

  bool prepare() {
    context_.reset(::ZSTD_createCCtx());
    if (!context_) return false;
    const auto set = [this](ZSTD_cParameter parameter, int value) {
      return ::ZSTD_isError(::ZSTD_CCtx_setParameter(context_.get(), parameter, value)) == 0;
    };
    return set(ZSTD_c_compressionLevel, kLevel) && set(ZSTD_c_windowLog, kWindowBits) &&
           ::ZSTD_isError(::ZSTD_CCtx_setPledgedSrcSize(
               context_.get(), size_bytes_.value_or(ZSTD_CONTENTSIZE_UNKNOWN))) == 0;
  }

  std::unique_ptr<ZSTD_CCtx, Destroy> context_;
  std::optional<std::uint64_t> size_bytes_;
};

}  // namespace

std::unique_ptr<Encoder> make_encoder(http::Coding coding,
                                      std::optional<std::uint64_t> size_bytes) {
  switch (coding) {
    case http::Coding::kBrotli: return make_brotli_encoder();
    case http::Coding::kZstd: return std::make_unique<ZstdEncoder>(size_bytes);
    case http::Coding::kGzip: break;
  }
  return std::make_unique<GzipEncoder>();
}

}  // namespace midstream::site
