#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "http/head_feeder.h"
#include "http/head_parser.h"

// What the parser refuses, with every way of cutting it into fragments.
namespace midstream::http {
namespace {

using namespace std::string_view_literals;  // NUL bytes in the table
using test::HeadFeeder;
using State = HeadParser::State;

struct RefusalCase {
  const char* name;
  std::string_view text;
  int status;
};

constexpr RefusalCase kRefusalCases[] = {
    // Two readings of where the body ends.
    {"ClAndTe",
     "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"sv,
     400},
    {"TeAndCl",
     "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n"sv,
     400},
    {"TeAndBadCl",
     "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nContent-Length: x\r\n\r\n"sv,
     400},
    {"BadTeAndCl",
     "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: xchunked\r\nContent-Length: 5\r\n\r\n"sv,
     400},
    {"TwoLengths", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n"sv,
     400},
    {"TwoEqualLengths",
     "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\ncontent-length: 5\r\n\r\n"sv, 400},
    {"LengthList", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5, 5\r\n\r\n"sv, 400},
    {"LengthPlus", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: +5\r\n\r\n"sv, 400},
    {"LengthMinus", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: -5\r\n\r\n"sv, 400},
    {"LengthHex", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0x5\r\n\r\n"sv, 400},
    {"LengthTwoNumbers", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length:  5 5\r\n\r\n"sv, 400},
    {"LengthFraction", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5.0\r\n\r\n"sv, 400},
    {"LengthUnderscore", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1_0\r\n\r\n"sv, 400},
    {"LengthEmpty", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length:\r\n\r\n"sv, 400},
    {"LengthQuoted", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: \"5\"\r\n\r\n"sv, 400},
    {"LengthOneTooLarge",
     "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 18446744073709551616\r\n\r\n"sv, 400},
    {"LengthMuchTooLarge",
     "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999999999999999\r\n\r\n"sv, 400},
    {"XChunked", "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: xchunked\r\n\r\n"sv, 400},
    {"Identity", "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: identity\r\n\r\n"sv, 400},
    {"ChunkedIdentity",
     "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked, identity\r\n\r\n"sv, 400},
    {"ChunkedThenGzip", "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked, gzip\r\n\r\n"sv,
     400},
    {"ChunkedTwice", "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked, chunked\r\n\r\n"sv,
     400},
    {"ChunkedOnTwoLines",
     "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"sv,
     400},
    {"ChunkedThenAnotherLine",
     "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n"sv,
     400},
    {"EmptyCoding", "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding:\r\n\r\n"sv, 400},
    {"EmptyCodingFirst", "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: , chunked\r\n\r\n"sv,
     400},
    {"EmptyCodingLast", "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked,\r\n\r\n"sv, 400},
    {"ChunkedWithParameter",
     "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked;a=b\r\n\r\n"sv, 400},
    {"ChunkedQuoted", "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: \"chunked\"\r\n\r\n"sv,
     400},
    {"VerticalTabChunked",
     "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: \x0b"
     "chunked\r\n\r\n"sv,
     400},
    {"FormFeedChunked",
     "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: \x0c"
     "chunked\r\n\r\n"sv,
     400},
    {"NonBreakingSpaceChunked",
     "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: \xa0"
     "chunked\r\n\r\n"sv,
     400},
    {"ChunkedInHttp10", "POST / HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"sv, 400},
    {"UnknownCodingThenChunked",
     "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"sv, 501},
    {"UnknownCodingOnItsOwnLine",
     "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: x\r\nTransfer-Encoding: chunked\r\n\r\n"sv,
     501},
    // Field lines.
    {"BlankBeforeColon", "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding : chunked\r\n\r\n"sv,
     400},
    {"TabBeforeColon", "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding\t: chunked\r\n\r\n"sv, 400},
    {"BlankBeforeFirstField", "GET / HTTP/1.1\r\n Host: h\r\n\r\n"sv, 400},
    {"ObsFold", "GET / HTTP/1.1\r\nHost: h\r\nX: a\r\n b\r\n\r\n"sv, 400},
    {"ObsFoldWithTab", "GET / HTTP/1.1\r\nHost: h\r\nX: a\r\n\tb\r\n\r\n"sv, 400},
    {"ObsFoldOfTe", "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding:\r\n chunked\r\n\r\n"sv, 400},
    {"FoldedEmptyLine", "GET / HTTP/1.1\r\nHost: h\r\n \r\n\r\n"sv, 400},
    {"EmptyName", "GET / HTTP/1.1\r\nHost: h\r\n: x\r\n\r\n"sv, 400},
    {"NoColon", "GET / HTTP/1.1\r\nHost: h\r\nGarbage\r\n\r\n"sv, 400},
    {"BlankInName", "GET / HTTP/1.1\r\nHost: h\r\nA B: x\r\n\r\n"sv, 400},
    {"ByteInName", "GET / HTTP/1.1\r\nHost: h\r\nA\x80: x\r\n\r\n"sv, 400},
    {"ParenthesisInName", "GET / HTTP/1.1\r\nHost: h\r\nA(B): x\r\n\r\n"sv, 400},
    {"NulInName", "GET / HTTP/1.1\r\nHost: h\r\nA\0B: x\r\n\r\n"sv, 400},
    {"NulInValue", "GET / HTTP/1.1\r\nHost: h\r\nX: a\0b\r\n\r\n"sv, 400},
    {"DelInValue", "GET / HTTP/1.1\r\nHost: h\r\nX: a\x7f\r\n\r\n"sv, 400},
    {"ControlAtOffset8", "GET / HTTP/1.1\r\nHost: h\r\nX: 12345678\x01\r\n\r\n"sv, 400},
    {"BareCrInValue", "GET / HTTP/1.1\r\nHost: h\r\nX: a\rb\r\n\r\n"sv, 400},
    {"TwoCrInValue", "GET / HTTP/1.1\r\nHost: h\r\nX: a\r\r\n\r\n"sv, 400},
    {"BareLfInValue", "GET / HTTP/1.1\r\nHost: h\r\nX: a\nY: b\r\n\r\n"sv, 400},
    {"BareLfAfterTheRequestLine", "GET / HTTP/1.1\nHost: h\r\n\r\n"sv, 400},
    {"BareLfAtTheEnd", "GET / HTTP/1.1\r\nHost: h\r\n\n"sv, 400},
    {"OnlyLf", "GET / HTTP/1.1\nHost: h\n\n"sv, 400},
    {"CrWithoutLfAtTheEnd", "GET / HTTP/1.1\r\nHost: h\r\n\rX\r\n\r\n"sv, 400},
    // Host.
    {"NoHost", "GET / HTTP/1.1\r\n\r\n"sv, 400},
    {"NoHostButAbsolute", "GET http://h/ HTTP/1.1\r\n\r\n"sv, 400},
    {"TwoHosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"sv, 400},
    {"TwoEqualHosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"sv, 400},
    {"SecondHostEmpty", "GET / HTTP/1.1\r\nHost:\r\nHost: a\r\n\r\n"sv, 400},
    {"TwoHostsInHttp10", "GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n"sv, 400},
    {"HostWithUser", "GET / HTTP/1.1\r\nHost: u@h\r\n\r\n"sv, 400},
    {"HostWithPath", "GET / HTTP/1.1\r\nHost: h/a\r\n\r\n"sv, 400},
    {"HostWithBlank", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n"sv, 400},
    {"HostPortLetters", "GET / HTTP/1.1\r\nHost: h:80x\r\n\r\n"sv, 400},
    {"HostPortAlone", "GET / HTTP/1.1\r\nHost: :80\r\n\r\n"sv, 400},
    {"MalformedHostInHttp10", "GET / HTTP/1.0\r\nHost: a b\r\n\r\n"sv, 400},
    // Request lines.
    {"MethodWithBadByte", "G(T / HTTP/1.1\r\nHost: h\r\n\r\n"sv, 400},
    {"ByteAfterMethod", "GET(/ HTTP/1.1\r\nHost: h\r\n\r\n"sv, 400},
    {"EmptyTarget", "GET  HTTP/1.1\r\nHost: h\r\n\r\n"sv, 400},
    {"BlankBeforeMethod", " GET / HTTP/1.1\r\nHost: h\r\n\r\n"sv, 400},
    {"LfBeforeMethod", "\nGET / HTTP/1.1\r\nHost: h\r\n\r\n"sv, 400},
    {"CrBeforeMethod", "\rGET / HTTP/1.1\r\nHost: h\r\n\r\n"sv, 400},
    {"TlsHandshake", "\x16\x03\x01\x02\x00\x01\x00"sv, 400},
    {"MethodAlone", "GET\r\n\r\n"sv, 400},
    {"Http09", "GET /\r\n"sv, 400},
    {"NoVersion", "GET / \r\nHost: h\r\n\r\n"sv, 400},
    {"TwoBlanks", "GET  / HTTP/1.1\r\nHost: h\r\n\r\n"sv, 400},
    {"TwoBlanksBeforeVersion", "GET /  HTTP/1.1\r\nHost: h\r\n\r\n"sv, 400},
    {"TabAsSeparator", "GET\t/\tHTTP/1.1\r\nHost: h\r\n\r\n"sv, 400},
    {"BlankAfterVersion", "GET / HTTP/1.1 \r\nHost: h\r\n\r\n"sv, 400},
    {"BlankInTarget", "GET /a b HTTP/1.1\r\nHost: h\r\n\r\n"sv, 400},
    {"ControlInTarget", "GET /a\x01 HTTP/1.1\r\nHost: h\r\n\r\n"sv, 400},
    {"NulInTarget", "GET /a\0 HTTP/1.1\r\nHost: h\r\n\r\n"sv, 400},
    {"DelInTarget", "GET /a\x7f HTTP/1.1\r\nHost: h\r\n\r\n"sv, 400},
    {"CrInTarget", "GET /a\rb HTTP/1.1\r\nHost: h\r\n\r\n"sv, 400},
    {"VersionLowerCase", "GET / http/1.1\r\nHost: h\r\n\r\n"sv, 400},
    {"VersionTwoDigits", "GET / HTTP/1.10\r\nHost: h\r\n\r\n"sv, 400},
    {"VersionWithoutMinor", "GET / HTTP/1\r\nHost: h\r\n\r\n"sv, 400},
    {"VersionLetters", "GET / HTTP/x.y\r\nHost: h\r\n\r\n"sv, 400},
    {"OtherProtocol", "GET / ICAP/1.0\r\nHost: h\r\n\r\n"sv, 400},
    {"Version20", "GET / HTTP/2.0\r\nHost: h\r\n\r\n"sv, 505},
    {"Http2Preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"sv, 505},
    {"Version09", "GET / HTTP/0.9\r\nHost: h\r\n\r\n"sv, 505},
    {"Version30", "GET / HTTP/3.0\r\nHost: h\r\n\r\n"sv, 505},
    {"FiveEmptyLines", "\r\n\r\n\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n"sv, 400},
};

TEST(HeadParserRefusal, H2RefusesWhatCanBeReadInTwoWays) {
  for (const RefusalCase& row : kRefusalCases) {
    SCOPED_TRACE(row.name);
    HeadFeeder feeder;
    const HeadParser::Outcome outcome = feeder.feed_whole(row.text);
    EXPECT_EQ(outcome.state, State::kError);
    EXPECT_EQ(outcome.status, row.status) << outcome.why;
    EXPECT_EQ(outcome.consumed, 0U);
    EXPECT_FALSE(outcome.why.empty());
  }
}

TEST(HeadParserRefusal, H2RefusesTheSameInEveryFragmentSize) {
  for (const RefusalCase& row : kRefusalCases) {
    SCOPED_TRACE(row.name);
    HeadFeeder whole;
    const std::string_view why = whole.feed_whole(row.text).why;
    for (std::size_t size = 1; size <= row.text.size(); ++size) {
      HeadFeeder fragments;
      const HeadParser::Outcome fed = fragments.feed(row.text, size);
      EXPECT_EQ(fed.status, row.status) << size;
      EXPECT_EQ(fed.why, why) << size;
      HeadFeeder halves;
      const HeadParser::Outcome split = halves.feed_split(row.text, size);
      EXPECT_EQ(split.status, row.status) << size;
      EXPECT_EQ(split.why, why) << size;
    }
  }
}

// A prefix that came in one piece is judged like the same prefix in single bytes: no earlier, no
// later.
TEST(HeadParserRefusal, H2RefusesAtTheSameByteInEveryFragmentSize) {
  for (const RefusalCase& row : kRefusalCases) {
    SCOPED_TRACE(row.name);
    HeadFeeder bytes;
    for (std::size_t size = 1; size <= row.text.size(); ++size) {
      const HeadParser::Outcome grown = bytes.feed_whole(row.text.substr(0, size));
      HeadFeeder whole;
      EXPECT_EQ(whole.feed_whole(row.text.substr(0, size)).state, grown.state) << size;
      if (grown.state == State::kError) break;
    }
  }
}

// RFC 9112 11.2: the table above is about these requests with one thing wrong. Without it they
// pass.
TEST(HeadParserRefusal, H2AcceptsTheSameRequestsWithoutTheFault) {
  constexpr std::string_view kAccepted[] = {
      "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: h\r\nX: a\r\nY: b\r\n\r\n",
      "GET / HTTP/1.1\r\nHost:\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: h:80\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n",
      "GET / HTTP/1.0\r\n\r\n",
      "GET http://h/ HTTP/1.1\r\nHost: h\r\n\r\n",
      "\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n",
  };
  for (std::string_view text : kAccepted) {
    SCOPED_TRACE(text);
    for (std::size_t size = 1; size <= text.size(); ++size) {
      HeadFeeder feeder;
      const HeadParser::Outcome outcome = feeder.feed(text, size);
      EXPECT_EQ(outcome.state, State::kDone) << outcome.why;
      EXPECT_EQ(outcome.consumed, text.size());
    }
  }
}

}  // namespace
}  // namespace midstream::http
