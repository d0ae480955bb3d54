// Listener: accepts the connections of one listening socket, on one worker.
//
// Edge-triggered, so it accepts until there is nothing left, or remembers that it could not: an
// edge that comes while it accepts is reported again by the next batch (epoll(7)).
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>

#include "base/unique_fd.h"
#include "net/deadlines.h"
#include "net/listening.h"
#include "net/poll_set.h"

namespace midstream::net {

class Listener final : PollSet::Source {
 public:
  /// Gets every accepted socket: non-blocking, close-on-exec, TCP_NODELAY. The client of a Unix
  /// socket has no address: then `peer` is Endpoint().
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

  [[nodiscard]] const Listening& listening() const noexcept { return listening_; }

 private:
  void on_ready(std::uint32_t events) override;
  [[nodiscard]] int fd() const noexcept { return listening_.socket.get(); }
  [[nodiscard]] UniqueFd accept_one(Endpoint& peer) noexcept;
  void accept_all();
  void retry_later();

  static constexpr std::chrono::milliseconds kRetry{500};
  struct Alive {};

  PollSet& poll_set_;
  Listening listening_;
  OnAccept on_accept_;
  OnError on_error_;
  Deadlines::Timer retry_;
  std::shared_ptr<const Alive> alive_ = std::make_shared<Alive>();
  bool registered_ = false;
  bool starved_ = false;
};

}  // namespace midstream::net
