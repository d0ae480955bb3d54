// Doorbell: tells a Follower, on its executor, that one of its files has gone. Rung from any thread
// and at any time: also after the Follower, and after the execution context.
#pragma once

#include <mutex>
#include <utility>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/post.hpp>

namespace midstream {

class Doorbell {
 public:
  explicit Doorbell(boost::asio::any_io_executor executor) : executor_(std::move(executor)) {}

  /// Posts `function` to the executor, or drops it.
  template <class Function>
  void ring(Function&& function) {
    const std::lock_guard lock(mutex_);
    if (executor_) boost::asio::post(executor_, std::forward<Function>(function));
  }

  /// Lets the executor go. Nothing is posted any more.
  void remove() {
    const std::lock_guard lock(mutex_);
    executor_ = {};
  }

 private:
  std::mutex mutex_;
  boost::asio::any_io_executor executor_;
};

}  // namespace midstream
