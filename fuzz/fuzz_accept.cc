// Content negotiation: weights stay within bounds, do not depend on case or on how a list is spread
// over lines, and an error answer has a form that the client wants no less than plain text.
//
// The first byte of the input says after how many bytes Accept ends and Accept-Encoding begins.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "http/accept.h"
#include "http/head_parser.h"
#include "serve/error_response.h"

namespace midstream::http {
namespace {

constexpr std::array<std::string_view, 5> kTypes = {"text/plain", "text/html", "application/json",
                                                    "application/problem+json", "image/png"};
constexpr std::array<std::string_view, 4> kCodings = {"br", "zstd", "gzip", "identity"};

// A request with these lines; its parser owns the fields.
struct Request {
  explicit Request(std::string_view lines) {
    text.append("GET / HTTP/1.1\r\nHost: h\r\n").append(lines).append("\r\n");
    done = parser.parse(text, head).state == HeadParser::State::kDone;
  }
  Request(const Request&) = delete;
  Request& operator=(const Request&) = delete;

  std::string text;
  HeadParser parser;
  RequestHead head;
  bool done = false;
};

std::string upper_case(std::string_view text) {
  std::string upper(text);
  std::transform(upper.begin(), upper.end(), upper.begin(),
                 [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c & ~0x20) : c; });
  return upper;
}

// "Name: first line\r\nName: second line\r\n", one for each line of `value`.
std::string lines_of(std::string_view name, std::string_view value) {
  std::string lines;
  for (;;) {
    const std::size_t size = std::min(value.find('\n'), value.size());
    lines.append(name).append(": ").append(value.substr(0, size)).append("\r\n");
    if (size == value.size()) return lines;
    value.remove_prefix(size + 1);
  }
}

void check_same(const RequestHead& a, const RequestHead& b) {
  for (const std::string_view type : kTypes)
    MIDSTREAM_CHECK(media_quality(a, type) == media_quality(b, type));
  for (const std::string_view coding : kCodings)
    MIDSTREAM_CHECK(coding_quality(a, coding) == coding_quality(b, coding));
}

void check_bounds(const RequestHead& head) {
  const auto in_bounds = [](int quality) { return quality >= 0 && quality <= 1000; };
  for (const std::string_view type : kTypes) {
    MIDSTREAM_CHECK(in_bounds(media_quality(head, type)));
    MIDSTREAM_CHECK(media_quality(head, type) == media_quality(head, upper_case(type)));
  }
  for (const std::string_view coding : kCodings) {
    const int quality = coding_quality(head, coding);
    MIDSTREAM_CHECK(in_bounds(quality));
    MIDSTREAM_CHECK(quality == coding_quality(head, upper_case(coding)));
    const auto listed = listed_coding_quality(head, coding);
    MIDSTREAM_CHECK(quality == listed.value_or(coding == "identity" ? 1000 : 0));
  }
}

void check_error_text(std::string_view accept) {
  const serve::ErrorText error = serve::error_text(404, accept);
  RequestHead head;
  head.accept = accept;
  const std::string_view type = error.media_type.substr(0, error.media_type.find(';'));
  MIDSTREAM_CHECK(std::find(kTypes.begin(), kTypes.end(), type) != kTypes.end());
  MIDSTREAM_CHECK(type != "image/png");
  MIDSTREAM_CHECK(media_quality(head, type) >= media_quality(head, "text/plain"));
  MIDSTREAM_CHECK(error.text.find("404") != std::string::npos && error.text.ends_with('\n'));
}

void run(std::string_view accept, std::string_view accept_encoding) {
  const std::string lines =
      lines_of("Accept", accept) + lines_of("Accept-Encoding", accept_encoding);
  const Request request(lines);
  if (!request.done) return;
  check_bounds(request.head);
  check_error_text(request.head.accept);
  // RFC 9110 5.3: several lines mean one with commas. A quote that does not end in its line would
  // reach over the comma.
  if (lines.find('"') != std::string::npos) return;
  std::string joined_accept(accept);
  std::string joined_encoding(accept_encoding);
  std::replace(joined_accept.begin(), joined_accept.end(), '\n', ',');
  std::replace(joined_encoding.begin(), joined_encoding.end(), '\n', ',');
  const Request joined(lines_of("Accept", joined_accept) +
                       lines_of("Accept-Encoding", joined_encoding));
  if (joined.done) check_same(request.head, joined.head);
  const Request more(lines + "Accept: x/y;q=0.5\r\nAccept-Encoding: xy;q=0.5\r\n");
  if (more.done) check_same(request.head, more.head);
}

}  // namespace
}  // namespace midstream::http

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::vector<char> text(data + 1, data + size);
  const std::string_view all(text.data(), text.size());
  const std::size_t accept_size = std::min<std::size_t>(data[0], all.size());
  midstream::http::run(all.substr(0, accept_size), all.substr(accept_size));
  return 0;
}
