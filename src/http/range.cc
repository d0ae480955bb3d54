#include "http/range.h"

#include <algorithm>
#include <charconv>
#include <limits>

#include "base/check.h"
#include "http/chars.h"
#include "http/fields.h"

namespace midstream::http {
namespace {

constexpr std::uint64_t kMax = std::numeric_limits<std::uint64_t>::max();

// 1*DIGIT; beyond 64 bit it is the largest number (F12).
std::optional<std::uint64_t> read_number(std::string_view text) {
  if (text.empty()) return std::nullopt;
  std::uint64_t value = 0;
  for (char c : text) {
    if (!is_digit(c)) return std::nullopt;
    const auto digit = static_cast<std::uint64_t>(c - '0');
    const bool fits = value < kMax / 10 || (value == kMax / 10 && digit <= kMax % 10);
    value = fits ? value * 10 + digit : kMax;
  }
  return value;
}

// int-range or suffix-range, RFC 9110 14.1.1.
std::optional<RangeSpec> read_spec(std::string_view text) {
  const std::size_t dash = text.find('-');
  if (dash == std::string_view::npos) return std::nullopt;
  const std::string_view first = trim_blanks(text.substr(0, dash));
  const std::string_view last = trim_blanks(text.substr(dash + 1));
  if (first.empty() && last.empty()) return std::nullopt;
  RangeSpec spec;
  if (!first.empty()) {
    spec.first = read_number(first);
    if (!spec.first) return std::nullopt;
  }
  if (!last.empty()) {
    spec.last = read_number(last);
    if (!spec.last) return std::nullopt;
  }
  if (spec.first && spec.last && *spec.last < *spec.first) return std::nullopt;
  return spec;
}

// Appends to a text that is known to have room.
void put(ContentRangeText& text, std::string_view more) {
  text.size += more.copy(text.bytes.data() + text.size, more.size());
}

void put(ContentRangeText& text, std::uint64_t number) {
  char* const at = text.bytes.data() + text.size;
  const auto written = std::to_chars(at, text.bytes.data() + text.bytes.size(), number);
  text.size += static_cast<std::size_t>(written.ptr - at);
}

}  // namespace

std::optional<RangeSet> parse_ranges(std::string_view field_value) {
  const std::size_t equals = field_value.find('=');
  if (equals == std::string_view::npos) return std::nullopt;
  if (!iequals(field_value.substr(0, equals), "bytes")) return std::nullopt;
  std::string_view rest = field_value.substr(equals + 1);
  RangeSet set;
  while (const std::optional<std::string_view> member = take_list_member(rest)) {
    const std::optional<RangeSpec> spec = read_spec(*member);
    if (!spec) return std::nullopt;
    if (set.count == kRangesMax) {
      set.too_many = true;
      return set;
    }
    set.specs[set.count++] = *spec;
  }
  if (set.count == 0) return std::nullopt;
  return set;
}

std::optional<ByteRange> resolve(const RangeSpec& spec, std::uint64_t size) {
  if (spec.first) {
    if (*spec.first >= size) return std::nullopt;
    const std::uint64_t last = std::min(spec.last.value_or(kMax), size - 1);
    return ByteRange{*spec.first, last - *spec.first + 1};
  }
  const std::uint64_t count = std::min(spec.last.value_or(0), size);
  if (count == 0) return std::nullopt;
  return ByteRange{size - count, count};
}

RangeDecision decide_ranges(const RangeSet& set, std::uint64_t size) {
  RangeDecision decision;
  if (size == 0 || set.too_many) return decision;
  std::uint64_t left = size;  // what the sum may still grow by
  for (const RangeSpec& spec : set.items()) {
    const std::optional<ByteRange> range = resolve(spec, size);
    if (!range) continue;
    if (range->count > left) {
      decision.count = 0;
      return decision;
    }
    left -= range->count;
    decision.ranges[decision.count++] = *range;
  }
  decision.outcome = decision.count == 0 ? RangeOutcome::kUnsatisfiable : RangeOutcome::kPartial;
  return decision;
}

ContentRangeText format_content_range(const ByteRange& range, std::optional<std::uint64_t> size) {
  MIDSTREAM_CHECK(range.count != 0);
  ContentRangeText text;
  put(text, "bytes ");
  put(text, range.offset);
  put(text, "-");
  put(text, range.offset + (range.count - 1));
  put(text, "/");
  if (size) {
    put(text, *size);
  } else {
    put(text, "*");
  }
  return text;
}

ContentRangeText format_unsatisfied_range(std::uint64_t size) {
  ContentRangeText text;
  put(text, "bytes */");
  put(text, size);
  return text;
}

}  // namespace midstream::http
