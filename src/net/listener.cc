#include "net/listener.h"

#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <memory>
#include <utility>

#include "base/errno_error.h"

namespace midstream::net {
namespace {

void send_at_once(int socket) noexcept {
  const int on = 1;
  (void)::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

}  // namespace

Listener::Listener(PollSet& poll_set, Listening listening, OnAccept on_accept, OnError on_error)
    : poll_set_(poll_set),
      listening_(std::move(listening)),
      on_accept_(std::move(on_accept)),
      on_error_(std::move(on_error)),
      retry_(poll_set.executor()) {}

error_code Listener::open() noexcept {
  const error_code failed = poll_set_.add(fd(), EPOLLIN | EPOLLET, *this);
  registered_ = !failed;
  return failed;
}

void Listener::close() noexcept {
  if (std::exchange(registered_, false)) poll_set_.remove(fd(), *this);
  listening_.file = SocketFile();  // before the socket: who comes now finds none, or the next one
  listening_.socket.reset();
  retry_.cancel();
  starved_ = false;
}

void Listener::on_ready(std::uint32_t) { accept_all(); }

void Listener::retry_later() {
  retry_.expires_after(kRetry);
  // A timer that has just run out cannot be cancelled any more.
  retry_.async_wait([this, here = std::weak_ptr<const Alive>(alive_)](const error_code& cancelled) {
    if (!cancelled && !here.expired()) accept_all();
  });
}

UniqueFd Listener::accept_one(Endpoint& peer) noexcept {
  constexpr int kFlags = SOCK_NONBLOCK | SOCK_CLOEXEC;
  if (!listening_.is_tcp()) return UniqueFd(::accept4(fd(), nullptr, nullptr, kFlags));
  socklen_t size = static_cast<socklen_t>(peer.capacity());
  UniqueFd socket(::accept4(fd(), peer.data(), &size, kFlags));
  if (!socket.valid()) return socket;
  peer.resize(size);
  send_at_once(socket.get());
  return socket;
}

void Listener::accept_all() {
  while (registered_) {
    Endpoint peer;
    UniqueFd socket = accept_one(peer);
    if (socket.valid()) {
      starved_ = false;
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
