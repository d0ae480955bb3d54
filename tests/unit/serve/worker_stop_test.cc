// How a worker ends: idle connections at once, the others after their exchange, what is left at the
// end of the grace period visibly broken.
#include <chrono>
#include <thread>

#include <boost/asio/error.hpp>

#include "serve_test.h"
#include "support/event.h"

namespace midstream::serve {
namespace {

using test::Answer;

class WorkerStopTest : public ServeTest {
 protected:
  void stop() {
    worker().stop();
    settle();
  }
};

TEST_F(WorkerStopTest, WithoutConnectionsFinishesAtOnce) {
  stop();
  EXPECT_TRUE(finished_);
  EXPECT_EQ(handler_.stops, 1);
}

TEST_F(WorkerStopTest, TwiceIsAsOnce) {
  stop();
  stop();
  EXPECT_EQ(handler_.stops, 1);
}

TEST_F(WorkerStopTest, EndsIdleConnectionsAtOnce) {
  Client fresh = connect();
  Client used = connect();
  used.send(kGet);
  settle();
  Client in_a_head = connect();
  in_a_head.send("GET / HT");
  settle();
  stop();
  for (Client* client : {&fresh, &used, &in_a_head}) {
    client->received();
    EXPECT_EQ(client->ended(), 0);
  }
  EXPECT_TRUE(used.answer().complete());
  EXPECT_EQ(in_a_head.received(), "");
  EXPECT_TRUE(finished_);
}

TEST_F(WorkerStopTest, LetsAnExchangeEndAndThenCloses) {
  const auto source = answer_with();
  source->gives("a").pends().gives("b");
  Client client = connect();
  client.send(get("/first") + get("/not-answered"));
  settle();
  stop();
  EXPECT_FALSE(finished_);
  source->go_on();
  client.finish_sending();
  settle();
  EXPECT_EQ(client.answer().body, "ab");
  EXPECT_TRUE(client.answer().complete());
  EXPECT_EQ(client.ended(), 0);
  EXPECT_TRUE(finished_);
}

TEST_F(WorkerStopTest, AnAnswerThatBeginsAfterItAnnouncesTheClose) {
  handler_.at_once = false;
  handler_.gated = true;
  Client client = connect();
  client.send(kGet);
  settle();
  stop();
  EXPECT_FALSE(finished_);
  handler_.gate.give(true);
  client.finish_sending();
  settle();
  EXPECT_EQ(client.answer().field("Connection"), "close");
  EXPECT_TRUE(client.answer().complete());
  EXPECT_TRUE(finished_);
}

TEST_F(WorkerStopTest, LetsABodyBeReadToItsEnd) {
  handler_.at_once = false;
  handler_.reads_max = HandlerScript::kWholeBody;
  Client client = connect();
  client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\na");
  settle();
  stop();
  EXPECT_FALSE(finished_);
  client.send("b");
  client.finish_sending();
  settle();
  EXPECT_EQ(handler_.body(), "ab");
  EXPECT_TRUE(client.answer().complete());
  EXPECT_TRUE(finished_);
}

TEST_F(WorkerStopTest, DoesNotWaitForABodyThatNobodyWants) {
  Client client = connect();
  client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\na");
  settle();
  EXPECT_TRUE(client.answer().complete());
  client.finish_sending();
  stop();
  EXPECT_TRUE(finished_);
}

// -- the end of the grace period
// --------------------------------------------------------------------

class GraceTest : public ServeTest {
 protected:
  GraceTest() { limits_.grace = std::chrono::milliseconds(20); }

  void stop_and_wait() {
    worker().stop();
    run_until([this] { return finished_; });
  }

