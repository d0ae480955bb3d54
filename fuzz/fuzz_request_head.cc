// A request head, and the chunked body behind it: parsed whole and in fragments.
//
// The first byte of the input says how the rest is cut. Checked: the outcome does not depend on the
// fragments; every view lies inside the head; what was accepted can be written down and read again;
// a decoded path stays inside the root. The limits are small so that short inputs reach them.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "http/chars.h"
#include "http/chunked.h"
#include "http/date.h"
#include "http/etag.h"
#include "http/head_parser.h"
#include "http/precondition.h"
#include "http/target.h"

namespace midstream::http {
namespace {

constexpr HeadLimits kLimits{.target_bytes_max = 64, .head_bytes_max = 1024, .fields_max = 12};
using State = HeadParser::State;

bool is_inside(std::string_view view, std::string_view whole) {
  return view.data() >= whole.data() && view.data() + view.size() <= whole.data() + whole.size();
}

bool same(const RequestHead& a, const RequestHead& b) {
  const auto same_field = [](const FieldView& x, const FieldView& y) {
    return x.name == y.name && x.value == y.value;
  };
  return a.method == b.method && a.body == b.body && a.keep_alive == b.keep_alive &&
         a.expect_continue == b.expect_continue && a.has_host == b.has_host &&
         a.connection_upgrade == b.connection_upgrade && a.version == b.version &&
         a.content_length == b.content_length && a.method_text == b.method_text &&
         a.target == b.target && a.host == b.host && a.range == b.range &&
         a.if_range == b.if_range && a.repeated_bits == b.repeated_bits &&
         std::equal(a.fields.begin(), a.fields.end(), b.fields.begin(), b.fields.end(), same_field);
}

// Grows a buffer that moves each time, as a connection's may.
void check_fragments(std::string_view text, std::size_t fragment_size,
                     const HeadParser::Outcome& expected, const RequestHead& expected_head) {
  HeadParser parser(kLimits);
  RequestHead head;
  HeadParser::Outcome outcome;
  std::unique_ptr<char[]> buffer;
  std::size_t size = 0;
  do {
    size = std::min(size + fragment_size, text.size());
    auto next = std::make_unique<char[]>(size);
    std::copy_n(text.begin(), size, next.get());
    buffer = std::move(next);
    outcome = parser.parse({buffer.get(), size}, head);
  } while (outcome.state == State::kNeedMore && size < text.size());
  MIDSTREAM_CHECK(outcome.state == expected.state);
  MIDSTREAM_CHECK(outcome.consumed == expected.consumed);
  MIDSTREAM_CHECK(outcome.status == expected.status);
  MIDSTREAM_CHECK(outcome.why == expected.why);
  if (outcome.state == State::kDone) MIDSTREAM_CHECK(same(head, expected_head));
}

// RFC 9112 2.2 and 5: no byte of an accepted head can be a line end to somebody else.
void check_bytes(std::string_view head) {
  for (std::size_t i = 0; i < head.size(); ++i) {
    if (head[i] == '\r') MIDSTREAM_CHECK(i + 1 < head.size() && head[i + 1] == '\n');
    if (head[i] == '\n') MIDSTREAM_CHECK(i > 0 && head[i - 1] == '\r');
    if (head[i] != '\r' && head[i] != '\n') MIDSTREAM_CHECK(is_value_char(head[i]));
  }
  MIDSTREAM_CHECK(head.ends_with("\r\n\r\n"));
}

void check_fields(const RequestHead& head, std::string_view text) {
  MIDSTREAM_CHECK(is_token(head.method_text) && is_inside(head.method_text, text));
  MIDSTREAM_CHECK(!head.target.empty() && is_inside(head.target, text));
  MIDSTREAM_CHECK(head.version == 10 || head.version == 11);
  std::size_t lengths = 0;
  std::size_t codings = 0;
  for (const FieldView& field : head.fields) {
    MIDSTREAM_CHECK(is_token(field.name) && is_inside(field.name, text));
    MIDSTREAM_CHECK(is_field_value(field.value) && is_inside(field.value, text));
    MIDSTREAM_CHECK(trim_blanks(field.value) == field.value);
    lengths += iequals(field.name, "content-length") ? 1 : 0;
    codings += iequals(field.name, "transfer-encoding") ? 1 : 0;
  }
  MIDSTREAM_CHECK(lengths <= 1 && (lengths == 0 || codings == 0));
  MIDSTREAM_CHECK((head.body == RequestHead::BodyKind::kLength) == (lengths == 1));
  MIDSTREAM_CHECK((head.body == RequestHead::BodyKind::kChunked) == (codings > 0));
  MIDSTREAM_CHECK(head.has_host || head.version == 10);
}

// What was understood, written down again, must be understood in the same way.
void check_round_trip(const RequestHead& head) {
  std::string text;
  text.append(head.method_text).append(" ").append(head.target);
  text.append(head.version == 10 ? " HTTP/1.0\r\n" : " HTTP/1.1\r\n");
  FieldList fields;
  for (const FieldView& field : head.fields)
    fields.append(field.name, field.value);
  text.append(fields.text()).append("\r\n");
  HeadParser parser;  // the blank behind a colon may have been missing: other limits
  RequestHead again;
  MIDSTREAM_CHECK(parser.parse(text, again).state == State::kDone);
  MIDSTREAM_CHECK(same(head, again));
}

void check_path(const RequestHead& head) {
  const std::optional<Target> target = parse_target(head.method, head.target);
  if (!target) return;
  MIDSTREAM_CHECK(target->path_raw.empty() || target->path_raw.front() == '/');
  std::string storage;
  const auto path = decode_path(target->path_raw, storage);
  if (!path) return;
  const std::string inside = "/" + std::string(path->relative) + "/";
  MIDSTREAM_CHECK(inside.find("/../") == std::string::npos);
  MIDSTREAM_CHECK(inside.find("/./") == std::string::npos);
  MIDSTREAM_CHECK(path->relative.empty() || inside.find("//") == std::string::npos);
  MIDSTREAM_CHECK(std::all_of(inside.begin(), inside.end(),
                              [](char c) { return is_value_char(c) && c != '\t'; }));
}

void check_conditions(const RequestHead& head) {
  const Verdict verdict = evaluate(head, "\"a\"", 784111777);
  if (verdict == Verdict::kNotModified) {
    MIDSTREAM_CHECK(head.method == Method::kGet || head.method == Method::kHead);
  }
  (void)if_range_matches(head.if_range, "\"a\"", 784111777);
  for (const FieldView& field : head.fields) {
    if (const std::optional<std::int64_t> seconds = parse_http_date(field.value)) {
      const auto date = format_http_date(*seconds);
      MIDSTREAM_CHECK(parse_http_date({date.data(), date.size()}) == seconds);
    }
  }
}

struct DecodedBody {
  ChunkedDecoder::State state = ChunkedDecoder::State::kNeedMore;
  std::size_t consumed = 0;
  std::string body;
  std::string trailers;

