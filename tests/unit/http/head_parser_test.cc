#include "http/head_parser.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "http/head_feeder.h"

namespace midstream::http {
namespace {

using test::HeadFeeder;
using ::testing::ElementsAre;
using State = HeadParser::State;
using BodyKind = RequestHead::BodyKind;

MATCHER_P2(IsField, name, value, "") { return arg.name == name && arg.value == value; }

RequestHead parse_one(HeadFeeder& feeder, std::string_view text) {
  const HeadParser::Outcome outcome = feeder.feed_whole(text);
  EXPECT_EQ(outcome.state, State::kDone) << outcome.status << ' ' << outcome.why;
  return feeder.head;
}

TEST(HeadParser, GivesLineAndFieldsAsSent) {
  HeadFeeder feeder;
  const RequestHead head = parse_one(feeder,
                                     "GET /a%2Fb?c=d HTTP/1.1\r\n"
                                     "Host: example.com:8080\r\n"
                                     "X-Empty:\r\n"
                                     "X-Blanks: \t a b \t \r\n"
                                     "X-Bytes: \x80\xff\t\"\r\n"
                                     "\r\n");
  EXPECT_EQ(head.method, Method::kGet);
  EXPECT_EQ(head.method_text, "GET");
  EXPECT_EQ(head.target, "/a%2Fb?c=d");
  EXPECT_EQ(head.version, 11);
  EXPECT_EQ(head.host, "example.com:8080");
  EXPECT_TRUE(head.has_host);
  EXPECT_TRUE(head.keep_alive);
  EXPECT_FALSE(head.expect_continue);
  EXPECT_EQ(head.body, BodyKind::kNone);
  EXPECT_THAT(head.fields,
              ElementsAre(IsField("Host", "example.com:8080"), IsField("X-Empty", ""),
                          IsField("X-Blanks", "a b"), IsField("X-Bytes", "\x80\xff\t\"")));
  EXPECT_EQ(head.find("x-blanks"), "a b");
  EXPECT_EQ(head.find("x-empty"), "");
  EXPECT_EQ(head.find("x-absent"), std::nullopt);
}

TEST(HeadParser, PreExtractsTheKnownFieldsInAnyCase) {
  struct Case {
    const char* name;
    std::string_view RequestHead::*member;
  };
  constexpr Case kCases[] = {
      {"Accept", &RequestHead::accept},
      {"Accept-Encoding", &RequestHead::accept_encoding},
      {"If-Match", &RequestHead::if_match},
      {"If-Modified-Since", &RequestHead::if_modified_since},
      {"If-None-Match", &RequestHead::if_none_match},
      {"If-Range", &RequestHead::if_range},
      {"If-Unmodified-Since", &RequestHead::if_unmodified_since},
      {"Prefer", &RequestHead::prefer},
      {"Range", &RequestHead::range},
      {"Referer", &RequestHead::referer},
      {"User-Agent", &RequestHead::user_agent},
  };
  for (const Case& row : kCases) {
    SCOPED_TRACE(row.name);
    std::string upper(row.name);
    std::string lower(row.name);
    for (char& c : upper)
      c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
    for (char& c : lower)
      c = to_lower(c);
    for (const std::string& name : {std::string(row.name), upper, lower}) {
      HeadFeeder feeder;
      const RequestHead head =
          parse_one(feeder, "GET / HTTP/1.1\r\nHost: h\r\n" + name + ": the value\r\n\r\n");
      EXPECT_EQ(head.*row.member, "the value");
      for (const Case& other : kCases) {
        EXPECT_EQ(is_present(head.*other.member), other.name == row.name);
      }
    }
    // One letter more or less, or another one, is another field.
    std::vector<std::string> others = {lower + "s", lower.substr(1)};
    for (std::size_t i = 0; i < lower.size(); ++i) {
      others.push_back(lower);
      others.back()[i] = 'x';
    }
    for (const std::string& name : others) {
      HeadFeeder feeder;
      const RequestHead head =
          parse_one(feeder, "GET / HTTP/1.1\r\nHost: h\r\n" + name + ": v\r\n\r\n");
      EXPECT_FALSE(is_present(head.*row.member));
    }
  }
}

TEST(HeadParser, TellsAnEmptyFieldFromAnAbsentOne) {
  HeadFeeder feeder;
  const RequestHead head = parse_one(feeder, "GET / HTTP/1.1\r\nHost:\r\nRange:\r\n\r\n");
  EXPECT_TRUE(is_present(head.range));
  EXPECT_EQ(head.range, "");
  EXPECT_FALSE(is_present(head.accept));
  EXPECT_TRUE(head.has_host);
}

struct VersionCase {
  const char* name;
  const char* line;
  int version;
};

constexpr VersionCase kVersionCases[] = {
    {"Http11", "GET / HTTP/1.1", 11},
    {"Http10", "GET / HTTP/1.0", 10},
    {"HigherMinorIsReadAs11", "GET / HTTP/1.9", 11},  // RFC 9110 2.5
};

TEST(HeadParser, H3ReadsEveryVersion1) {
  for (const VersionCase& row : kVersionCases) {
    SCOPED_TRACE(row.name);
    HeadFeeder feeder;
    EXPECT_EQ(parse_one(feeder, std::string(row.line) + "\r\nHost: h\r\n\r\n").version,
              row.version);
  }
}

TEST(HeadParser, H3GivesAnUnknownMethodAsOther) {
  for (const std::string method : {"BREW", "get", "M-SEARCH", "!#$%&'*+-.^_`|~", "GETX", "GE"}) {
    SCOPED_TRACE(method);
    HeadFeeder feeder;
    const RequestHead head = parse_one(feeder, method + " / HTTP/1.1\r\nHost: h\r\n\r\n");
    EXPECT_EQ(head.method, Method::kOther);
    EXPECT_EQ(head.method_text, method);
  }
}

TEST(HeadParser, H8GivesTargetsOfEveryForm) {
  for (const std::string target :
       {"/", "*", "http://h/a?b", "h:443", "/caf\xc3\xa9", "/a\"<>|{}"}) {
    SCOPED_TRACE(target);
    HeadFeeder feeder;
    EXPECT_EQ(parse_one(feeder, "OPTIONS " + target + " HTTP/1.1\r\nHost: h\r\n\r\n").target,
              target);
  }
}

struct KeepAliveCase {
  const char* name;
  const char* version;
  const char* fields;
  bool keep_alive;
};

constexpr KeepAliveCase kKeepAliveCases[] = {
    {"Http11", "1.1", "", true},
    {"Http11Close", "1.1", "Connection: close\r\n", false},
    {"Http11CloseInAnyCase", "1.1", "connection: CLOSE\r\n", false},
    {"Http11CloseInAList", "1.1", "Connection: te, ,close , x\r\n", false},
    {"Http11CloseOnTheSecondLine", "1.1", "Connection: te\r\nConnection: close\r\n", false},
    {"Http11Closed", "1.1", "Connection: closed, xclose\r\n", true},
    {"Http11QuotedCloseIsNoOption", "1.1", "Connection: \"close\"\r\n", true},
    {"Http11CloseBeatsKeepAlive", "1.1", "Connection: keep-alive, close\r\n", false},
    {"Http10", "1.0", "", false},
    {"Http10KeepAlive", "1.0", "Connection: Keep-Alive\r\n", true},
    {"Http10KeepAliveInAList", "1.0", "Connection: x, keep-alive\r\n", true},
    {"Http10CloseBeatsKeepAlive", "1.0", "Connection: keep-alive\r\nConnection: close\r\n", false},
};

TEST(HeadParser, H1KnowsWhetherTheConnectionStays) {
  for (const KeepAliveCase& row : kKeepAliveCases) {
    SCOPED_TRACE(row.name);
    HeadFeeder feeder;
    const RequestHead head = parse_one(
        feeder, std::string("GET / HTTP/") + row.version + "\r\nHost: h\r\n" + row.fields + "\r\n");
    EXPECT_EQ(head.keep_alive, row.keep_alive);
  }
}

struct BodyCase {
  const char* name;
  const char* fields;
  BodyKind body;
  std::uint64_t content_length;
};

constexpr BodyCase kBodyCases[] = {
    {"None", "", BodyKind::kNone, 0},
    {"LengthZero", "Content-Length: 0\r\n", BodyKind::kLength, 0},
    {"Length", "content-length:  42 \r\n", BodyKind::kLength, 42},
    {"LengthWithLeadingZeros", "Content-Length: 007\r\n", BodyKind::kLength, 7},
    {"LargestLength", "Content-Length: 18446744073709551615\r\n", BodyKind::kLength,
     18446744073709551615U},
    {"Chunked", "Transfer-Encoding: chunked\r\n", BodyKind::kChunked, 0},
    {"ChunkedInAnyCase", "TRANSFER-ENCODING:\tChunked\t\r\n", BodyKind::kChunked, 0},
    {"OtherNames", "X-Content-Length: 5\r\nTransfer-Encodings: x\r\nContent_Length: 6\r\n",
     BodyKind::kNone, 0},
};

TEST(HeadParser, H2FramesTheBody) {
  for (const BodyCase& row : kBodyCases) {
    SCOPED_TRACE(row.name);
    HeadFeeder feeder;
    const RequestHead head =
        parse_one(feeder, std::string("POST / HTTP/1.1\r\nHost: h\r\n") + row.fields + "\r\n");
    EXPECT_EQ(head.body, row.body);
    EXPECT_EQ(head.content_length, row.content_length);
  }
}

struct FlagCase {
  const char* name;
  const char* version;
  const char* fields;
  bool expect_continue;
  bool upgrade;
};

constexpr FlagCase kFlagCases[] = {
    {"Expect", "1.1", "Expect: 100-continue\r\n", true, false},
    {"ExpectInAnyCase", "1.1", "expect: 100-Continue\r\n", true, false},
    {"ExpectIn10IsIgnored", "1.0", "Expect: 100-continue\r\n", false, false},  // RFC 9110 10.1.1
    {"OtherExpectation", "1.1", "Expect: 200-ok\r\n", false, false},
    {"Upgrade", "1.1", "Connection: keep-alive, Upgrade\r\nUpgrade: x\r\n", false, true},
    {"UpgradeWithoutConnection", "1.1", "Upgrade: x\r\n", false, false},
};

TEST(HeadParser, H5KnowsExpectationsAndUpgrades) {
  for (const FlagCase& row : kFlagCases) {
    SCOPED_TRACE(row.name);
    HeadFeeder feeder;
    const RequestHead head = parse_one(
        feeder, std::string("GET / HTTP/") + row.version + "\r\nHost: h\r\n" + row.fields + "\r\n");
    EXPECT_EQ(head.expect_continue, row.expect_continue);
    EXPECT_EQ(head.connection_upgrade, row.upgrade);
  }
}

TEST(HeadParser, RepeatedFieldsFollowTheirRules) {
  HeadFeeder feeder;
  const RequestHead head = parse_one(feeder,
                                     "GET / HTTP/1.1\r\nHost: h\r\n"
                                     "If-None-Match: \"a\"\r\nX: y\r\nif-none-match: \"b\"\r\n"
                                     "If-Modified-Since: 1\r\nIf-Modified-Since: 1\r\n"
                                     "If-Unmodified-Since: 1\r\nIf-Unmodified-Since: 2\r\n"
                                     "Range: bytes=0-1\r\nRange: bytes=0-1\r\n"
                                     "User-Agent: first\r\nUser-Agent: second\r\n\r\n");
  EXPECT_EQ(head.if_none_match, "\"a\"");
  EXPECT_TRUE(head.is_repeated(KnownField::kIfNoneMatch));
  EXPECT_FALSE(head.is_repeated(KnownField::kIfMatch));
  std::string joined;
  head.for_each_line("If-None-Match", [&](std::string_view line) { joined.append(line); });
  EXPECT_EQ(joined, "\"a\"\"b\"");
  EXPECT_FALSE(is_present(head.if_modified_since));
  EXPECT_FALSE(is_present(head.if_unmodified_since));
  EXPECT_FALSE(is_present(head.range));
  EXPECT_EQ(head.user_agent, "first");
}

TEST(HeadParser, F14ARepeatedIfRangeTakesTheRangeWithIt) {
  HeadFeeder feeder;
  const RequestHead head = parse_one(feeder,
                                     "GET / HTTP/1.1\r\nHost: h\r\nRange: bytes=0-1\r\n"
                                     "If-Range: \"a\"\r\nIf-Range: \"a\"\r\n\r\n");
  EXPECT_FALSE(is_present(head.range));
  EXPECT_FALSE(is_present(head.if_range));
}

TEST(HeadParser, SkipsAFewEmptyLinesBeforeARequest) {
  const std::string request = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
  std::string text = request;
  for (int lines = 0; lines <= 4; ++lines) {
    HeadFeeder feeder;
    const HeadParser::Outcome outcome = feeder.feed_whole(text);
    EXPECT_EQ(outcome.state, State::kDone) << lines;
    EXPECT_EQ(outcome.consumed, text.size());
    text.insert(0, "\r\n");
  }
  HeadFeeder feeder;
  EXPECT_EQ(feeder.feed_whole(text).status, 400);
}

TEST(HeadParser, H1LeavesTheNextRequestAlone) {
  const std::string first =
      "POST /1 HTTP/1.1\r\nHost: a\r\nAccept: a\r\nAccept-Encoding: b\r\nIf-Match: c\r\n"
      "If-Modified-Since: d\r\nIf-None-Match: e\r\nIf-None-Match: e\r\nIf-Range: f\r\n"
      "If-Unmodified-Since: g\r\nPrefer: h\r\nRange: i\r\nReferer: j\r\nUser-Agent: k\r\n"
      "Content-Length: 0\r\nConnection: upgrade\r\nExpect: 100-continue\r\n\r\n";
  const std::string second = "HEAD /2 HTTP/1.0\r\n\r\n";
  const std::string both = first + second;
  HeadParser parser;
  RequestHead head;
  HeadParser::Outcome outcome = parser.parse(both, head);
  ASSERT_EQ(outcome.state, State::kDone);
  ASSERT_EQ(outcome.consumed, first.size());
  parser.reset();
  outcome = parser.parse(std::string_view(both).substr(outcome.consumed), head);
  ASSERT_EQ(outcome.state, State::kDone);
  EXPECT_EQ(outcome.consumed, second.size());
  EXPECT_EQ(head.method, Method::kHead);
  EXPECT_EQ(head.target, "/2");
  EXPECT_TRUE(head.fields.empty());
  // Nothing is left of the first.
  EXPECT_FALSE(head.has_host);
  EXPECT_FALSE(head.keep_alive);
  EXPECT_FALSE(head.connection_upgrade);
  EXPECT_FALSE(head.expect_continue);
  EXPECT_EQ(head.body, BodyKind::kNone);
  EXPECT_EQ(head.repeated_bits, 0U);
  for (std::string_view view :
       {head.accept, head.accept_encoding, head.host, head.if_match, head.if_modified_since,
        head.if_none_match, head.if_range, head.if_unmodified_since, head.prefer, head.range,
        head.referer, head.user_agent}) {
    EXPECT_FALSE(is_present(view)) << view;
  }
}

}  // namespace
}  // namespace midstream::http
