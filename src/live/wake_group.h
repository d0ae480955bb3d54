// WakeGroup: the waiters of one LiveFile that live on one execution context (one worker).
//
// A publish looks at `wanted()` (one atomic load). If a waiter wants so little, it posts one drain
// to the context; the drain completes the satisfied waiters there, a batch per turn. While a drain
// is posted, `wanted()` is kNobody, so the writer posts nothing more.
//
// Invariants
//  1. Register, then check: enlist() stores `wanted` and then reads the watermark; publish() stores
//     the watermark and then reads `wanted` (both sequentially consistent): no wake-up is lost.
//  2. A waiter is unlinked under the mutex by exactly one of drain, cancel, shutdown.
//  3. After the context shut down, nothing is posted to it any more.
#pragma once

#include <atomic>
#include <cstdint>
#include <limits>
#include <memory>
#include <mutex>
#include <vector>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/intrusive/set.hpp>

#include <midstream/detail/wait.h>

namespace midstream::detail {

struct ContextGroups;  // the groups of one execution context, for its shutdown

class WakeGroup {
 public:
  static constexpr std::uint64_t kNobody = std::numeric_limits<std::uint64_t>::max();

  WakeGroup(LiveFile& file, boost::asio::execution_context& context);
  WakeGroup(const WakeGroup&) = delete;
  WakeGroup& operator=(const WakeGroup&) = delete;
  ~WakeGroup();

  /// The lowest offset that a waiter waits for; kNobody: none, or a drain is on its way.
  [[nodiscard]] std::uint64_t wanted() const noexcept { return wanted_.load(); }

  [[nodiscard]] bool serves(const boost::asio::execution_context& context) const noexcept {
    return context_.load(std::memory_order_acquire) == &context;
  }

  void enlist(WaitNode& node, const boost::asio::any_io_executor& executor);
  [[nodiscard]] bool unlink(WaitNode& node) noexcept;  // false: somebody else completes it
  void wake() noexcept;
  /// The context is being destroyed: gives away its waiters, for destroy().
  void shut_down(std::vector<WaitNode*>& waiting);
  static void destroy(WaitNode& node) noexcept;

  WakeGroup* next = nullptr;  // in the file's list; constant once published there

 private:
  using Waiters =
      boost::intrusive::multiset<WaitNode, boost::intrusive::compare<WaitNode::ByOffset>,
                                 boost::intrusive::constant_time_size<false>>;
  static constexpr int kBatch = 64;

  void post_drain(std::shared_ptr<LiveFile> file);
  void drain(const std::shared_ptr<LiveFile>& file);
  [[nodiscard]] std::uint64_t lowest() const noexcept {
    return waiters_.empty() ? kNobody : waiters_.begin()->offset();
  }

  LiveFile& file_;
  std::shared_ptr<ContextGroups> siblings_;
  std::atomic<const boost::asio::execution_context*> context_;
  std::atomic<std::uint64_t> wanted_{kNobody};
  std::mutex mutex_;
  Waiters waiters_;
  boost::asio::any_io_executor executor_;  // for drains; from the first waiter, without its strand
  bool draining_ = false;
};

}  // namespace midstream::detail
