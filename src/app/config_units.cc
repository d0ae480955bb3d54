#include "app/config_units.h"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <limits>
#include <numeric>
#include <system_error>
#include <utility>
#include <vector>

#include "http/chars.h"

namespace midstream::app {
namespace {

struct Unit {
  std::string_view name;
  std::uint64_t factor;
};

constexpr Unit kDurationUnits[] = {{"h", 3'600'000}, {"m", 60'000}, {"s", 1000}, {"ms", 1}};
constexpr std::uint64_t kDurationMax = 366ULL * 24 * 3'600'000;  // a year: more is a mistake

constexpr Unit kSizeUnits[] = {{"TiB", 1ULL << 40},
                               {"GiB", 1ULL << 30},
                               {"MiB", 1ULL << 20},
                               {"KiB", 1ULL << 10},
                               {"TB", 1'000'000'000'000},
                               {"GB", 1'000'000'000},
                               {"MB", 1'000'000},
                               {"KB", 1000},
                               {"kB", 1000},
                               {"B", 1},
                               {"", 1}};
constexpr std::uint64_t kSizeMax = std::numeric_limits<std::int64_t>::max();

std::optional<std::uint64_t> parse_amount(std::string_view text, std::span<const Unit> units,
                                          std::uint64_t max) {
  std::uint64_t count = 0;
  const char* const last = text.data() + text.size();
  const auto [end, failed] = std::from_chars(text.data(), last, count);
  if (failed != std::errc()) return std::nullopt;
  const std::string_view name(end, static_cast<std::size_t>(last - end));
  for (const Unit& unit : units) {
    if (unit.name == name)
      return count > max / unit.factor ? std::nullopt : std::optional(count * unit.factor);
  }
  return std::nullopt;
}

// Edits between two words: a letter put in, left out, changed, or two neighbours swapped.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before(b.size() + 1);
  std::vector<std::size_t> row(b.size() + 1);
  std::vector<std::size_t> next(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    next[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const bool same = http::to_lower(a[i - 1]) == http::to_lower(b[j - 1]);
      next[j] = std::min({row[j] + 1, next[j - 1] + 1, row[j - 1] + (same ? 0 : 1)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        next[j] = std::min(next[j], before[j - 2] + 1);
    }
    std::swap(before, row);
    std::swap(row, next);
  }
  return row[b.size()];
}

}  // namespace

std::optional<std::chrono::milliseconds> parse_duration(std::string_view text) {
  const auto count = parse_amount(text, kDurationUnits, kDurationMax);
  if (!count || *count == 0) return std::nullopt;
  return std::chrono::milliseconds(*count);
}

std::string print_duration(std::chrono::milliseconds duration) {
  const auto count = static_cast<std::uint64_t>(duration.count());
  for (const Unit& unit : kDurationUnits) {
    if (count != 0 && count % unit.factor == 0)
      return std::to_string(count / unit.factor).append(unit.name);
  }
  return "0ms";
}

std::optional<std::uint64_t> parse_size(std::string_view text) {
  return parse_amount(text, kSizeUnits, kSizeMax);
}

std::string print_size(std::uint64_t size_bytes) {
  std::string shortest = std::to_string(size_bytes);
  for (const Unit& unit : kSizeUnits) {
    if (unit.factor == 1 || size_bytes == 0 || size_bytes % unit.factor != 0) continue;
    std::string text = std::to_string(size_bytes / unit.factor).append(unit.name);
    // "1KiB" rather than "1024": as long, but easier to read.
    if (text.size() < shortest.size() ||
        (text.size() == shortest.size() && http::is_digit(shortest.back())))
      shortest = std::move(text);
  }
  return shortest;
}

std::string_view nearest(std::string_view text, std::span<const std::string_view> words) {
  if (text.size() < 2 || text.size() > 64) return {};
  std::string_view best;
  std::size_t best_distance = text.size();
  for (const std::string_view word : words) {
    const bool begins = text.starts_with(word) || word.starts_with(text);  // "gz", "brotli"
    const std::size_t edits = begins && word.size() > 1 ? 1 : distance(text, word);
    if (edits > std::max(text.size(), word.size()) / 3 && !(begins && edits == 1)) continue;
    if (edits < best_distance) {
      best = word;
      best_distance = edits;
    }
  }
  return best;
}

}  // namespace midstream::app
