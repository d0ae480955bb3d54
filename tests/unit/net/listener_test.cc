#include "net/listener.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <filesystem>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "support/io.h"
#include "support/no_fd_left.h"
#include "support/sockets.h"
#include "support/temp_dir.h"

namespace midstream::net {
namespace {

const Endpoint kAnyPort(asio::ip::address_v4::loopback(), 0);

struct Accepted {
  UniqueFd socket;
  Endpoint peer;
};

// UBSan looks at an object of a type that it has not seen through a pipe (2): without descriptors
// it takes every such object for a wrong one.
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define MIDSTREAM_NEEDS_DESCRIPTORS_ITSELF 1
#endif
#endif
#ifdef MIDSTREAM_NEEDS_DESCRIPTORS_ITSELF
constexpr bool kCanLackDescriptors = false;
#else
constexpr bool kCanLackDescriptors = true;
#endif

// No descriptor is left to this process, until it is destroyed.
class NoDescriptors {
 public:
  NoDescriptors() {
    EXPECT_EQ(::getrlimit(RLIMIT_NOFILE, &before_), 0);
    rlimit none = before_;
    const UniqueFd lowest(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    none.rlim_cur = static_cast<rlim_t>(lowest.get());
    EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  }
  NoDescriptors(const NoDescriptors&) = delete;
  NoDescriptors& operator=(const NoDescriptors&) = delete;
  ~NoDescriptors() { EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &before_), 0); }

 private:
  rlimit before_{};
};

class ListenerTest : public test::NoFdLeft {
 protected:
  void SetUp() override { start(listen_on(kAnyPort, false)); }

  void start(result<Listening> listening) {
    ASSERT_TRUE(listening.has_value()) << listening.error().message();
    listener_.emplace(
        poll_set_, std::move(*listening),
        [this](UniqueFd socket, const Endpoint& peer) {
          accepted_.push_back({std::move(socket), peer});
          if (on_accept) on_accept();
        },
        [this](const error_code& failed) { errors_.push_back(failed); });
    ASSERT_FALSE(listener_->open());
  }

  [[nodiscard]] const Endpoint& endpoint() const { return listener_->listening().endpoint; }

  [[nodiscard]] UniqueFd connect() const {
    UniqueFd client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    EXPECT_EQ(::connect(client.get(), endpoint().data(), static_cast<socklen_t>(endpoint().size())),
              0);
    return client;
  }

  void run_until_accepted(std::size_t count) {
    EXPECT_TRUE(test::run_until(context_, [&] { return accepted_.size() >= count; }));
    EXPECT_EQ(accepted_.size(), count);
  }
  void run_until_errors(std::size_t count) {
    EXPECT_TRUE(test::run_until(context_, [&] { return errors_.size() >= count; }));
    EXPECT_EQ(errors_.size(), count);
  }

