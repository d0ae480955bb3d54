// The media type of any first bytes: always one that is known, and nothing that browsers run comes
// out of what does not begin like it.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "http/chars.h"
#include "http/sniff.h"

namespace midstream::http {
namespace {

constexpr std::string_view kHtml = "text/html; charset=utf-8";
constexpr std::string_view kXml = "application/xml";

bool is_blank_of_html(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f';
}

// WHATWG MIME Sniffing, "binary data byte".
bool is_binary_data(char c) {
  const auto byte = static_cast<std::uint8_t>(c);
  return byte <= 0x08 || byte == 0x0b || (byte >= 0x0e && byte <= 0x1a) ||
         (byte >= 0x1c && byte <= 0x1f);
}

void check_shape(std::string_view type) {
  const std::string_view essence = type.substr(0, type.find("; charset="));
  const std::size_t slash = essence.find('/');
  MIDSTREAM_CHECK(slash != std::string_view::npos);
  MIDSTREAM_CHECK(is_token(essence.substr(0, slash)) && is_token(essence.substr(slash + 1)));
}

void run(std::string_view bytes) {
  const std::string_view type = sniff_media_type(bytes);
  check_shape(type);
  const std::string_view first = bytes.substr(0, kSniffBytes);
  MIDSTREAM_CHECK(sniff_media_type(first) == type);
  const bool active = type == kHtml || type == kXml;
  if (active) {
    const auto begin = std::find_if_not(first.begin(), first.end(), is_blank_of_html);
    MIDSTREAM_CHECK(begin != first.end() && *begin == '<');
  }
  if (std::none_of(first.begin(), first.end(), is_binary_data)) {
    MIDSTREAM_CHECK(active || type.starts_with("text/plain; charset=utf-") ||
                    type == "application/pdf" || type == "application/postscript");
  }
  // One byte in front, and it is no markup any more.
  const std::string_view behind = sniff_media_type("x" + std::string(bytes));
  MIDSTREAM_CHECK(behind != kHtml && behind != kXml);
}

}  // namespace
}  // namespace midstream::http

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::vector<char> bytes(data, data + size);  // of exactly this size, so that ASan sees more
  midstream::http::run({bytes.data(), bytes.size()});
  return 0;
}
