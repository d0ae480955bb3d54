// The coroutine types of the server: tied to io_context executors, so that no call is type-erased.
#pragma once

#include <optional>
#include <utility>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/check.h"

namespace midstream {
namespace asio = boost::asio;
}

namespace midstream::net {

using Executor = asio::io_context::executor_type;

template <class T = void>
using Awaitable = asio::awaitable<T, Executor>;

inline constexpr asio::use_awaitable_t<Executor> kAwait{};

/// A place where one coroutine waits until somebody on its thread gives it a value. It resumes
/// inside give(). No allocation.
template <class T>
class WaitSlot {
 public:
  [[nodiscard]] bool taken() const noexcept { return handler_.has_value(); }

  [[nodiscard]] Awaitable<T> wait() {
    MIDSTREAM_CHECK(!taken());
    return asio::async_initiate<const asio::use_awaitable_t<Executor>, void(T)>(
        [this](auto handler) { handler_.emplace(std::move(handler)); }, kAwait);
  }

  void give(T value) {
    if (!handler_) return;
    Handler handler = std::move(*handler_);
    handler_.reset();
    std::move(handler)(std::move(value));
  }

 private:
  using Handler =
      typename asio::async_result<asio::use_awaitable_t<Executor>, void(T)>::handler_type;
  std::optional<Handler> handler_;
};

}  // namespace midstream::net
