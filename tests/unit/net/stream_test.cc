#include "net/stream.h"

#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <gtest/gtest.h>

#include "support/io.h"
#include "support/no_fd_left.h"
#include "support/sockets.h"

namespace midstream::net {
namespace {

enum class For : std::uint8_t { kReadable, kWritable };

// Where a coroutine writes down how its wait ended.
using Ended = std::optional<Wake>;

Awaitable<void> wait_for(Stream& stream, For what, Ended& ended) {
  ended.reset();
  if (what == For::kReadable) {
    ended = co_await stream.wait_readable();
  } else {
    ended = co_await stream.wait_writable();
  }
}

class StreamTest : public test::NoFdLeft {
 protected:
  void SetUp() override { use(test::tcp_pair()); }

  void use(test::SocketPair pair) {
    test::set_nonblocking(pair.near.get());
    far_ = std::move(pair.far);
    stream_.emplace(poll_set_, std::move(pair.near));
    ASSERT_FALSE(stream_->open());
    settle();
  }

  // What has happened is noticed.
  void settle() { test::run_ready(context_); }

  void wait(For what) {
    asio::co_spawn(context_, wait_for(*stream_, what, ended_), asio::detached);
    settle();
  }
  void run_until_ended() {
    EXPECT_TRUE(test::run_until(context_, [this] { return ended_.has_value(); }));
  }
  void run_until_readable() {
    EXPECT_TRUE(test::run_until(context_, [this] { return stream_->readable(); }));
  }
  void run_until_hung_up() {
    EXPECT_TRUE(test::run_until(context_, [this] { return stream_->hung_up(); }));
  }

  void send(std::string_view bytes) const {
    EXPECT_EQ(::send(far_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(bytes.size()));
  }
  std::string receive(std::size_t room) {
    std::string text(room, '\0');
    const IoOutcome outcome = stream_->receive(text);
    text.resize(outcome.bytes);
    return text;
  }
  // Gives how much the other end has to read now.
  std::size_t fill() {
    const std::size_t count = test::fill(stream_->fd());
    stream_->note_full();
    return count;
  }
  // The other end reads `count` bytes, or fewer if something happens first. Gives how many it left.
  template <class Happened>
  std::size_t drain_until(std::size_t count, Happened happened) {
    constexpr std::size_t kStep = 1024;
    while (count > 0 && !happened()) {
      count -= test::receive_exactly(far_.get(), std::min(count, kStep)).size();
      settle();
    }
    EXPECT_TRUE(test::run_until(context_, happened));
    return count;
  }

  asio::io_context context_{1};
  PollSet poll_set_{context_};
  UniqueFd far_;
  Ended ended_;
  std::optional<Stream> stream_;  // destroyed first: it may hold a coroutine that waits
};

// -- reading --------------------------------------------------------------------------------------

TEST_F(StreamTest, BeginsWritableAndNotReadable) {
  EXPECT_TRUE(stream_->writable());
  EXPECT_FALSE(stream_->readable());
  EXPECT_FALSE(stream_->hung_up());
}

TEST_F(StreamTest, BytesEndAWait) {
  wait(For::kReadable);
  EXPECT_FALSE(ended_.has_value());
  send("abc");
  run_until_ended();
  EXPECT_EQ(ended_, Wake::kReady);
  EXPECT_EQ(receive(10), "abc");
}

TEST_F(StreamTest, BytesThatCameBeforeTheWaitAreKnown) {
  send("abc");
  run_until_readable();
  EXPECT_EQ(receive(10), "abc");
}

TEST_F(StreamTest, IsReadableUntilAReceiveComesUpShort) {
  send("abcdef");
  run_until_readable();
  EXPECT_EQ(receive(3), "abc");
  EXPECT_TRUE(stream_->readable()) << "there may be more";
  EXPECT_EQ(receive(3), "def");
  EXPECT_TRUE(stream_->readable());
  EXPECT_EQ(receive(3), "");
  EXPECT_FALSE(stream_->readable());
}

TEST_F(StreamTest, EveryEdgeAfterAShortReceiveIsSeen) {
  for (int i = 0; i < 100; ++i) {
    wait(For::kReadable);
    send("x");
    run_until_ended();
    EXPECT_EQ(receive(10), "x");
    EXPECT_FALSE(stream_->readable());
  }
}

TEST_F(StreamTest, AReaderSleepsThroughWritability) {
  const std::size_t count = fill();
  wait(For::kReadable);
  drain_until(count, [this] { return stream_->writable(); });
  EXPECT_FALSE(ended_.has_value());
}

// -- listening for bytes --------------------------------------------------------------------------

class TakeBytes final : public BytesListener {
 public:
  TakeBytes(Stream& stream, std::string& taken, bool go_on)
      : stream_(stream), taken_(taken), go_on_(go_on) {}
  bool on_bytes() override {
    std::array<char, 64> buffer;
    taken_.append(buffer.data(), stream_.receive(buffer).bytes);
    return go_on_;
  }

