// A LiveFile into a TCP socket, blocking and with Asio: the same cases for both.
#include <sys/ioctl.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <future>
#include <optional>
#include <string>
#include <thread>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_future.hpp>
#include <gtest/gtest.h>

#include <midstream/send_file.h>

#include "base/socket_io.h"
#include "support/growing.h"
#include "support/io.h"
#include "support/no_fd_left.h"
#include "support/payload.h"
#include "support/short_sends.h"
#include "support/sockets.h"

namespace midstream {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using asio::ip::tcp;
using test::Growing;
using test::hash_of;

enum class Form { kBlocking, kAsio };

struct Sent {
  error_code error;
  std::uint64_t bytes = 0;  // with an error: only in the Asio form
};

// One transfer under way.
class Sending {
 public:
  Sending(Form form, UniqueFd socket, std::shared_ptr<LiveFile> file, SendFileOptions options) {
    if (form == Form::kBlocking) {
      fd_ = std::move(socket);
      outcome_ = std::async(std::launch::async, [this, file, options] {
        const auto sent = send_file(fd_.get(), file, options, stop_.get_token());
        return sent ? Sent{{}, *sent} : Sent{sent.error()};
      });
      return;
    }
    socket_.emplace(io_.emplace().io(), tcp::v4(), socket.release());
    outcome_ = promise_.get_future();
    const auto done = [this](error_code error, std::uint64_t bytes) {
      promise_.set_value({error, bytes});
    };
    async_send_file(*socket_, file, options, asio::bind_cancellation_slot(signal_.slot(), done));
  }
  Sending(const Sending&) = delete;
  Sending& operator=(const Sending&) = delete;
  ~Sending() { close(); }

  void cancel() {
    stop_.request_stop();
    if (io_) io_->run([this] { signal_.emit(asio::cancellation_type::terminal); });
  }
  [[nodiscard]] Sent outcome() {
    if (outcome_.wait_for(test::kBound) == std::future_status::ready) return outcome_.get();
    ADD_FAILURE() << "the transfer hangs";
    cancel();
    return outcome_.get();
  }
  [[nodiscard]] bool ends_within(std::chrono::milliseconds bound) {
    return outcome_.wait_for(bound) == std::future_status::ready;
  }
  void close() {
    if (io_) io_->stop();
    socket_.reset();
    fd_.reset();
  }
  [[nodiscard]] int fd() { return socket_ ? socket_->native_handle() : fd_.get(); }

