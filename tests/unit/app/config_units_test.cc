#include "app/config_units.h"

#include <gtest/gtest.h>

namespace midstream::app {
namespace {

using std::chrono::milliseconds;

struct DurationCase {
  const char* text;
  std::int64_t count_ms;  // 0: refused
};

TEST(ConfigUnits, Durations) {
  constexpr DurationCase kCases[] = {
      {"250ms", 250},
      {"1ms", 1},
      {"30s", 30'000},
      {"5m", 300'000},
      {"2h", 7'200'000},
      {"8784h", 31'622'400'000},
      {"", 0},
      {"0s", 0},
      {"30", 0},
      {"30 s", 0},
      {"-1s", 0},
      {"+1s", 0},
      {"1.5s", 0},
      {"s", 0},
      {"1d", 0},
      {"1S", 0},
      {"8785h", 0},
      {"99999999999999999999s", 0},
      {"18446744073709551615h", 0},
  };
  for (const auto& [text, count_ms] : kCases) {
    const auto duration = parse_duration(text);
    EXPECT_EQ(duration.value_or(milliseconds(0)).count(), count_ms) << text;
  }
}

TEST(ConfigUnits, DurationsArePrintedInTheLargestUnitThatIsExact) {
  EXPECT_EQ(print_duration(milliseconds(250)), "250ms");
  EXPECT_EQ(print_duration(milliseconds(1500)), "1500ms");
  EXPECT_EQ(print_duration(milliseconds(75'000)), "75s");
  EXPECT_EQ(print_duration(milliseconds(60'000)), "1m");
  EXPECT_EQ(print_duration(milliseconds(7'200'000)), "2h");
}

struct SizeCase {
  const char* text;
  std::uint64_t size_bytes;
  bool is_size = true;
};

TEST(ConfigUnits, Sizes) {
  constexpr SizeCase kCases[] = {
      {"0", 0},
      {"512", 512},
      {"512B", 512},
      {"64KiB", 65'536},
      {"64KB", 64'000},
      {"64kB", 64'000},
      {"3MiB", 3'145'728},
      {"3MB", 3'000'000},
      {"2GiB", 2'147'483'648},
      {"10GB", 10'000'000'000},
      {"1TiB", 1'099'511'627'776},
      {"1TB", 1'000'000'000'000},
      {"9223372036854775807", 9'223'372'036'854'775'807},
      {"9223372036854775808", 0, false},
      {"8388608TiB", 0, false},
      {"", 0, false},
      {"KiB", 0, false},
      {"64K", 0, false},
      {"64kib", 0, false},
      {"64 KiB", 0, false},
      {"-1", 0, false},
      {"1.5MiB", 0, false},
      {"64KiBs", 0, false},
  };
  for (const auto& [text, size_bytes, is_size] : kCases) {
    const auto size = parse_size(text);
    EXPECT_EQ(size.has_value(), is_size) << text;
    EXPECT_EQ(size.value_or(0), size_bytes) << text;
  }
}

TEST(ConfigUnits, SizesArePrintedShort) {
  EXPECT_EQ(print_size(0), "0");
  EXPECT_EQ(print_size(7), "7");
  EXPECT_EQ(print_size(100), "100");
  EXPECT_EQ(print_size(1000), "1KB");
  EXPECT_EQ(print_size(1024), "1KiB");
  EXPECT_EQ(print_size(65'536), "64KiB");
  EXPECT_EQ(print_size(16'777'216), "16MiB");
  EXPECT_EQ(print_size(10'000'000'000), "10GB");
  EXPECT_EQ(print_size(1'099'511'627'776), "1TiB");
  EXPECT_EQ(print_size(65'537), "65537");
}

TEST(ConfigUnits, WhatIsPrintedIsReadAgain) {
  for (std::uint64_t n = 1; n < 1'000'000'000'000'000; n = n * 3 / 2 + 1) {
    for (const std::uint64_t size_bytes : {n, n * 1000, n * 1024})
      EXPECT_EQ(parse_size(print_size(size_bytes)), size_bytes);
  }
  for (std::int64_t n = 1; n < 31'622'400'000; n = n * 3 / 2 + 1)
    EXPECT_EQ(parse_duration(print_duration(milliseconds(n))), milliseconds(n));
}

struct NearestCase {
  const char* text;
  const char* word;
};

TEST(ConfigUnits, WhatWasMeant) {
  static constexpr std::string_view kWords[] = {"root", "index", "listing", "br", "gzip", "never"};
  constexpr NearestCase kCases[] = {
      {"rot", "root"},    {"rooot", "root"},       {"roto", "root"}, {"Root", "root"},
      {"idnex", "index"}, {"lsiting", "listing"},  {"gz", "gzip"},   {"brotli", "br"},
      {"nevr", "never"},  {"listings", "listing"}, {"x", ""},        {"", ""},
      {"threads", ""},    {"deflate", ""},         {"gxyz", ""},
  };
  for (const auto& [text, word] : kCases)
    EXPECT_EQ(nearest(text, kWords), word) << text;
  EXPECT_EQ(nearest(std::string(1000, 'r'), kWords), "");
}

}  // namespace
}  // namespace midstream::app
