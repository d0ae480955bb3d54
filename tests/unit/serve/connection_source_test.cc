// Bodies of answers: sources that wait, that fail, and clients that leave meanwhile. A body that
// was cut never looks whole (L4).
#include <fcntl.h>

#include <algorithm>
#include <cerrno>

#include "base/errno_error.h"
#include "serve_test.h"
#include "support/log_capture.h"
#include "support/payload.h"
#include "support/short_sends.h"
#include "support/temp_dir.h"

namespace midstream::serve {
namespace {

using test::Answer;
using After = Piece::After;

constexpr std::string_view kBody = "The whole body of it.";

enum class Framing { kLength, kChunked, kClose };
constexpr Framing kFramings[] = {Framing::kLength, Framing::kChunked, Framing::kClose};

class SourceTest : public ServeTest {
 protected:
  static std::optional<std::uint64_t> size_for(Framing framing) {
    return framing == Framing::kLength ? std::optional<std::uint64_t>(kBody.size()) : std::nullopt;
  }
  static std::string_view request_for(Framing framing) {
    return framing == Framing::kClose ? "GET / HTTP/1.0\r\n\r\n" : kGet;
  }
  // The first `count` bytes of the body, in pieces.
  static void give(SourceScript& script, std::size_t count, std::size_t piece_size) {
    const std::string_view bytes = kBody.substr(0, count);
    for (std::size_t at = 0; at < count; at += piece_size)
      script.gives(std::string(bytes.substr(at, piece_size)));
  }
};

TEST_F(SourceTest, IsSentInPiecesOfEverySize) {
  for (const Framing framing : kFramings) {
    for (std::size_t size = 1; size <= kBody.size(); ++size) {
      give(*answer_with(size_for(framing)), kBody.size(), size);
      Client client = connect();
      client.send(request_for(framing));
      settle();
      const Answer answer = client.answer();
      EXPECT_EQ(answer.body, kBody) << "in pieces of " << size;
      EXPECT_EQ(answer.end,
                framing == Framing::kClose ? Answer::End::kByClose : Answer::End::kComplete);
      EXPECT_EQ(client.ended(), framing == Framing::kClose ? std::optional(0) : std::nullopt);
    }
  }
}

TEST_F(SourceTest, IsSentWholeHoweverLittleTheSocketTakes) {
  const test::TempDir dir;
  const UniqueFd file(::open(dir.file("body", kBody).c_str(), O_RDONLY | O_CLOEXEC));
  for (const Framing framing : kFramings) {
    for (std::size_t size = 1; size <= 200; size += size < 30 ? 1 : 17) {
      answer_with(size_for(framing))
          ->gives(std::string(kBody.substr(0, 5)))
          .gives_file({file.get(), 5, 10})
          .gives(std::string(kBody.substr(15)));
      Client client = connect();
      const test::ShortSends short_sends(client.server_fd(), size);
      client.send(request_for(framing));
      settle();
      EXPECT_EQ(client.answer().body, kBody) << "at most " << size << " bytes a call";
      EXPECT_NE(client.answer().end, Answer::End::kCut);
    }
  }
}

TEST_F(SourceTest, L1_WhatIsThereIsSentBeforeTheSourceIsWaitedFor) {
  for (const Framing framing : kFramings) {
    const auto source = answer_with(size_for(framing));
    source->gives(std::string(kBody.substr(0, 7))).pends().gives(std::string(kBody.substr(7)));
    Client client = connect();
    client.send(request_for(framing));
    settle();
    EXPECT_EQ(client.answer().body, kBody.substr(0, 7));
    ASSERT_TRUE(source->is_awaited());
    source->go_on();
    settle();
    EXPECT_EQ(client.answer().body, kBody);
    EXPECT_EQ(source->sources(), 0);
  }
}

TEST_F(SourceTest, L1_TheHeadIsSentBeforeThereIsAnyByte) {
  const auto source = answer_with();
  source->pends().gives("late");
  Client client = connect();
  client.send(kGet);
  settle();
  EXPECT_TRUE(client.received().ends_with("\r\n\r\n"));
  source->go_on();
  settle();
  EXPECT_EQ(client.answer().body, "late");
}

TEST_F(SourceTest, L1_NothingIsHeldBackForWhatMayComeLate) {
  for (const Framing framing : kFramings) {
    const auto source = answer_with(size_for(framing));
    source->gives("The").gives(" whole").pends().gives(std::string(kBody.substr(9)));
    Client client = connect();
    const test::ShortSends sends(client.server_fd());
    client.send(request_for(framing));
    settle();
    ASSERT_TRUE(source->is_awaited());
    EXPECT_EQ(sends.last_flags() & MSG_MORE, 0) << "the kernel waits for more (tcp(7))";
    source->go_on();
    settle();
    EXPECT_EQ(sends.last_flags() & MSG_MORE, 0);
    EXPECT_EQ(client.answer().body, kBody);
  }
}

// A part of a file may turn out not to be in memory. Over TCP, which holds such bytes for 200 ms.
TEST_F(SourceTest, L1_NothingIsHeldBackWhereMoreWasPromisedAndDoesNotCome) {
  for (const Framing framing : kFramings) {
    const auto source = answer_with(size_for(framing));
    source->gives("The").gives(" whole").pends_all_the_same().gives(std::string(kBody.substr(9)));
    Client client = connect_tcp();
    client.send(request_for(framing));
    settle();
    ASSERT_TRUE(source->is_awaited());
    EXPECT_EQ(client.answer().body, kBody.substr(0, 9));
    source->go_on();
    settle();
    EXPECT_EQ(client.answer().body, kBody);
  }
}

TEST_F(SourceTest, L4_AnEndThatComesLateIsAnEnd) {
  for (const Framing framing : kFramings) {
    const auto source = answer_with(size_for(framing));
    source->gives(std::string(kBody)).pends().ends();
    Client client = connect();
    client.send(request_for(framing));
    settle();
    ASSERT_TRUE(source->is_awaited());
    EXPECT_EQ(client.answer().complete(), framing == Framing::kLength);
    source->go_on();
    settle();
    EXPECT_EQ(client.answer().body, kBody);
    EXPECT_NE(client.answer().end, Answer::End::kCut);
    EXPECT_EQ(client.ended(), framing == Framing::kClose ? std::optional(0) : std::nullopt);
  }
}

TEST_F(SourceTest, MayBeWokenForNothing) {
  const auto source = answer_with();
  source->gives("a").pends().gives("b");
  Client client = connect();
  client.send(kGet);
  settle();
  for (int i = 0; i < 3; ++i) {
    source->wake_for_nothing();
    settle();
    ASSERT_TRUE(source->is_awaited());
  }
  source->go_on();
  settle();
  EXPECT_EQ(client.answer().body, "ab");
}

TEST_F(SourceTest, TheNextRequestIsAnsweredWhenTheSourceHasEnded) {
  const auto source = answer_with();
  source->gives("a").pends().gives("b");
  Client client = connect();
  client.send(get("/first") + get("/second"));
  settle();
  EXPECT_EQ(handler_.targets.size(), 1U);
  source->go_on();
  settle();
  EXPECT_EQ(client.answers().size(), 2U);
}

// -- failures -------------------------------------------------------------------------------------

TEST_F(SourceTest, L4_ASourceThatFailsAfterAnyByteGivesThemAllAndThenVisiblyBreaks) {
  const test::LogCapture log;
  for (const Framing framing : {Framing::kLength, Framing::kChunked}) {
    for (std::size_t size = 0; size <= kBody.size(); ++size) {
      for (const std::size_t piece_size : {std::size_t{1}, std::size_t{7}, kBody.size()}) {
        const auto source = answer_with(size_for(framing));
        give(*source, size, piece_size);
        source->fails();
        Client client = connect();
        client.send(get("/") + get("/never-answered"));
        client.finish_sending();
        settle();
        // All bytes of a length were given: then the message is whole.
        const bool whole = framing == Framing::kLength && size == kBody.size();
        EXPECT_EQ(client.answer().body, kBody.substr(0, size));
        EXPECT_EQ(client.answer().complete(), whole) << client.received();
        EXPECT_EQ(client.ended(), 0);
        EXPECT_EQ(source->sources(), 0);
      }
    }
  }
}

// Only a reset tells a client of HTTP/1.0 that this was not the end.
TEST_F(SourceTest, L4_ABodyThatEndsWithTheConnectionIsResetWhenItsSourceFails) {
  const test::LogCapture log;
  for (std::size_t size = 0; size <= kBody.size(); ++size) {
    const auto source = answer_with();
    give(*source, size, 7);
    source->fails();
    Client client = connect_tcp();
    client.send(request_for(Framing::kClose));
    run_until([&] { return handler_.targets.size() > size && source->sources() == 0; });
    settle();
    client.received_to_end();
    EXPECT_EQ(client.answer().body, kBody.substr(0, size));
    EXPECT_EQ(client.ended(), ECONNRESET);
  }
}

// A Unix socket cannot be reset: nobody could tell a piece from the whole.
TEST_F(SourceTest, L4_ABodyWhoseEndCannotBeToldApartIsNotBegun) {
  const auto source = answer_with();
  give(*source, kBody.size(), 7);
  Client client = connect_unix();
  client.send(request_for(Framing::kClose));
  settle();
  EXPECT_EQ(client.answer().status, 505);
  EXPECT_TRUE(client.answer().complete());
  EXPECT_EQ(source->sources(), 0);
  for (const Framing framing : {Framing::kLength, Framing::kChunked}) {
    give(*answer_with(size_for(framing)), kBody.size(), 7);
    Client modern = connect_unix();
    modern.send(kGet);
    settle();
    EXPECT_EQ(modern.answer().body, kBody);
  }
}

TEST_F(SourceTest, L4_AFailureAfterAWaitBreaksVisibly) {
  const test::LogCapture log;
  for (const Framing framing : kFramings) {
    const auto source = answer_with(size_for(framing));
    source->gives("The").pends().fails();
    Client client = connect_tcp();
    client.send(request_for(framing));
    run_until([&] { return source->is_awaited(); });
    source->go_on();
    settle();
    run_until([&] { return source->sources() == 0; });
    settle();
    client.received_to_end();
    EXPECT_EQ(client.answer().body, "The");
    EXPECT_FALSE(client.answer().complete());
    EXPECT_EQ(client.ended(), framing == Framing::kClose ? ECONNRESET : 0);
  }
}

TEST_F(SourceTest, F15_AFileThatIsShorterThanPromisedBreaksVisibly) {
  const test::LogCapture log;
  const test::TempDir dir;
  for (std::size_t size = 0; size < kBody.size(); ++size) {
    const UniqueFd file(
        ::open(dir.file("short", kBody.substr(0, size)).c_str(), O_RDONLY | O_CLOEXEC));
    for (const Framing framing : {Framing::kLength, Framing::kChunked}) {
      answer_with(size_for(framing))->gives_file({file.get(), 0, kBody.size()}, After::kEnd);
      Client client = connect();
      client.send(get("/") + get("/never-answered"));
      client.finish_sending();
      settle();
      EXPECT_EQ(client.answer().body, kBody.substr(0, size));
      EXPECT_FALSE(client.answer().complete());
      EXPECT_EQ(client.ended(), 0);
    }
  }
}

TEST_F(SourceTest, S6_AReadErrorIsLoggedWithTheTargetAndAFailedWriterOnlyWarnedOf) {
  const test::LogCapture log;
  answer_with()->gives("abc").fails(errno_error(EIO));
  (void)ask(get("/bad-disk"));
  EXPECT_NE(log.text().find("error /bad-disk: the body broke off after 3 bytes"), std::string::npos)
      << log.text();
  answer_with()->fails();
  (void)ask(get("/lost-writer"));
  EXPECT_NE(log.text().find("warning /lost-writer: the body broke off after 0 bytes"),
            std::string::npos)
      << log.text();
}

// Each piece leaves with a call of its own; all of them are tried.
TEST_F(SourceTest, S6_AnErrorOfAnySendEndsTheConnectionAndSaysNothing) {
  const test::LogCapture log;
  for (const int error : {EPIPE, ECONNRESET, ETIMEDOUT}) {
    for (std::size_t fine = 0; fine <= kBody.size(); ++fine) {
      Client client = connect();
      test::ShortSends sends(client.server_fd());
      const auto source = answer_with();
      give(*source, fine, 1);
      source->then([&] { sends.fail(error); }).gives("never to be seen");
      client.send(get("/") + get("/never-answered"));
      settle();
      EXPECT_EQ(client.answers().size(), fine == 0 ? 0U : 1U);
      for (const Answer& answer : client.answers())
        EXPECT_EQ(answer.body, kBody.substr(0, fine));
      EXPECT_TRUE(client.ended().has_value()) << fine;
      EXPECT_EQ(source->sources(), 0);
    }
  }
  EXPECT_EQ(log.text(), "");
}

// -- clients that leave
// -----------------------------------------------------------------------------

TEST_F(SourceTest, L5_AClientThatLeavesEndsTheWaitAtOnce) {
  for (const bool by_reset : {false, true}) {
    const auto source = answer_with();
    source->gives("a").pends();
    Client client = connect_tcp();
    client.send(kGet);
    run_until([&] { return source->is_awaited(); });
    by_reset ? client.reset() : client.leave();
    run_until([&] { return source->sources() == 0; });
    EXPECT_EQ(source->cancellations(), 1);
  }
}

TEST_F(SourceTest, L5_AClientThatLeftBeforeTheWaitIsNoticed) {
  const auto source = answer_with();
  source->gives("a").pends();
  handler_.at_once = false;
  handler_.gated = true;
  Client client = connect();
  client.send(kGet);
  settle();
  client.leave();
  settle();
  handler_.gate.give(true);
  settle();
  EXPECT_EQ(source->sources(), 0);
}

TEST_F(SourceTest, L5_OthersDoNotNotice) {
  const auto leaving = answer_with();
  leaving->gives("a").pends();
  Client first = connect();
  first.send(kGet);
  settle();
  const auto staying = answer_with();
  staying->gives("b").pends().gives("c");
  Client second = connect();
  second.send(kGet);
  settle();
  first.leave();
  settle();
  EXPECT_EQ(leaving->sources(), 0);
  ASSERT_TRUE(staying->is_awaited());
  staying->go_on();
  settle();
  EXPECT_EQ(second.answer().body, "bc");
}

TEST_F(SourceTest, BytesFromTheClientDoNotEndTheWait) {
  const auto source = answer_with();
  source->gives("a").pends().gives("b");
  Client client = connect();
  client.send(kGet);
  settle();
  client.send(get("/pipelined"));
  settle();
  EXPECT_TRUE(source->is_awaited());
  EXPECT_EQ(handler_.targets.size(), 1U);
  source->go_on();
  settle();
  EXPECT_EQ(client.answers().size(), 2U);
}

}  // namespace
}  // namespace midstream::serve
