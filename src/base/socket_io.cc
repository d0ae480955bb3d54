#include "base/socket_io.h"

#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/errno_error.h"

namespace midstream {
namespace {

using Status = IoOutcome::Status;

// Errors that the other end, or the way to it, causes (tcp(7), send(2), recv(2)).
bool is_peer_error(int number) noexcept {
  switch (number) {
    case EPIPE:
    case ECONNRESET:
    case ECONNABORTED:
    case ETIMEDOUT:
    case ENOTCONN:
    case EHOSTUNREACH:
    case ENETUNREACH:
    case ENETDOWN: return true;
    default: return false;
  }
}

IoOutcome failed(int number) noexcept {
  if (number == EAGAIN || number == EWOULDBLOCK) return {Status::kWouldBlock};
  if (is_peer_error(number)) return {Status::kError, 0, Errc::kPeerGone};
  return {Status::kError, 0, errno_error(number)};
}

// For the few file systems without splice_read. Bounded, so that a turn stays short.
IoOutcome copy_some(int socket, const FileRange& range, std::size_t limit_bytes) noexcept {
  std::array<char, 64 * 1024> buffer;
  const std::size_t wanted = std::min(limit_bytes, buffer.size());
  ssize_t got;
  do {
    got = ::pread(range.fd, buffer.data(), wanted, static_cast<off_t>(range.offset));
  } while (got < 0 && errno == EINTR);
  if (got < 0) return {Status::kError, 0, errno_error()};
  if (got == 0) return {Status::kEnd};
  iovec part{buffer.data(), static_cast<std::size_t>(got)};
  return send_some(socket, {&part, 1}, false);
}

}  // namespace

void push_held_bytes(int socket) noexcept {
  const int on = 1;
  (void)::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

IoOutcome send_some(int socket, std::span<iovec> parts, bool more) noexcept {
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = parts.size();
  for (;;) {
    const ssize_t sent = ::sendmsg(socket, &message, MSG_NOSIGNAL | (more ? MSG_MORE : 0));
    if (sent >= 0) return {Status::kMoved, static_cast<std::size_t>(sent)};
    if (errno != EINTR) return failed(errno);
  }
}

IoOutcome send_file_some(int socket, const FileRange& range, std::size_t limit_bytes) noexcept {
  const std::size_t wanted =
      static_cast<std::size_t>(std::min<std::uint64_t>(range.count, limit_bytes));
  for (;;) {
    off_t offset = static_cast<off_t>(range.offset);
    const ssize_t sent = ::sendfile(socket, range.fd, &offset, wanted);
    if (sent > 0) return {Status::kMoved, static_cast<std::size_t>(sent)};
    if (sent == 0) return {Status::kEnd};
    if (errno == EINTR) continue;
    if (errno == EINVAL || errno == ENOSYS) return copy_some(socket, range, wanted);
    return failed(errno);
  }
}

IoOutcome receive_some(int socket, std::span<char> out) noexcept {
  for (;;) {
    const ssize_t got = ::recv(socket, out.data(), out.size(), 0);
    if (got > 0) return {Status::kMoved, static_cast<std::size_t>(got)};
    if (got == 0) return {Status::kEnd};
    if (errno != EINTR) return failed(errno);
  }
}

std::uint64_t unacknowledged_bytes(int socket) noexcept {
  int bytes = 0;
  if (::ioctl(socket, SIOCOUTQ, &bytes) != 0 || bytes < 0) return 0;
  return static_cast<std::uint64_t>(bytes);
}

void writable_when_all_sent(int socket) noexcept {
  const int one = 1;
  ::setsockopt(socket, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &one, sizeof one);
}

void reset_on_close(int socket, bool on) noexcept {
  const linger now{.l_onoff = on ? 1 : 0, .l_linger = 0};
  ::setsockopt(socket, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

}  // namespace midstream
