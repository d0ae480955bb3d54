// One asynchronous wait on a LiveFile. Not part of the public contract.
//
// Life of a WaitOp: started -> linked in the WakeGroup of its execution context -> unlinked by
// exactly one of {wake-up, cancellation, shutdown of the context} -> completed (or destroyed, at
// shutdown) on its executor. Whoever unlinks it owns it.
#pragma once

#include <cstdint>
#include <memory>
#include <type_traits>
#include <utility>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_allocator.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/execution/context.hpp>
#include <boost/asio/execution/outstanding_work.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/asio/query.hpp>
#include <boost/asio/recycling_allocator.hpp>
#include <boost/asio/system_context.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/intrusive/set.hpp>

#include <midstream/error.h>

namespace midstream {
class LiveFile;
}

namespace midstream::detail {

class WakeGroup;
struct BlockedReaders;

class WaitNode : public boost::intrusive::set_base_hook<
                     boost::intrusive::link_mode<boost::intrusive::normal_link>,
                     boost::intrusive::optimize_size<true>> {
 public:
  WaitNode(std::shared_ptr<LiveFile> file, std::uint64_t offset) noexcept;
  WaitNode(const WaitNode&) = delete;
  WaitNode& operator=(const WaitNode&) = delete;

  [[nodiscard]] std::uint64_t offset() const noexcept { return offset_; }

  struct ByOffset {
    bool operator()(const WaitNode& a, const WaitNode& b) const noexcept {
      return a.offset_ < b.offset_;
    }
  };

 protected:
  ~WaitNode();

  /// Links the node, or completes it at once where it need not wait.
  void enlist(boost::asio::execution_context& context,
              const boost::asio::any_io_executor& executor);
  /// Called by the cancellation slot: completes the wait unless somebody else already does.
  void cancel() noexcept;

  std::shared_ptr<LiveFile> file_;
  error_code error_;
  std::uint64_t watermark_ = 0;

 private:
  friend class WakeGroup;

  /// `inline_allowed`: the caller runs inside the execution context and holds no lock.
  virtual void complete(bool inline_allowed) noexcept = 0;
  virtual void destroy() noexcept = 0;

  std::uint64_t offset_;
  WakeGroup* group_ = nullptr;
  bool linked_ = false;  // guarded by the group's mutex
};

// Executors that stand for any thread of the system: system_executor, and that of use_future.
template <class Executor>
inline constexpr bool kRunsAnywhere =
    std::is_same_v<std::remove_cvref_t<decltype(boost::asio::query(
                       std::declval<const Executor&>(), boost::asio::execution::context))>,
                   boost::asio::system_context>;
template <class Result, class Blocking>
inline constexpr bool kRunsAnywhere<boost::asio::detail::promise_executor<Result, Blocking>> = true;

// The handler's executor, or `io_executor` where the handler may run anywhere: as with Asio's own
// operations it then runs where the wait ends. On a thread of the system it could outlive its
// context.
template <class Handler, class IoExecutor>
auto executor_of(const Handler& handler, const IoExecutor& io_executor) {
  using Associated = boost::asio::associated_executor_t<Handler, IoExecutor>;
  if constexpr (kRunsAnywhere<Associated>) {
    return io_executor;
  } else {
    return Associated(boost::asio::get_associated_executor(handler, io_executor));
  }
}

template <class Handler, class IoExecutor>
class WaitOp final : public WaitNode {
  using Executor =
      decltype(executor_of(std::declval<const Handler&>(), std::declval<const IoExecutor&>()));
  using Work = std::decay_t<decltype(boost::asio::prefer(
      std::declval<Executor>(), boost::asio::execution::outstanding_work.tracked))>;
  using Allocator = typename std::allocator_traits<boost::asio::associated_allocator_t<
      Handler, boost::asio::recycling_allocator<void>>>::template rebind_alloc<WaitOp>;

 public:
  static void start(Handler handler, std::shared_ptr<LiveFile> file, const IoExecutor& io_executor,
                    std::uint64_t offset) {
    const Executor executor = executor_of(handler, io_executor);
    Allocator allocator(
        boost::asio::get_associated_allocator(handler, boost::asio::recycling_allocator<void>()));
    WaitOp* op = std::allocator_traits<Allocator>::allocate(allocator, 1);
    new (op) WaitOp(std::move(handler), std::move(file), executor, offset);
    auto slot = boost::asio::get_associated_cancellation_slot(op->handler_);
    if (slot.is_connected()) {
      slot.assign([op](boost::asio::cancellation_type) { op->cancel(); });
    }
    op->enlist(boost::asio::query(executor, boost::asio::execution::context), executor);
  }

 private:
  // Owns the operation between its completion and its handler; a context that is destroyed in
  // between destroys the operation without calling the handler.
  struct Runner {
    struct Destroy {
      void operator()(WaitOp* owned) const noexcept { owned->destroy(); }
    };
    std::unique_ptr<WaitOp, Destroy> op;
    void operator()() {
      boost::asio::get_associated_cancellation_slot(op->handler_).clear();
      Handler handler(std::move(op->handler_));
      const Work work(std::move(op->work_));
      const error_code error = op->error_;
      const std::uint64_t watermark = op->watermark_;
      op.reset();  // the memory is free again before the handler starts the next wait
      std::move(handler)(error, watermark);
    }
  };

  WaitOp(Handler&& handler, std::shared_ptr<LiveFile> file, const Executor& executor,
         std::uint64_t offset)
      : WaitNode(std::move(file), offset),
        handler_(std::move(handler)),
        executor_(executor),
        work_(boost::asio::prefer(executor, boost::asio::execution::outstanding_work.tracked)) {}

  void complete(bool inline_allowed) noexcept override {
    const Executor executor = executor_;
    Runner runner{std::unique_ptr<WaitOp, typename Runner::Destroy>(this)};
    if (inline_allowed) {
      boost::asio::dispatch(executor, std::move(runner));
    } else {
      boost::asio::post(executor, std::move(runner));
    }
  }

  void destroy() noexcept override {
    Allocator allocator(
        boost::asio::get_associated_allocator(handler_, boost::asio::recycling_allocator<void>()));
    this->~WaitOp();
    std::allocator_traits<Allocator>::deallocate(allocator, this, 1);
  }

  Handler handler_;
  Executor executor_;
  Work work_;
};

}  // namespace midstream::detail
