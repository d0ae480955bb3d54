#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "http/head_feeder.h"
#include "http/head_parser.h"

// Fragments and limits.
namespace midstream::http {
namespace {

using test::HeadFeeder;
using State = HeadParser::State;

constexpr std::string_view kBrowserHead =
    "\r\nGET /assets/app/index-4f3c2a.js?v=12 HTTP/1.1\r\n"
    "Host: www.example.com\r\n"
    "Connection: keep-alive\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)\r\n"
    "Accept: */*\r\n"
    "X-Empty:\r\n"
    "Referer: https://www.example.com/\r\n"
    "Accept-Encoding: gzip, deflate, br\r\n"
    "If-None-Match: \"652a-9f3b2c\"\r\n"
    "Cookie: sid=31d4d96e407aad42; lang=en-US\r\n"
    "\r\n";

std::string describe(const RequestHead& head) {
  std::string text;
  text.append(head.method_text).append(" ").append(head.target).append("\n");
  for (const FieldView& field : head.fields) {
    text.append(field.name).append("=").append(field.value).append("\n");
  }
  for (std::string_view view : {head.host, head.user_agent, head.accept, head.referer,
                                head.accept_encoding, head.if_none_match}) {
    text.append(view).append("\n");
  }
  return text;
}

TEST(HeadParserFragments, H4GiveTheSameHeadInEveryFragmentSize) {
  HeadFeeder whole;
  ASSERT_EQ(whole.feed_whole(kBrowserHead).state, State::kDone);
  const std::string expected = describe(whole.head);
  for (std::size_t size = 1; size <= kBrowserHead.size(); ++size) {
    SCOPED_TRACE(size);
    HeadFeeder feeder;
    const HeadParser::Outcome outcome = feeder.feed(kBrowserHead, size);
    ASSERT_EQ(outcome.state, State::kDone) << outcome.why;
    EXPECT_EQ(outcome.consumed, kBrowserHead.size());
    EXPECT_EQ(describe(feeder.head), expected);
  }
}

TEST(HeadParserFragments, H4GiveTheSameHeadAtEverySplitPoint) {
  HeadFeeder whole;
  ASSERT_EQ(whole.feed_whole(kBrowserHead).state, State::kDone);
  const std::string expected = describe(whole.head);
  for (std::size_t split = 0; split < kBrowserHead.size(); ++split) {
    SCOPED_TRACE(split);
    HeadFeeder feeder;
    ASSERT_EQ(feeder.feed_whole(kBrowserHead.substr(0, split)).state, State::kNeedMore);
    ASSERT_EQ(feeder.feed_whole(kBrowserHead).state, State::kDone);
    EXPECT_EQ(describe(feeder.head), expected);
  }
}

TEST(HeadParserFragments, AParserServesManyHeads) {
  HeadFeeder feeder;
  for (std::size_t size = 1; size <= 40; ++size) {
    const HeadParser::Outcome outcome = feeder.feed(kBrowserHead, size);
    ASSERT_EQ(outcome.state, State::kDone) << outcome.why;
    ASSERT_EQ(feeder.head.fields.size(), 9U);
    if (size % 2 == 0) {
      feeder.parser.reset();
    } else {
      feeder.parser.release_memory();
    }
  }
}

TEST(HeadParserFragments, ABadLineIsRefusedBeforeTheHeadIsComplete) {
  HeadFeeder feeder;
  EXPECT_EQ(feeder.feed_whole("GET / HTTP/1.1\r\nHost").state, State::kNeedMore);
  EXPECT_EQ(feeder.feed_whole("GET / HTTP/1.1\r\nHost : h").state, State::kNeedMore);
  EXPECT_EQ(feeder.feed_whole("GET / HTTP/1.1\r\nHost : h\r\n").status, 400);
}

TEST(HeadParserFragments, AFirstByteThatIsNoMethodIsRefusedAtOnce) {
  HeadFeeder feeder;
  EXPECT_EQ(feeder.feed_whole("\x16").status, 400);
  HeadFeeder after_an_empty_line;
  EXPECT_EQ(after_an_empty_line.feed_whole("\r\n").state, State::kNeedMore);
  EXPECT_EQ(after_an_empty_line.feed_whole("\r\n\x16").status, 400);
}

constexpr HeadLimits kSmall{.target_bytes_max = 20, .head_bytes_max = 200, .fields_max = 3};

struct LimitCase {
  const char* name;
  std::string text;
  int status;  // 0: accepted
};

std::string padded_head(std::size_t size) {
  std::string text = "GET / HTTP/1.0\r\nX: ";
  return text + std::string(size - text.size() - 4, 'x') + "\r\n\r\n";
}

TEST(HeadParserLimits, H3AnswersEachLimitWithItsStatus) {
  const std::string target20 = "/" + std::string(19, 'a');
  const LimitCase cases[] = {
      {"TargetAtItsLimit", "GET " + target20 + " HTTP/1.0\r\n\r\n", 0},
      {"TargetOverItsLimit", "GET " + target20 + "a HTTP/1.0\r\n\r\n", 414},
      {"TargetOverItsLimitByMuch", "GET /" + std::string(150, 'a') + " HTTP/1.0\r\n\r\n", 414},
      {"TargetWithoutEnd", "GET /" + std::string(100, 'a'), 414},
      {"MethodWithoutEnd", std::string(100, 'a'), 414},
      {"HeadAtItsLimit", padded_head(200), 0},
      {"HeadOverItsLimit", padded_head(201), 431},
      {"HeadOverItsLimitByMuch", padded_head(2000), 431},
      {"ValueWithoutEnd", "GET / HTTP/1.0\r\nX: " + std::string(300, 'x'), 431},
      {"NameWithoutEnd", "GET / HTTP/1.0\r\n" + std::string(300, 'x'), 431},
      {"BadByteInALineWithoutEnd", "GET / HTTP/1.0\r\nX: \x01" + std::string(300, 'x'), 400},
      {"FieldsAtTheirLimit", "GET / HTTP/1.0\r\nA: 1\r\nB: 2\r\nC: 3\r\n\r\n", 0},
      {"FieldsOverTheirLimit", "GET / HTTP/1.0\r\nA: 1\r\nB: 2\r\nC: 3\r\nD: 4\r\n\r\n", 431},
  };
  for (const LimitCase& row : cases) {
    SCOPED_TRACE(row.name);
    for (std::size_t size = 1; size <= row.text.size(); ++size) {
      HeadFeeder feeder(kSmall);
      const HeadParser::Outcome outcome = feeder.feed(row.text, size);
      EXPECT_EQ(outcome.state, row.status == 0 ? State::kDone : State::kError) << outcome.why;
      EXPECT_EQ(outcome.status, row.status) << size;
    }
  }
}

TEST(HeadParserLimits, H3ABodyBehindTheHeadDoesNotCount) {
  HeadFeeder feeder(kSmall);
  const std::string head = padded_head(150);
  const HeadParser::Outcome outcome = feeder.feed_whole(head + std::string(1000, 'b'));
  EXPECT_EQ(outcome.state, State::kDone);
  EXPECT_EQ(outcome.consumed, head.size());
}

TEST(HeadParserLimits, H3TheDefaultsHoldATargetOf8KiBAnd100Fields) {
  std::string text = "GET /" + std::string(8191, 'a') + " HTTP/1.0\r\n";
  for (int i = 0; i < 100; ++i)
    text += "X: y\r\n";
  HeadFeeder feeder;
  EXPECT_EQ(feeder.feed_whole(text + "\r\n").state, State::kDone);
  HeadFeeder one_more;
  EXPECT_EQ(one_more.feed_whole(text + "X: y\r\n\r\n").status, 431);
}

}  // namespace
}  // namespace midstream::http
