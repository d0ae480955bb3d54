#include "http/request_head.h"

#include <cstddef>
#include <cstring>

namespace midstream::http {
namespace {

template <typename Word>
Word load(const char* at) {
  Word word;
  std::memcpy(&word, at, sizeof word);
  return word;
}

// Compares a token of the same length with lower-case letters and hyphens, a word at a time (the
// words overlap). Setting bit 5 makes letters lower-case and leaves "-" alone; the only other bytes
// that it makes a letter or "-" of are letters and CR, and a token has no CR.
template <std::size_t Size>
bool is_name(std::string_view token, const char (&lower)[Size]) {
  constexpr std::size_t kLength = Size - 1;
  static_assert(kLength >= 4 && kLength <= 24);
  const char* text = token.data();
  if constexpr (kLength < 8) {
    constexpr std::uint32_t kBits = 0x20202020;
    constexpr std::size_t kLast = kLength - 4;
    const std::uint32_t front = (load<std::uint32_t>(text) | kBits) ^ load<std::uint32_t>(lower);
    const std::uint32_t back =
        (load<std::uint32_t>(text + kLast) | kBits) ^ load<std::uint32_t>(lower + kLast);
    return (front | back) == 0;
  } else {
    constexpr std::uint64_t kBits = 0x2020202020202020;
    constexpr std::size_t kLast = kLength - 8;
    constexpr std::size_t kMiddle = kLength > 16 ? 8 : 0;
    const std::uint64_t front = (load<std::uint64_t>(text) | kBits) ^ load<std::uint64_t>(lower);
    const std::uint64_t middle =
        (load<std::uint64_t>(text + kMiddle) | kBits) ^ load<std::uint64_t>(lower + kMiddle);
    const std::uint64_t back =
        (load<std::uint64_t>(text + kLast) | kBits) ^ load<std::uint64_t>(lower + kLast);
    return (front | middle | back) == 0;
  }
}

}  // namespace

KnownField known_field(std::string_view name) {
  switch (name.size()) {
    case 4:
      if (is_name(name, "host")) return KnownField::kHost;
      break;
    case 5:
      if (is_name(name, "range")) return KnownField::kRange;
      break;
    case 6:
      if (is_name(name, "accept")) return KnownField::kAccept;
      if (is_name(name, "prefer")) return KnownField::kPrefer;
      if (is_name(name, "expect")) return KnownField::kExpect;
      break;
    case 7:
      if (is_name(name, "referer")) return KnownField::kReferer;
      break;
    case 8:
      if (is_name(name, "if-range")) return KnownField::kIfRange;
      if (is_name(name, "if-match")) return KnownField::kIfMatch;
      break;
    case 10:
      if (is_name(name, "user-agent")) return KnownField::kUserAgent;
      if (is_name(name, "connection")) return KnownField::kConnection;
      break;
    case 13:
      if (is_name(name, "if-none-match")) return KnownField::kIfNoneMatch;
      break;
    case 14:
      if (is_name(name, "content-length")) return KnownField::kContentLength;
      break;
    case 15:
      if (is_name(name, "accept-encoding")) return KnownField::kAcceptEncoding;
      break;
    case 17:
      if (is_name(name, "if-modified-since")) return KnownField::kIfModifiedSince;
      if (is_name(name, "transfer-encoding")) return KnownField::kTransferEncoding;
      break;
    case 19:
      if (is_name(name, "if-unmodified-since")) return KnownField::kIfUnmodifiedSince;
      break;
    default: break;
  }
  return KnownField::kUnknown;
}

std::optional<std::string_view> RequestHead::find(std::string_view name) const {
  for (const FieldView& field : fields) {
    if (iequals(field.name, name)) return field.value;
  }
  return std::nullopt;
}

}  // namespace midstream::http
