// Requests and answers on one connection: keep-alive, pipelining, framing, refusals.
#include "serve/connection.h"

#include <sys/ioctl.h>

#include <algorithm>
#include <array>

#include "serve_test.h"
#include "support/payload.h"
#include "support/temp_dir.h"

namespace midstream::serve {
namespace {

using test::Answer;
using ConnectionTest = ServeTest;

TEST_F(ConnectionTest, H1_AnswersRequestAfterRequest) {
  Client client = connect();
  for (int number = 1; number <= 3; ++number) {
    client.send(get("/" + std::to_string(number)));
    settle();
    ASSERT_EQ(client.answers().size(), static_cast<std::size_t>(number));
  }
  EXPECT_EQ(handler_.targets, (std::vector<std::string>{"/1", "/2", "/3"}));
  for (const Answer& answer : client.answers()) {
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.body, "hello");
    EXPECT_TRUE(answer.complete());
    EXPECT_FALSE(answer.field("Connection"));
  }
  EXPECT_FALSE(client.ended());
}

TEST_F(ConnectionTest, H1_ARequestIsReadInEveryFragmentSize) {
  const std::string request = "\r\n" + get("/a?b") + get("/c");
  for (std::size_t size = 1; size <= request.size(); ++size) {
    handler_.targets.clear();
    Client client = connect();
    for (std::size_t at = 0; at < request.size(); at += size) {
      client.send(std::string_view(request).substr(at, size));
      settle();
    }
    EXPECT_EQ(handler_.targets, (std::vector<std::string>{"/a?b", "/c"}))
        << "in pieces of " << size;
    EXPECT_EQ(client.answers().size(), 2U) << "in pieces of " << size;
  }
}

TEST_F(ConnectionTest, H1_PipelinedRequestsAreAnsweredInOrder) {
  constexpr std::size_t kRequests = 100;
  handler_.answer = [](Exchange& exchange) {  // of any size
    const std::string target(exchange.head().target);
    const auto size = static_cast<std::size_t>(std::stoi(target.substr(1)) % 7 * 300);
    exchange.respond<TextSource>(200, target + std::string(size, '.'));
  };
  Client client = connect();
  std::string all;
  for (std::size_t i = 0; i < kRequests; ++i)
    all += get("/" + std::to_string(i));
  client.send(all);
  settle();
  const auto answers = client.answers();
  ASSERT_EQ(answers.size(), kRequests);
  for (std::size_t i = 0; i < kRequests; ++i) {
    EXPECT_EQ(answers[i].body, "/" + std::to_string(i) + std::string(i % 7 * 300, '.'));
  }
}

TEST_F(ConnectionTest, S3_AClientThatPipelinesTakesTurnsWithOthers) {
  Client greedy = connect();
  Client modest = connect();
  std::string all;
  for (int i = 0; i < 100; ++i)
    all += get("/greedy");
  greedy.send(all);
  modest.send(get("/modest"));
  settle();
  const auto& targets = handler_.targets;
  const auto turn = std::find(targets.begin(), targets.end(), "/modest") - targets.begin();
  EXPECT_LE(turn, 32) << "requests of the greedy client came first";
  EXPECT_EQ(greedy.answers().size(), 100U);
  EXPECT_EQ(modest.answers().size(), 1U);
}

TEST_F(ConnectionTest, S3_LargeFilesAreSentInTurns) {
  constexpr std::size_t kTurn = 4096;
  limits_.turn_bytes = kTurn;
  const std::string content = test::payload(16 * kTurn);
  const test::TempDir dir;
  const UniqueFd file(::open(dir.file("large", content).c_str(), O_RDONLY | O_CLOEXEC));
  handler_.answer = [&](Exchange& exchange) {
    const auto script = std::make_shared<SourceScript>(content.size());
    script->gives_file({file.get(), 0, content.size()}, Piece::After::kEnd);
    exchange.respond<ScriptedSource>(200, script);
  };
  std::array<Client, 2> clients{connect(), connect()};
  for (Client& client : clients)
    client.send(kGet);
  std::size_t apart_max = 0;
  run_until([&] {
    const auto first = clients[0].received().size();
    const auto second = clients[1].received().size();
    apart_max = std::max(apart_max, std::max(first, second) - std::min(first, second));
    return std::min(first, second) > content.size();
  });
  EXPECT_LE(apart_max, 2 * kTurn) << "one client got much before the other had its turn";
  for (Client& client : clients) {
    EXPECT_TRUE(client.answer().complete());
    EXPECT_EQ(test::hash_of(client.answer().body), test::hash_of(content));
  }
}

TEST_F(ConnectionTest, H1_Http10ClosesUnlessAskedToStay) {
  Client closing = connect();
  closing.send("GET / HTTP/1.0\r\n\r\n");
  settle();
  EXPECT_EQ(closing.answer().field("Connection"), "close");
  EXPECT_EQ(closing.ended(), 0);

  Client staying = connect();
  staying.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  settle();
  EXPECT_EQ(staying.answer().field("Connection"), "keep-alive");
  EXPECT_FALSE(staying.ended());
}

TEST_F(ConnectionTest, H7_ConnectionCloseIsHonouredAndAnnounced) {
  Client client = connect();
  client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" + get("/not-read"));
  settle();
  EXPECT_EQ(client.answer().field("Connection"), "close");
  EXPECT_EQ(handler_.targets.size(), 1U);
  EXPECT_EQ(client.ended(), 0);
}

TEST_F(ConnectionTest, H7_EveryAnswerHasDateAndServer) {
  for (const std::string_view request : {kGet, std::string_view("no request\r\n\r\n")}) {
    const Answer answer = ask(request);
    EXPECT_EQ(answer.field("Server"), "midstream");
    EXPECT_EQ(answer.field("Date").value_or("").size(), 29U);
  }
}

TEST_F(ConnectionTest, H6_AnAnswerToHeadHasTheFieldsOfGetAndNoBody) {
  for (const std::optional<std::uint64_t> size : {std::optional<std::uint64_t>(4), {}}) {
    for (const std::string version : {"1.0", "1.1"}) {
      const auto answer = [&](const std::string& method) {
        answer_with(size)->gives("body", Piece::After::kEnd);
        return ask(method + " / HTTP/" + version + "\r\nHost: a\r\n\r\n");
      };
      const Answer to_get = answer("GET");
      const Answer to_head = answer("HEAD");
      EXPECT_EQ(to_get.body, "body");
      EXPECT_EQ(to_head.body, "");
      EXPECT_EQ(to_head.field("Content-Length"), to_get.field("Content-Length"));
      EXPECT_EQ(to_head.field("Transfer-Encoding"), to_get.field("Transfer-Encoding"));
    }
  }
}

TEST_F(ConnectionTest, H6_NothingFollowsAnAnswerToHead) {
  for (const std::optional<std::uint64_t> size : {std::optional<std::uint64_t>(4), {}}) {
    answer_with(size)->gives("body", Piece::After::kEnd);
    Client client = connect();
    client.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
    settle();
    EXPECT_TRUE(client.received().ends_with("\r\n\r\n"));
    client.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
    settle();
    EXPECT_EQ(test::take_answers(client.received(), true).size(), 2U);
  }
}

TEST_F(ConnectionTest, H6_StatusesWithoutABodyHaveNone) {
  for (const int status : {204, 304}) {
    handler_.answer = [status](Exchange& exchange) {
      exchange.respond<TextSource>(status, "never to be seen");
    };
    Client client = connect();
    client.send(get("/first") + get("/second"));
    settle();
    const auto answers = client.answers();
    ASSERT_EQ(answers.size(), 2U) << client.received();
    for (const Answer& answer : answers) {
      EXPECT_EQ(answer.status, status);
      EXPECT_FALSE(answer.field("Content-Length"));
      EXPECT_FALSE(answer.field("Transfer-Encoding"));
    }
    EXPECT_TRUE(client.received().ends_with("\r\n\r\n"));
  }
}

TEST_F(ConnectionTest, AnAnswerWithoutASourceIsEmptyAndSaysSo) {
  handler_.answer = [](Exchange& exchange) { exchange.respond(404); };
  const Answer answer = ask(kGet);
  EXPECT_EQ(answer.status, 404);
  EXPECT_EQ(answer.field("Content-Length"), "0");
}

TEST_F(ConnectionTest, AHandlerMayAnswerLater) {
  handler_.at_once = false;
  handler_.gated = true;
  Client client = connect();
  client.send(get("/later") + get("/behind-it"));
  settle();
  EXPECT_EQ(client.received(), "");
  EXPECT_EQ(handler_.targets.size(), 1U) << "one request at a time";
  handler_.gate.give(true);
  settle();
  EXPECT_EQ(client.answers().size(), 1U);
  handler_.gate.give(true);
  settle();
  EXPECT_EQ(client.answers().size(), 2U);
}

struct Refusal {
  const char* name;
  std::string_view request;
  int status;
};

constexpr Refusal kRefusals[] = {
    {"NoRequest", "no request\r\n\r\n", 400},
    {"NoHost", "GET / HTTP/1.1\r\n\r\n", 400},
    {"BadTarget", "GET nowhere HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"BothFramings",
     "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
    {"OtherVersion", "GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505},
};

TEST_F(ConnectionTest, H2_NothingIsReadBehindWhatIsNoRequest) {
  for (const Refusal& refusal : kRefusals) {
    Client client = connect();
    client.send(std::string(refusal.request) + get("/behind-it"));
    client.finish_sending();
    settle();
    EXPECT_EQ(client.answer().status, refusal.status) << refusal.name;
    EXPECT_EQ(client.answer().field("Connection"), "close") << refusal.name;
    EXPECT_EQ(client.ended(), 0) << refusal.name;
  }
  EXPECT_TRUE(handler_.targets.empty());
}

TEST_F(ConnectionTest, H3_AnUnknownMethodIsRefusedAndTheConnectionKept) {
  Client client = connect();
  client.send("FROB / HTTP/1.1\r\nHost: a\r\n\r\n" + get("/next"));
  settle();
  const auto answers = client.answers();
  ASSERT_EQ(answers.size(), 2U);
  EXPECT_EQ(answers[0].status, 501);
  EXPECT_EQ(handler_.targets, std::vector<std::string>{"/next"});
}

TEST_F(ConnectionTest, H4_AHeadThatTakesTooLongIsAnsweredWith408) {
  limits_.header_timeout = std::chrono::milliseconds(20);
  Client client = connect();
  client.send("GET / HTTP/1.1\r\nHo");
  run_until([&] { return client.received().ends_with("\n"); });
  EXPECT_EQ(client.answer().status, 408);
}

TEST_F(ConnectionTest, H4_AConnectionThatIsIdleForTooLongIsClosedWithoutAWord) {
  limits_.idle_timeout = std::chrono::milliseconds(20);
  Client client = connect();
  client.send(kGet);
  settle();
  EXPECT_TRUE(client.answer().complete());
  const std::string before = client.received();
  run_until([&] { return client.received(), client.ended().has_value(); });
  EXPECT_EQ(client.received(), before);
}

TEST_F(ConnectionTest, H4_AClientThatTakesNothingIsResetAfterTheStallTimeout) {
  limits_.stall_timeout = std::chrono::milliseconds(50);
  const std::string content = test::payload(8 << 20);
  const auto source = answer_with(content.size());
  source->gives(content, Piece::After::kEnd);
  Client client = connect_tcp({.send_bytes = 16 * 1024, .receive_bytes = 16 * 1024});
  client.send(kGet);
  run_until([&] { return source->sources() == 1; });
  run_until([&] { return source->sources() == 0; });
  settle();
  client.received_to_end();
  EXPECT_EQ(client.ended(), ECONNRESET);
  EXPECT_EQ(client.answer().end, Answer::End::kCut);
}

}  // namespace
}  // namespace midstream::serve
