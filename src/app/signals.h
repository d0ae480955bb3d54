// The signals that the server understands: SIGTERM and SIGINT to stop, SIGHUP to reload, SIGUSR1 to
// reopen its logs.
#pragma once

#include <csignal>
#include <functional>

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>

namespace midstream::app {

/// A signal goes to any thread that does not block it, also to one that is about to wait for a lock
/// or for another thread: only the one that waits for signals takes them (pthreads(7)). Blocks them
/// in this thread, and so in all that it starts, for the life of the object.
class SignalsBlocked {
 public:
  SignalsBlocked() noexcept;
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;
  ~SignalsBlocked();

  static void unblock_here() noexcept;

 private:
  sigset_t before_{};
};

/// Waits for signals in run(), which needs a thread of its own. The signals are taken from the
/// construction on.
class Signals {
 public:
  struct Calls {
    std::function<void()> stop;  ///< the first SIGTERM or SIGINT; the second ends the process
    std::function<void()> reload;
    std::function<void()> reopen_logs;
  };

  Signals();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

  /// Returns after finish().
  void run(Calls calls);
  /// From any thread.
  void finish() { context_.stop(); }

 private:
  void wait();
  void on_signal(int number);

  boost::asio::io_context context_{1};
  boost::asio::signal_set set_;
  Calls calls_;
  bool stopping_ = false;
};

}  // namespace midstream::app
