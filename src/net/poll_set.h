// PollSet: the sockets of one worker, in an epoll(7) instance of our own that hangs in Asio's.
//
// A socket is registered once, edge-triggered, for its whole life; Asio would call epoll_ctl for
// every wait. Measured: docs/decisions/0003-own-poll-set.md. Everything happens on the worker's
// thread.
//
// Invariants
//  1. A source gets no event after remove(), also not one of the batch that is being handled.
//  2. An early source handles what has happened before any other event of the batch is handled. So
//     its knowledge is never older than bytes whose arrival this batch reports.
#pragma once

#include <sys/epoll.h>

#include <array>
#include <cstdint>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/basic_stream_descriptor.hpp>

#include <midstream/error.h>

#include "net/awaitable.h"

namespace midstream::net {

class PollSet {
 public:
  class Source {
   public:
    /// `events`: EPOLLIN, EPOLLOUT, EPOLLRDHUP, EPOLLHUP, EPOLLERR. May remove and destroy the
    /// source.
    virtual void on_ready(std::uint32_t events) = 0;

   protected:
    ~Source() = default;
  };

  explicit PollSet(asio::io_context& context);
  PollSet(const PollSet&) = delete;
  PollSet& operator=(const PollSet&) = delete;

  /// Errors: those of epoll_ctl(2): ENOMEM, ENOSPC (`fs.epoll.max_user_watches`).
  [[nodiscard]] error_code add(int fd, std::uint32_t events, Source& source) noexcept;
  /// Asks the kernel for the state anew: what is ready now is reported again, like a fresh edge.
  void rearm(int fd, std::uint32_t events, Source& source) noexcept;
  void remove(int fd, Source& source) noexcept;

  /// `source` (added, edge-triggered) is called before all others of a batch. There are few of
  /// them.
  void handle_early(Source& source) { early_.push_back(&source); }

  [[nodiscard]] Executor executor() noexcept { return descriptor_.get_executor(); }

  /// Stops waiting for events, so that the io_context may run out of work.
  void stop();

 private:
  static constexpr std::size_t kBatch = 128;

  void arm();
  void handle_early_ones();
  void handle_batch();

  int epoll_fd_;  // owned by descriptor_
  asio::posix::basic_stream_descriptor<Executor> descriptor_;
  std::vector<Source*> early_;
  std::array<epoll_event, kBatch> batch_;
  std::size_t batch_size_ = 0;
  std::size_t batch_at_ = 0;  // the event that is being handled
  bool stopped_ = false;
};

}  // namespace midstream::net
