#include "base/framed_output.h"

#include <fcntl.h>
#include <poll.h>

#include <csignal>
#include <cstdio>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "base/errno_error.h"
#include "support/no_fd_left.h"
#include "support/payload.h"
#include "support/short_sends.h"
#include "support/sockets.h"
#include "support/temp_dir.h"

namespace midstream {
namespace {

using Framing = FramedOutput::Framing;
using Status = FramedOutput::Status;
using test::receive_exactly;
using test::ShortSends;
using test::unix_pair;

// One thing that is put. The text is what goes out; for files, the file holds it at some offset.
struct Step {
  enum class Kind { kHead, kMemory, kFile, kMirroredFile, kEnd };
  Kind kind;
  std::string_view text = {};
  bool more = false;
};

constexpr Step head(std::string_view text, bool more = false) {
  return {Step::Kind::kHead, text, more};
}
constexpr Step memory(std::string_view text, bool more = false) {
  return {Step::Kind::kMemory, text, more};
}
constexpr Step file(std::string_view text, bool more = false) {
  return {Step::Kind::kFile, text, more};
}
constexpr Step mirrored(std::string_view text, bool more = false) {
  return {Step::Kind::kMirroredFile, text, more};
}
constexpr Step end(bool more = false) { return {Step::Kind::kEnd, {}, more}; }

constexpr std::string_view kHead = "HTTP/1.1 200 OK\r\n\r\n";

struct Message {
  const char* name;
  std::vector<Step> steps;
};

const Message kMessages[] = {
    {"OnlyHead", {head(kHead), end()}},
    {"NothingAtAll", {end()}},
    {"EmptyPiecesAreNoChunks",
     {head(kHead), memory(""), file(""), mirrored(""), memory("x"), end()}},
    {"Memory", {head(kHead, true), memory("hello memory"), end()}},
    {"File", {head(kHead, true), file("hello from the file"), end()}},
    {"MirroredFile", {head(kHead, true), mirrored("hello from both"), end()}},
    {"HeadLeavesAlone", {head(kHead), file("later"), end()}},
    {"SeveralOfEach",
     {head(kHead, true), memory("one"), mirrored("two"), file("three"), memory("four", true),
      mirrored("five", true), file("six", true), mirrored("seven"), end()}},
    {"AllTogether",
     {head(kHead, true), file("aaaa", true), file("bbbb", true), memory("cc", true),
      mirrored("d", true), end()}},
    {"HeadInTwoParts", {head("HTTP/1.1 200 OK\r\n", true), head("\r\n", true), memory("x"), end()}},
    {"SizesOfTwoHexDigits",
     {memory("0123456789abcdef0123456789abcdef", true), file("0123456789abcdef"),
      mirrored("0123456789abcde"), end()}},
    {"TheEndNeverWaits",
     {head(kHead, true), file("not", true), memory("held back", true), end(true)}},
    {"WithoutEnd", {head(kHead), memory("cut off"), file("in the middle")}},
};

std::string hex(std::size_t size) {
  char text[20];
  std::snprintf(text, sizeof text, "%zx", size);
  return text;
}

// What the peer must have received when everything up to `step` is flushed and nothing is held
// back.
std::string wire_of(const Message& message, Framing framing) {
  std::string wire;
  for (const Step& step : message.steps) {
    const bool chunk = framing == Framing::kChunked && step.kind != Step::Kind::kHead;
    if (step.kind == Step::Kind::kEnd) {
      if (chunk) wire += "0\r\n\r\n";
    } else if (!step.text.empty()) {
      if (chunk) wire += hex(step.text.size()) + "\r\n";
      wire += step.text;
      if (chunk) wire += "\r\n";
    }
  }
  return wire;
}

std::uint64_t body_bytes_of(const Message& message) {
  std::uint64_t count = 0;
  for (const Step& step : message.steps) {
    if (step.kind != Step::Kind::kHead) count += step.text.size();
  }
  return count;
}

class FramedOutputTest : public test::NoFdLeft {
 protected:
  // The pieces of files: a temporary file that holds each text somewhere in its middle.
  FileRange range_of(std::string_view text) {
    const std::string filled = "<before>" + std::string(text) + "<after>";
    const auto at = static_cast<std::uint64_t>(::lseek(file_.get(), 0, SEEK_END));
    EXPECT_EQ(::write(file_.get(), filled.data(), filled.size()),
              static_cast<ssize_t>(filled.size()));
    return {file_.get(), at + 8, text.size()};
  }