 private:
  UniqueFd fd_;
  std::stop_source stop_;
  asio::cancellation_signal signal_;
  std::promise<Sent> promise_;
  std::future<Sent> outcome_;
  std::optional<test::IoThread> io_;
  std::optional<tcp::socket> socket_;
};

class SendFileTest : public test::NoFdLeft, public testing::WithParamInterface<Form> {
 protected:
  std::unique_ptr<Sending> send(const Growing& growing, SendFileOptions options = {},
                                test::TcpBuffers buffers = {}) {
    test::SocketPair pair = test::tcp_pair(buffers);
    far_ = std::move(pair.far);
    return std::make_unique<Sending>(GetParam(), std::move(pair.near), growing.file(), options);
  }
  UniqueFd far_;
};

INSTANTIATE_TEST_SUITE_P(Forms, SendFileTest, testing::Values(Form::kBlocking, Form::kAsio),
                         [](const auto& form) {
                           return form.param == Form::kBlocking ? "Blocking" : "Asio";
                         });

TEST_P(SendFileTest, L1_EachPieceLeavesWhenItIsWritten) {
  Growing growing("first ");
  const auto sending = send(growing, {.head = "head "});
  EXPECT_EQ(test::receive_exactly(far_.get(), 11), "head first ");
  growing.append("2");
  EXPECT_EQ(test::receive_exactly(far_.get(), 1), "2");
  growing.append("3");
  EXPECT_EQ(test::receive_exactly(far_.get(), 1), "3");
  growing.seal();
  const Sent sent = sending->outcome();
  EXPECT_FALSE(sent.error);
  EXPECT_EQ(sent.bytes, 8U) << "of the body, not of the head";
  sending->close();
  EXPECT_EQ(test::receive_to_end(far_.get()).error, 0);
}

TEST_P(SendFileTest, L1_BigFilesArriveByteForByte) {
  const std::string all = test::payload(3'000'000);
  for (const bool chunked : {false, true}) {
    Growing growing(std::string_view(all).substr(0, 1'000'000));
    const auto sending =
        send(growing, {.framing = chunked ? Framing::kChunked : Framing::kRaw}, {8192, 8192});
    auto received =
        std::async(std::launch::async, test::receive_to_end, far_.get(), std::string::npos);
    for (std::size_t at = 1'000'000; at < all.size(); at += 12'500)
      growing.append(std::string_view(all).substr(at, 12'500));
    growing.seal();
    const Sent sent = sending->outcome();
    EXPECT_FALSE(sent.error);
    EXPECT_EQ(sent.bytes, all.size());
    sending->close();
    const std::string wire = received.get().bytes;
    const test::Unchunked body = test::unchunk(chunked ? wire : "0\r\n\r\n");
    EXPECT_TRUE(body.complete);
    EXPECT_EQ(hash_of(chunked ? body.body : wire), hash_of(all));
  }
}

TEST_P(SendFileTest, L3_NeverMoreThanTheDeclaredSizeAndItEndsThere) {
  Growing growing("123456", 4);  // what lies behind it in the file is nobody's business
  const auto sending = send(growing);
  EXPECT_EQ(test::receive_exactly(far_.get(), 3), "123");
  growing.seal();
  EXPECT_EQ(sending->outcome().bytes, 4U);
  sending->close();
  EXPECT_EQ(test::receive_to_end(far_.get()).bytes, "4");
}

TEST_P(SendFileTest, L4_AWriterThatFailsBehindItsLastByteShows) {
  for (const auto count : {std::optional<std::uint64_t>(), std::optional<std::uint64_t>(5)}) {
    Growing growing("0123", 6);
    const auto sending = send(growing, {.offset = 1, .count = count});
    EXPECT_EQ(test::receive_exactly(far_.get(), 3), "123");
    growing.append("45");
    EXPECT_EQ(test::receive_exactly(far_.get(), 1), "4");
    growing.fail();
    EXPECT_EQ(sending->outcome().error, Errc::kWriterFailed);
    sending->close();
    EXPECT_EQ(test::receive_to_end(far_.get()).bytes, "") << "it would be whole by its length";
  }
}

TEST_P(SendFileTest, L4_AWriterThatFailsBehindItsLastByteGetsNoLastChunk) {
  Growing growing("0123", 4);
  const auto sending = send(growing, {.framing = Framing::kChunked});
  const std::string begin = test::receive_exactly(far_.get(), 6);
  growing.fail();
  EXPECT_EQ(sending->outcome().error, Errc::kWriterFailed);
  sending->close();
  const auto body = test::unchunk(begin + test::receive_to_end(far_.get()).bytes);
  EXPECT_EQ(body.body, "0123");
  EXPECT_FALSE(body.complete);
}

TEST_P(SendFileTest, ARangeThatEndsBeforeTheDeclaredSizeNeedNotWaitForTheSeal) {
  Growing growing("0123", 4);
  const auto sending = send(growing, {.offset = 1, .count = 2});
  EXPECT_EQ(sending->outcome().bytes, 2U);
  sending->close();
  EXPECT_EQ(test::receive_to_end(far_.get()).bytes, "12");
}

TEST_P(SendFileTest, L4_LessThanTheCountThatWasAskedForIsAFailure) {
  for (const auto declared : {std::optional<std::uint64_t>(4), std::optional<std::uint64_t>()}) {
    Growing growing("1234", declared);
    growing.seal();
    const auto sending = send(growing, {.count = 10});
    EXPECT_EQ(sending->outcome().error, Errc::kIncomplete);
    sending->close();
    EXPECT_EQ(test::receive_to_end(far_.get()).bytes, "1234");
  }
}

TEST_P(SendFileTest, L8_ARangeIsSentAndNotAByteMore) {
  Growing growing("0123");
  const auto sending = send(growing, {.offset = 2, .count = 4});
  EXPECT_EQ(test::receive_exactly(far_.get(), 2), "23");
  growing.append("456789");
  const Sent sent = sending->outcome();
  EXPECT_FALSE(sent.error);
  EXPECT_EQ(sent.bytes, 4U);
  sending->close();
  EXPECT_EQ(test::receive_to_end(far_.get()).bytes, "45");
}

TEST_P(SendFileTest, L4_AWriterThatFailsShowsAfterAllItsBytes) {
  const std::string all = test::payload(300'000);
  for (const bool chunked : {false, true}) {
    Growing growing(all);
    const auto sending = send(growing, {.framing = chunked ? Framing::kChunked : Framing::kRaw});
    auto received =
        std::async(std::launch::async, test::receive_to_end, far_.get(), std::string::npos);
    growing.fail(Errc::kWriterStalled);
    EXPECT_EQ(sending->outcome().error, Errc::kWriterStalled);
    sending->close();
    const test::Received got = received.get();
    if (chunked) {
      const test::Unchunked body = test::unchunk(got.bytes);
      EXPECT_FALSE(body.complete);
      EXPECT_EQ(hash_of(body.body), hash_of(all));
    } else {
      EXPECT_EQ(hash_of(got.bytes), hash_of(all));
      EXPECT_EQ(got.error, ECONNRESET) << "nothing else would tell the receiver";
    }
  }
}

// Whatever side the error of a writer is counted to.
TEST_P(SendFileTest, L4_AFullQuotaOfTheWriterShowsAfterAllItsBytes) {
  const std::string all = test::payload(100'000);
  Growing growing(all);
  const auto sending = send(growing, {}, {400'000, 4096});
  const auto until = std::chrono::steady_clock::now() + test::kBound;
  const auto in_the_socket = [&] {
    int there = 0;
    EXPECT_EQ(::ioctl(far_.get(), FIONREAD, &there), 0);
    return unacknowledged_bytes(sending->fd()) + static_cast<std::uint64_t>(there);
  };
  while (in_the_socket() < all.size() && std::chrono::steady_clock::now() < until) {
    std::this_thread::yield();
  }
  const error_code full(EDQUOT, boost::system::system_category());
  growing.fail(full);
  EXPECT_FALSE(sending->ends_within(50ms)) << "the peer has not even read";
  auto received =
      std::async(std::launch::async, test::receive_to_end, far_.get(), std::string::npos);
  EXPECT_EQ(sending->outcome().error, full);
  sending->close();
  const test::Received got = received.get();
  EXPECT_EQ(hash_of(got.bytes), hash_of(all));
  EXPECT_EQ(got.error, ECONNRESET);
}

TEST_P(SendFileTest, L5_CancelledWhileItWaitsForTheWriter) {
  Growing growing("some");
  const auto sending = send(growing);
  EXPECT_EQ(test::receive_exactly(far_.get(), 4), "some");
  sending->cancel();
  EXPECT_EQ(sending->outcome().error, asio::error::operation_aborted);
  growing.append("more");
}

TEST_P(SendFileTest, L5_CancelledInTheMiddleOfATransferThatThePeerDoesNotRead) {
  Growing growing(test::payload(8'000'000));
  growing.seal();
  const auto sending = send(growing, {}, {8192, 8192});
  EXPECT_EQ(test::receive_exactly(far_.get(), 1).size(), 1U);
  sending->cancel();
  EXPECT_EQ(sending->outcome().error, asio::error::operation_aborted);
  sending->close();
  EXPECT_LT(test::receive_to_end(far_.get()).bytes.size(), 8'000'000U);
}

TEST_P(SendFileTest, S2_APeerThatNeverReadsIsLetGo) {
  Growing growing(test::payload(8'000'000));
  const auto sending = send(growing, {.stall_timeout = 50ms}, {8192, 8192});
  EXPECT_EQ(sending->outcome().error, Errc::kPeerStalled);
}

TEST_P(SendFileTest, L4_APeerThatStalledNeverTakesThePrefixForTheWhole) {
  for (const bool sealed : {false, true}) {
    Growing growing(test::payload(8'000'000));
    if (sealed) growing.seal();
    const auto sending = send(growing, {.stall_timeout = 50ms}, {8192, 8192});
    EXPECT_EQ(sending->outcome().error, Errc::kPeerStalled);
    sending->close();
    const test::Received got = test::receive_to_end(far_.get());
    EXPECT_LT(got.bytes.size(), 8'000'000U);
    EXPECT_EQ(got.error, ECONNRESET) << "nothing else would tell the receiver";
  }
}

// As a network file system, or a writer's deadline, may say it (errno(3)).
TEST_P(SendFileTest, L4_AFileThatTimedOutIsNoPeerThatIsGone) {
  Growing growing("some");
  const auto sending = send(growing);
  EXPECT_EQ(test::receive_exactly(far_.get(), 4), "some");
  const error_code timed_out(ETIMEDOUT, boost::system::system_category());
  growing.fail(timed_out);
  EXPECT_EQ(sending->outcome().error, timed_out);
  sending->close();
  EXPECT_EQ(test::receive_to_end(far_.get()).error, ECONNRESET);
}

TEST_P(SendFileTest, APeerThatResetsIsGone) {
  Growing growing(test::payload(8'000'000));
  const auto sending = send(growing, {}, {8192, 8192});
  EXPECT_EQ(test::receive_exactly(far_.get(), 1).size(), 1U);
  test::reset(far_);
  EXPECT_EQ(sending->outcome().error, Errc::kPeerGone);
}

// sendfile(2) raises SIGPIPE, which ends a program that does not ignore it: this one does not.
TEST_P(SendFileTest, APeerThatFinishesAndLeavesEndsTheTransferAndNotTheProgram) {
  struct sigaction action {};
  ASSERT_EQ(::sigaction(SIGPIPE, nullptr, &action), 0);
  ASSERT_EQ(action.sa_handler, SIG_DFL);
  Growing growing("some");
  const auto sending = send(growing);
  EXPECT_EQ(test::receive_exactly(far_.get(), 4), "some");
  far_.reset();
  growing.append(test::payload(8'000'000));
  EXPECT_EQ(sending->outcome().error, Errc::kPeerGone);
}

TEST_P(SendFileTest, EveryFragmentSizeGivesTheSameBytes) {
  const std::string all = test::payload(40'000);
  const std::string some = all.substr(0, 300);
  for (const std::size_t fragment : {1U, 2U, 3U, 7U, 64U, 1000U, 16'384U}) {
    for (const bool chunked : {false, true}) {
      test::SocketPair pair = test::tcp_pair();
      const test::ShortSends cut(pair.near.get(), fragment, true);
      const std::string& body = fragment < 64 ? some : all;
      Growing growing(body.substr(0, body.size() / 2));
      growing.append(body.substr(body.size() / 2));
      growing.seal();
      Sending sending(GetParam(), std::move(pair.near), growing.file(),
                      {.framing = chunked ? Framing::kChunked : Framing::kRaw, .head = "head"});
      auto received =
          std::async(std::launch::async, test::receive_to_end, pair.far.get(), std::string::npos);
      const Sent sent = sending.outcome();
      EXPECT_FALSE(sent.error);
      EXPECT_EQ(sent.bytes, body.size());
      sending.close();
      const std::string wire = received.get().bytes;
      ASSERT_TRUE(wire.starts_with("head"));
      const std::string rest = wire.substr(4);
      EXPECT_EQ(hash_of(chunked ? test::unchunk(rest).body : rest), hash_of(body)) << fragment;
      EXPECT_TRUE(!chunked || test::unchunk(rest).complete);
    }
  }
}

using SendFile = test::NoFdLeft;

TEST_F(SendFile, S2_AStallIsFoundWhereTheOperationRuns) {
  Growing growing(test::payload(8'000'000));
  test::SocketPair pair = test::tcp_pair({8192, 8192});
  test::IoThread io;
  asio::io_context own{1};
  tcp::socket socket(io.io(), tcp::v4(), pair.near.release());
  std::optional<error_code> outcome;
  async_send_file(socket, growing.file(), {.stall_timeout = 200ms},
                  asio::bind_executor(own.get_executor(),
                                      [&](error_code error, std::uint64_t) { outcome = error; }));
  own.run_for(100ms);  // the socket is full
  asio::steady_timer later(io.io(), 400ms);
  later.async_wait(asio::use_future).wait();
  EXPECT_EQ(own.poll_one(), 1U);
  EXPECT_FALSE(outcome) << "the wait was ended from another thread";
  EXPECT_TRUE(test::run_until(own, [&] { return outcome.has_value(); }));
  EXPECT_EQ(outcome, Errc::kPeerStalled);
  io.stop();
}

TEST_F(SendFile, TheBlockingFormGivesTheSocketItsModeBack) {
  test::SocketPair pair = test::tcp_pair();
  Growing growing("1");
  growing.seal();
  EXPECT_EQ(send_file(pair.near.get(), growing.file()).value(), 1U);
  EXPECT_FALSE(test::is_nonblocking(pair.near.get()));
  EXPECT_EQ(send_file(-1, growing.file()).error().value(), EBADF);
}

}  // namespace
}  // namespace midstream