  std::function<void()> on_accept;
  asio::io_context context_{1};
  PollSet poll_set_{context_};
  std::vector<Accepted> accepted_;
  std::vector<error_code> errors_;
  std::optional<Listener> listener_;
};

int option(int socket, int level, int name) {
  int value = -1;
  socklen_t size = sizeof value;
  EXPECT_EQ(::getsockopt(socket, level, name, &value, &size), 0);
  return value;
}

Endpoint local_endpoint(int socket) {
  Endpoint endpoint;
  socklen_t size = static_cast<socklen_t>(endpoint.capacity());
  EXPECT_EQ(::getsockname(socket, endpoint.data(), &size), 0);
  return endpoint;
}

TEST_F(ListenerTest, GivesSocketsAsAConnectionNeedsThem) {
  const UniqueFd client = connect();
  run_until_accepted(1);
  const int socket = accepted_[0].socket.get();
  EXPECT_TRUE(test::is_nonblocking(socket));
  EXPECT_NE(::fcntl(socket, F_GETFD) & FD_CLOEXEC, 0);
  EXPECT_EQ(option(socket, IPPROTO_TCP, TCP_NODELAY), 1);
  EXPECT_EQ(accepted_[0].peer, local_endpoint(client.get()));
}

TEST_F(ListenerTest, AcceptsAllThatWaitOnOneEdge) {
  std::vector<UniqueFd> clients;
  for (int i = 0; i < 100; ++i)
    clients.push_back(connect());
  run_until_accepted(100);
}

// The edge of the second one comes while the first is being accepted.
TEST_F(ListenerTest, AcceptsWhatComesWhileItAccepts) {
  std::vector<UniqueFd> clients;
  on_accept = [&] {
    if (clients.size() < 50) clients.push_back(connect());
  };
  clients.push_back(connect());
  run_until_accepted(50);
}

TEST_F(ListenerTest, AcceptsAgainAfterItHadAcceptedAll) {
  for (std::size_t i = 1; i <= 20; ++i) {
    const UniqueFd client = connect();
    run_until_accepted(i);
  }
}

TEST_F(ListenerTest, AClientThatLeftBeforeItWasAcceptedIsNoError) {
  UniqueFd gone = connect();
  test::reset(gone);
  const UniqueFd client = connect();
  EXPECT_TRUE(test::run_until(context_, [&] {
    return !accepted_.empty() && accepted_.back().peer == local_endpoint(client.get());
  }));
  EXPECT_TRUE(errors_.empty());
}

TEST_F(ListenerTest, MayBeClosedWhileItAccepts) {
  on_accept = [this] { listener_->close(); };
  const UniqueFd first = connect();
  const UniqueFd second = connect();
  run_until_accepted(1);
  test::run_ready(context_);
  EXPECT_EQ(accepted_.size(), 1U);
}

TEST_F(ListenerTest, RefusesOnceItIsClosed) {
  const Endpoint where = endpoint();
  listener_->close();
  const UniqueFd client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  EXPECT_NE(::connect(client.get(), where.data(), static_cast<socklen_t>(where.size())), 0);
  EXPECT_EQ(errno, ECONNREFUSED);
}

TEST_F(ListenerTest, CannotBeOpenedWithoutASocket) {
  Listener broken(
      poll_set_, Listening(), [](UniqueFd, const Endpoint&) {}, [](const error_code&) {});
  EXPECT_EQ(broken.open().value(), EBADF);
}

// -- no descriptors left --------------------------------------------------------------------------

TEST_F(ListenerTest, TellsOnceThatItHasNoDescriptorsAndGoesOnWithTheNextFreeOne) {
  if (!kCanLackDescriptors) GTEST_SKIP() << "the sanitizer needs descriptors";
  UniqueFd spare(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  const UniqueFd first = connect();
  const UniqueFd second = connect();
  {
    const NoDescriptors none;
    run_until_errors(1);
    EXPECT_EQ(errors_[0].value(), EMFILE);
    listener_->on_descriptor_freed();  // but none has become free
    EXPECT_EQ(errors_.size(), 1U) << "told again";
    EXPECT_TRUE(accepted_.empty());
    spare.reset();
    listener_->on_descriptor_freed();
    EXPECT_EQ(accepted_.size(), 1U);
    EXPECT_EQ(errors_.size(), 2U) << "it had worked meanwhile";
  }
  listener_->on_descriptor_freed();
  EXPECT_EQ(accepted_.size(), 2U);
}

TEST_F(ListenerTest, LooksAgainByItselfWhenOthersMayHaveFreedDescriptors) {
  if (!kCanLackDescriptors) GTEST_SKIP() << "the sanitizer needs descriptors";
  const UniqueFd client = connect();
  {
    const NoDescriptors none;
    run_until_errors(1);
  }
  run_until_accepted(1);
}

TEST_F(ListenerTest, AFreeDescriptorIsNothingToOneThatLacksNone) {
  const UniqueFd client = connect();
  listener_->on_descriptor_freed();
  EXPECT_TRUE(accepted_.empty()) << "that is for the poll set to say";
  run_until_accepted(1);
}

TEST_F(ListenerTest, MayBeDestroyedWhileItWaitsForDescriptors) {
  if (!kCanLackDescriptors) GTEST_SKIP() << "the sanitizer needs descriptors";
  const UniqueFd client = connect();
  {
    const NoDescriptors none;
    run_until_errors(1);
  }
  listener_.reset();
  poll_set_.stop();
  context_.run();
  EXPECT_TRUE(accepted_.empty());
}

// -- Unix sockets ---------------------------------------------------------------------------------

class UnixListenerTest : public ListenerTest {
 protected:
  void SetUp() override { start(listen_on(UnixAddress{.path = path()})); }
  [[nodiscard]] std::string path() const { return (directory_ / "socket").string(); }

  [[nodiscard]] UniqueFd connect() const {
    UniqueFd client(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    path().copy(name.sun_path, sizeof name.sun_path - 1);
    EXPECT_EQ(::connect(client.get(), reinterpret_cast<sockaddr*>(&name), sizeof name), 0);
    return client;
  }

  test::TempDir directory_;
};

TEST_F(UnixListenerTest, ClientsHaveNoAddress) {
  const UniqueFd client = connect();
  run_until_accepted(1);
  EXPECT_EQ(accepted_[0].peer, Endpoint());
  EXPECT_TRUE(test::is_nonblocking(accepted_[0].socket.get()));
  EXPECT_NE(::fcntl(accepted_[0].socket.get(), F_GETFD) & FD_CLOEXEC, 0);
}

// A name of 108 bytes is more than the address of a TCP peer can hold.
TEST_F(UnixListenerTest, AClientThatHasANameHasNoAddressEither) {
  UniqueFd client(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un own{};
  own.sun_family = AF_UNIX;
  const std::string name = '\0' + path() + std::string(sizeof own.sun_path, 'x');
  name.copy(own.sun_path, sizeof own.sun_path);
  ASSERT_EQ(::bind(client.get(), reinterpret_cast<sockaddr*>(&own), sizeof own), 0);
  sockaddr_un there{};
  there.sun_family = AF_UNIX;
  path().copy(there.sun_path, sizeof there.sun_path - 1);
  ASSERT_EQ(::connect(client.get(), reinterpret_cast<sockaddr*>(&there), sizeof there), 0);
  run_until_accepted(1);
  EXPECT_EQ(accepted_[0].peer, Endpoint());
}

TEST_F(UnixListenerTest, TheFileIsGoneOnceItIsClosed) {
  listener_->close();
  EXPECT_FALSE(std::filesystem::exists(path()));
}

}  // namespace
}  // namespace midstream::net
