#include "http/precondition.h"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "http/head_feeder.h"

namespace midstream::http {
namespace {

using test::HeadFeeder;

constexpr std::string_view kTag = "\"now\"";
constexpr std::int64_t kTime = 784111777;  // Sun, 06 Nov 1994 08:49:37 GMT

constexpr Verdict kProceed = Verdict::kProceed;
constexpr Verdict kNotModified = Verdict::kNotModified;
constexpr Verdict kFailed = Verdict::kPreconditionFailed;

struct Case {
  const char* name;
  const char* method;
  const char* fields;
  Verdict verdict;
};

constexpr Case kExistingCases[] = {
    {"Unconditional", "GET", "", kProceed},

    {"IfMatchSame", "GET", "If-Match: \"now\"\r\n", kProceed},
    {"IfMatchOther", "GET", "If-Match: \"old\"\r\n", kFailed},
    {"IfMatchInAList", "GET", "If-Match: \"old\", \"now\"\r\n", kProceed},
    {"IfMatchOnTheSecondLine", "GET", "If-Match: \"old\"\r\nIf-Match: \"now\"\r\n", kProceed},
    {"IfMatchOnNoLine", "GET", "If-Match: \"old\"\r\nIf-Match: \"older\"\r\n", kFailed},
    {"IfMatchIsStrong", "GET", "If-Match: W/\"now\"\r\n", kFailed},
    {"IfMatchAny", "GET", "If-Match: *\r\n", kProceed},
    {"IfMatchAnyInAListIsNoTag", "GET", "If-Match: *, \"old\"\r\n", kFailed},
    {"IfMatchEmpty", "GET", "If-Match:\r\n", kFailed},
    {"IfMatchMalformed", "GET", "If-Match: now\r\n", kFailed},
    {"IfMatchPut", "PUT", "If-Match: \"old\"\r\n", kFailed},

    {"UnmodifiedSinceThatSecond", "GET", "If-Unmodified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n",
     kProceed},
    {"UnmodifiedSinceTheSecondBefore", "GET",
     "If-Unmodified-Since: Sun, 06 Nov 1994 08:49:36 GMT\r\n", kFailed},
    {"UnmodifiedSinceMalformed", "GET", "If-Unmodified-Since: yesterday\r\n", kProceed},
    {"UnmodifiedSinceTwice", "GET",
     "If-Unmodified-Since: Sun, 06 Nov 1994 08:49:36 GMT\r\nIf-Unmodified-Since: Sun, 06 Nov 1994 "
     "08:49:36 GMT\r\n",
     kProceed},
    {"IfMatchStandsAboveUnmodifiedSince", "GET",
     "If-Match: \"now\"\r\nIf-Unmodified-Since: Sun, 06 Nov 1994 08:49:36 GMT\r\n", kProceed},
    {"UnmodifiedSincePut", "PUT", "If-Unmodified-Since: Sun, 06 Nov 1994 08:49:36 GMT\r\n",
     kFailed},

    {"NoneMatchSame", "GET", "If-None-Match: \"now\"\r\n", kNotModified},
    {"NoneMatchSameHead", "HEAD", "If-None-Match: \"now\"\r\n", kNotModified},
    {"NoneMatchSamePut", "PUT", "If-None-Match: \"now\"\r\n", kFailed},
    {"NoneMatchIsWeak", "GET", "If-None-Match: W/\"now\"\r\n", kNotModified},
    {"NoneMatchInAList", "GET", "If-None-Match: \"a\", \"now\"\r\n", kNotModified},
    {"NoneMatchOnTheSecondLine", "GET",
     "If-None-Match: \"a\"\r\nX: y\r\nIf-None-Match: \"now\"\r\n", kNotModified},
    {"NoneMatchOther", "GET", "If-None-Match: \"old\"\r\n", kProceed},
    {"NoneMatchInAnotherCase", "GET", "If-None-Match: \"NOW\"\r\n", kProceed},
    {"NoneMatchAny", "GET", "If-None-Match: *\r\n", kNotModified},
    {"NoneMatchAnyPut", "PUT", "If-None-Match: *\r\n", kFailed},
    {"NoneMatchMalformed", "GET", "If-None-Match: now\r\n", kProceed},
    {"NoneMatchMalformedBehindAMatch", "GET", "If-None-Match: \"now\", x\r\n", kNotModified},

    {"ModifiedSinceThatSecond", "GET", "If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n",
     kNotModified},
    {"ModifiedSinceTheSecondBefore", "GET", "If-Modified-Since: Sun, 06 Nov 1994 08:49:36 GMT\r\n",
     kProceed},
    {"ModifiedSinceLater", "HEAD", "If-Modified-Since: Mon, 07 Nov 1994 08:49:37 GMT\r\n",
     kNotModified},
    {"ModifiedSinceRfc850", "GET", "If-Modified-Since: Sunday, 06-Nov-94 08:49:37 GMT\r\n",
     kNotModified},
    {"ModifiedSinceAsctime", "GET", "If-Modified-Since: Sun Nov  6 08:49:37 1994\r\n",
     kNotModified},
    {"ModifiedSinceMalformed", "GET", "If-Modified-Since: Sun, 06 Nov 1994 08:49:37 UTC\r\n",
     kProceed},
    {"ModifiedSincePut", "PUT", "If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n", kProceed},
    {"NoneMatchStandsAboveModifiedSince", "GET",
     "If-None-Match: \"old\"\r\nIf-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n", kProceed},
    {"MalformedNoneMatchStandsAboveToo", "GET",
     "If-None-Match: old\r\nIf-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n", kProceed},

    {"MatchAndNoneMatch", "GET", "If-Match: \"now\"\r\nIf-None-Match: \"now\"\r\n", kNotModified},
    {"FailedMatchComesFirst", "GET", "If-Match: \"old\"\r\nIf-None-Match: \"now\"\r\n", kFailed},
    {"UnmodifiedAndModified", "GET",
     "If-Unmodified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\nIf-Modified-Since: Sun, 06 Nov 1994 "
     "08:49:37 GMT\r\n",
     kNotModified},

    {"OptionsHasNoPreconditions", "OPTIONS", "If-Match: \"old\"\r\n", kProceed},
    {"IfRangeIsNotOneOfThem", "GET", "If-Range: \"old\"\r\n", kProceed},
};

Verdict verdict_of(const Case& row, std::string_view etag, std::optional<std::int64_t> mtime,
                   bool exists) {
  HeadFeeder feeder;
  const HeadParser::Outcome outcome = feeder.feed_whole(
      std::string(row.method) + " / HTTP/1.1\r\nHost: h\r\n" + row.fields + "\r\n");
  EXPECT_EQ(outcome.state, HeadParser::State::kDone) << outcome.why;
  return evaluate(feeder.head, etag, mtime, exists);
}

TEST(Precondition, F11FollowsTheOrderOfTheRfc) {
  for (const Case& row : kExistingCases) {
    SCOPED_TRACE(row.name);
    EXPECT_EQ(verdict_of(row, kTag, kTime, true), row.verdict);
  }
}

constexpr Case kMissingCases[] = {
    {"IfMatchAny", "PUT", "If-Match: *\r\n", kFailed},
    {"IfMatchTag", "PUT", "If-Match: \"now\"\r\n", kFailed},
    {"NoneMatchAny", "PUT", "If-None-Match: *\r\n", kProceed},
    {"NoneMatchTag", "PUT", "If-None-Match: \"now\"\r\n", kProceed},
    {"UnmodifiedSince", "PUT", "If-Unmodified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n", kProceed},
};

TEST(Precondition, I3KnowsWhatDoesNotExist) {
  for (const Case& row : kMissingCases) {
    SCOPED_TRACE(row.name);
    EXPECT_EQ(verdict_of(row, "", std::nullopt, false), row.verdict);
  }
}

constexpr Case kWeakCases[] = {
    {"IfMatchStrongTag", "GET", "If-Match: \"now\"\r\n", kFailed},
    {"IfMatchWeakTag", "GET", "If-Match: W/\"now\"\r\n", kFailed},
    {"IfMatchAny", "GET", "If-Match: *\r\n", kProceed},
    {"NoneMatchStrongTag", "GET", "If-None-Match: \"now\"\r\n", kNotModified},
    {"NoneMatchWeakTag", "GET", "If-None-Match: W/\"now\"\r\n", kNotModified},
    {"ModifiedSinceWithoutATime", "GET", "If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n",
     kProceed},
    {"UnmodifiedSinceWithoutATime", "GET", "If-Unmodified-Since: Sun, 06 Nov 1994 08:49:36 GMT\r\n",
     kProceed},
};

TEST(Precondition, F11ComparesWithAWeakTagAndNoTime) {
  for (const Case& row : kWeakCases) {
    SCOPED_TRACE(row.name);
    EXPECT_EQ(verdict_of(row, "W/\"now\"", std::nullopt, true), row.verdict);
  }
}

TEST(Precondition, F11ContentWithoutATagMatchesOnlyTheAsterisk) {
  EXPECT_EQ(verdict_of({"", "GET", "If-Match: \"\"\r\n", kFailed}, "", kTime, true), kFailed);
  EXPECT_EQ(verdict_of({"", "GET", "If-Match: *\r\n", kProceed}, "", kTime, true), kProceed);
  EXPECT_EQ(verdict_of({"", "GET", "If-None-Match: \"\"\r\n", kProceed}, "", kTime, true),
            kProceed);
  EXPECT_EQ(verdict_of({"", "GET", "If-None-Match: *\r\n", kNotModified}, "", kTime, true),
            kNotModified);
}

TEST(IfRange, F14WantsAStrongTagOrTheExactSecond) {
  struct IfRangeCase {
    const char* name;
    std::string_view if_range;
    std::string_view etag;
    std::optional<std::int64_t> mtime;
    bool matches;
  };
  const IfRangeCase cases[] = {
      {"SameTag", "\"now\"", kTag, kTime, true},
      {"OtherTag", "\"old\"", kTag, kTime, false},
      {"WeakTag", "W/\"now\"", kTag, kTime, false},
      {"WeakCurrentTag", "\"now\"", "W/\"now\"", kTime, false},
      {"BothWeak", "W/\"now\"", "W/\"now\"", kTime, false},
      {"NoCurrentTag", "\"now\"", "", kTime, false},
      {"ListIsNotAllowed", "\"now\", \"old\"", kTag, kTime, false},
      {"AsteriskIsNotAllowed", "*", kTag, kTime, false},
      {"ExactSecond", "Sun, 06 Nov 1994 08:49:37 GMT", kTag, kTime, true},
      {"ExactSecondAsctime", "Sun Nov  6 08:49:37 1994", kTag, kTime, true},
      {"SecondBefore", "Sun, 06 Nov 1994 08:49:36 GMT", kTag, kTime, false},
      {"SecondAfter", "Sun, 06 Nov 1994 08:49:38 GMT", kTag, kTime, false},
      {"NoTime", "Sun, 06 Nov 1994 08:49:37 GMT", kTag, std::nullopt, false},
      {"Malformed", "now", kTag, kTime, false},
      {"MalformedAndNoTime", "now", kTag, std::nullopt, false},
      {"Empty", "", "", std::nullopt, false},
  };
  for (const IfRangeCase& row : cases) {
    SCOPED_TRACE(row.name);
    EXPECT_EQ(if_range_matches(row.if_range, row.etag, row.mtime), row.matches);
  }
}

}  // namespace
}  // namespace midstream::http
