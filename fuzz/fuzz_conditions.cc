// Conditional requests: any field lines against any current version, compared with RFC 9110 13.2.2
// read line by line; and what must hold whatever the lines are.
//
// Input: one byte that chooses method and version, the seconds of the modification (4 bytes, least
// significant first), the current entity tag up to a line feed, and then field lines.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "http/date.h"
#include "http/etag.h"
#include "http/head_parser.h"
#include "http/precondition.h"

namespace midstream::http {
namespace {

// A request of these lines; its parser owns the fields.
struct Request {
  Request(std::string_view method, std::string_view lines) {
    text.append(method).append(" / HTTP/1.1\r\nHost: h\r\n").append(lines).append("\r\n\r\n");
    done = parser.parse(text, head).state == HeadParser::State::kDone;
  }
  Request(const Request&) = delete;
  Request& operator=(const Request&) = delete;

  std::string text;
  HeadParser parser;
  RequestHead head;
  bool done = false;
};

struct Current {
  std::string_view etag;
  std::optional<std::int64_t> mtime_seconds;
  bool exists = true;
};

bool equal(const EntityTag& a, const EntityTag& b, bool strongly) {
  return a.opaque == b.opaque && (!strongly || (!a.weak && !b.weak));
}

// 13.1.1 and 13.1.2: "*", or one of the tags.
bool any_line_matches(const RequestHead& head, std::string_view name, const Current& current,
                      bool strongly) {
  const std::optional<EntityTag> tag = parse_etag(current.etag);
  bool matches = false;
  head.for_each_line(name, [&](std::string_view line) {
    if (line == "*") {
      matches = matches || current.exists;
      return;
    }
    while (const std::optional<EntityTag> listed = take_etag(line))
      matches = matches || (tag && equal(*listed, *tag, strongly));
  });
  return matches;
}

// 13.2.2, the steps by their numbers.
Verdict expected_verdict(const RequestHead& head, const Current& current) {
  const bool reads = head.method == Method::kGet || head.method == Method::kHead;
  if (!reads && head.method != Method::kPut) return Verdict::kProceed;  // OPTIONS: 13.2.1
  const std::optional<std::int64_t> mtime = current.mtime_seconds;
  if (is_present(head.if_match)) {  // 1
    if (!any_line_matches(head, "If-Match", current, true)) return Verdict::kPreconditionFailed;
  } else if (is_present(head.if_unmodified_since) && mtime) {  // 2
    const auto date = parse_http_date(head.if_unmodified_since);
    if (date && *date < *mtime) return Verdict::kPreconditionFailed;
  }
  if (is_present(head.if_none_match)) {  // 3
    if (any_line_matches(head, "If-None-Match", current, false)) {
      return reads ? Verdict::kNotModified : Verdict::kPreconditionFailed;
    }
  } else if (reads && is_present(head.if_modified_since) && mtime) {  // 4
    const auto date = parse_http_date(head.if_modified_since);
    if (date && *date >= *mtime) return Verdict::kNotModified;
  }
  return Verdict::kProceed;
}

void check_if_range(std::string_view value, const Current& current) {
  const bool matches = if_range_matches(value, current.etag, current.mtime_seconds);
  const auto wanted = parse_etag(value);
  const auto tag = parse_etag(current.etag);
  if (wanted) {
    MIDSTREAM_CHECK(matches == (tag && equal(*wanted, *tag, true)));
  } else {
    const auto date = parse_http_date(value);
    MIDSTREAM_CHECK(matches == (date && date == current.mtime_seconds));
  }
}

// A list that matches strongly matches weakly; and so every If-Match that holds would, as
// If-None-Match, answer 304.
void check_strong_implies_weak(const RequestHead& head, const Current& current) {
  for (const FieldView& field : head.fields) {
    const std::string value(field.value);
    const Request strong("GET", "If-Match: " + value);
    const Request weak("GET", "If-None-Match: " + value);
    if (!strong.done || !weak.done) continue;
    const bool holds = evaluate(strong.head, current.etag, current.mtime_seconds, current.exists) ==
                       Verdict::kProceed;
    const bool unchanged = evaluate(weak.head, current.etag, current.mtime_seconds,
                                    current.exists) == Verdict::kNotModified;
    MIDSTREAM_CHECK(!holds || unchanged);
    if (if_range_matches(value, current.etag, std::nullopt) && current.exists) {
      MIDSTREAM_CHECK(holds);
    }
  }
}

void check_dates(const RequestHead& head) {
  for (const FieldView& field : head.fields) {
    const std::optional<std::int64_t> seconds = parse_http_date(field.value);
    if (!seconds) continue;
    const auto date = format_http_date(*seconds);
    MIDSTREAM_CHECK(parse_http_date({date.data(), date.size()}) == seconds);
  }
}

void run(unsigned choice, const Current& current, std::string_view lines) {
  constexpr std::array<std::string_view, 4> kMethods = {"GET", "HEAD", "PUT", "OPTIONS"};
  const Request request(kMethods[choice % kMethods.size()], lines);
  if (!request.done) return;
  const RequestHead& head = request.head;
  const Verdict verdict = evaluate(head, current.etag, current.mtime_seconds, current.exists);
  MIDSTREAM_CHECK(verdict == expected_verdict(head, current));
  if (!head.is_conditional()) MIDSTREAM_CHECK(verdict == Verdict::kProceed);
  if (verdict == Verdict::kNotModified) {
    MIDSTREAM_CHECK(head.method == Method::kGet || head.method == Method::kHead);
  }
  if (is_present(head.if_range)) check_if_range(head.if_range, current);
  check_strong_implies_weak(head, current);
  check_dates(head);
}

}  // namespace
}  // namespace midstream::http

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::size_t kFixedBytes = 5;
  if (size < kFixedBytes) return 0;
  std::uint32_t mtime = 0;
  for (std::size_t i = kFixedBytes; --i > 0;)
    mtime = mtime << 8 | data[i];
  const std::vector<char> text(data + kFixedBytes, data + size);
  const std::string_view all(text.data(), text.size());
  const std::size_t tag_size = std::min(all.find('\n'), all.size());
  const unsigned choice = data[0];
  midstream::http::Current current;
  current.etag = all.substr(0, tag_size);
  current.exists = (choice & 4U) == 0;
  if ((choice & 8U) == 0) current.mtime_seconds = mtime;
  midstream::http::run(choice, current, all.substr(std::min(tag_size + 1, all.size())));
  return 0;
}
