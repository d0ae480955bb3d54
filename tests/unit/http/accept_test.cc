#include "http/accept.h"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "http/head_feeder.h"
#include "http/prefer.h"

namespace midstream::http {
namespace {

using test::HeadFeeder;

// The head that these field lines belong to.
struct Request {
  explicit Request(std::string_view fields) {
    const std::string text = "GET / HTTP/1.1\r\nHost: h\r\n" + std::string(fields) + "\r\n";
    const HeadParser::Outcome outcome = feeder.feed_whole(text);
    EXPECT_EQ(outcome.state, HeadParser::State::kDone) << outcome.why;
  }
  HeadFeeder feeder;
};

struct QualityCase {
  const char* name;
  const char* fields;
  const char* wanted;
  int quality;
};

constexpr QualityCase kCodingCases[] = {
    {"Listed", "Accept-Encoding: gzip, br\r\n", "br", 1000},
    {"AnyCase", "Accept-Encoding: GZip\r\n", "gzip", 1000},
    {"NotListed", "Accept-Encoding: gzip\r\n", "br", 0},
    {"PartOfAName", "Accept-Encoding: gzipped\r\n", "gzip", 0},
    {"Weight", "Accept-Encoding: gzip;q=0.5, br;q=0.25\r\n", "br", 250},
    {"WeightWithBlanks", "Accept-Encoding: gzip ; Q=0.125\r\n", "gzip", 125},
    {"WeightOne", "Accept-Encoding: gzip;q=1.000\r\n", "gzip", 1000},
    {"WeightZero", "Accept-Encoding: gzip;q=0\r\n", "gzip", 0},
    {"WeightZeroPointZero", "Accept-Encoding: gzip;q=0.000\r\n", "gzip", 0},
    {"ZeroBeatsTheAsterisk", "Accept-Encoding: *, gzip;q=0\r\n", "gzip", 0},
    {"Asterisk", "Accept-Encoding: br;q=0.5, *;q=0.1\r\n", "gzip", 100},
    {"MalformedWeight", "Accept-Encoding: gzip;q=x\r\n", "gzip", 0},
    {"WeightAboveOne", "Accept-Encoding: gzip;q=1.5\r\n", "gzip", 0},
    {"WeightTooLong", "Accept-Encoding: gzip;q=0.1234\r\n", "gzip", 0},
    {"WeightNegative", "Accept-Encoding: gzip;q=-1\r\n", "gzip", 0},
    {"WeightWithoutPoint", "Accept-Encoding: gzip;q=05\r\n", "gzip", 0},
    {"XGzip", "Accept-Encoding: x-gzip;q=0.3\r\n", "gzip", 300},
    {"SecondLine", "Accept-Encoding: gzip\r\nAccept-Encoding: br\r\n", "br", 1000},
    {"ZeroOnTheSecondLine", "Accept-Encoding: *\r\nAccept-Encoding: br;q=0\r\n", "br", 0},
    {"Absent", "", "gzip", 0},
    {"AbsentIdentity", "", "identity", 1000},
    {"Empty", "Accept-Encoding:\r\n", "gzip", 0},
    {"EmptyIdentity", "Accept-Encoding:\r\n", "identity", 1000},
    {"IdentityNotListed", "Accept-Encoding: gzip\r\n", "identity", 1000},
    {"IdentityExcluded", "Accept-Encoding: gzip, identity;q=0\r\n", "identity", 0},
    {"IdentityExcludedByTheAsterisk", "Accept-Encoding: gzip, *;q=0\r\n", "identity", 0},
};

TEST(CodingQuality, F10FollowsTheWeights) {
  for (const QualityCase& row : kCodingCases) {
    SCOPED_TRACE(row.name);
    const Request request(row.fields);
    EXPECT_EQ(coding_quality(request.feeder.head, row.wanted), row.quality);
  }
}

constexpr QualityCase kMediaCases[] = {
    {"Absent", "", "text/html", 1000},
    {"Empty", "Accept:\r\n", "text/html", 0},
    {"Listed", "Accept: application/json\r\n", "application/json", 1000},
    {"NotListed", "Accept: application/json\r\n", "text/html", 0},
    {"AnyCase", "Accept: Application/JSON\r\n", "application/json", 1000},
    {"Group", "Accept: text/*;q=0.5\r\n", "text/html", 500},
    {"OtherGroup", "Accept: image/*\r\n", "text/html", 0},
    {"Everything", "Accept: */*;q=0.1\r\n", "text/html", 100},
    {"ExactBeatsGroup", "Accept: text/*, text/html;q=0.2\r\n", "text/html", 200},
    {"GroupBeatsEverything", "Accept: */*, text/*;q=0\r\n", "text/html", 0},
    {"Parameters", "Accept: text/html;level=1;q=0.4\r\n", "text/html", 400},
    {"Browser", "Accept: text/html,application/xml;q=0.9,*/*;q=0.8\r\n", "application/json", 800},
    {"SecondLine", "Accept: text/html\r\nAccept: application/json\r\n", "application/json", 1000},
};

TEST(MediaQuality, F4FollowsTheMostSpecificMember) {
  for (const QualityCase& row : kMediaCases) {
    SCOPED_TRACE(row.name);
    const Request request(row.fields);
    EXPECT_EQ(media_quality(request.feeder.head, row.wanted), row.quality);
  }
}

struct WaitCase {
  const char* name;
  const char* fields;
  std::optional<std::uint32_t> seconds;
};

constexpr WaitCase kWaitCases[] = {
    {"Absent", "", std::nullopt},
    {"Wait", "Prefer: wait=10\r\n", 10},
    {"AnyCase", "Prefer: WAIT=10\r\n", 10},
    {"Quoted", "Prefer: wait=\"10\"\r\n", 10},
    {"Blanks", "Prefer: wait = 10 ; x=y\r\n", 10},
    {"AmongOthers", "Prefer: respond-async, wait=3, handling=lenient\r\n", 3},
    {"TheFirstCounts", "Prefer: wait=1, wait=2\r\n", 1},
    {"TheFirstCountsAcrossLines", "Prefer: a\r\nPrefer: wait=1\r\nPrefer: wait=2\r\n", 1},
    {"Zero", "Prefer: wait=0\r\n", 0},
    {"Large", "Prefer: wait=99999999999999999999999\r\n", UINT32_MAX},
    {"Malformed", "Prefer: wait=soon\r\n", std::nullopt},
    {"Negative", "Prefer: wait=-1\r\n", std::nullopt},
    {"WithoutValue", "Prefer: wait\r\n", std::nullopt},
    {"EmptyValue", "Prefer: wait=\r\n", std::nullopt},
    {"OtherName", "Prefer: await=5\r\n", std::nullopt},
};

TEST(PreferredWait, L10ReadsTheFirstWait) {
  for (const WaitCase& row : kWaitCases) {
    SCOPED_TRACE(row.name);
    const Request request(row.fields);
    EXPECT_EQ(preferred_wait_seconds(request.feeder.head), row.seconds);
  }
}

}  // namespace
}  // namespace midstream::http
