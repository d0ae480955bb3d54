// Decoder: takes a coded body apart, piece by piece, with the decoders of the libraries.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include <brotli/decode.h>
#include <gtest/gtest.h>
#include <zlib.h>
#include <zstd.h>

#include "http/coding.h"

namespace midstream::site::test {

class Decoder {
 public:
  explicit Decoder(http::Coding coding) : coding_(coding) {
    if (coding == http::Coding::kGzip) {
      EXPECT_EQ(::inflateInit2(&inflate_, MAX_WBITS + 16), Z_OK);
    } else if (coding == http::Coding::kBrotli) {
      brotli_ = ::BrotliDecoderCreateInstance(nullptr, nullptr, nullptr);
    } else {
      zstd_ = ::ZSTD_createDCtx();
      // What a client may refuse to spend: RFC 9659 says 8 MiB, we promise 512 KiB.
      EXPECT_FALSE(::ZSTD_isError(::ZSTD_DCtx_setParameter(zstd_, ZSTD_d_windowLogMax, 19)));
    }
  }
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;
  ~Decoder() {
    if (coding_ == http::Coding::kGzip) ::inflateEnd(&inflate_);
    if (brotli_ != nullptr) ::BrotliDecoderDestroyInstance(brotli_);
    if (zstd_ != nullptr) ::ZSTD_freeDCtx(zstd_);
  }

  /// Decodes all that can be decoded now.
  void feed(std::string_view coded) {
    switch (coding_) {
      case http::Coding::kGzip: return feed_inflate(coded);
      case http::Coding::kBrotli: return feed_brotli(coded);
      case http::Coding::kZstd: return feed_zstd(coded);
    }
  }

  [[nodiscard]] const std::string& plain() const { return plain_; }
  /// The end was there, checksum and all, and nothing came after it.
  [[nodiscard]] bool complete() const { return complete_ && !malformed_; }
  [[nodiscard]] bool malformed() const { return malformed_; }

 private:
  void feed_inflate(std::string_view coded) {
    inflate_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(coded.data()));
    inflate_.avail_in = static_cast<uInt>(coded.size());
    do {
      if (complete_) return check_no_more(inflate_.avail_in);
      inflate_.next_out = reinterpret_cast<Bytef*>(room_.data());
      inflate_.avail_out = static_cast<uInt>(room_.size());
      const int status = ::inflate(&inflate_, Z_NO_FLUSH);
      plain_.append(room_.data(), room_.size() - inflate_.avail_out);
      complete_ = status == Z_STREAM_END;
      if (status == Z_BUF_ERROR) return;  // it wants more
      if (status != Z_OK && !complete_) malformed_ = true;
    } while (!malformed_ && (inflate_.avail_in > 0 || inflate_.avail_out == 0));
  }

  void feed_brotli(std::string_view coded) {
    const auto* in = reinterpret_cast<const std::uint8_t*>(coded.data());
    std::size_t left = coded.size();
    for (;;) {
      if (complete_) return check_no_more(left);
      auto* out = reinterpret_cast<std::uint8_t*>(room_.data());
      std::size_t room = room_.size();
      const auto status =
          ::BrotliDecoderDecompressStream(brotli_, &left, &in, &room, &out, nullptr);
      plain_.append(room_.data(), room_.size() - room);
      complete_ = status == BROTLI_DECODER_RESULT_SUCCESS;
      malformed_ = status == BROTLI_DECODER_RESULT_ERROR;
      // It may want more input and still have output.
      const bool has_more = ::BrotliDecoderHasMoreOutput(brotli_) == BROTLI_TRUE;
      if (malformed_ || (status == BROTLI_DECODER_RESULT_NEEDS_MORE_INPUT && !has_more)) return;
    }
  }

  void feed_zstd(std::string_view coded) {
    ZSTD_inBuffer in{coded.data(), coded.size(), 0};
    for (;;) {
      if (complete_) return check_no_more(in.size - in.pos);
      ZSTD_outBuffer out{room_.data(), room_.size(), 0};
      const std::size_t hint = ::ZSTD_decompressStream(zstd_, &out, &in);
      plain_.append(room_.data(), out.pos);
      malformed_ = ::ZSTD_isError(hint) != 0;
      if (malformed_) return;
      complete_ = hint == 0;
      if (!complete_ && in.pos == in.size && out.pos < out.size) return;
    }
  }

  void check_no_more(std::size_t left) { malformed_ = malformed_ || left > 0; }

  http::Coding coding_;
  z_stream inflate_{};
  BrotliDecoderState* brotli_ = nullptr;
  ZSTD_DCtx* zstd_ = nullptr;
  std::array<char, 32 * 1024> room_;
  std::string plain_;
  bool complete_ = false;
  bool malformed_ = false;
};

/// `size` bytes that a coding makes smaller: lines of words, without a period.
inline std::string words(std::size_t size, std::uint64_t seed = 1) {
  constexpr std::string_view kWords[] = {"the",  "file ",   "grows", " while",     " it",
                                         " is ", "sent ,",  "and",   " nobody",    " waits",
                                         "; ",   "readers", "\n",    " watermark", " 0123"};
  std::string text;
  text.reserve(size + 16);
  for (std::uint64_t state = seed; text.size() < size;) {
    state = state * 6364136223846793005U + 1442695040888963407U;
    text += kWords[(state >> 33) % std::size(kWords)];
  }
  text.resize(size);
  return text;
}

inline constexpr http::Coding kCodings[] = {http::Coding::kBrotli, http::Coding::kZstd,
                                            http::Coding::kGzip};

}  // namespace midstream::site::test
