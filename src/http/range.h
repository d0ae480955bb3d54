#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

// Range and Content-Range (RFC 9110 14). `first` and `last` are positions and `last` is included,
// as on the wire; ByteRange is what the rest of the server uses.
namespace midstream::http {

/// a-b: both; a-: only `first`; -n: only `last`, which is then the number of bytes at the end.
/// Numbers beyond 64 bit are UINT64_MAX. Invariant of a parsed one: first <= last when both are
/// there.
struct RangeSpec {
  std::optional<std::uint64_t> first;
  std::optional<std::uint64_t> last;
};

inline constexpr std::size_t kRangesMax = 16;

/// What a Range field asks for, in the order asked. At least one member.
struct RangeSet {
  std::array<RangeSpec, kRangesMax> specs;
  std::size_t count = 0;
  /// There were more than kRangesMax; the others were not read.
  bool too_many = false;

  [[nodiscard]] std::span<const RangeSpec> items() const { return {specs.data(), count}; }
};

/// nullopt: a unit other than bytes, or not a well-formed set: the field is ignored (RFC
/// 9110 14.2). Blanks around members and numbers, and empty members, are tolerated.
[[nodiscard]] std::optional<RangeSet> parse_ranges(std::string_view field_value);

/// Bytes [offset, offset + count). The sum does not overflow.
struct ByteRange {
  std::uint64_t offset = 0;
  std::uint64_t count = 0;

  friend bool operator==(const ByteRange&, const ByteRange&) = default;
};

/// The bytes of a file of this size that `spec` means, never empty; nullopt when it is not
/// satisfiable.
[[nodiscard]] std::optional<ByteRange> resolve(const RangeSpec& spec, std::uint64_t size);

enum class RangeOutcome : std::uint8_t {
  kWhole,          ///< 200 and everything
  kPartial,        ///< 206; several ranges: multipart/byteranges
  kUnsatisfiable,  ///< 416 with "Content-Range: bytes */size"
};

/// kPartial: at least one range, in the order asked.
struct RangeDecision {
  RangeOutcome outcome = RangeOutcome::kWhole;
  std::size_t count = 0;
  std::array<ByteRange, kRangesMax> ranges;

  [[nodiscard]] std::span<const ByteRange> items() const { return {ranges.data(), count}; }
};

/// For a file of known size. Whole: an empty file; more than kRangesMax ranges; ranges that
/// together are larger than the file (RFC 9110 14.2 leaves that to the server). Members that are
/// not satisfiable drop out.
[[nodiscard]] RangeDecision decide_ranges(const RangeSet& set, std::uint64_t size);

/// Text of a Content-Range value, without allocation.
struct ContentRangeText {
  std::array<char, 72> bytes;  // "bytes " and three numbers of 20 digits at most
  std::size_t size = 0;

  [[nodiscard]] std::string_view view() const { return {bytes.data(), size}; }
};

/// "bytes 0-9/100"; nullopt as the size: "bytes 0-9/*". `range.count` must not be 0.
[[nodiscard]] ContentRangeText format_content_range(const ByteRange& range,
                                                    std::optional<std::uint64_t> size);

/// "bytes */100", for 416.
[[nodiscard]] ContentRangeText format_unsatisfied_range(std::uint64_t size);

}  // namespace midstream::http
