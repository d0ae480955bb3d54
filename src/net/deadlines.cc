#include "net/deadlines.h"

#include <ctime>

#include <midstream/error.h>

namespace midstream::net {
namespace {

// steady_clock's time at the last tick of the kernel, a few ms old (clock_gettime(2)). Armed once
// or twice per request, so the exact clock would be a hundredth of its cost.
Deadlines::Clock::time_point now_coarsely() noexcept {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
  return Deadlines::Clock::time_point(std::chrono::seconds(now.tv_sec) +
                                      std::chrono::nanoseconds(now.tv_nsec));
}

}  // namespace

Deadlines::Deadlines(asio::io_context& context, std::chrono::milliseconds limit)
    : timer_(context.get_executor()), limit_(limit) {}

void Deadlines::arm(Entry& entry) {
  entry.disarm();
  entry.due_ = now_coarsely() + limit_;
  entries_.push_back(entry);
  if (!timer_armed_) arm_timer(entry.due_);
}

void Deadlines::stop() { timer_.cancel(); }

void Deadlines::arm_timer(Clock::time_point due) {
  timer_armed_ = true;
  timer_.expires_at(due);
  timer_.async_wait([this](const error_code& cancelled) {
    timer_armed_ = false;
    if (!cancelled) expire();
  });
}

void Deadlines::expire() {
  const Clock::time_point now = Clock::now();
  timer_armed_ = true;  // an entry that arms itself again must not set it beyond earlier ones
  // An entry that arms itself again goes to the back, with a later time: the loop ends.
  while (!entries_.empty() && entries_.front().due_ <= now) {
    Entry& entry = entries_.front();
    entries_.pop_front();
    entry.on_deadline();
  }
  timer_armed_ = false;
  if (!entries_.empty()) arm_timer(entries_.front().due_);
}

}  // namespace midstream::net