  void put(FramedOutput& output, const Step& step) {
    switch (step.kind) {
      case Step::Kind::kHead: output.put_head(step.text); break;
      case Step::Kind::kMemory: output.put_memory(step.text); break;
      case Step::Kind::kFile: output.put_file(range_of(step.text)); break;
      case Step::Kind::kMirroredFile: output.put_file(range_of(step.text), step.text); break;
      case Step::Kind::kEnd: output.put_end(); break;
    }
  }

  // Sends the message, and checks what has arrived after each step that holds nothing back.
  // `end_at_once`: the end is put behind the last piece before anything of that is sent.
  void send(const Message& message, Framing framing, std::size_t turn_bytes, bool end_at_once,
            std::string& received) {
    FramedOutput output;
    output.set_framing(framing);
    Message so_far{message.name, {}};
    for (auto at = message.steps.begin(); at != message.steps.end(); ++at) {
      put(output, *at);
      so_far.steps.push_back(*at);
      if (end_at_once && at + 1 != message.steps.end() && (at + 1)->kind == Step::Kind::kEnd) {
        put(output, *++at);
        so_far.steps.push_back(*at);
      }
      const Step& step = *at;
      Status status;
      while ((status = output.flush(pair_.near.get(), turn_bytes, step.more)) != Status::kFlushed) {
        ASSERT_TRUE(status == Status::kSocketFull || status == Status::kTurnOver)
            << static_cast<int>(status);
        ASSERT_TRUE(output.pending());
      }
      ASSERT_TRUE(output.between_pieces());
      if (step.more && step.kind != Step::Kind::kEnd) continue;
      ASSERT_FALSE(output.pending());
      const std::string expected = wire_of(so_far, framing);
      received += receive_exactly(pair_.far.get(), expected.size() - received.size());
      ASSERT_EQ(received, expected);
    }
    EXPECT_EQ(output.body_bytes(), body_bytes_of(message));
  }

