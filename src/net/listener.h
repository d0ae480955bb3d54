// Listener: one listening socket of one worker (SO_REUSEPORT: the kernel spreads connections over
// them).
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>

#include <boost/asio/ip/tcp.hpp>

#include "base/unique_fd.h"
#include "net/deadlines.h"
#include "net/poll_set.h"

namespace midstream::net {

using Endpoint = asio::ip::tcp::endpoint;

struct Listening {
  UniqueFd socket;
  Endpoint endpoint;  ///< with the port that was given where 0 was asked for
};

/// Binds and listens. `shared`: other workers of this process listen there too. The first one is
/// not shared while it binds, so that a port that any other server has is an error, not a half
/// share. Errors: EADDRINUSE, EACCES, EADDRNOTAVAIL ...
[[nodiscard]] result<Listening> listen_on(const Endpoint& endpoint, bool shared);

class Listener final : PollSet::Source {
 public:
  /// Gets every accepted socket: non-blocking, close-on-exec, TCP_NODELAY.
  using OnAccept = std::function<void(UniqueFd socket, const Endpoint& peer)>;
  /// Gets errors of accept4(2) that an operator should know (no descriptors left), once until it
  /// works again.
  using OnError = std::function<void(const error_code&)>;

  Listener(PollSet& poll_set, Listening listening, OnAccept on_accept, OnError on_error);
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;
  ~Listener() { close(); }

  [[nodiscard]] error_code open() noexcept;
  void close() noexcept;

  /// A descriptor has become free: goes on accepting if it had to stop for want of one.
  void on_descriptor_freed() {
    if (starved_) accept_all();
  }

  [[nodiscard]] const Endpoint& endpoint() const noexcept { return listening_.endpoint; }

 private:
  void on_ready(std::uint32_t events) override;
  void accept_all();
  void retry_later();

  static constexpr std::chrono::milliseconds kRetry{500};

  PollSet& poll_set_;
  Listening listening_;
  OnAccept on_accept_;
  OnError on_error_;
  Deadlines::Timer retry_;
  bool registered_ = false;
  bool starved_ = false;
};

}  // namespace midstream::net
