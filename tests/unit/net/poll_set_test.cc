#include "net/poll_set.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include <gtest/gtest.h>

#include "base/unique_fd.h"

namespace midstream::net {
namespace {

// An eventfd in the set that writes down when it is called.
class Bell final : public PollSet::Source {
 public:
  Bell(PollSet& poll_set, std::string& order, char name)
      : poll_set_(poll_set), order_(order), name_(name), fd_(::eventfd(0, EFD_NONBLOCK)) {
    EXPECT_FALSE(poll_set_.add(fd_.get(), EPOLLIN | EPOLLET, *this));
  }
  Bell(const Bell&) = delete;
  Bell& operator=(const Bell&) = delete;
  ~Bell() { poll_set_.remove(fd_.get(), *this); }

  void ring() const { ASSERT_EQ(::eventfd_write(fd_.get(), 1), 0); }
  void on_ready(std::uint32_t) override {
    order_.push_back(name_);
    if (on_ring) on_ring();
  }

  std::function<void()> on_ring;

 private:
  PollSet& poll_set_;
  std::string& order_;
  char name_;
  UniqueFd fd_;
};

class PollSetTest : public testing::Test {
 protected:
  // What is ready now is handled: one batch, or several where there is more.
  void run(std::size_t events) {
    while (order_.size() < events)
      context_.run_one();
  }

  asio::io_context context_{1};
  std::optional<PollSet> poll_set_{std::in_place, context_};
  std::string order_;
};

TEST_F(PollSetTest, HandlesEventsInTheOrderInWhichTheyHappened) {
  Bell a(*poll_set_, order_, 'a');
  Bell b(*poll_set_, order_, 'b');
  Bell c(*poll_set_, order_, 'c');
  b.ring();
  a.ring();
  c.ring();
  run(3);
  EXPECT_EQ(order_, "bac");
}

TEST_F(PollSetTest, AnEarlySourceIsCalledBeforeEverythingElseOfItsBatch) {
  Bell first(*poll_set_, order_, 'a');
  Bell early(*poll_set_, order_, 'E');
  poll_set_->handle_early(early);
  first.ring();
  early.ring();
  run(2);
  EXPECT_EQ(order_, "Ea");
}

TEST_F(PollSetTest, AnEarlySourceIsNotCalledForABatchThatIsNotItsOwn) {
  Bell first(*poll_set_, order_, 'a');
  Bell early(*poll_set_, order_, 'E');
  poll_set_->handle_early(early);
  first.ring();
  run(1);
  EXPECT_EQ(order_, "a");
}

// The kernel reports the oldest events first: behind a full batch there may be one of the early
// source.
TEST_F(PollSetTest, AnEarlySourceIsCalledBeforeAFullBatch) {
  std::deque<Bell> bells;
  for (int i = 0; i < 200; ++i)
    bells.emplace_back(*poll_set_, order_, '.').ring();
  Bell early(*poll_set_, order_, 'E');
  poll_set_->handle_early(early);
  early.ring();
  run(1);
  EXPECT_EQ(order_.front(), 'E');
  run(200);
}

TEST_F(PollSetTest, ASourceThatWasRemovedGetsNoEventOfTheBatchThatIsBeingHandled) {
  Bell a(*poll_set_, order_, 'a');
  auto b = std::make_unique<Bell>(*poll_set_, order_, 'b');
  Bell c(*poll_set_, order_, 'c');
  a.on_ring = [&] { b.reset(); };
  a.ring();
  b->ring();
  c.ring();
  run(2);
  EXPECT_EQ(order_, "ac");
}

TEST_F(PollSetTest, AnEarlySourceMayGo) {
  {
    Bell early(*poll_set_, order_, 'E');
    poll_set_->handle_early(early);
    early.ring();
  }
  Bell a(*poll_set_, order_, 'a');
  a.ring();
  run(1);
  EXPECT_EQ(order_, "a");
}

TEST_F(PollSetTest, AfterStopTheContextRunsOutOfWork) {
  poll_set_->stop();
  context_.run();
  EXPECT_TRUE(context_.stopped());
}

}  // namespace
}  // namespace midstream::net
