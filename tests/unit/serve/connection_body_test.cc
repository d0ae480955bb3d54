// Bodies of requests: how they are read, how a client is held back, and what becomes of those that
// nobody reads.
#include <array>
#include <chrono>

#include <boost/system/errc.hpp>

#include "serve_test.h"
#include "support/payload.h"

namespace midstream::serve {
namespace {

using test::Answer;

class RequestBodyTest : public ServeTest {
 protected:
  RequestBodyTest() {
    handler_.at_once = false;
    handler_.reads_max = HandlerScript::kWholeBody;
  }
};

std::string post(std::string_view body, std::string_view fields = {}) {
  return "POST / HTTP/1.1\r\nHost: a\r\n" + std::string(fields) +
         "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + std::string(body);
}

constexpr std::string_view kChunkedHead =
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
constexpr std::string_view kChunks = "5\r\nhello\r\nC;x=y\r\n, world and \r\n3\r\nall\r\n0\r\n\r\n";
constexpr std::string_view kUnchunked = "hello, world and all";

TEST_F(RequestBodyTest, IsReadInEveryFragmentSize) {
  const std::string requests[] = {post(kUnchunked) + get("/next"),
                                  std::string(kChunkedHead).append(kChunks) + get("/next")};
  for (const std::string& request : requests) {
    for (std::size_t size = 1; size <= request.size(); ++size) {
      handler_.pieces.clear();
      handler_.targets.clear();
      handler_.body_ended = false;
      Client client = connect();
      for (std::size_t at = 0; at < request.size(); at += size) {
        client.send(std::string_view(request).substr(at, size));
        settle();
      }
      EXPECT_EQ(handler_.body(), kUnchunked) << "in pieces of " << size;
      EXPECT_TRUE(handler_.body_ended);
      EXPECT_EQ(handler_.targets.back(), "/next") << "in pieces of " << size;
      EXPECT_EQ(client.answers().size(), 2U) << "in pieces of " << size;
    }
  }
}

TEST_F(RequestBodyTest, OfARequestWithoutOneEndsAtOnce) {
  EXPECT_EQ(ask(kGet).status, 200);
  EXPECT_TRUE(handler_.body_ended);
  handler_.body_ended = false;
  EXPECT_EQ(ask(post("")).status, 200);
  EXPECT_TRUE(handler_.body_ended);
  EXPECT_TRUE(handler_.pieces.empty());
}

TEST_F(RequestBodyTest, LeavesTheHeadReadable) {
  std::string target;
  handler_.answer = [&](Exchange& exchange) {
    target = exchange.head().target;
    exchange.respond(204);
  };
  const std::string body = test::payload(60'000);  // far more than the head's buffer
  Client client = connect();
  client.send("POST /a/target HTTP/1.1\r\nHost: a\r\nContent-Length: 60000\r\n\r\n" + body);
  settle();
  EXPECT_EQ(target, "/a/target");
  EXPECT_EQ(test::hash_of(handler_.body()), test::hash_of(body));
}

// What the handler does not read stays with the client.
TEST_F(RequestBodyTest, P4_HoldsTheClientBackUntilItIsRead) {
  constexpr std::size_t kBody = 1 << 20;
  limits_.request_body_bytes_max = kBody;
  handler_.gated = true;
  const std::string body = test::payload(kBody);
  Client client = connect();
  client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: " + std::to_string(kBody) +
              "\r\n\r\n");
  std::size_t sent = 0;
  const auto send_all_it_takes = [&] {
    while (const std::size_t more = client.send_some(std::string_view(body).substr(sent))) {
      sent += more;
      settle();
    }
  };
  send_all_it_takes();
  EXPECT_LT(sent, kBody / 2) << "the sockets took so much, though nobody reads";
  std::size_t read = 0;
  std::size_t held_max = 0;
  while (handler_.gate.taken()) {
    handler_.gate.give(true);
    settle();
    send_all_it_takes();
    read = handler_.body().size();
    held_max = std::max(held_max, sent - read);
  }
  EXPECT_EQ(read, kBody);
  EXPECT_LT(held_max, kBody / 2);
  EXPECT_EQ(test::hash_of(handler_.body()), test::hash_of(body));
  EXPECT_TRUE(client.answer().complete());
}

TEST_F(RequestBodyTest, H3_LongerThanAllowedIsRefusedBeforeAnythingIsRead) {
  limits_.request_body_bytes_max = 10;
  Client client = connect();
  client.send(post(kUnchunked));
  client.finish_sending();
  settle();
  EXPECT_EQ(client.answer().status, 413);
  EXPECT_TRUE(handler_.targets.empty());
}

TEST_F(RequestBodyTest, H3_ThatTurnsOutToBeLongerThanAllowedFails) {
  limits_.request_body_bytes_max = 10;
  const Answer answer = ask(std::string(kChunkedHead).append(kChunks));
  EXPECT_EQ(handler_.body_error, boost::system::errc::message_size);
  EXPECT_EQ(answer.status, 413);
  EXPECT_EQ(answer.field("Connection"), "close");
}

TEST_F(RequestBodyTest, H2_WithBrokenChunksFails) {
  const Answer answer = ask(std::string(kChunkedHead) + "5\r\nhelloX");
  EXPECT_EQ(handler_.body_error, boost::system::errc::bad_message);
  EXPECT_EQ(answer.status, 400);
  EXPECT_EQ(answer.field("Connection"), "close");
}

TEST_F(RequestBodyTest, H2_WithBrokenChunksIsRefusedAlsoWhereNobodyReadsIt) {
  handler_.at_once = true;
  EXPECT_EQ(ask(std::string(kChunkedHead) + "5\r\nhelloX").status, 400);
}

// At every byte of it.
TEST_F(RequestBodyTest, FailsWhenTheClientLeaves) {
  const std::string with_length = post(kUnchunked);
  const std::string with_chunks = std::string(kChunkedHead).append(kChunks);
  for (const std::string& whole : {with_length, with_chunks}) {
    const std::size_t head = whole.find("\r\n\r\n") + 4;
    for (std::size_t sent = head; sent < whole.size(); ++sent) {
      handler_.pieces.clear();
      handler_.body_error = {};
      Client client = connect();
      client.send(std::string_view(whole).substr(0, sent));
      settle();
      EXPECT_FALSE(handler_.body_error) << sent;
      client.leave();
      settle();
      EXPECT_EQ(handler_.body_error, make_error_code(Errc::kPeerGone)) << sent;
      EXPECT_TRUE(kUnchunked.starts_with(handler_.body())) << sent;
    }
  }
}

TEST_F(RequestBodyTest, H4_FailsWhenTheClientStalls) {
  limits_.body_timeout = std::chrono::milliseconds(20);
  Client client = connect();
  client.send(post(kUnchunked).substr(0, post(kUnchunked).size() - 1));
  run_until([&] { return handler_.body_error.failed(); });
  EXPECT_EQ(handler_.body_error, make_error_code(Errc::kPeerStalled));
  run_until([&] { return !client.received().empty(); });
  EXPECT_EQ(client.answer().field("Connection"), "close");
}

// -- 100 Continue ---------------------------------------------------------------------------------

constexpr std::string_view kExpect = "Expect: 100-continue\r\n";
constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

TEST_F(RequestBodyTest, H5_ContinueIsSentOnlyOnceTheBodyIsRead) {
  handler_.gated = true;
  Client client = connect();
  const std::string request = post(kUnchunked, kExpect);
  client.send(request.substr(0, request.size() - kUnchunked.size()));
  settle();
  EXPECT_EQ(client.received(), "");
  handler_.gate.give(true);
  settle();
  EXPECT_EQ(client.received(), kContinue);
  client.send(kUnchunked);
  settle();
  while (handler_.gate.taken()) {
    handler_.gate.give(true);
    settle();
  }
  EXPECT_EQ(handler_.body(), kUnchunked);
  const auto answers = client.answers();
  ASSERT_EQ(answers.size(), 2U) << "100 once, and the final one";
  EXPECT_EQ(answers[1].status, 200);
  EXPECT_FALSE(client.ended());
}

TEST_F(RequestBodyTest, H5_NoContinueForABodyThatNobodyReads) {
  handler_.reads_max = 0;
  handler_.answer = [](Exchange& exchange) { exchange.respond(403); };
  Client client = connect();
  const std::string request = post(kUnchunked, kExpect);
  client.send(request.substr(0, request.size() - kUnchunked.size()));
  client.finish_sending();
  settle();
  EXPECT_EQ(client.answer().status, 403);
  // Whether the body follows is not known: no further request can be read.
  EXPECT_EQ(client.answer().field("Connection"), "close");
  EXPECT_EQ(client.ended(), 0);
}

TEST_F(RequestBodyTest, H5_NothingIsExpectedInHttp10) {
  Client client = connect();
  client.send("POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nab");
  settle();
  EXPECT_EQ(client.answer().status, 200);
  EXPECT_EQ(handler_.body(), "ab");
}

// -- answers before the body is read
// ----------------------------------------------------------------

class EarlyAnswerTest : public ServeTest {};

TEST_F(EarlyAnswerTest, P5_AShortBodyIsDroppedAndTheConnectionKept) {
  Client client = connect();
  client.send(post(kUnchunked) + std::string(kChunkedHead).append(kChunks) + get("/next"));
  settle();
  EXPECT_EQ(client.answers().size(), 3U);
  EXPECT_EQ(handler_.targets.back(), "/next");
  EXPECT_FALSE(client.ended());
}

TEST_F(EarlyAnswerTest, P5_TheAnswerIsThereBeforeTheBody) {
  Client client = connect();
  const std::string request = post(kUnchunked);
  client.send(request.substr(0, request.size() - 1));
  settle();
  EXPECT_TRUE(client.answer().complete());
  client.send(request.substr(request.size() - 1) + get("/next"));
  settle();
  EXPECT_EQ(client.answers().size(), 2U);
}

TEST_F(EarlyAnswerTest, P5_ALongBodyCostsTheConnectionButNotTheAnswer) {
  limits_.unwanted_body_bytes_max = 1000;
  const std::string body = test::payload(20'000);
  Client client = connect_tcp();
  const std::string head =
      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n";
  client.send(head);
  run_until([&] { return !handler_.targets.empty(); });
  client.send(body);  // a reset now would eat the answer
  client.finish_sending();
  settle();
  client.received_to_end();
  EXPECT_EQ(client.ended(), 0);
  EXPECT_EQ(client.answer().body, "hello");
  EXPECT_EQ(client.answer().field("Connection"), "close");
}

TEST_F(EarlyAnswerTest, P5_AClientThatSendsForEverIsLeft) {
  limits_.unwanted_body_bytes_max = 1000;
  limits_.request_body_bytes_max = std::uint64_t{1} << 40;
  limits_.linger_bytes_max = 1 << 20;
  Client client = connect();
  client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999\r\n\r\n");
  settle();
  const std::string junk(64 * 1024, 'x');
  std::size_t sent = 0;
  while (const std::size_t more = client.send_some(junk)) {
    sent += more;
    ASSERT_LT(sent, 8U << 20) << "is read for ever";
    settle();
  }
  EXPECT_GE(sent, 1U << 20);
  EXPECT_EQ(client.answer().body, "hello");
}

TEST_F(EarlyAnswerTest, H4_ABodyThatIsDroppedHasItsTimeoutToo) {
  limits_.body_timeout = std::chrono::milliseconds(20);
  Client client = connect();
  client.send(post(kUnchunked).substr(0, post(kUnchunked).size() - 1));
  run_until([&] { return client.received(), client.ended().has_value(); });
  EXPECT_TRUE(client.answer().complete());
}

}  // namespace
}  // namespace midstream::serve
