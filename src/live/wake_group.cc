#include "live/wake_group.h"

#include <algorithm>
#include <array>
#include <tuple>
#include <utility>
#include <vector>

#include <boost/asio/error.hpp>
#include <boost/asio/execution/outstanding_work.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>

#include <midstream/live_file.h>

namespace midstream::detail {

namespace asio = boost::asio;

struct ContextGroups {
  std::mutex mutex;
  std::vector<WakeGroup*> groups;
};

namespace {

// Tells the groups of a context when it shuts down: their waiters' handlers must go with it.
class WakeService final : public asio::execution_context::service {
 public:
  static inline asio::execution_context::id id;

  explicit WakeService(asio::execution_context& context) : service(context) {}
  [[nodiscard]] const std::shared_ptr<ContextGroups>& groups() const noexcept { return groups_; }

 private:
  void shutdown() override {
    std::vector<WaitNode*> waiting;
    {
      const std::lock_guard lock(groups_->mutex);
      for (WakeGroup* group : groups_->groups)
        group->shut_down(waiting);
      groups_->groups.clear();
    }
    // Without the lock: a waiter may hold the last reference to its file, whose groups leave here.
    for (WaitNode* node : waiting)
      WakeGroup::destroy(*node);
  }

  std::shared_ptr<ContextGroups> groups_ = std::make_shared<ContextGroups>();
};

template <class Inner>
bool leave_strand(asio::any_io_executor& executor) {
  const auto* strand = executor.target<asio::strand<Inner>>();
  if (strand == nullptr) return false;
  executor = asio::any_io_executor(strand->get_inner_executor());
  return true;
}

// Where drains run. Not on a waiter's strand, which its handlers may keep busy; and without
// counting as work, as the executor of a step of a composed operation does: the group lives as long
// as the file, and must not keep the context running.
asio::any_io_executor executor_for_drains(const asio::any_io_executor& waiter) {
  asio::any_io_executor executor =
      asio::prefer(waiter, asio::execution::outstanding_work.untracked);
  while (leave_strand<asio::any_io_executor>(executor) ||
         leave_strand<asio::io_context::executor_type>(executor) ||
         leave_strand<asio::thread_pool::executor_type>(executor)) {
  }
  return asio::prefer(executor, asio::execution::outstanding_work.untracked);
}

}  // namespace

WakeGroup::WakeGroup(LiveFile& file, asio::execution_context& context)
    : file_(file), siblings_(asio::use_service<WakeService>(context).groups()), context_(&context) {
  const std::lock_guard lock(siblings_->mutex);
  siblings_->groups.push_back(this);
}

WakeGroup::~WakeGroup() {
  const std::lock_guard lock(siblings_->mutex);
  std::erase(siblings_->groups, this);
}

void WakeGroup::enlist(WaitNode& node, const asio::any_io_executor& executor) {
  const std::lock_guard lock(mutex_);
  if (!executor_) executor_ = executor_for_drains(executor);
  node.group_ = this;
  node.linked_ = true;
  waiters_.insert(node);
  if (draining_) return;  // that drain will look at this waiter too
  wanted_.store(lowest());
  if (!file_.satisfies(lowest())) return;
  wanted_.store(kNobody);
  draining_ = true;
  post_drain(file_.shared_from_this());
}

bool WakeGroup::unlink(WaitNode& node) noexcept {
  const std::lock_guard lock(mutex_);
  if (!node.linked_) return false;
  node.linked_ = false;
  waiters_.erase(waiters_.iterator_to(node));
  if (!draining_) wanted_.store(lowest());
  return true;
}

void WakeGroup::wake() noexcept {
  const std::lock_guard lock(mutex_);
  if (draining_ || waiters_.empty()) return;
  wanted_.store(kNobody);
  draining_ = true;
  post_drain(file_.shared_from_this());
}

void WakeGroup::post_drain(std::shared_ptr<LiveFile> file) {
  asio::post(executor_, [this, owner = std::move(file)] { drain(owner); });
}

void WakeGroup::drain(const std::shared_ptr<LiveFile>& file) {
  std::array<WaitNode*, kBatch> batch;
  std::size_t count = 0;
  {
    const std::lock_guard lock(mutex_);
    for (;;) {
      while (count < batch.size() && !waiters_.empty() && file->satisfies(lowest())) {
        WaitNode& node = *waiters_.begin();
        waiters_.erase(waiters_.begin());
        node.linked_ = false;
        batch[count++] = &node;
      }
      if (count == batch.size()) {  // the rest after others had their turn
        post_drain(file);
        break;
      }
      wanted_.store(lowest());
      if (waiters_.empty() || !file->satisfies(lowest())) {
        draining_ = false;
        break;
      }
      wanted_.store(kNobody);
    }
  }
  for (std::size_t i = 0; i < count; ++i) {
    WaitNode& node = *batch[i];
    std::tie(node.error_, node.watermark_) = file->outcome_for(node.offset());
    node.complete(true);
  }
}

void WakeGroup::destroy(WaitNode& node) noexcept { node.destroy(); }

void WakeGroup::shut_down(std::vector<WaitNode*>& waiting) {
  const std::lock_guard lock(mutex_);
  while (!waiters_.empty()) {
    WaitNode& node = *waiters_.begin();
    waiters_.erase(waiters_.begin());
    node.linked_ = false;
    waiting.push_back(&node);
  }
  context_.store(nullptr, std::memory_order_release);
  executor_ = {};
  wanted_.store(kNobody);
  draining_ = true;  // for good: nothing is ever posted again
}

// --- WaitNode

WaitNode::WaitNode(std::shared_ptr<LiveFile> file, std::uint64_t offset) noexcept
    : file_(std::move(file)), offset_(std::min(offset, WakeGroup::kNobody - 1)) {}

WaitNode::~WaitNode() = default;

void WaitNode::enlist(asio::execution_context& context, const asio::any_io_executor& executor) {
  file_->group_for(context).enlist(*this, executor);
}

void WaitNode::cancel() noexcept {
  if (!group_->unlink(*this)) return;
  error_ = asio::error::operation_aborted;
  complete(false);
}

}  // namespace midstream::detail