 private:
  Stream& stream_;
  std::string& taken_;
  bool go_on_;
};

TEST_F(StreamTest, WhoListensForBytesMayTakeThemAndLetTheCoroutineSleep) {
  std::string taken;
  TakeBytes listener(*stream_, taken, true);
  stream_->listen_for_bytes(&listener);
  wait(For::kReadable);
  send("abc");
  EXPECT_TRUE(test::run_until(context_, [&] { return taken == "abc"; })) << taken;
  send("def");
  EXPECT_TRUE(test::run_until(context_, [&] { return taken == "abcdef"; })) << taken;
  EXPECT_FALSE(ended_.has_value());
}

TEST_F(StreamTest, WhoListensForBytesMayEndTheWait) {
  std::string taken;
  TakeBytes listener(*stream_, taken, false);
  stream_->listen_for_bytes(&listener);
  wait(For::kReadable);
  send("abc");
  run_until_ended();
  EXPECT_EQ(ended_, Wake::kReady);
  EXPECT_EQ(taken, "abc");
}

TEST_F(StreamTest, WhoListensForBytesIsNotAskedWhileNobodyWaits) {
  std::string taken;
  TakeBytes listener(*stream_, taken, true);
  stream_->listen_for_bytes(&listener);
  send("abc");
  run_until_readable();
  EXPECT_EQ(taken, "");
}

// -- writing --------------------------------------------------------------------------------------

TEST_F(StreamTest, RoomEndsAWait) {
  const std::size_t count = fill();
  wait(For::kWritable);
  ASSERT_FALSE(ended_.has_value());
  drain_until(count, [this] { return ended_.has_value(); });
  EXPECT_EQ(ended_, Wake::kReady);
  EXPECT_TRUE(stream_->writable());
}

TEST_F(StreamTest, AWriterSleepsThroughBytes) {
  fill();
  wait(For::kWritable);
  send("abc");
  run_until_readable();
  EXPECT_FALSE(ended_.has_value());
}

// Bytes that were handed to the network but not acknowledged are sent.
std::size_t not_sent(int socket) {
  int bytes = -1;
  EXPECT_EQ(::ioctl(socket, SIOCOUTQNSD, &bytes), 0);
  return static_cast<std::size_t>(bytes);
}

TEST_F(StreamTest, WhoWantsAllSentWaitsUntilItIs) {
  use(test::tcp_pair({.send_bytes = 256 * 1024, .receive_bytes = 16 * 1024}));
  const std::string bytes(64 * 1024, 'x');  // fits here, but not there
  ASSERT_EQ(::send(stream_->fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL),
            static_cast<ssize_t>(bytes.size()));
  EXPECT_TRUE(stream_->writable());
  stream_->want_all_sent();
  EXPECT_FALSE(stream_->writable());
  wait(For::kWritable);
  ASSERT_FALSE(ended_.has_value());
  ASSERT_GT(not_sent(stream_->fd()), 0U);
  const auto ended = [this] { return ended_.has_value(); };
  const std::size_t left = drain_until(bytes.size(), ended);
  EXPECT_EQ(not_sent(stream_->fd()), 0U);
  EXPECT_EQ(test::receive_exactly(far_.get(), left), std::string(left, 'x'));
}

TEST_F(StreamTest, WhoWantsAllSentNeedNotWaitWhereItIs) {
  stream_->want_all_sent();
  wait(For::kWritable);
  run_until_ended();
  EXPECT_EQ(ended_, Wake::kReady);
}

// -- the other end leaves -------------------------------------------------------------------------

class Hangups final : public HangupListener {
 public:
  void on_hangup() override { ++count; }
  int count = 0;
};

TEST_F(StreamTest, TheEndOfTheOtherSideEndsAWaitForBytes) {
  wait(For::kReadable);
  far_.reset();
  run_until_ended();
  EXPECT_EQ(ended_, Wake::kReady);
  EXPECT_TRUE(stream_->hung_up());
  std::array<char, 8> buffer;
  EXPECT_EQ(stream_->receive(buffer).status, IoOutcome::Status::kEnd);
}

TEST_F(StreamTest, AResetEndsAWaitForRoom) {
  fill();
  wait(For::kWritable);
  test::reset(far_);
  run_until_ended();
  EXPECT_EQ(ended_, Wake::kReady);
  EXPECT_TRUE(stream_->hung_up());
  std::array<char, 8> buffer;
  EXPECT_EQ(stream_->receive(buffer).error, make_error_code(Errc::kPeerGone));
}

TEST_F(StreamTest, WhatTheOtherSideSentBeforeItLeftCanStillBeRead) {
  send("abc");
  far_.reset();
  run_until_hung_up();
  EXPECT_EQ(receive(2), "ab");
  EXPECT_EQ(receive(2), "c");
  EXPECT_TRUE(stream_->readable()) << "the end has no edge of its own";
  std::array<char, 8> buffer;
  EXPECT_EQ(stream_->receive(buffer).status, IoOutcome::Status::kEnd);
}

TEST_F(StreamTest, WhoListensForTheHangupIsToldOnceAndTheCoroutineIsNot) {
  Hangups hangups;
  stream_->listen_for_hangup(&hangups);
  ASSERT_EQ(::shutdown(far_.get(), SHUT_WR), 0);
  EXPECT_TRUE(test::run_until(context_, [&] { return hangups.count > 0; }));
  test::reset(far_);
  settle();
  EXPECT_EQ(hangups.count, 1);
}

TEST_F(StreamTest, WhoNoLongerListensForTheHangupIsNotTold) {
  Hangups hangups;
  stream_->listen_for_hangup(&hangups);
  stream_->listen_for_hangup(nullptr);
  far_.reset();
  run_until_hung_up();
  EXPECT_EQ(hangups.count, 0);
}

// -- interruptions and the end --------------------------------------------------------------------

TEST_F(StreamTest, AnInterruptEndsTheWaitInsideTheCall) {
  for (const For what : {For::kReadable, For::kWritable}) {
    if (what == For::kWritable) fill();
    wait(what);
    ASSERT_FALSE(ended_.has_value());
    stream_->interrupt();
    EXPECT_EQ(ended_, Wake::kInterrupted);
  }
}

TEST_F(StreamTest, AnInterruptWithoutAWaitIsForgotten) {
  stream_->interrupt();
  wait(For::kReadable);
  EXPECT_FALSE(ended_.has_value());
}

TEST_F(StreamTest, AfterAnInterruptTheNextWaitIsAsGoodAsTheFirst) {
  wait(For::kReadable);
  stream_->interrupt();
  wait(For::kReadable);
  send("abc");
  run_until_ended();
  EXPECT_EQ(ended_, Wake::kReady);
}

TEST_F(StreamTest, CloseTellsTheOtherSideAndMayBeRepeated) {
  stream_->close();
  EXPECT_EQ(test::receive_to_end(far_.get()).error, 0);
  stream_->close();
  settle();
}

TEST_F(StreamTest, CannotBeOpenedWithoutASocket) {
  Stream broken(poll_set_, UniqueFd());
  EXPECT_EQ(broken.open().value(), EBADF);
}

// -- Unix sockets: the same, with other edges in the kernel ---------------------------------------

class UnixStreamTest : public StreamTest {
 protected:
  void SetUp() override { use(test::unix_pair()); }
};

TEST_F(UnixStreamTest, BytesAndTheEndEndAWait) {
  wait(For::kReadable);
  send("abc");
  run_until_ended();
  EXPECT_EQ(receive(10), "abc");
  wait(For::kReadable);
  far_.reset();
  run_until_ended();
  EXPECT_TRUE(stream_->hung_up());
}

TEST_F(UnixStreamTest, RoomEndsAWait) {
  const std::size_t count = fill();
  wait(For::kWritable);
  ASSERT_FALSE(ended_.has_value());
  drain_until(count, [this] { return ended_.has_value(); });
}

TEST_F(UnixStreamTest, WhatTheClientHasReadCountsAsAcknowledged) {
  fill();
  std::uint64_t before = unacknowledged_bytes(stream_->fd());
  EXPECT_GT(before, 0U);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(test::receive_exactly(far_.get(), 4096).size(), 4096U);
    const std::uint64_t after = unacknowledged_bytes(stream_->fd());
    EXPECT_LT(after, before);
    before = after;
  }
}

TEST_F(UnixStreamTest, WhoWantsAllSentNeedNotWait) {
  stream_->want_all_sent();
  wait(For::kWritable);
  run_until_ended();
  EXPECT_EQ(ended_, Wake::kReady);
}

}  // namespace
}  // namespace midstream::net
