#include "net/listener.h"

#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <utility>

#include "base/errno_error.h"

namespace midstream::net {
namespace {

constexpr int kBacklog = 4096;  // net.core.somaxconn caps it

error_code set_option(int socket, int level, int name) noexcept {
  const int on = 1;
  return ::setsockopt(socket, level, name, &on, sizeof on) == 0 ? error_code() : errno_error();
}

result<UniqueFd> bound_socket(const Endpoint& endpoint, bool shared) {
  UniqueFd socket(
      ::socket(endpoint.protocol().family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket.valid()) return errno_error();
  if (const auto failed = set_option(socket.get(), SOL_SOCKET, SO_REUSEADDR)) return failed;
  if (shared) {
    if (const auto failed = set_option(socket.get(), SOL_SOCKET, SO_REUSEPORT)) return failed;
  }
  if (endpoint.address().is_v6()) (void)set_option(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY);
  if (::bind(socket.get(), endpoint.data(), static_cast<socklen_t>(endpoint.size())) != 0) {
    return errno_error();
  }
  if (!shared && ::listen(socket.get(), kBacklog) != 0) return errno_error();
  return socket;
}

result<Endpoint> local_endpoint(int socket) {
  Endpoint endpoint;
  socklen_t size = static_cast<socklen_t>(endpoint.capacity());
  if (::getsockname(socket, endpoint.data(), &size) != 0) return errno_error();
  endpoint.resize(size);
  return endpoint;
}

}  // namespace

result<Listening> listen_on(const Endpoint& endpoint, bool shared) {
  Endpoint wanted = endpoint;
  if (!shared) {
    // SO_REUSEPORT would let a second server of the same user take half of the connections: ask
    // without it.
    const auto alone = bound_socket(endpoint, false);
    if (!alone) return alone.error();
    const auto given = local_endpoint(alone->get());
    if (!given) return given.error();
    wanted = *given;
  }
  auto socket = bound_socket(wanted, true);
  if (!socket) return socket.error();
  if (::listen(socket->get(), kBacklog) != 0) return errno_error();
  return Listening{std::move(*socket), wanted};
}

Listener::Listener(PollSet& poll_set, Listening listening, OnAccept on_accept, OnError on_error)
    : poll_set_(poll_set),
      listening_(std::move(listening)),
      on_accept_(std::move(on_accept)),
      on_error_(std::move(on_error)),
      retry_(poll_set.executor()) {}

error_code Listener::open() noexcept {
  const error_code failed = poll_set_.add(listening_.socket.get(), EPOLLIN | EPOLLET, *this);
  registered_ = !failed;
  return failed;
}

void Listener::close() noexcept {
  if (std::exchange(registered_, false)) poll_set_.remove(listening_.socket.get(), *this);
  listening_.socket.reset();
  retry_.cancel();
  starved_ = false;
}

void Listener::on_ready(std::uint32_t) { accept_all(); }

void Listener::retry_later() {
  retry_.expires_after(kRetry);
  retry_.async_wait([this](const error_code& cancelled) {
    if (!cancelled) accept_all();
  });
}

void Listener::accept_all() {
  while (registered_) {
    Endpoint peer;
    socklen_t size = static_cast<socklen_t>(peer.capacity());
    UniqueFd socket(
        ::accept4(listening_.socket.get(), peer.data(), &size, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (socket.valid()) {
      starved_ = false;
      peer.resize(size);
      (void)set_option(socket.get(), IPPROTO_TCP, TCP_NODELAY);
      on_accept_(std::move(socket), peer);
      continue;
    }
    switch (errno) {
      case EAGAIN: return;
      case EMFILE:
      case ENFILE:
      case ENOBUFS:
      case ENOMEM:
        // The queue keeps the connection. A descriptor that this worker frees brings us back here;
        // of those that others free nobody tells.
        if (!std::exchange(starved_, true)) on_error_(errno_error());
        return retry_later();
      case EBADF:
      case EINVAL: on_error_(errno_error()); return;
      default: break;  // this one connection failed before we took it (accept(2), Error handling)
    }
  }
}

}  // namespace midstream::net
