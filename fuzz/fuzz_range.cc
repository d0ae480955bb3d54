// A Range value over a file of some size, against arithmetic that cannot overflow; and the same
// text as a list of entity tags.
//
// The first eight bytes of the input are the size of the file, least significant first.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "http/etag.h"
#include "http/precondition.h"
#include "http/range.h"

namespace midstream::http {
namespace {

__extension__ using Wide = unsigned __int128;

// [begin, end) as RFC 9110 14.1.2 says it, in 128 bits.
struct Interval {
  Wide begin = 0;
  Wide end = 0;
};

Interval expected_interval(const RangeSpec& spec, std::uint64_t size) {
  if (!spec.first) {
    const Wide count = std::min<Wide>(*spec.last, size);
    return {Wide{size} - count, size};
  }
  const Wide end = spec.last ? Wide{*spec.last} + 1 : Wide{size};
  return {std::min<Wide>(*spec.first, size), std::min<Wide>(end, size)};
}

void check_content_range(const ByteRange& range, std::uint64_t size) {
  const std::string expected = "bytes " + std::to_string(range.offset) + "-" +
                               std::to_string(range.offset + range.count - 1) + "/";
  MIDSTREAM_CHECK(format_content_range(range, size).view() == expected + std::to_string(size));
  MIDSTREAM_CHECK(format_content_range(range, std::nullopt).view() == expected + "*");
}

void check_ranges(std::string_view text, std::uint64_t size) {
  const std::optional<RangeSet> set = parse_ranges(text);
  if (!set) return;
  MIDSTREAM_CHECK(set->count >= 1 && set->count <= kRangesMax);
  MIDSTREAM_CHECK(!set->too_many || set->count == kRangesMax);
  Wide sum = 0;
  std::vector<ByteRange> satisfiable;
  for (const RangeSpec& spec : set->items()) {
    MIDSTREAM_CHECK(spec.first || spec.last);
    if (spec.first && spec.last) MIDSTREAM_CHECK(*spec.first <= *spec.last);
    const Interval expected = expected_interval(spec, size);
    const std::optional<ByteRange> range = resolve(spec, size);
    MIDSTREAM_CHECK(range.has_value() == (expected.begin < expected.end));
    if (!range) continue;
    MIDSTREAM_CHECK(range->offset == expected.begin);
    MIDSTREAM_CHECK(Wide{range->offset} + range->count == expected.end);
    check_content_range(*range, size);
    satisfiable.push_back(*range);
    sum += range->count;
  }

  const RangeDecision decision = decide_ranges(*set, size);
  RangeOutcome outcome = RangeOutcome::kPartial;
  if (size == 0 || set->too_many || sum > size) {
    outcome = RangeOutcome::kWhole;
  } else if (satisfiable.empty()) {
    outcome = RangeOutcome::kUnsatisfiable;
  }
  MIDSTREAM_CHECK(decision.outcome == outcome);
  if (outcome == RangeOutcome::kPartial) {
    MIDSTREAM_CHECK(std::equal(satisfiable.begin(), satisfiable.end(), decision.items().begin(),
                               decision.items().end()));
  }
}

void check_tags(std::string_view text) {
  std::string_view rest = text;
  while (const std::optional<EntityTag> tag = take_etag(rest)) {
    std::string again = tag->weak ? "W/\"" : "\"";
    again.append(tag->opaque).append("\"");
    const std::optional<EntityTag> parsed = parse_etag(again);
    MIDSTREAM_CHECK(parsed && parsed->weak == tag->weak && parsed->opaque == tag->opaque);
    MIDSTREAM_CHECK(strong_equal(*tag, *parsed) == !tag->weak && weak_equal(*tag, *parsed));
    MIDSTREAM_CHECK(if_range_matches(again, again, std::nullopt) == !tag->weak);
  }
  MIDSTREAM_CHECK(rest.empty());
}

}  // namespace
}  // namespace midstream::http

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::size_t kSizeBytes = 8;
  if (size < kSizeBytes) return 0;
  std::uint64_t file_size = 0;
  for (std::size_t i = kSizeBytes; i-- > 0;)
    file_size = file_size << 8 | data[i];
  const std::vector<char> text(data + kSizeBytes, data + size);
  midstream::http::check_ranges({text.data(), text.size()}, file_size);
  midstream::http::check_tags({text.data(), text.size()});
  return 0;
}
