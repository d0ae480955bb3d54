// CountingExecutor: an io_context's executor that counts what is handed to it.
#pragma once

#include <atomic>
#include <utility>

#include <boost/asio/execution.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/asio/query.hpp>
#include <boost/asio/require.hpp>

namespace midstream::test {

struct ExecutorCounts {
  std::atomic<int> posted{0};      ///< for later
  std::atomic<int> dispatched{0};  ///< at once where the caller runs in the context already
};

template <class Inner = boost::asio::io_context::executor_type>
class CountingExecutor {
 public:
  CountingExecutor(Inner inner, ExecutorCounts& counts)
      : inner_(std::move(inner)), counts_(&counts) {}

  template <class Property>
  auto require(const Property& property) const -> CountingExecutor<
      std::decay_t<decltype(boost::asio::require(std::declval<Inner>(), property))>> {
    return {boost::asio::require(inner_, property), *counts_};
  }
  template <class Property>
  auto prefer(const Property& property) const -> CountingExecutor<
      std::decay_t<decltype(boost::asio::prefer(std::declval<Inner>(), property))>> {
    return {boost::asio::prefer(inner_, property), *counts_};
  }
  template <class Property>
  auto query(const Property& property) const
      -> decltype(boost::asio::query(std::declval<Inner>(), property)) {
    return boost::asio::query(inner_, property);
  }

  template <class Function>
  void execute(Function&& function) const {
    const auto never = boost::asio::execution::blocking.never;
    ++(boost::asio::query(inner_, boost::asio::execution::blocking) == never ? counts_->posted
                                                                             : counts_->dispatched);
    inner_.execute(std::forward<Function>(function));
  }

  bool operator==(const CountingExecutor& other) const noexcept {
    return inner_ == other.inner_ && counts_ == other.counts_;
  }
  bool operator!=(const CountingExecutor& other) const noexcept { return !(*this == other); }

 private:
  Inner inner_;
  ExecutorCounts* counts_;
};

}  // namespace midstream::test
