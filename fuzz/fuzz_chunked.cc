// Chunked bodies: the outcome does not depend on the fragments; what was accepted is what a second,
// naive reading gives; and any bytes in any chunks come back as they were.
//
// The first byte of the input says how the rest is cut. The limits are small so that short inputs
// reach them.
#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "http/chars.h"
#include "http/chunked.h"
#include "http/fields.h"

namespace midstream::http {
namespace {

using State = ChunkedDecoder::State;
constexpr ChunkedLimits kLimits{
    .extension_bytes_max = 32, .overhead_bytes_max = 64, .trailer_bytes_max = 64};
// Every way to cut longer inputs in two would be too slow.
constexpr std::size_t kCutBytesMax = 64;

struct Decoded {
  State state = State::kNeedMore;
  std::size_t consumed = 0;
  std::string body;
  std::string trailers;
  std::string why;

  friend bool operator==(const Decoded&, const Decoded&) = default;
};

// Feeds one fragment, of a buffer of exactly its size. False: nothing more is wanted.
bool feed(ChunkedDecoder& decoder, std::string_view bytes, Decoded& decoded) {
  const std::vector<char> fragment(bytes.begin(), bytes.end());
  std::string_view rest(fragment.data(), fragment.size());
  for (;;) {
    const ChunkedDecoder::Outcome outcome = decoder.decode(rest);
    MIDSTREAM_CHECK(outcome.consumed <= rest.size());
    MIDSTREAM_CHECK((outcome.state == State::kBody) == !outcome.body.empty());
    MIDSTREAM_CHECK((outcome.state == State::kError) == !outcome.why.empty());
    if (!outcome.body.empty()) {
      MIDSTREAM_CHECK(outcome.body.data() >= rest.data() &&
                      outcome.body.data() + outcome.body.size() == rest.data() + outcome.consumed);
    }
    decoded.body += outcome.body;
    decoded.consumed += outcome.consumed;
    rest.remove_prefix(outcome.consumed);
    if (outcome.state == State::kBody) continue;
    decoded.state = outcome.state;
    decoded.why = outcome.why;
    if (outcome.state != State::kNeedMore) return false;
    MIDSTREAM_CHECK(rest.empty());
    return true;
  }
}

Decoded finish(ChunkedDecoder& decoder, Decoded decoded) {
  MIDSTREAM_CHECK(decoder.body_bytes() == decoded.body.size());
  decoded.trailers = decoder.trailers().text();
  if (decoded.state == State::kDone || decoded.state == State::kError) {
    const ChunkedDecoder::Outcome again = decoder.decode("0\r\n\r\n");
    MIDSTREAM_CHECK(again.state == decoded.state && again.consumed == 0);
  }
  return decoded;
}

Decoded decode(ChunkedDecoder& decoder, std::string_view input, std::size_t fragment_size) {
  Decoded decoded;
  while (!input.empty()) {
    const std::size_t size = std::min(fragment_size, input.size());
    if (!feed(decoder, input.substr(0, size), decoded)) break;
    input.remove_prefix(size);
  }
  return finish(decoder, std::move(decoded));
}

Decoded decode(std::string_view input, std::size_t fragment_size) {
  ChunkedDecoder decoder(kLimits);
  Decoded decoded = decode(decoder, input, fragment_size);
  decoder.reset();
  MIDSTREAM_CHECK(decode(decoder, input, fragment_size) == decoded);
  return decoded;
}

void check_fragments(std::string_view input, std::size_t fragment_size, const Decoded& whole) {
  MIDSTREAM_CHECK(decode(input, 1) == whole);
  MIDSTREAM_CHECK(decode(input, fragment_size) == whole);
  for (std::size_t cut = 1; cut < std::min(input.size(), kCutBytesMax); ++cut) {
    ChunkedDecoder decoder(kLimits);
    Decoded decoded;
    if (feed(decoder, input.substr(0, cut), decoded)) {
      (void)feed(decoder, input.substr(cut), decoded);
    }
    MIDSTREAM_CHECK(finish(decoder, std::move(decoded)) == whole);
  }
}

// What was accepted, read by searching for line ends. `input` is all of it.
std::string naive_body(std::string_view input) {
  std::string body;
  for (;;) {
    const std::size_t line_size = input.find("\r\n");
    MIDSTREAM_CHECK(line_size != std::string_view::npos);
    std::uint64_t size = 0;
    const auto digits = std::from_chars(input.data(), input.data() + line_size, size, 16);
    MIDSTREAM_CHECK(digits.ec == std::errc() && digits.ptr != input.data());
    input.remove_prefix(line_size + 2);
    if (size == 0) break;
    MIDSTREAM_CHECK(size <= input.size());
    body += input.substr(0, static_cast<std::size_t>(size));
    input.remove_prefix(static_cast<std::size_t>(size));
    MIDSTREAM_CHECK(input.starts_with("\r\n"));
    input.remove_prefix(2);
  }
  MIDSTREAM_CHECK(input.ends_with("\r\n"));
  MIDSTREAM_CHECK(input == "\r\n" || input.find("\r\n\r\n") == input.size() - 4);
  return body;
}

void check_accepted(std::string_view input, const Decoded& whole) {
  const std::string_view own = input.substr(0, whole.consumed);
  MIDSTREAM_CHECK(naive_body(own) == whole.body);
  MIDSTREAM_CHECK(decode(own, own.size()) == whole);  // bytes behind the end have no say
  MIDSTREAM_CHECK(decode(own.substr(0, own.size() - 1), own.size()).state == State::kNeedMore);
  for (FieldList::Iterator field(whole.trailers); field != FieldList::Iterator(); ++field) {
    MIDSTREAM_CHECK(is_token((*field).name) && is_field_value((*field).value));
  }
}

// Any bytes as a body, in chunks of a few sizes.
void check_round_trip(std::string_view body, std::size_t chunk_size) {
  std::string wire;
  for (std::size_t at = 0; at < body.size(); at += chunk_size) {
    const std::string_view chunk = body.substr(at, chunk_size);
    char digits[16];
    const auto end = std::to_chars(digits, digits + sizeof digits, chunk.size(), 16);
    wire.append(digits, end.ptr).append("\r\n").append(chunk).append("\r\n");
  }
  wire += "0\r\n\r\n";
  const Decoded decoded = decode(wire, chunk_size + 1);
  MIDSTREAM_CHECK(decoded.state == State::kDone && decoded.consumed == wire.size());
  MIDSTREAM_CHECK(decoded.body == body && decoded.trailers.empty());
}

void run(std::size_t fragment_size, std::string_view input) {
  const Decoded whole = decode(input, std::max<std::size_t>(input.size(), 1));
  check_fragments(input, fragment_size, whole);
  if (whole.state == State::kDone) check_accepted(input, whole);
  if (whole.state == State::kNeedMore) MIDSTREAM_CHECK(whole.consumed == input.size());
  check_round_trip(input, fragment_size);
}

}  // namespace
}  // namespace midstream::http

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::size_t fragment_size = std::size_t{data[0]} + (data[0] == 0 ? 1 : 0);
  const std::vector<char> text(data + 1, data + size);
  midstream::http::run(fragment_size, {text.data(), text.size()});
  return 0;
}
