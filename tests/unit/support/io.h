// Running an io_context in a test: on this thread until something has happened, or on its own.
#pragma once

#include <chrono>
#include <thread>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <gtest/gtest.h>

#include "support/bound.h"
#include "support/event.h"

namespace midstream::test {

/// Runs handlers until `happened()`, looked at after each of them. False: not within the bound.
template <class Happened>
[[nodiscard]] bool run_until(boost::asio::io_context& io, Happened&& happened) {
  const auto work = boost::asio::make_work_guard(io);
  const auto end = std::chrono::steady_clock::now() + kBound;
  io.restart();
  while (!happened()) {
    if (io.run_one_until(end) == 0) return happened();
  }
  return true;
}

/// Runs the handlers that are ready now, and gives their number.
inline std::size_t run_ready(boost::asio::io_context& io) {
  io.restart();
  return io.poll();
}

/// An io_context with a thread, until it is destroyed.
class IoThread {
 public:
  IoThread() : work_(boost::asio::make_work_guard(io_)), thread_([this] { io_.run(); }) {}
  IoThread(const IoThread&) = delete;
  IoThread& operator=(const IoThread&) = delete;
  ~IoThread() { stop(); }

  [[nodiscard]] boost::asio::io_context& io() noexcept { return io_; }
  [[nodiscard]] auto executor() noexcept { return io_.get_executor(); }

  /// Runs `function` on the thread and waits for it.
  template <class Function>
  void run(Function&& function) {
    Event done;
    boost::asio::post(io_, [&] {
      function();
      done.set();
    });
    EXPECT_TRUE(done.wait());
  }

  /// Ends the thread where it is; what is pending stays pending.
  void stop() {
    io_.stop();
    if (thread_.joinable()) thread_.join();
  }

 private:
  boost::asio::io_context io_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
  std::thread thread_;
};

}  // namespace midstream::test
