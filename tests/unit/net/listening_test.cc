#include "net/listening.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cerrno>
#include <cstddef>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "support/no_fd_left.h"
#include "support/sockets.h"
#include "support/temp_dir.h"

namespace midstream::net {
namespace {

namespace fs = std::filesystem;

const Endpoint kAnyPort(asio::ip::address_v4::loopback(), 0);

bool is_close_on_exec(int fd) { return (::fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0; }

mode_t mode_of(const fs::path& path) {
  struct stat status {};
  EXPECT_EQ(::lstat(path.c_str(), &status), 0) << path;
  return status.st_mode;
}

// 0, or the errno of connect(2).
int connect_to(const fs::path& path) {
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  path.native().copy(name.sun_path, sizeof name.sun_path - 1);
  const UniqueFd client(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  return ::connect(client.get(), reinterpret_cast<sockaddr*>(&name), sizeof name) == 0 ? 0 : errno;
}

class ListeningTest : public test::NoFdLeft {
 protected:
  [[nodiscard]] UnixAddress address(unsigned mode = 0666) const {
    return {.path = (directory_ / "socket").string(), .mode = mode};
  }
  [[nodiscard]] fs::path path() const { return directory_ / "socket"; }

  // As a server that was killed leaves it.
  void leave_stale_file() const {
    auto listening = listen_on(address());
    ASSERT_TRUE(listening.has_value());
    fs::rename(path(), directory_ / "kept");
    *listening = Listening();
    fs::rename(directory_ / "kept", path());
    ASSERT_EQ(connect_to(path()), ECONNREFUSED);
  }

  test::TempDir directory_;
};

// -- TCP ------------------------------------------------------------------------------------------

TEST_F(ListeningTest, TcpSaysWhichPortItWasGiven) {
  const auto listening = listen_on(kAnyPort, false);
  ASSERT_TRUE(listening.has_value());
  EXPECT_NE(listening->endpoint.port(), 0);
  EXPECT_TRUE(listening->is_tcp());
  EXPECT_FALSE(listening->for_all_workers);
  EXPECT_EQ(text_of(*listening), "http://127.0.0.1:" + std::to_string(listening->endpoint.port()));
}

TEST_F(ListeningTest, WorkersOfOneServerShareAPort) {
  const auto first = listen_on(kAnyPort, false);
  ASSERT_TRUE(first.has_value());
  const auto second = listen_on(first->endpoint, true);
  ASSERT_TRUE(second.has_value());
  EXPECT_EQ(second->endpoint, first->endpoint);
}

TEST_F(ListeningTest, APortOfAnotherServerIsInUse) {
  const auto other = listen_on(kAnyPort, false);
  ASSERT_TRUE(other.has_value());
  EXPECT_EQ(listen_on(other->endpoint, false).error().value(), EADDRINUSE);
}

// -- Unix -----------------------------------------------------------------------------------------

TEST_F(ListeningTest, AUnixSocketTakesConnectionsAndIsForAllWorkers) {
  const auto listening = listen_on(address());
  ASSERT_TRUE(listening.has_value());
  EXPECT_EQ(connect_to(path()), 0);
  EXPECT_FALSE(listening->is_tcp());
  EXPECT_TRUE(listening->for_all_workers);
  EXPECT_EQ(text_of(*listening), "unix:" + path().string());
  EXPECT_TRUE(test::is_nonblocking(listening->socket.get()));
  EXPECT_TRUE(is_close_on_exec(listening->socket.get()));
}

TEST_F(ListeningTest, TheFileHasTheModeThatWasAskedWhateverTheUmask) {
  for (const mode_t umask : {0U, 022U, 0777U}) {
    for (const mode_t mode : {0600U, 0660U, 0666U, 0777U}) {
      const mode_t before = ::umask(umask);
      const auto listening = listen_on(address(mode));
      ::umask(before);
      ASSERT_TRUE(listening.has_value());
      EXPECT_EQ(mode_of(path()), S_IFSOCK | mode) << "umask " << umask;
    }
  }
}

TEST_F(ListeningTest, TheFileGoesWithTheListening) {
  {
    const auto listening = listen_on(address());
    ASSERT_TRUE(listening.has_value());
    ASSERT_TRUE(fs::exists(path()));
  }
  EXPECT_TRUE(directory_.names().empty());
}

TEST_F(ListeningTest, TheFileStaysWhereTheListeningMoves) {
  auto first = listen_on(address());
  ASSERT_TRUE(first.has_value());
  const Listening second = std::move(*first);
  *first = Listening();
  EXPECT_EQ(connect_to(path()), 0);
}

TEST_F(ListeningTest, AFileThatSomebodyElseHasPutThereMeanwhileStays) {
  {
    const auto ours = listen_on(address());
    ASSERT_TRUE(ours.has_value());
    fs::remove(path());
    ASSERT_NO_FATAL_FAILURE(leave_stale_file());
  }
  EXPECT_EQ(directory_.names(), std::vector<std::string>{"socket"});
}

TEST_F(ListeningTest, AFileThatADeadServerHasLeftIsReplaced) {
  ASSERT_NO_FATAL_FAILURE(leave_stale_file());
  const auto listening = listen_on(address());
  ASSERT_TRUE(listening.has_value()) << listening.error().message();
  EXPECT_EQ(connect_to(path()), 0);
}

TEST_F(ListeningTest, ASocketThatSomebodyListensToIsInUseAndStays) {
  const auto other = listen_on(address());
  ASSERT_TRUE(other.has_value());
  EXPECT_EQ(listen_on(address()).error().value(), EADDRINUSE);
  EXPECT_EQ(connect_to(path()), 0);
}

TEST_F(ListeningTest, ASocketWhoseQueueIsFullIsInUse) {
  const auto other = listen_on(address());
  ASSERT_TRUE(other.has_value());
  ASSERT_EQ(::listen(other->socket.get(), 0), 0);
  ASSERT_EQ(connect_to(path()), 0);  // one more than 0
  EXPECT_EQ(listen_on(address()).error().value(), EADDRINUSE);
  EXPECT_TRUE(fs::exists(path()));
}

TEST_F(ListeningTest, WhatIsNoSocketIsInUseAndStays) {
  directory_.file("socket", "a file of somebody");
  EXPECT_EQ(listen_on(address()).error().value(), EADDRINUSE);
  EXPECT_EQ(test::content_of(path()), "a file of somebody");
  fs::remove(path());
  fs::create_directory(path());
  EXPECT_EQ(listen_on(address()).error().value(), EADDRINUSE);
  EXPECT_TRUE(fs::is_directory(path()));
}

TEST_F(ListeningTest, ASymlinkIsNotFollowed) {
  ASSERT_NO_FATAL_FAILURE(leave_stale_file());
  fs::rename(path(), directory_ / "target");
  fs::create_symlink("target", path());
  EXPECT_EQ(listen_on(address()).error().value(), EADDRINUSE);
  EXPECT_TRUE(fs::exists(directory_ / "target"));
}

TEST_F(ListeningTest, AUnixSocketInNoDirectoryIsAnError) {
  const UnixAddress nowhere{.path = (directory_ / "missing/socket").string()};
  EXPECT_EQ(listen_on(nowhere).error().value(), ENOENT);
}

TEST_F(ListeningTest, AUnixPathThatDoesNotFitIsAnError) {
  const UnixAddress long_one{.path = (directory_ / std::string(200, 'x')).string()};
  EXPECT_EQ(listen_on(long_one).error().value(), ENAMETOOLONG);
}

// -- inherited ------------------------------------------------------------------------------------

UniqueFd blocking_copy(int fd) {
  UniqueFd copy(::fcntl(fd, F_DUPFD, 0));
  EXPECT_EQ(::fcntl(copy.get(), F_SETFL, ::fcntl(fd, F_GETFL) & ~O_NONBLOCK), 0);
  return copy;
}

TEST_F(ListeningTest, AnInheritedTcpSocketSaysWhereItListens) {
  const auto original = listen_on(kAnyPort, false);
  ASSERT_TRUE(original.has_value());
  const auto listening = listen_on(blocking_copy(original->socket.get()));
  ASSERT_TRUE(listening.has_value()) << listening.error().message();
  EXPECT_EQ(listening->endpoint, original->endpoint);
  EXPECT_TRUE(listening->for_all_workers);
  EXPECT_TRUE(test::is_nonblocking(listening->socket.get()));
  EXPECT_TRUE(is_close_on_exec(listening->socket.get()));
}

TEST_F(ListeningTest, AnInheritedUnixSocketSaysWhereItListensAndItsFileIsNotOurs) {
  const auto original = listen_on(address());
  ASSERT_TRUE(original.has_value());
  {
    const auto listening = listen_on(blocking_copy(original->socket.get()));
    ASSERT_TRUE(listening.has_value()) << listening.error().message();
    EXPECT_FALSE(listening->is_tcp());
    EXPECT_EQ(text_of(*listening), "unix:" + path().string());
  }
  EXPECT_EQ(connect_to(path()), 0);
}

TEST_F(ListeningTest, AnInheritedAbstractSocketIsNamedToo) {
  UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  const std::string text = '\0' + directory_.path().string();
  text.copy(name.sun_path, text.size());
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + text.size());
  ASSERT_EQ(::bind(socket.get(), reinterpret_cast<sockaddr*>(&name), size), 0);
  ASSERT_EQ(::listen(socket.get(), 1), 0);
  const auto listening = listen_on(std::move(socket));
  ASSERT_TRUE(listening.has_value()) << listening.error().message();
  EXPECT_EQ(text_of(*listening), "unix:@" + directory_.path().string());
}

TEST_F(ListeningTest, WhatDoesNotListenIsRefused) {
  EXPECT_EQ(listen_on(UniqueFd(::open("/dev/null", O_RDONLY | O_CLOEXEC))).error().value(),
            ENOTSOCK);
  EXPECT_EQ(listen_on(UniqueFd(-1)).error().value(), EBADF);
  const auto socket = [](int domain, int type) {
    return UniqueFd(::socket(domain, type | SOCK_CLOEXEC, 0));
  };
  EXPECT_EQ(listen_on(socket(AF_INET, SOCK_STREAM)).error().value(), EINVAL);
  EXPECT_EQ(listen_on(socket(AF_UNIX, SOCK_STREAM)).error().value(), EINVAL);
  EXPECT_EQ(listen_on(socket(AF_INET, SOCK_DGRAM)).error().value(), EPROTOTYPE);
  EXPECT_EQ(listen_on(socket(AF_UNIX, SOCK_SEQPACKET)).error().value(), EPROTOTYPE);
  test::SocketPair connected = test::tcp_pair();
  EXPECT_EQ(listen_on(std::move(connected.near)).error().value(), EINVAL);
}

}  // namespace
}  // namespace midstream::net
