#include "support/sockets.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/time.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <vector>

#include <gtest/gtest.h>

#include "support/bound.h"

namespace midstream::test {
namespace {

void bound_receives(int fd) {
  const timeval bound{.tv_sec = kBound.count(), .tv_usec = 0};
  EXPECT_EQ(::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &bound, sizeof bound), 0);
}

}  // namespace

SocketPair unix_pair() {
  std::array<int, 2> fds{-1, -1};
  EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds.data()), 0);
  set_nonblocking(fds[0]);
  bound_receives(fds[1]);
  return {UniqueFd(fds[0]), UniqueFd(fds[1])};
}

SocketPair tcp_pair(TcpBuffers buffers) {
  const UniqueFd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  EXPECT_EQ(::bind(listener.get(), generic, size), 0);
  EXPECT_EQ(::listen(listener.get(), 1), 0);
  EXPECT_EQ(::getsockname(listener.get(), generic, &size), 0);
  UniqueFd far(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (buffers.receive_bytes > 0) {  // before the connection: it decides the window
    EXPECT_EQ(::setsockopt(far.get(), SOL_SOCKET, SO_RCVBUF, &buffers.receive_bytes, sizeof(int)),
              0);
  }
  EXPECT_EQ(::connect(far.get(), generic, size), 0);
  UniqueFd near(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  EXPECT_TRUE(near.valid());
  if (buffers.send_bytes > 0) {
    EXPECT_EQ(::setsockopt(near.get(), SOL_SOCKET, SO_SNDBUF, &buffers.send_bytes, sizeof(int)), 0);
  }
  bound_receives(far.get());
  return {std::move(near), std::move(far)};
}

void set_nonblocking(int fd) {
  EXPECT_EQ(::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK), 0);
}

bool is_nonblocking(int fd) { return (::fcntl(fd, F_GETFL) & O_NONBLOCK) != 0; }

Received receive_to_end(int socket, std::size_t count_max) {
  Received received;
  std::vector<char> buffer(64 * 1024);
  while (received.bytes.size() < count_max) {
    const std::size_t wanted = std::min(buffer.size(), count_max - received.bytes.size());
    const ssize_t got = ::recv(socket, buffer.data(), wanted, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) received.error = errno;
    if (got <= 0) break;
    received.bytes.append(buffer.data(), static_cast<std::size_t>(got));
  }
  return received;
}

std::string receive_exactly(int socket, std::size_t count) {
  return receive_to_end(socket, count).bytes;
}

std::size_t fill(int socket) {
  const std::string junk(4096, 'x');
  std::size_t total = 0;
  for (std::size_t size = junk.size(); size > 0; size /= 2) {
    for (;;) {
      const ssize_t sent = ::send(socket, junk.data(), size, MSG_NOSIGNAL);
      if (sent < 0) break;
      total += static_cast<std::size_t>(sent);
    }
  }
  return total;
}

void reset(UniqueFd& socket) {
  const linger now{.l_onoff = 1, .l_linger = 0};
  EXPECT_EQ(::setsockopt(socket.get(), SOL_SOCKET, SO_LINGER, &now, sizeof now), 0);
  socket.reset();
}

}  // namespace midstream::test
