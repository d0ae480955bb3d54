#include "app/inherited_sockets.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "support/no_fd_left.h"
#include "support/sockets.h"
#include "support/temp_dir.h"

namespace midstream::app {
namespace {

constexpr int kFirst = 200;  // instead of 3, which may be in use here
constexpr const char* kVariables[] = {"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"};

class InheritedSocketsTest : public test::NoFdLeft {
 protected:
  ~InheritedSocketsTest() override {
    for (const char* name : kVariables)
      ::unsetenv(name);
  }

  // As a service manager leaves it: blocking, not close-on-exec, at the next number.
  void hand_over(UniqueFd socket) {
    const int fd = kFirst + count_++;
    ASSERT_EQ(::fcntl(socket.get(), F_SETFL, ::fcntl(socket.get(), F_GETFL) & ~O_NONBLOCK), 0);
    ASSERT_EQ(::dup2(socket.get(), fd), fd);
  }
  void hand_over_tcp() {
    auto listening = net::listen_on(net::Endpoint(asio::ip::address_v4::loopback(), 0), false);
    ASSERT_TRUE(listening.has_value());
    endpoints_.push_back(listening->endpoint);
    hand_over(std::move(listening->socket));
  }
  void hand_over_unix() {
    auto listening = net::listen_on(net::UnixAddress{.path = path()});
    ASSERT_TRUE(listening.has_value());
    std::filesystem::rename(path(), path() + ".kept");
    hand_over(std::move(listening->socket));
    listening->file = net::SocketFile();
    std::filesystem::rename(path() + ".kept", path());
  }
  [[nodiscard]] std::string path() const { return (directory_ / "socket").string(); }

  void announce(const std::string& names, pid_t pid = ::getpid()) const {
    ::setenv("LISTEN_PID", std::to_string(pid).c_str(), 1);
    ::setenv("LISTEN_FDS", std::to_string(count_).c_str(), 1);
    if (!names.empty()) ::setenv("LISTEN_FDNAMES", names.c_str(), 1);
  }
  // What nobody took.
  void close_handed_over() const {
    for (int fd = kFirst; fd < kFirst + count_; ++fd)
      ::close(fd);
  }

  static InheritedSockets take() {
    auto taken = InheritedSockets::take(kFirst);
    EXPECT_TRUE(taken.has_value()) << taken.error();
    for (const char* name : kVariables)
      EXPECT_EQ(std::getenv(name), nullptr) << name;
    return taken ? std::move(*taken) : InheritedSockets();
  }
  static std::vector<net::Listening> of_name(const InheritedSockets& sockets,
                                             std::string_view name) {
    auto found = sockets.of_name(name);
    EXPECT_TRUE(found.has_value());
    return std::move(*found);
  }

  test::TempDir directory_;
  std::vector<net::Endpoint> endpoints_;
  int count_ = 0;
};

TEST_F(InheritedSocketsTest, AreNoneWhereNobodySaysSo) { EXPECT_TRUE(of_name(take(), "").empty()); }

TEST_F(InheritedSocketsTest, AreFoundByNameOrAllTogether) {
  hand_over_tcp();
  hand_over_unix();
  hand_over_tcp();
  announce("web:local:web");
  const InheritedSockets sockets = take();
  const auto web = of_name(sockets, "web");
  ASSERT_EQ(web.size(), 2U);
  EXPECT_EQ(web[0].endpoint, endpoints_[0]);
  EXPECT_EQ(web[1].endpoint, endpoints_[1]);
  const auto local = of_name(sockets, "local");
  ASSERT_EQ(local.size(), 1U);
  EXPECT_EQ(net::text_of(local[0]), "unix:" + path());
  EXPECT_EQ(of_name(sockets, "").size(), 3U);
  EXPECT_TRUE(of_name(sockets, "other").empty());
}

TEST_F(InheritedSocketsTest, NeedNoNames) {
  hand_over_tcp();
  hand_over_tcp();
  announce("");
  EXPECT_EQ(of_name(take(), "").size(), 2U);
}

TEST_F(InheritedSocketsTest, MayHaveFewerNamesThanSockets) {
  hand_over_tcp();
  hand_over_tcp();
  announce("web");
  const InheritedSockets sockets = take();
  EXPECT_EQ(of_name(sockets, "web").size(), 1U);
  EXPECT_EQ(of_name(sockets, "").size(), 2U);
}

TEST_F(InheritedSocketsTest, AreNonBlockingAndNotForChildren) {
  hand_over_tcp();
  announce("web");
  const InheritedSockets sockets = take();
  const auto found = of_name(sockets, "web");
  ASSERT_EQ(found.size(), 1U);
  for (const int fd : {kFirst, found[0].socket.get()}) {
    EXPECT_TRUE(test::is_nonblocking(fd));
    EXPECT_NE(::fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
  }
}

TEST_F(InheritedSocketsTest, CanBeTakenAgainByAReload) {
  hand_over_unix();
  announce("local");
  const InheritedSockets sockets = take();
  (void)of_name(sockets, "local");
  EXPECT_EQ(of_name(sockets, "local").size(), 1U);
  EXPECT_TRUE(std::filesystem::exists(path()));
}

TEST_F(InheritedSocketsTest, OfAnotherProcessAreNotOurs) {
  hand_over_tcp();
  announce("web", ::getpid() + 1);
  EXPECT_TRUE(of_name(take(), "").empty());
  EXPECT_EQ(::fcntl(kFirst, F_GETFD), 0) << "not touched";
  close_handed_over();
}

TEST_F(InheritedSocketsTest, ThatIsNoneIsAnErrorWithItsNumberAndName) {
  test::SocketPair connected = test::tcp_pair();
  hand_over(std::move(connected.near));
  announce("web");
  const auto taken = InheritedSockets::take(kFirst);
  ASSERT_FALSE(taken.has_value());
  EXPECT_EQ(taken.error(),
            "inherited descriptor 200 (web): a socket that does not listen (Accept=yes?)");
  close_handed_over();
}

TEST_F(InheritedSocketsTest, ThatIsAFileIsAnError) {
  hand_over_tcp();
  hand_over(UniqueFd(::open("/dev/null", O_RDONLY | O_CLOEXEC)));
  announce("");
  const auto taken = InheritedSockets::take(kFirst);
  ASSERT_FALSE(taken.has_value());
  EXPECT_EQ(taken.error(), "inherited descriptor 201: not a socket");
  ::close(kFirst + 1);  // the first one was taken, and went with the error
}

TEST_F(InheritedSocketsTest, ThatIsADatagramSocketIsAnError) {
  hand_over(UniqueFd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)));
  announce("dns");
  const auto taken = InheritedSockets::take(kFirst);
  ASSERT_FALSE(taken.has_value());
  EXPECT_EQ(taken.error(),
            "inherited descriptor 200 (dns): neither a TCP nor a Unix stream socket");
  close_handed_over();
}

TEST_F(InheritedSocketsTest, ThatIsNotOpenIsAnError) {
  announce("");
  ::setenv("LISTEN_FDS", "1", 1);
  EXPECT_FALSE(InheritedSockets::take(kFirst).has_value());
}

TEST_F(InheritedSocketsTest, WithoutANumberAreAnError) {
  announce("");
  for (const char* wrong : {"", "many", "-1", "1x"}) {
    ::setenv("LISTEN_PID", std::to_string(::getpid()).c_str(), 1);
    ::setenv("LISTEN_FDS", wrong, 1);
    EXPECT_FALSE(InheritedSockets::take(kFirst).has_value()) << wrong;
  }
}

}  // namespace
}  // namespace midstream::app
