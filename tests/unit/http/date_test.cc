#include "http/date.h"

#include <ctime>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace midstream::http {
namespace {

using namespace std::string_view_literals;

std::string formatted(std::int64_t seconds) {
  const auto text = format_http_date(seconds);
  return {text.data(), text.size()};
}

struct DateCase {
  const char* name;
  std::int64_t seconds;
  std::string_view text;
};

constexpr DateCase kDateCases[] = {
    {"ExampleOfTheRfc", 784111777, "Sun, 06 Nov 1994 08:49:37 GMT"},
    {"Epoch", 0, "Thu, 01 Jan 1970 00:00:00 GMT"},
    {"BeforeTheEpoch", -1, "Wed, 31 Dec 1969 23:59:59 GMT"},
    {"LeapDay", 951782400, "Tue, 29 Feb 2000 00:00:00 GMT"},
    {"NoLeapDayIn2100", 4107542400, "Mon, 01 Mar 2100 00:00:00 GMT"},
    {"Beyond32Bit", 4294967296, "Sun, 07 Feb 2106 06:28:16 GMT"},
    {"FirstSecond", -62135596800, "Mon, 01 Jan 0001 00:00:00 GMT"},
    {"LastSecond", 253402300799, "Fri, 31 Dec 9999 23:59:59 GMT"},
};

TEST(HttpDate, IsFormattedAndReadBack) {
  for (const DateCase& row : kDateCases) {
    SCOPED_TRACE(row.name);
    EXPECT_EQ(formatted(row.seconds), row.text);
    EXPECT_EQ(parse_http_date(row.text), row.seconds);
  }
}

TEST(HttpDate, AgreesWithTheCLibraryOnEveryDayOf400Years) {
  constexpr std::int64_t kDay = 86400;
  for (std::int64_t day = 0; day < 400 * 366; ++day) {
    const std::int64_t seconds = day * kDay + day % kDay;
    const std::time_t time = seconds;
    std::tm civil{};
    char expected[64];
    std::strftime(expected, sizeof expected, "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&time, &civil));
    ASSERT_EQ(formatted(seconds), expected);
    ASSERT_EQ(parse_http_date(expected), seconds);
  }
}

TEST(HttpDate, ClampsTimesWithoutAYearOfFourDigits) {
  EXPECT_EQ(formatted(INT64_MIN), "Mon, 01 Jan 0001 00:00:00 GMT");
  EXPECT_EQ(formatted(INT64_MAX), "Fri, 31 Dec 9999 23:59:59 GMT");
}

TEST(HttpDate, F11ReadsTheObsoleteForms) {
  EXPECT_EQ(parse_http_date("Sunday, 06-Nov-94 08:49:37 GMT"), 784111777);
  EXPECT_EQ(parse_http_date("Sun Nov  6 08:49:37 1994"), 784111777);
  EXPECT_EQ(parse_http_date("Sun Nov 16 08:49:37 1994"), 784111777 + 10 * 86400);
  EXPECT_EQ(parse_http_date("Sun, 06 Nov 1994 08:49:60 GMT"), 784111777 + 23);
}

struct CenturyCase {
  const char* name;
  std::string_view text;
  int now_year;
  std::string_view meaning;
};

constexpr CenturyCase kCenturyCases[] = {
    {"ThisYear", "Saturday, 01-Jan-26 00:00:00 GMT", 2026, "Thu, 01 Jan 2026 00:00:00 GMT"},
    {"FiftyYearsAhead", "Saturday, 01-Jan-76 00:00:00 GMT", 2026, "Wed, 01 Jan 2076 00:00:00 GMT"},
    {"FiftyOneYearsAhead", "Saturday, 01-Jan-77 00:00:00 GMT", 2026,
     "Sat, 01 Jan 1977 00:00:00 GMT"},
    {"LastCentury", "Saturday, 01-Jan-99 00:00:00 GMT", 2026, "Fri, 01 Jan 1999 00:00:00 GMT"},
    {"BeforeTheTurn", "Saturday, 01-Jan-02 00:00:00 GMT", 1996, "Tue, 01 Jan 2002 00:00:00 GMT"},
    {"NextTurn", "Saturday, 01-Jan-10 00:00:00 GMT", 2080, "Wed, 01 Jan 2110 00:00:00 GMT"},
    {"NextTurnTooFar", "Saturday, 01-Jan-31 00:00:00 GMT", 2080, "Wed, 01 Jan 2031 00:00:00 GMT"},
};

TEST(HttpDate, F11TwoDigitsOfAYearAreAtMostFiftyYearsAhead) {
  for (const CenturyCase& row : kCenturyCases) {
    SCOPED_TRACE(row.name);
    const std::string now = "Sun, 15 Jun " + std::to_string(row.now_year) + " 12:00:00 GMT";
    const std::optional<std::int64_t> now_seconds = parse_http_date(now);
    ASSERT_TRUE(now_seconds.has_value());
    const std::optional<std::int64_t> seconds = parse_http_date(row.text, *now_seconds);
    ASSERT_TRUE(seconds.has_value());
    EXPECT_EQ(formatted(*seconds), row.meaning);
  }
}

TEST(HttpDate, F11IgnoresWhatIsMalformed) {
  constexpr std::string_view kMalformed[] = {
      "",
      "0",
      "784111777",
      "Sun, 06 Nov 1994 08:49:37",
      "Sun, 06 Nov 1994 08:49:37 UTC",
      "Sun, 06 Nov 1994 08:49:37 gmt",
      "Sun, 06 Nov 1994 08:49:37 +0000",
      "Sun, 06 Nov 1994 08:49:37 GMT ",
      " Sun, 06 Nov 1994 08:49:37 GMT",
      "Sun, 06 Nov 1994 08:49:37 GMT; length=5",
      "sun, 06 Nov 1994 08:49:37 GMT",
      "Sun, 06 nov 1994 08:49:37 GMT",
      "Xyz, 06 Nov 1994 08:49:37 GMT",
      "Sun, 06 Xyz 1994 08:49:37 GMT",
      "unM, 06 Nov 1994 08:49:37 GMT",
      "Sun, 6 Nov 1994 08:49:37 GMT",
      "Sun,06 Nov 1994 08:49:37 GMT",
      "Sun, 06 Nov 94 08:49:37 GMT",
      "Sun, 06 Nov 19940 08:49:37 GMT",
      "Sun, 06 Nov 0000 08:49:37 GMT",
      "Sun, 00 Nov 1994 08:49:37 GMT",
      "Sun, 31 Nov 1994 08:49:37 GMT",
      "Sun, 29 Feb 1900 08:49:37 GMT",
      "Sun, 06 Nov 1994 24:00:00 GMT",
      "Sun, 06 Nov 1994 08:60:37 GMT",
      "Sun, 06 Nov 1994 08:49:61 GMT",
      "Sun, 06 Nov 1994 8:49:37 GMT",
      "Sun, -6 Nov 1994 08:49:37 GMT",
      "Sun, +6 Nov 1994 08:49:37 GMT",
      "Sun, 06 Nov 1994 08:49:3\0 GMT"sv,
      "Sunday, 06-Nov-1994 08:49:37 GMT",
      "Sunday, 06 Nov 94 08:49:37 GMT",
      "Someday, 06-Nov-94 08:49:37 GMT",
      "Sunday",
      "Sun Nov 6 08:49:37 1994",
      "Sun Nov 06 08:49:37 94",
      "Sun Nov  6 08:49:37 1994 GMT",
      "Sun Nov  0 08:49:37 1994",
      "Sun ",
      "Sun, ",
  };
  for (std::string_view text : kMalformed)
    EXPECT_EQ(parse_http_date(text), std::nullopt) << text;
}

TEST(HttpDate, F11EveryPrefixOfADateIsMalformed) {
  for (std::string_view text : {"Sun, 06 Nov 1994 08:49:37 GMT"sv, "Sun Nov  6 08:49:37 1994"sv,
                                "Sunday, 06-Nov-94 08:49:37 GMT"sv}) {
    for (std::size_t size = 0; size < text.size(); ++size) {
      EXPECT_EQ(parse_http_date(text.substr(0, size)), std::nullopt) << text.substr(0, size);
    }
  }
}

}  // namespace
}  // namespace midstream::http
