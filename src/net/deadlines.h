// Deadlines: many waits with the same time limit, for one timer.
//
// All entries of a queue last equally long, so the one armed first is due first: arming and
// re-arming is moving to the back of a list. The timer runs only while somebody waits, and at most
// once per limit for a busy queue. Everything happens on the worker's thread.
//
// Invariants
//  1. Both lists are in the order in which their entries are due. Those that were armed before the
//     limit became shorter are in a list of their own: behind them nothing could just be appended.
//  2. While an entry is armed, the timer is, for no later than the first one is due.
#pragma once

#include <chrono>

#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/wait_traits.hpp>
#include <boost/intrusive/list.hpp>

#include "net/awaitable.h"

namespace midstream::net {

class Deadlines {
 public:
  using Clock = std::chrono::steady_clock;
  using Timer = asio::basic_waitable_timer<Clock, asio::wait_traits<Clock>, Executor>;

  using Hook =
      boost::intrusive::list_base_hook<boost::intrusive::tag<Deadlines>,
                                       boost::intrusive::link_mode<boost::intrusive::auto_unlink>>;

  /// Leaves its queue when it is destroyed.
  class Entry : public Hook {
   public:
    /// The time is up. The entry is out of its queue; it may be armed again.
    virtual void on_deadline() = 0;
    void disarm() noexcept {
      if (is_linked()) unlink();
    }
    [[nodiscard]] bool armed() const noexcept { return is_linked(); }

   protected:
    ~Entry() = default;

   private:
    friend class Deadlines;
    Clock::time_point due_{};
  };

  Deadlines(asio::io_context& context, std::chrono::milliseconds limit);
  Deadlines(const Deadlines&) = delete;
  Deadlines& operator=(const Deadlines&) = delete;

  /// Due after the limit from now, to a tick of the kernel. An entry that is armed, in this queue
  /// or another, moves here.
  void arm(Entry& entry);
  /// For what is armed from now on; what is armed keeps its time.
  void set_limit(std::chrono::milliseconds limit);
  /// Makes the timer stop, so that the io_context may run out of work.
  void stop();

  [[nodiscard]] std::chrono::milliseconds limit() const noexcept { return limit_; }

 private:
  using List = boost::intrusive::list<Entry, boost::intrusive::base_hook<Hook>,
                                      boost::intrusive::constant_time_size<false>>;

  [[nodiscard]] List* first_due() noexcept;
  void arm_timer(Clock::time_point due);
  void expire();

  Timer timer_;
  std::chrono::milliseconds limit_;
  List entries_;
  List older_;  // armed under a limit that was longer
  // When the timer runs out; max(): it does not run.
  Clock::time_point timer_due_ = Clock::time_point::max();
};

}  // namespace midstream::net
