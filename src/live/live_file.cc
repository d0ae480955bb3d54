#include <unistd.h>

#include <algorithm>
#include <condition_variable>

#include <boost/asio/error.hpp>

#include <midstream/live_file.h>

#include "live/wake_group.h"

namespace midstream {

namespace detail {

// Readers that block their own threads. Each costs a thread: one condition for all of them will do.
struct BlockedReaders {
  std::mutex mutex;
  std::condition_variable_any changed;
  std::atomic<std::uint64_t> wanted{WakeGroup::kNobody};  // as in WakeGroup
};

}  // namespace detail

namespace {

std::uint64_t next_id() noexcept {
  static std::atomic<std::uint64_t> last{0};
  return last.fetch_add(1, std::memory_order_relaxed) + 1;
}

}  // namespace

LiveFile::LiveFile(int owned_read_fd, std::uint64_t watermark,
                   std::optional<std::uint64_t> declared_size)
    : id_(next_id()),
      fd_(owned_read_fd),
      declared_size_(declared_size),
      watermark_(declared_size ? std::min(watermark, *declared_size) : watermark),
      blocked_(std::make_unique<detail::BlockedReaders>()) {}

LiveFile::~LiveFile() {
  for (detail::WakeGroup* group = groups_.load(); group != nullptr;) {
    delete std::exchange(group, group->next);
  }
  ::close(fd_);
}

LiveFile::View LiveFile::view() const noexcept {
  const State state =
      state_.load(std::memory_order_acquire);  // before the watermark: see invariant 2
  return {state, watermark_.load(std::memory_order_acquire)};
}

std::uint64_t LiveFile::watermark() const noexcept {
  return watermark_.load(std::memory_order_acquire);
}

LiveFile::State LiveFile::state() const noexcept { return state_.load(std::memory_order_acquire); }

std::optional<std::uint64_t> LiveFile::total_size() const noexcept {
  const View now = view();
  if (now.state == State::kSealed) return now.watermark;
  return declared_size_;
}

error_code LiveFile::failure() const {
  const std::lock_guard lock(end_mutex_);
  return failure_;
}

std::string LiveFile::failure_text() const {
  const std::lock_guard lock(end_mutex_);
  return failure_text_;
}

bool LiveFile::satisfies(std::uint64_t offset) const noexcept {
  return watermark_.load() > offset || state_.load() != State::kGrowing;
}

std::pair<error_code, std::uint64_t> LiveFile::outcome_for(std::uint64_t offset) const {
  const View now = view();
  if (now.state == State::kFailed && now.watermark <= offset) return {failure(), now.watermark};
  return {error_code(), now.watermark};
}

detail::WakeGroup& LiveFile::group_for(boost::asio::execution_context& context) {
  detail::WakeGroup* head = groups_.load(std::memory_order_acquire);
  for (detail::WakeGroup* group = head; group != nullptr; group = group->next) {
    if (group->serves(context)) return *group;
  }
  // Two threads of one context may both add a group here; either works.
  auto* group = new detail::WakeGroup(*this, context);
  group->next = head;
  while (!groups_.compare_exchange_weak(group->next, group)) {
  }
  return *group;
}

result<std::uint64_t> LiveFile::wait_beyond(std::uint64_t offset, std::stop_token stop,
                                            std::optional<Deadline> deadline) {
  if (!satisfies(offset)) {
    std::unique_lock lock(blocked_->mutex);
    const auto ready = [&] {  // registers, then checks
      blocked_->wanted.store(std::min(blocked_->wanted.load(), offset));
      return satisfies(offset);
    };
    const bool done = deadline ? blocked_->changed.wait_until(lock, stop, *deadline, ready)
                               : blocked_->changed.wait(lock, stop, ready);
    if (!done && stop.stop_requested()) return error_code(boost::asio::error::operation_aborted);
    if (!done) return error_code(boost::asio::error::timed_out);
  }
  const auto [error, watermark] = outcome_for(offset);
  if (error) return error;
  return watermark;
}

void LiveFile::publish(std::uint64_t watermark) noexcept {
  if (declared_size_) watermark = std::min(watermark, *declared_size_);
  if (watermark <= watermark_.load(std::memory_order_relaxed)) return;
  watermark_.store(watermark);
  wake(watermark, false);
}

bool LiveFile::seal() noexcept { return end(State::kSealed, {}, {}); }

bool LiveFile::fail(error_code why, std::string text) noexcept {
  return end(State::kFailed, why, std::move(text));
}

bool LiveFile::end(State state, error_code why, std::string text) noexcept {
  {
    const std::lock_guard lock(end_mutex_);
    if (state_.load() != State::kGrowing) return false;
    failure_ = why;
    failure_text_ = std::move(text);
    state_.store(state);
  }
  wake(watermark(), true);
  return true;
}

void LiveFile::wake(std::uint64_t watermark, bool final) noexcept {
  const auto wants = [&](std::uint64_t wanted) {
    return wanted < watermark || (final && wanted != detail::WakeGroup::kNobody);
  };
  for (auto* group = groups_.load(); group != nullptr; group = group->next) {
    if (wants(group->wanted())) group->wake();
  }
  if (wants(blocked_->wanted.load())) {
    const std::lock_guard lock(
        blocked_->mutex);  // a reader between its check and its sleep holds it
    blocked_->wanted.store(detail::WakeGroup::kNobody);
    blocked_->changed.notify_all();
  }
}

}  // namespace midstream
