#include "base/socket_io.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/syscall.h>

#include <array>
#include <string>

#include <gtest/gtest.h>

#include "support/failing_syscall.h"
#include "support/no_fd_left.h"
#include "support/payload.h"
#include "support/short_sends.h"
#include "support/sockets.h"
#include "support/temp_dir.h"

namespace midstream {
namespace {

using Status = IoOutcome::Status;

IoOutcome send_text(int socket, std::string text, bool more = false) {
  iovec part{text.data(), text.size()};
  return send_some(socket, {&part, 1}, more);
}

class SocketIo : public test::NoFdLeft {
 protected:
  test::SocketPair tcp() {
    auto pair = test::tcp_pair({.send_bytes = 4096, .receive_bytes = 4096});
    test::set_nonblocking(pair.near.get());
    return pair;
  }
  UniqueFd open(const std::string& content, int flags = O_RDONLY) {
    return UniqueFd(::open(dir_.file("file", content).c_str(), flags | O_CLOEXEC));
  }
  test::TempDir dir_;
};

TEST_F(SocketIo, SendsWhatFitsAndSaysWhenItIsFull) {
  auto pair = tcp();
  const std::string text = test::payload(1 << 20);
  iovec part{const_cast<char*>(text.data()), text.size()};
  const IoOutcome first = send_some(pair.near.get(), {&part, 1}, false);
  ASSERT_EQ(first.status, Status::kMoved);
  ASSERT_GT(first.bytes, 0U);
  ASSERT_LT(first.bytes, text.size());
  EXPECT_EQ(test::receive_exactly(pair.far.get(), first.bytes), text.substr(0, first.bytes));
  test::fill(pair.near.get());
  EXPECT_EQ(send_text(pair.near.get(), "x").status, Status::kWouldBlock);
}

struct ErrnoCase {
  int number;
  IoOutcome::Status status;
  error_code error;
};

error_code system_error(int number) { return {number, boost::system::system_category()}; }

const ErrnoCase kErrnoCases[] = {
    {EAGAIN, Status::kWouldBlock, {}},
    {EINTR, Status::kMoved, {}},  // tried again
    {EPIPE, Status::kError, Errc::kPeerGone},
    {ECONNRESET, Status::kError, Errc::kPeerGone},
    {ECONNABORTED, Status::kError, Errc::kPeerGone},
    {ETIMEDOUT, Status::kError, Errc::kPeerGone},
    {ENOTCONN, Status::kError, Errc::kPeerGone},
    {EHOSTUNREACH, Status::kError, Errc::kPeerGone},
    {ENETUNREACH, Status::kError, Errc::kPeerGone},
    {ENETDOWN, Status::kError, Errc::kPeerGone},
    {ENOBUFS, Status::kError, system_error(ENOBUFS)},
    {EIO, Status::kError, system_error(EIO)},
};

TEST_F(SocketIo, EveryErrnoHasItsOutcome) {
  const auto pair = test::unix_pair();
  const UniqueFd file = open("x");
  for (const ErrnoCase& row : kErrnoCases) {
    test::ShortSends sends(pair.near.get());
    sends.fail(row.number);
    const IoOutcome sent = send_text(pair.near.get(), "x");
    EXPECT_EQ(sent.status, row.status) << row.number;
    EXPECT_EQ(sent.error, row.error) << row.number;
    sends.fail(row.number);
    const IoOutcome file_sent = send_file_some(pair.near.get(), {file.get(), 0, 1}, 1);
    EXPECT_EQ(file_sent.status, row.status) << row.number;
    EXPECT_EQ(file_sent.error, row.error) << row.number;
  }
}

TEST_F(SocketIo, MoreIsMarkedForTheKernel) {
  const auto pair = test::unix_pair();
  const test::ShortSends sends(pair.near.get());
  EXPECT_EQ(send_text(pair.near.get(), "x", true).status, Status::kMoved);
  EXPECT_EQ(sends.last_flags(), MSG_MORE | MSG_NOSIGNAL);
  EXPECT_EQ(send_text(pair.near.get(), "x", false).status, Status::kMoved);
  EXPECT_EQ(sends.last_flags(), MSG_NOSIGNAL);
}

TEST_F(SocketIo, SendsSeveralPartsInTheirOrder) {
  const auto pair = test::unix_pair();
  std::array<std::string, 3> texts{"one ", "two ", "three"};
  std::array<iovec, 3> parts;
  for (std::size_t i = 0; i < 3; ++i)
    parts[i] = {texts[i].data(), texts[i].size()};
  EXPECT_EQ(send_some(pair.near.get(), parts, false).bytes, 13U);
  EXPECT_EQ(test::receive_exactly(pair.far.get(), 13), "one two three");
}

TEST_F(SocketIo, SendFileGivesTheRangeAndLeavesTheFilePosition) {
  const auto pair = test::unix_pair();
  const UniqueFd file = open("0123456789");
  const IoOutcome outcome = send_file_some(pair.near.get(), {file.get(), 3, 4}, 100);
  EXPECT_EQ(outcome.status, Status::kMoved);
  EXPECT_EQ(outcome.bytes, 4U);
  EXPECT_EQ(test::receive_exactly(pair.far.get(), 4), "3456");
  EXPECT_EQ(send_file_some(pair.near.get(), {file.get(), 3, 4}, 2).bytes, 2U);
  EXPECT_EQ(::lseek(file.get(), 0, SEEK_CUR), 0);
}

TEST_F(SocketIo, SendFileSaysWhenTheSocketIsFullAndWhenTheFileEnds) {
  auto pair = tcp();
  const UniqueFd file = open("0123456789");
  EXPECT_EQ(send_file_some(pair.near.get(), {file.get(), 10, 1}, 100).status, Status::kEnd);
  EXPECT_EQ(send_file_some(pair.near.get(), {file.get(), 8, 100}, 100).bytes, 2U)
      << "what there is";
  test::fill(pair.near.get());
  EXPECT_EQ(send_file_some(pair.near.get(), {file.get(), 0, 10}, 100).status, Status::kWouldBlock);
}

TEST_F(SocketIo, ErrorsOfTheFileAreTheirOwn) {
  const auto pair = test::unix_pair();
  const UniqueFd write_only = open("0123456789", O_WRONLY);
  const IoOutcome unreadable = send_file_some(pair.near.get(), {write_only.get(), 0, 10}, 100);
  EXPECT_EQ(unreadable.status, Status::kError);
  EXPECT_EQ(unreadable.error, boost::system::errc::bad_file_descriptor);
  const UniqueFd directory(::open(dir_.path().c_str(), O_RDONLY | O_CLOEXEC));
  EXPECT_EQ(send_file_some(pair.near.get(), {directory.get(), 0, 10}, 100).error,
            boost::system::errc::is_a_directory);
}

TEST_F(SocketIo, FileSystemsWithoutSendfileAreReadAndSent) {
  const auto pair = test::unix_pair();
  const std::string content = test::payload(200'000);
  const UniqueFd file = open(content);
  for (const int error : {EINVAL, ENOSYS}) {
    std::string received;
    const bool ran = test::run_refusing({SYS_sendfile, error}, [&] {
      std::uint64_t at = 0;
      while (at < content.size()) {
        const IoOutcome outcome =
            send_file_some(pair.near.get(), {file.get(), at, content.size() - at}, 1 << 20);
        if (outcome.status != Status::kMoved) {
          ASSERT_EQ(outcome.status, Status::kWouldBlock);
          continue;
        }
        received += test::receive_exactly(pair.far.get(), outcome.bytes);
        at += outcome.bytes;
      }
      EXPECT_EQ(send_file_some(pair.near.get(), {file.get(), at, 1}, 1).status, Status::kEnd);
    });
    if (!ran) GTEST_SKIP() << "no seccomp here";
    EXPECT_EQ(test::hash_of(received), test::hash_of(content));
  }
}

TEST_F(SocketIo, APeerThatResetIsGone) {
  auto pair = tcp();
  test::reset(pair.far);
  pollfd hung_up{pair.near.get(), POLLIN, 0};
  ASSERT_EQ(::poll(&hung_up, 1, 30'000), 1);
  for (int i = 0; i < 2; ++i) {  // ECONNRESET, then EPIPE
    const IoOutcome outcome = send_text(pair.near.get(), "x");
    EXPECT_EQ(outcome.status, Status::kError);
    EXPECT_EQ(outcome.error, Errc::kPeerGone);
  }
}

TEST_F(SocketIo, ReceivesAndSeesTheEnd) {
  auto pair = test::unix_pair();
  std::array<char, 16> buffer;
  EXPECT_EQ(receive_some(pair.near.get(), buffer).status, Status::kWouldBlock);
  ASSERT_EQ(::send(pair.far.get(), "hello", 5, 0), 5);
  const IoOutcome outcome = receive_some(pair.near.get(), buffer);
  EXPECT_EQ(outcome.status, Status::kMoved);
  EXPECT_EQ(std::string_view(buffer.data(), outcome.bytes), "hello");
  pair.far.reset();
  EXPECT_EQ(receive_some(pair.near.get(), buffer).status, Status::kEnd);
  const UniqueFd no_socket = open("x");
  EXPECT_EQ(receive_some(no_socket.get(), buffer).error, boost::system::errc::not_a_socket);
}

TEST_F(SocketIo, UnacknowledgedBytesFallWhenThePeerReads) {
  auto pair = tcp();
  EXPECT_EQ(unacknowledged_bytes(pair.near.get()), 0U);
  const std::size_t filled = test::fill(pair.near.get());
  const std::uint64_t waiting = unacknowledged_bytes(pair.near.get());
  EXPECT_GT(waiting, 0U);
  EXPECT_EQ(test::receive_exactly(pair.far.get(), filled).size(), filled);
  EXPECT_LT(unacknowledged_bytes(pair.near.get()), waiting);
  EXPECT_EQ(unacknowledged_bytes(-1), 0U);
}

TEST_F(SocketIo, ResetOnCloseIsAVisibleFailure) {
  auto pair = tcp();
  ASSERT_EQ(send_text(pair.near.get(), "all of it").bytes, 9U);
  writable_when_all_sent(pair.near.get());
  pollfd all_sent{pair.near.get(), POLLOUT, 0};
  ASSERT_EQ(::poll(&all_sent, 1, 30'000), 1);
  reset_on_close(pair.near.get());
  pair.near.reset();
  const test::Received received = test::receive_to_end(pair.far.get());
  EXPECT_EQ(received.bytes, "all of it");
  EXPECT_EQ(received.error, ECONNRESET);
}

}  // namespace
}  // namespace midstream
