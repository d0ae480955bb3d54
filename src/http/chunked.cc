#include "http/chunked.h"

#include <algorithm>

#include "http/chars.h"

namespace midstream::http {
namespace {

constexpr unsigned kSizeDigitsMax = 16;
constexpr std::uint64_t kFreeBytesPerChunk = 16;

}  // namespace

void ChunkedDecoder::reset() {
  phase_ = Phase::kSize;
  size_digits_ = 0;
  extension_bytes_ = 0;
  chunk_bytes_ = 0;
  overhead_bytes_ = 0;
  body_bytes_ = 0;
  trailer_bytes_ = 0;
  line_.clear();
  trailers_.clear();
  why_ = {};
}

ChunkedDecoder::Outcome ChunkedDecoder::decode(std::string_view input) {
  for (std::size_t at = 0;; ++at) {
    if (phase_ == Phase::kError) return {State::kError, at, {}, why_};
    if (phase_ == Phase::kDone) return {State::kDone, at, {}, {}};
    if (at == input.size()) return {State::kNeedMore, at, {}, {}};
    if (phase_ == Phase::kData) {
      const std::uint64_t count = std::min<std::uint64_t>(chunk_bytes_, input.size() - at);
      chunk_bytes_ -= count;
      body_bytes_ += count;
      if (chunk_bytes_ == 0) phase_ = Phase::kDataCr;
      const std::string_view body = input.substr(at, static_cast<std::size_t>(count));
      return {State::kBody, at + body.size(), body, {}};
    }
    why_ = step(input[at]);
    if (!why_.empty()) phase_ = Phase::kError;
  }
}

// One byte of framing. Gives what is wrong with it, or nothing.
std::string_view ChunkedDecoder::step(char c) {
  switch (phase_) {
    case Phase::kSize:
      if (const int digit = hex_value(c); digit >= 0) {
        if (++size_digits_ > kSizeDigitsMax) return "chunk size too large";
        chunk_bytes_ = chunk_bytes_ * 16 + static_cast<unsigned>(digit);
        return {};
      }
      if (size_digits_ == 0) return "malformed chunk size";
      [[fallthrough]];
    case Phase::kExtensionBlank:
      if (c == ';') {
        phase_ = Phase::kExtension;
      } else if (is_blank(c)) {
        phase_ = Phase::kExtensionBlank;  // only before ";", RFC 9112 7.1.1
      } else if (c == '\r' && phase_ == Phase::kSize) {
        phase_ = Phase::kSizeEnd;
        return {};
      } else {
        return "malformed chunk size";
      }
      return add_extension_byte();
    case Phase::kExtension:
      if (c == '\r') {
        phase_ = Phase::kSizeEnd;
        return {};
      }
      if (!is_value_char(c)) return "control byte in a chunk extension";
      return add_extension_byte();
    case Phase::kSizeEnd: return c == '\n' ? end_of_size_line() : "CR without LF";
    case Phase::kDataCr:
      phase_ = Phase::kDataEnd;
      return c == '\r' ? std::string_view{} : "chunk longer than its size";
    case Phase::kDataEnd:
      phase_ = Phase::kSize;
      return c == '\n' ? std::string_view{} : "CR without LF";
    case Phase::kTrailer:
      if (++trailer_bytes_ > limits_.trailer_bytes_max) return "trailers too large";
      if (c == '\n') return end_of_trailer_line();
      if (!line_.empty() && line_.back() == '\r') return "CR without LF";
      line_ += c;
      return {};
    case Phase::kData:
    case Phase::kDone:
    case Phase::kError: break;
  }
  return "not a byte of framing";
}

std::string_view ChunkedDecoder::add_extension_byte() {
  return ++extension_bytes_ > limits_.extension_bytes_max ? "chunk extension too large"
                                                          : std::string_view{};
}

std::string_view ChunkedDecoder::end_of_size_line() {
  // What a chunk costs beyond its bytes is forgiven against what it carries, so that signed uploads
  // (a long extension on each large chunk) pass and a million one-byte chunks with extensions do
  // not.
  const std::uint64_t cost = size_digits_ + extension_bytes_;
  const std::uint64_t free = std::max(chunk_bytes_, kFreeBytesPerChunk);
  if (cost > free) {
    overhead_bytes_ += cost - free;
  } else {
    overhead_bytes_ -= std::min(overhead_bytes_, free - cost);
  }
  if (overhead_bytes_ > limits_.overhead_bytes_max) return "chunk extensions too large";
  phase_ = chunk_bytes_ == 0 ? Phase::kTrailer : Phase::kData;
  size_digits_ = 0;
  extension_bytes_ = 0;
  return {};
}

std::string_view ChunkedDecoder::end_of_trailer_line() {
  if (line_.empty() || line_.back() != '\r') return "LF without CR";
  line_.pop_back();
  if (line_.empty()) {
    phase_ = Phase::kDone;
    return {};
  }
  const std::string_view line = line_;
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos) return "malformed trailer";
  if (!trailers_.try_append(line.substr(0, colon), line.substr(colon + 1))) {
    return "malformed trailer";
  }
  line_.clear();
  return {};
}

}  // namespace midstream::http
