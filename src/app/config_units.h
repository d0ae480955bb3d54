// Durations and sizes as text, and the guess at what somebody meant.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace midstream::app {

/// "250ms", "30s", "5m", "2h". nullopt: not a duration above zero, or more than a year.
[[nodiscard]] std::optional<std::chrono::milliseconds> parse_duration(std::string_view text);
/// In the largest unit that says it exactly.
[[nodiscard]] std::string print_duration(std::chrono::milliseconds duration);

/// "512", "512B", "64KiB", "10GB": K, M, G and T, with "i" by 1024 and without by 1000. In bytes,
/// below 2^63. nullopt: not a size.
[[nodiscard]] std::optional<std::uint64_t> parse_size(std::string_view text);
/// The shortest text that says it exactly; without a unit where none does.
[[nodiscard]] std::string print_size(std::uint64_t size_bytes);

/// The word that is most like `text`; empty where none is near enough to be a slip of it.
[[nodiscard]] std::string_view nearest(std::string_view text,
                                       std::span<const std::string_view> words);

}  // namespace midstream::app
