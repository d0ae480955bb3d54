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
  if (entry.due_ < timer_due_) arm_timer(entry.due_);
}

void Deadlines::set_limit(std::chrono::milliseconds limit) {
  if (limit < limit_) {
    older_.merge(entries_, [](const Entry& a, const Entry& b) { return a.due_ < b.due_; });
  }
  limit_ = limit;
}

void Deadlines::stop() {
  timer_due_ = Clock::time_point::max();
  timer_.cancel();
}

// The list whose front is due first; nullptr: nothing is armed.
Deadlines::List* Deadlines::first_due() noexcept {
  if (older_.empty()) return entries_.empty() ? nullptr : &entries_;
  const bool older_first = entries_.empty() || older_.front().due_ <= entries_.front().due_;
  return older_first ? &older_ : &entries_;
}

// A wait that is going on is cancelled.
void Deadlines::arm_timer(Clock::time_point due) {
  timer_due_ = due;
  timer_.expires_at(due);
  timer_.async_wait([this](const error_code& cancelled) {
    if (!cancelled) expire();
  });
}

void Deadlines::expire() {
  const Clock::time_point now = Clock::now();
  timer_due_ = now;  // an entry that arms itself again must not set it beyond earlier ones
  // An entry that arms itself again goes to the back, with a later time: the loop ends.
  for (List* list = first_due(); list != nullptr; list = first_due()) {
    Entry& entry = list->front();
    if (entry.due_ > now) return arm_timer(entry.due_);
    list->pop_front();
    entry.on_deadline();
  }
  timer_due_ = Clock::time_point::max();
}

}  // namespace midstream::net