  friend bool operator==(const DecodedBody&, const DecodedBody&) = default;
};

DecodedBody decode_body(std::string_view input, std::size_t fragment_size) {
  ChunkedDecoder decoder(
      {.extension_bytes_max = 32, .overhead_bytes_max = 64, .trailer_bytes_max = 64});
  DecodedBody decoded;
  while (decoded.consumed < input.size()) {
    const std::string_view rest = input.substr(decoded.consumed);
    const std::vector<char> fragment(
        rest.begin(),
        rest.begin() + static_cast<std::ptrdiff_t>(std::min(fragment_size, rest.size())));
    const ChunkedDecoder::Outcome outcome = decoder.decode({fragment.data(), fragment.size()});
    MIDSTREAM_CHECK(outcome.consumed <= fragment.size());
    decoded.consumed += outcome.consumed;
    decoded.state = outcome.state;
    if (outcome.state == ChunkedDecoder::State::kBody) {
      MIDSTREAM_CHECK(!outcome.body.empty() &&
                      is_inside(outcome.body, {fragment.data(), fragment.size()}));
      decoded.body += outcome.body;
      continue;
    }
    if (outcome.state != ChunkedDecoder::State::kNeedMore) break;
    MIDSTREAM_CHECK(outcome.consumed == fragment.size());
  }
  // Which of the two it is depends on where the last fragment ended.
  if (decoded.state == ChunkedDecoder::State::kBody)
    decoded.state = ChunkedDecoder::State::kNeedMore;
  MIDSTREAM_CHECK(decoder.body_bytes() == decoded.body.size());
  decoded.trailers = decoder.trailers().text();
  return decoded;
}

void run(std::size_t fragment_size, std::string_view text) {
  HeadParser parser(kLimits);
  RequestHead head;
  const HeadParser::Outcome outcome = parser.parse(text, head);
  MIDSTREAM_CHECK((outcome.state == State::kError) == (outcome.status != 0));
  MIDSTREAM_CHECK(outcome.consumed <= std::min(text.size(), kLimits.head_bytes_max));
  check_fragments(text, 1, outcome, head);
  check_fragments(text, fragment_size, outcome, head);
  if (outcome.state != State::kDone) return;

  const std::string_view own = text.substr(0, outcome.consumed);
  check_fragments(own, own.size(), outcome, head);  // bytes behind the head have no say
  check_bytes(own);
  check_fields(head, own);
  check_round_trip(head);
  check_path(head);
  check_conditions(head);
  if (head.body == RequestHead::BodyKind::kChunked) {
    const std::string_view body = text.substr(outcome.consumed);
    const DecodedBody whole = decode_body(body, body.size());
    MIDSTREAM_CHECK(whole == decode_body(body, 1));
    MIDSTREAM_CHECK(whole == decode_body(body, fragment_size));
  }
}

}  // namespace
}  // namespace midstream::http

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  // Printable bytes of the corpus give useful sizes: "0" cuts every 48 bytes, "\x01" every byte.
  const std::size_t fragment_size = std::size_t{data[0]} + (data[0] == 0 ? 1 : 0);
  const std::vector<char> text(data + 1, data + size);
  midstream::http::run(fragment_size, {text.data(), text.size()});
  return 0;
}
