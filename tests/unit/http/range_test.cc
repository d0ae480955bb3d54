#include "http/range.h"

#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace midstream::http {
namespace {

constexpr std::uint64_t kMax = UINT64_MAX;

struct RangeCase {
  const char* name;
  std::string_view header;
  std::uint64_t size_bytes;
  RangeOutcome outcome;
  std::vector<ByteRange> ranges;
};

RangeDecision decide(std::string_view header, std::uint64_t size) {
  const std::optional<RangeSet> set = parse_ranges(header);
  return set ? decide_ranges(*set, size) : RangeDecision{};
}

TEST(Range, F12SingleRanges) {
  const RangeCase cases[] = {
      {"FirstByte", "bytes=0-0", 10, RangeOutcome::kPartial, {{0, 1}}},
      {"Middle", "bytes=2-5", 10, RangeOutcome::kPartial, {{2, 4}}},
      {"LastByte", "bytes=9-9", 10, RangeOutcome::kPartial, {{9, 1}}},
      {"Everything", "bytes=0-9", 10, RangeOutcome::kPartial, {{0, 10}}},
      {"EndIsClamped", "bytes=6-99", 10, RangeOutcome::kPartial, {{6, 4}}},
      {"OpenEnded", "bytes=6-", 10, RangeOutcome::kPartial, {{6, 4}}},
      {"OpenEndedFromZero", "bytes=0-", 10, RangeOutcome::kPartial, {{0, 10}}},
      {"Suffix", "bytes=-3", 10, RangeOutcome::kPartial, {{7, 3}}},
      {"SuffixAsLongAsTheFile", "bytes=-10", 10, RangeOutcome::kPartial, {{0, 10}}},
      {"SuffixLongerThanTheFile", "bytes=-20", 10, RangeOutcome::kPartial, {{0, 10}}},
      {"EndBeyond64Bit", "bytes=3-99999999999999999999999", 10, RangeOutcome::kPartial, {{3, 7}}},
      {"SuffixBeyond64Bit",
       "bytes=-99999999999999999999999",
       10,
       RangeOutcome::kPartial,
       {{0, 10}}},
      {"LargestEnd", "bytes=3-18446744073709551615", 10, RangeOutcome::kPartial, {{3, 7}}},
      {"LeadingZeros", "bytes=0000000000000000000000003-05", 10, RangeOutcome::kPartial, {{3, 3}}},
      {"StartAtTheEnd", "bytes=10-", 10, RangeOutcome::kUnsatisfiable, {}},
      {"StartBeyondTheEnd", "bytes=11-12", 10, RangeOutcome::kUnsatisfiable, {}},
      {"StartBeyond64Bit", "bytes=99999999999999999999-", 10, RangeOutcome::kUnsatisfiable, {}},
      {"BothBeyond64Bit",
       "bytes=99999999999999999999-99999999999999999998",
       10,
       RangeOutcome::kUnsatisfiable,
       {}},
      {"SuffixZero", "bytes=-0", 10, RangeOutcome::kUnsatisfiable, {}},
      {"EmptyFile", "bytes=0-", 0, RangeOutcome::kWhole, {}},
      {"EmptyFileSuffix", "bytes=-1", 0, RangeOutcome::kWhole, {}},
      {"EmptyFileSuffixZero", "bytes=-0", 0, RangeOutcome::kWhole, {}},
      {"LargestFile", "bytes=-1", kMax, RangeOutcome::kPartial, {{kMax - 1, 1}}},
      {"LargestFileWhole", "bytes=0-", kMax, RangeOutcome::kPartial, {{0, kMax}}},
      {"FiveTerabytes",
       "bytes=5497558138879-",
       5497558138880,
       RangeOutcome::kPartial,
       {{5497558138879, 1}}},
  };
  for (const RangeCase& row : cases) {
    SCOPED_TRACE(row.name);
    const RangeDecision decision = decide(row.header, row.size_bytes);
    EXPECT_EQ(decision.outcome, row.outcome);
    EXPECT_THAT(decision.items(), ::testing::ElementsAreArray(row.ranges));
  }
}

TEST(Range, F12ToleratesBlanksEmptyMembersAndCase) {
  for (std::string_view header : {"bytes=1-2", "BYTES=1-2", "Bytes=1-2", "bytes= 1-2", "bytes=1-2 ",
                                  "bytes=\t1-2\t", "bytes=1 - 2", "bytes=,1-2", "bytes=1-2,",
                                  "bytes= , ,1-2, ,", "bytes=1- 2", "bytes=1 -2"}) {
    SCOPED_TRACE(header);
    const RangeDecision decision = decide(header, 10);
    EXPECT_EQ(decision.outcome, RangeOutcome::kPartial);
    EXPECT_THAT(decision.items(), ::testing::ElementsAre(ByteRange{1, 2}));
  }
}

TEST(Range, F12IgnoresOtherUnitsAndMalformedSets) {
  for (std::string_view header : {"",
                                  "bytes",
                                  "bytes=",
                                  "bytes=,",
                                  "bytes= , ",
                                  "bytes=-",
                                  "bytes=a-b",
                                  "bytes=1",
                                  "bytes=1-2-3",
                                  "bytes=2-1",
                                  "bytes=0-1,2-1",
                                  "bytes=0-1,x",
                                  "bytes=--1",
                                  "bytes=+1-2",
                                  "bytes=1-+2",
                                  "bytes=-+1",
                                  "bytes=1.0-2",
                                  "bytes=0x1-2",
                                  "bytes=1-2;3-4",
                                  "bytes=\"1-2\"",
                                  "bytes=1 1-2",
                                  "bytes=0-1 2-3",
                                  "bytes 1-2",
                                  "bytes:1-2",
                                  "bytes =1-2",
                                  " bytes=1-2",
                                  "xbytes=1-2",
                                  "byte=1-2",
                                  "items=1-2",
                                  "=1-2",
                                  "1-2",
                                  "none",
                                  "bytes=bytes=1-2",
                                  "bytes=1\xe2\x80\x93"
                                  "2"}) {
    EXPECT_FALSE(parse_ranges(header).has_value()) << header;
  }
}

TEST(Range, F13SeveralRanges) {
  const RangeCase cases[] = {
      {"TwoInTheOrderAsked", "bytes=5-6,0-1", 10, RangeOutcome::kPartial, {{5, 2}, {0, 2}}},
      {"ThreeKinds", "bytes=0-0, -1, 95-", 100, RangeOutcome::kPartial, {{0, 1}, {99, 1}, {95, 5}}},
      {"OneLeft", "bytes=20-30,5-6,-0", 10, RangeOutcome::kPartial, {{5, 2}}},
      {"NoneLeft", "bytes=20-30,10-,-0", 10, RangeOutcome::kUnsatisfiable, {}},
      {"SumAsLargeAsTheFile", "bytes=0-4,5-9", 10, RangeOutcome::kPartial, {{0, 5}, {5, 5}}},
      {"SumLargerThanTheFile", "bytes=0-5,5-9", 10, RangeOutcome::kWhole, {}},
      {"SumLargerThan64Bit", "bytes=0-,0-", kMax, RangeOutcome::kWhole, {}},
      {"TheSameByteTwice", "bytes=0-0,0-0", 10, RangeOutcome::kPartial, {{0, 1}, {0, 1}}},
      {"UnsatisfiableDoesNotCountInTheSum",
       "bytes=0-9,10-99",
       10,
       RangeOutcome::kPartial,
       {{0, 10}}},
  };
  for (const RangeCase& row : cases) {
    SCOPED_TRACE(row.name);
    const RangeDecision decision = decide(row.header, row.size_bytes);
    EXPECT_EQ(decision.outcome, row.outcome);
    EXPECT_THAT(decision.items(), ::testing::ElementsAreArray(row.ranges));
  }
}

std::string ranges_of_one_byte(std::size_t count) {
  std::string header = "bytes=";
  for (std::size_t i = 0; i < count; ++i) {
    header += std::to_string(i * 2) + "-" + std::to_string(i * 2) + ",";
  }
  return header;
}

TEST(Range, F13MoreThan16RangesMeanTheWholeFile) {
  EXPECT_EQ(decide(ranges_of_one_byte(16), 1000).outcome, RangeOutcome::kPartial);
  EXPECT_EQ(decide(ranges_of_one_byte(16), 1000).count, 16U);
  EXPECT_EQ(decide(ranges_of_one_byte(17), 1000).outcome, RangeOutcome::kWhole);
  const std::optional<RangeSet> set = parse_ranges(ranges_of_one_byte(17));
  ASSERT_TRUE(set.has_value());
  EXPECT_TRUE(set->too_many);
  // Also when most of them could not be satisfied.
  EXPECT_EQ(decide(ranges_of_one_byte(17), 3).outcome, RangeOutcome::kWhole);
}

TEST(Range, L8ResolvesOneSpecForAGrowingFile) {
  const std::optional<RangeSet> set = parse_ranges("bytes=5-18446744073709551615");
  ASSERT_TRUE(set.has_value());
  EXPECT_EQ(set->specs[0].first, 5U);
  EXPECT_EQ(set->specs[0].last, kMax);
  EXPECT_EQ(parse_ranges("bytes=5-")->specs[0].last, std::nullopt);
  EXPECT_EQ(parse_ranges("bytes=-5")->specs[0].first, std::nullopt);
  EXPECT_EQ(resolve({.first = 5, .last = std::nullopt}, 5), std::nullopt);
  EXPECT_EQ(resolve({.first = 5, .last = std::nullopt}, 6), (ByteRange{5, 1}));
}

TEST(ContentRange, F12TextsAreExact) {
  EXPECT_EQ(format_content_range({0, 1}, 10).view(), "bytes 0-0/10");
  EXPECT_EQ(format_content_range({5, 5}, 10).view(), "bytes 5-9/10");
  EXPECT_EQ(format_content_range({5, 5}, std::nullopt).view(), "bytes 5-9/*");
  EXPECT_EQ(format_content_range({0, kMax}, kMax).view(),
            "bytes 0-18446744073709551614/18446744073709551615");
  EXPECT_EQ(format_content_range({kMax - 1, 1}, kMax).view(),
            "bytes 18446744073709551614-18446744073709551614/18446744073709551615");
  EXPECT_EQ(format_unsatisfied_range(0).view(), "bytes */0");
  EXPECT_EQ(format_unsatisfied_range(kMax).view(), "bytes */18446744073709551615");
}

}  // namespace
}  // namespace midstream::http
