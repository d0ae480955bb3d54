// Our code does not throw, but memory may run out: an exception costs one connection, with 500
// where nothing was answered yet, and a line in the log.
#include <algorithm>
#include <new>

#include "serve_test.h"
#include "support/log_capture.h"

namespace midstream::serve {
namespace {

using test::Answer;

class ExceptionTest : public ServeTest {
 protected:
  // Whatever happened: it was logged once, and others are served.
  ~ExceptionTest() override {
    handler_.answer = HandlerScript().answer;
    handler_.at_once = true;
    EXPECT_EQ(ask(kGet).body, "hello");
    const std::string lines = log_.text();
    EXPECT_EQ(std::count(lines.begin(), lines.end(), '\n'), 1) << lines;
    EXPECT_NE(lines.find("error a connection was closed: "), std::string::npos) << lines;
  }

  void throw_in_the_handler() {
    handler_.answer = [](Exchange& exchange) {
      exchange.fields().append("X-Half", "made");
      exchange.respond<TextSource>(200, "never to be seen");
      throw std::bad_alloc();
    };
  }
  void expect_500(Client& client) {
    const Answer answer = client.answer();
    EXPECT_EQ(answer.status, 500);
    EXPECT_TRUE(answer.complete());
    EXPECT_EQ(answer.field("Connection"), "close");
    EXPECT_FALSE(answer.field("X-Half"));
    EXPECT_EQ(answer.body.find("bad_alloc"), std::string::npos);
  }

  test::LogCapture log_;
};

TEST_F(ExceptionTest, OfAHandlerThatAnswersAtOnceGives500) {
  throw_in_the_handler();
  Client client = connect();
  client.send(get("/") + get("/not-read"));
  client.finish_sending();
  settle();
  expect_500(client);
  EXPECT_EQ(client.ended(), 0);
  EXPECT_EQ(handler_.targets.size(), 1U);
}

TEST_F(ExceptionTest, OfAHandlerThatAnswersLaterGives500) {
  throw_in_the_handler();
  handler_.at_once = false;
  Client client = connect();
  client.send(kGet);
  settle();
  expect_500(client);
  EXPECT_EQ(client.ended(), 0);
}

TEST_F(ExceptionTest, OfAHandlerThatHasReadTheBodyGives500) {
  throw_in_the_handler();
  handler_.at_once = false;
  handler_.reads_max = HandlerScript::kWholeBody;
  Client client = connect();
  client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\na");
  settle();
  client.send("b");
  settle();
  expect_500(client);
  EXPECT_EQ(client.ended(), 0);
}

TEST_F(ExceptionTest, BehindAPipelinedRequestLeavesTheFirstAnswerWhole) {
  handler_.answer = [](Exchange& exchange) {
    if (exchange.head().target == "/throws") throw std::bad_alloc();
    exchange.respond<TextSource>(200, "fine");
  };
  Client client = connect();
  client.send(get("/first") + get("/throws"));
  settle();
  const auto answers = client.answers();
  ASSERT_EQ(answers.size(), 2U);
  EXPECT_EQ(answers[0].body, "fine");
  EXPECT_EQ(answers[1].status, 500);
}

TEST_F(ExceptionTest, OfASourceBreaksItsMessageVisibly) {
  answer_with(10)->gives("abc").throws();
  Client client = connect();
  client.send(get("/") + get("/not-read"));
  settle();
  EXPECT_EQ(client.answer().body, "abc");
  EXPECT_EQ(client.answer().end, Answer::End::kCut);
  EXPECT_TRUE(client.ended());
  EXPECT_EQ(handler_.targets.size(), 1U);
}

TEST_F(ExceptionTest, OfASourceAfterAWaitBreaksItsMessageVisibly) {
  const auto source = answer_with();
  source->gives("abc").pends().throws();
  Client client = connect();
  client.send(kGet);
  settle();
  source->go_on();
  settle();
  EXPECT_EQ(client.answer().body, "abc");
  EXPECT_EQ(client.answer().end, Answer::End::kCut);
  EXPECT_TRUE(client.ended());
  EXPECT_EQ(source->sources(), 0);
}

TEST_F(ExceptionTest, OfAWaitBreaksTheMessageVisibly) {
  const auto source = answer_with();
  source->gives("abc").throws_while_it_waits();
  Client client = connect();
  client.send(kGet);
  settle();
  EXPECT_EQ(client.answer().body, "abc");
  EXPECT_EQ(client.answer().end, Answer::End::kCut);
  EXPECT_TRUE(client.ended());
  EXPECT_EQ(source->sources(), 0);
}

TEST_F(ExceptionTest, OfASourceWhoseEndIsThatOfTheConnectionIsAReset) {
  const auto source = answer_with();
  source->gives("abc").pends().throws();
  Client client = connect_tcp();
  client.send("GET / HTTP/1.0\r\n\r\n");
  run_until([&] { return source->is_awaited(); });
  source->go_on();
  settle();
  client.received_to_end();
  EXPECT_EQ(client.ended(), ECONNRESET);
}

}  // namespace
}  // namespace midstream::serve