  test::SocketPair pair_ = unix_pair();
  test::TempDir dir_;
  UniqueFd file_{::open((dir_ / "pieces").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)};
};

TEST_F(FramedOutputTest, EveryMessageWithEveryFragmentSize) {
  for (const Framing framing : {Framing::kRaw, Framing::kChunked}) {
    for (const Message& message : kMessages) {
      const std::size_t whole = wire_of(message, framing).size();
      for (std::size_t bytes_max = 1; bytes_max <= whole + 1; ++bytes_max) {
        for (const unsigned variant : {0U, 1U, 2U, 3U}) {
          const bool refuse = (variant & 1) != 0;
          const bool end_at_once = (variant & 2) != 0;
          SCOPED_TRACE(testing::Message()
                       << message.name << " chunked " << (framing == Framing::kChunked)
                       << " in fragments of " << bytes_max << " refusing " << refuse
                       << " end at once " << end_at_once);
          const ShortSends sends(pair_.near.get(), bytes_max, refuse);
          std::string received;
          ASSERT_NO_FATAL_FAILURE(send(message, framing, 1 << 20, end_at_once, received));
          EXPECT_EQ(received, wire_of(message, framing));
        }
      }
    }
  }
}

TEST_F(FramedOutputTest, EveryMessageWithEveryTurn) {
  for (const Framing framing : {Framing::kRaw, Framing::kChunked}) {
    for (const Message& message : kMessages) {
      for (std::size_t turn_bytes = 1; turn_bytes <= 24; ++turn_bytes) {
        SCOPED_TRACE(testing::Message() << message.name << " in turns of " << turn_bytes);
        const ShortSends sends(pair_.near.get(), 3);
        std::string received;
        ASSERT_NO_FATAL_FAILURE(send(message, framing, turn_bytes, turn_bytes % 2 == 0, received));
        EXPECT_EQ(received, wire_of(message, framing));
      }
    }
  }
}

TEST_F(FramedOutputTest, ATurnSendsNoMoreOfAFileThanItsShare) {
  FramedOutput output;
  output.put_file(range_of("0123456789"));
  EXPECT_EQ(output.flush(pair_.near.get(), 4, false), Status::kTurnOver);
  EXPECT_EQ(output.body_bytes(), 4U);
  EXPECT_EQ(output.flush(pair_.near.get(), 0, false), Status::kTurnOver);
  EXPECT_EQ(output.body_bytes(), 4U);
  EXPECT_EQ(output.flush(pair_.near.get(), 6, false), Status::kFlushed);
  EXPECT_EQ(receive_exactly(pair_.far.get(), 10), "0123456789");
}

TEST_F(FramedOutputTest, ATurnIsNotUsedUpByFraming) {
  FramedOutput output;
  output.set_framing(FramedOutput::Framing::kChunked);
  output.put_head("head\r\n\r\n");
  put(output, file("12345678"));
  output.put_end();
  ShortSends sends(pair_.near.get());
  EXPECT_EQ(output.flush(pair_.near.get(), 8, false), Status::kFlushed);
  EXPECT_EQ(sends.calls(), 3U);
}

TEST_F(FramedOutputTest, AMirroredPieceAndItsFramingLeaveInOneCall) {
  FramedOutput output;
  output.set_framing(Framing::kChunked);
  output.put_head(kHead);
  output.put_file(range_of("piece"), "piece");
  const ShortSends sends(pair_.near.get());
  EXPECT_EQ(output.flush(pair_.near.get(), 1 << 20, false), Status::kFlushed);
  EXPECT_EQ(sends.calls(), 1U);
  // Not operator+: GCC 12 at -O2 sees a copy beyond the string in it (-Warray-bounds).
  const std::string expected = std::string(kHead).append("5\r\npiece\r\n");
  EXPECT_EQ(receive_exactly(pair_.far.get(), expected.size()), expected);
}

TEST_F(FramedOutputTest, MoreHoldsBackTheChunkEndAndMarksTheSegment) {
  FramedOutput output;
  output.set_framing(Framing::kChunked);
  output.put_memory("piece");
  const ShortSends sends(pair_.near.get());
  EXPECT_EQ(output.flush(pair_.near.get(), 1 << 20, true), Status::kFlushed);
  EXPECT_NE(sends.last_flags() & MSG_MORE, 0);
  EXPECT_TRUE(output.pending()) << "the end of the chunk is still owed";
  EXPECT_TRUE(output.between_pieces());
  EXPECT_EQ(receive_exactly(pair_.far.get(), 8), "5\r\npiece");
  EXPECT_EQ(output.flush(pair_.near.get(), 1 << 20, false), Status::kFlushed);
  EXPECT_EQ(sends.last_flags() & MSG_MORE, 0);
  EXPECT_FALSE(output.pending());
  EXPECT_EQ(receive_exactly(pair_.far.get(), 2), "\r\n");
}

// Small buffers, a slow reader and pieces of all sizes: every way in which a real socket splits.
TEST_F(FramedOutputTest, BigPiecesOverTcpWithSmallBuffers) {
  for (const Framing framing : {Framing::kRaw, Framing::kChunked}) {
    auto tcp = test::tcp_pair({.send_bytes = 4096, .receive_bytes = 4096});
    test::set_nonblocking(tcp.near.get());
    const std::string big = test::payload(700'001);
    const std::string_view all = big;
    const Message message{
        "Big",
        {head(kHead, true), file(all.substr(0, 300'000), true), memory(all.substr(0, 50'000)),
         mirrored(all.substr(300'000, 16'384)), file(all.substr(123, 1)),
         mirrored(all.substr(5, 100'000)), memory(all.substr(600'000)), end()}};
    test::Received received;
    std::thread reader([&] { received = test::receive_to_end(tcp.far.get()); });
    FramedOutput output;
    output.set_framing(framing);
    unsigned waits = 0;
    for (const Step& step : message.steps) {
      put(output, step);
      Status status;
      while ((status = output.flush(tcp.near.get(), 64 * 1024, step.more)) != Status::kFlushed) {
        ASSERT_TRUE(status == Status::kSocketFull || status == Status::kTurnOver);
        if (status == Status::kTurnOver) continue;
        ++waits;
        pollfd writable{tcp.near.get(), POLLOUT, 0};
        ASSERT_EQ(::poll(&writable, 1, 30'000), 1);
      }
    }
    tcp.near.reset();
    reader.join();
    const std::string expected = wire_of(message, framing);
    EXPECT_GT(waits, 10U) << "the buffers were meant to be small";
    EXPECT_EQ(received.error, 0);
    EXPECT_EQ(received.bytes.size(), expected.size());
    EXPECT_EQ(test::hash_of(received.bytes), test::hash_of(expected));
  }
}

TEST_F(FramedOutputTest, AFileThatEndsEarlyNeverGetsAFinalChunk) {
  for (const bool with_memory : {false, true}) {
    FramedOutput output;
    output.set_framing(Framing::kChunked);
    const test::TempDir dir;
    const UniqueFd cut(::open(dir.file("cut", "1234567890").c_str(), O_RDWR | O_CLOEXEC));
    const std::string mirror = "1234567890";
    output.put_file({cut.get(), 0, 10},
                    with_memory ? std::string_view(mirror) : std::string_view());
    ASSERT_EQ(::ftruncate(cut.get(), 4), 0);
    const ShortSends sends(pair_.near.get(), 6);
    EXPECT_EQ(output.flush(pair_.near.get(), 1 << 20, false), Status::kFileEnded);
    EXPECT_EQ(output.flush(pair_.near.get(), 1 << 20, false), Status::kFileEnded) << "and stays so";
    pair_.near.reset();
    const std::string wire = test::receive_to_end(pair_.far.get()).bytes;
    EXPECT_EQ(wire, "a\r\n1234");
    EXPECT_FALSE(test::unchunk(wire).complete);
    pair_ = unix_pair();
  }
}

TEST_F(FramedOutputTest, AfterAnErrorNothingMoreIsSent) {
  FramedOutput output;
  output.put_memory("never arrives");
  {
    ShortSends sends(pair_.near.get());
    sends.fail(ECONNRESET, 1);
    EXPECT_EQ(output.flush(pair_.near.get(), 1 << 20, false), Status::kFailed);
    EXPECT_EQ(output.error(), Errc::kPeerGone);
    EXPECT_EQ(output.flush(pair_.near.get(), 1 << 20, false), Status::kFailed);
    EXPECT_EQ(sends.calls(), 1U);
  }
  pair_.near.reset();
  EXPECT_EQ(test::receive_to_end(pair_.far.get()).bytes, "");
}

TEST_F(FramedOutputTest, APeerThatClosedIsGone) {
  std::signal(SIGPIPE, SIG_IGN);  // sendfile(2) has no MSG_NOSIGNAL; see socket_io.h
  for (const Step& step : {memory("bytes"), file("bytes"), mirrored("bytes")}) {
    auto tcp = test::tcp_pair();
    test::set_nonblocking(tcp.near.get());
    test::reset(tcp.far);
    FramedOutput output;
    Status status = Status::kFlushed;
    for (int i = 0; i < 3 && status == Status::kFlushed; ++i) {
      put(output, step);
      status = output.flush(tcp.near.get(), 1 << 20, false);
    }
    EXPECT_EQ(status, Status::kFailed);
    EXPECT_EQ(output.error(), Errc::kPeerGone);
  }
  std::signal(SIGPIPE, SIG_DFL);
}

TEST_F(FramedOutputTest, TheTextBufferCanBeKept) {
  FramedOutput output;
  output.put_head(std::string(1000, 'h'));
  ASSERT_EQ(output.flush(pair_.near.get(), 1 << 20, false), Status::kFlushed);
  EXPECT_EQ(receive_exactly(pair_.far.get(), 1000), std::string(1000, 'h'));
  std::string buffer = output.take_text_buffer();
  EXPECT_TRUE(buffer.empty());
  EXPECT_GE(buffer.capacity(), 1000U);
  buffer = "stale";
  output.give_text_buffer(std::move(buffer));
  output.put_head("fresh");
  ASSERT_EQ(output.flush(pair_.near.get(), 1 << 20, false), Status::kFlushed);
  EXPECT_EQ(receive_exactly(pair_.far.get(), 5), "fresh");
}

TEST_F(FramedOutputTest, PuttingAPieceOverAnotherIsAProgrammersMistake) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  FramedOutput output;
  output.put_memory("on its way");
  EXPECT_DEATH(output.put_memory("too early"), "check failed");
  EXPECT_DEATH(output.put_file({0, 0, 1}), "check failed");
}

}  // namespace
}  // namespace midstream