  std::vector<std::shared_ptr<SourceScript>> sources_;
  std::vector<Client> clients_;
};

TEST_F(GraceTest, L4_BodiesThatAreStillBeingSentAreVisiblyBroken) {
  for (const std::optional<std::uint64_t> size : {std::optional<std::uint64_t>(10), {}}) {
    sources_.push_back(answer_with(size));
    sources_.back()->gives("abc").pends();
    clients_.push_back(connect());
    clients_.back().send(kGet);
    settle();
    ASSERT_TRUE(sources_.back()->is_awaited());
  }
  stop_and_wait();
  for (const auto& source : sources_) {
    EXPECT_EQ(source->cancellations(), 1);
    EXPECT_EQ(source->sources(), 0);
  }
  for (Client& client : clients_) {
    EXPECT_EQ(client.answer().body, "abc");
    EXPECT_EQ(client.answer().end, Answer::End::kCut);
    EXPECT_TRUE(client.ended());
  }
}

TEST_F(GraceTest, L4_ABodyThatEndsWithTheConnectionIsReset) {
  const auto source = answer_with();
  source->gives("abc").pends();
  Client client = connect_tcp();
  client.send("GET / HTTP/1.0\r\n\r\n");
  run_until([&] { return source->is_awaited(); });
  EXPECT_EQ(test::receive_exactly(client.fd(), 1), "H");  // what it got before counts for nothing
  stop_and_wait();
  client.received_to_end();
  EXPECT_EQ(client.ended(), ECONNRESET);
}

TEST_F(GraceTest, AHandlerThatWaitsIsCancelled) {
  handler_.at_once = false;
  handler_.gated = true;
  handler_.heeds_cancel = true;
  Client client = connect();
  client.send(kGet);
  settle();
  stop_and_wait();
  EXPECT_EQ(handler_.cancellations, 1);
}

TEST_F(GraceTest, AHandlerThatReadsABodyIsToldThatItWillNotCome) {
  handler_.at_once = false;
  handler_.reads_max = HandlerScript::kWholeBody;
  Client client = connect();
  client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\na");
  settle();
  stop_and_wait();
  EXPECT_EQ(handler_.body_error, error_code(asio::error::operation_aborted));
}

TEST_F(GraceTest, AClientThatTakesNothingDoesNotHoldItUp) {
  const std::string content(8 << 20, 'x');
  const auto source = answer_with(content.size());
  source->gives(content, Piece::After::kEnd);
  Client client = connect();
  client.send(kGet);
  settle();
  EXPECT_EQ(source->sources(), 1);
  stop_and_wait();
  EXPECT_EQ(source->sources(), 0);
}

TEST_F(GraceTest, AClientThatLingersDoesNotHoldItUp) {
  Client client = connect();
  client.send("no request\r\n\r\n");  // answered; the server waits for the client's end
  settle();
  EXPECT_FALSE(client.answers().empty());
  stop_and_wait();
}

// -- on a thread of its own
// -------------------------------------------------------------------------

class RunningWorkerTest : public ServeTest {};

TEST_F(RunningWorkerTest, AcceptsServesAndStops) {
  auto listening = net::listen_on(net::Endpoint(asio::ip::address_v4::loopback(), 0), false);
  ASSERT_TRUE(listening);
  const net::Endpoint endpoint = listening->endpoint;
  ASSERT_FALSE(worker().listen(std::move(*listening)));
  std::thread thread([this] { worker().run(); });
  const auto client = [&] {  // may give up
    const UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    EXPECT_EQ(::connect(socket.get(), endpoint.data(), static_cast<socklen_t>(endpoint.size())), 0);
    EXPECT_EQ(::send(socket.get(), kGet.data(), kGet.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(kGet.size()));
    std::string wire;
    while (!wire.ends_with("hello")) {
      const std::string byte = test::receive_exactly(socket.get(), 1);
      ASSERT_FALSE(byte.empty()) << wire;
      wire += byte;
    }
    worker().stop();
    EXPECT_EQ(test::receive_to_end(socket.get()).error, 0);
  };
  client();
  worker().stop();
  thread.join();
  EXPECT_TRUE(finished_);
  const UniqueFd late(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  EXPECT_NE(::connect(late.get(), endpoint.data(), static_cast<socklen_t>(endpoint.size())), 0);
}

}  // namespace
}  // namespace midstream::serve
