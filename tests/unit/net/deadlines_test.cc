#include "net/deadlines.h"

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "support/bound.h"
#include "support/io.h"

namespace midstream::net {
namespace {

using namespace std::chrono_literals;

// Long enough that it never comes in a test.
constexpr auto kNever = std::chrono::duration_cast<std::chrono::milliseconds>(10 * test::kBound);

// Writes down when it is due.
class Wait final : public Deadlines::Entry {
 public:
  Wait(std::string& order, char name) : order_(order), name_(name) {}

  void on_deadline() override {
    EXPECT_FALSE(armed());
    order_.push_back(name_);
    if (on_due) on_due();
  }

  std::function<void()> on_due;

 private:
  std::string& order_;
  char name_;
};

class DeadlinesTest : public testing::Test {
 protected:
  // Until so many were due.
  void run(std::size_t count) {
    EXPECT_TRUE(test::run_until(context_, [&] { return order_.size() >= count; })) << order_;
  }

  asio::io_context context_{1};
  std::string order_;
  Wait a_{order_, 'a'}, b_{order_, 'b'}, c_{order_, 'c'}, d_{order_, 'd'};
};

TEST_F(DeadlinesTest, AreDueInTheOrderInWhichTheyWereArmed) {
  Deadlines deadlines(context_, 20ms);
  for (Wait* wait : {&b_, &a_, &c_})
    deadlines.arm(*wait);
  run(3);
  EXPECT_EQ(order_, "bac");
}

TEST_F(DeadlinesTest, AreNotDueBeforeTheLimit) {
  constexpr auto kLimit = 50ms;
  constexpr auto kTick = 10ms;  // of the kernel's coarse clock, at most
  Deadlines deadlines(context_, kLimit);
  const auto begin = Deadlines::Clock::now();
  deadlines.arm(a_);
  run(1);
  EXPECT_GE(Deadlines::Clock::now() - begin, kLimit - kTick);
}

TEST_F(DeadlinesTest, OneThatIsDisarmedIsNotDue) {
  Deadlines deadlines(context_, 20ms);
  deadlines.arm(a_);
  deadlines.arm(b_);
  a_.disarm();
  EXPECT_FALSE(a_.armed());
  run(1);
  EXPECT_EQ(order_, "b");
}

TEST_F(DeadlinesTest, OneThatIsDestroyedIsNotDue) {
  Deadlines deadlines(context_, 20ms);
  auto gone = std::make_unique<Wait>(order_, 'x');
  deadlines.arm(*gone);
  deadlines.arm(b_);
  gone.reset();
  run(1);
  EXPECT_EQ(order_, "b");
}

TEST_F(DeadlinesTest, OneThatIsArmedAgainStartsAnew) {
  Deadlines deadlines(context_, 20ms);
  deadlines.arm(a_);
  deadlines.arm(b_);
  deadlines.arm(a_);
  run(2);
  EXPECT_EQ(order_, "ba");
}

TEST_F(DeadlinesTest, OneMayMoveToAnotherQueue) {
  Deadlines never(context_, kNever);
  Deadlines soon(context_, 20ms);
  never.arm(a_);
  soon.arm(a_);
  run(1);
  EXPECT_EQ(order_, "a");
}

TEST_F(DeadlinesTest, OneMayBeArmedAgainInsideItsCall) {
  Deadlines deadlines(context_, 20ms);
  a_.on_due = [&] {
    if (order_.size() == 1) deadlines.arm(a_);
  };
  deadlines.arm(a_);
  deadlines.arm(b_);
  run(3);
  EXPECT_EQ(order_, "aba");
}

TEST_F(DeadlinesTest, OneMayDisarmAnotherThatIsDueAsWell) {
  Deadlines deadlines(context_, 20ms);
  a_.on_due = [&] { b_.disarm(); };
  for (Wait* wait : {&a_, &b_, &c_})
    deadlines.arm(*wait);
  run(2);
  EXPECT_EQ(order_, "ac");
}

TEST_F(DeadlinesTest, AfterStopTheContextRunsOutOfWork) {
  Deadlines deadlines(context_, kNever);
  deadlines.arm(a_);
  deadlines.stop();
  context_.run();
  EXPECT_TRUE(context_.stopped());
  EXPECT_TRUE(order_.empty());
}

TEST_F(DeadlinesTest, MayBeArmedAfterAStop) {
  Deadlines deadlines(context_, 20ms);
  deadlines.arm(a_);
  deadlines.stop();
  deadlines.arm(b_);
  run(2);
  EXPECT_EQ(order_, "ab");
}

// -- set_limit ------------------------------------------------------------------------------------

TEST_F(DeadlinesTest, AShorterLimitIsForThoseThatAreArmedLater) {
  Deadlines deadlines(context_, kNever);
  deadlines.arm(a_);
  deadlines.set_limit(20ms);
  EXPECT_EQ(deadlines.limit(), 20ms);
  deadlines.arm(b_);
  run(1);
  EXPECT_EQ(order_, "b");
  EXPECT_TRUE(a_.armed());
}

TEST_F(DeadlinesTest, AShorterLimitTakesNothingFromThoseThatAreArmed) {
  Deadlines deadlines(context_, 500ms);
  const auto begin = Deadlines::Clock::now();
  deadlines.arm(a_);
  deadlines.set_limit(20ms);
  deadlines.arm(b_);
  run(2);
  EXPECT_EQ(order_, "ba");
  EXPECT_GE(Deadlines::Clock::now() - begin, 490ms);
}

TEST_F(DeadlinesTest, ALongerLimitIsForThoseThatAreArmedLater) {
  Deadlines deadlines(context_, 20ms);
  deadlines.arm(a_);
  deadlines.set_limit(kNever);
  deadlines.arm(b_);
  run(1);
  EXPECT_EQ(order_, "a");
  EXPECT_TRUE(b_.armed());
}

TEST_F(DeadlinesTest, OneThatIsArmedAgainGetsTheNewLimit) {
  Deadlines deadlines(context_, kNever);
  deadlines.arm(a_);
  deadlines.arm(b_);
  deadlines.set_limit(20ms);
  deadlines.arm(b_);
  run(1);
  EXPECT_EQ(order_, "b");
}

// Up, down, up and down again: whatever was armed under which limit, all come in the order of their
// times.
TEST_F(DeadlinesTest, WhateverTheLimitsWereTheOrderIsThatOfTheTimes) {
  struct Armed {
    char name;
    std::chrono::milliseconds limit;
  };
  const std::vector<Armed> all = {{'a', 200ms}, {'b', 60ms},  {'c', 300ms}, {'d', 120ms},
                                  {'e', 260ms}, {'f', 20ms},  {'g', 240ms}, {'h', 90ms},
                                  {'i', 40ms},  {'j', 180ms}, {'k', 150ms}, {'l', 320ms}};
  Deadlines deadlines(context_, 500ms);
  std::vector<std::unique_ptr<Wait>> waits;
  for (const Armed& armed : all)
    waits.push_back(std::make_unique<Wait>(order_, armed.name));
  Deadlines::Clock::time_point begin;
  do {  // once more where something came between, so that the limits alone decide
    begin = Deadlines::Clock::now();
    for (std::size_t i = 0; i < all.size(); ++i) {
      deadlines.set_limit(all[i].limit);
      deadlines.arm(*waits[i]);
    }
  } while (Deadlines::Clock::now() - begin > 5ms);
  run(all.size());
  std::vector<Armed> sorted = all;
  std::sort(sorted.begin(), sorted.end(),
            [](const Armed& x, const Armed& y) { return x.limit < y.limit; });
  std::string expected;
  for (const Armed& armed : sorted)
    expected.push_back(armed.name);
  EXPECT_EQ(order_, expected);
}

TEST_F(DeadlinesTest, OneOfTheOlderOnesMayBeDisarmedOrDestroyed) {
  Deadlines deadlines(context_, 500ms);
  auto gone = std::make_unique<Wait>(order_, 'x');
  deadlines.arm(a_);
  deadlines.arm(*gone);
  deadlines.arm(b_);
  deadlines.set_limit(20ms);
  deadlines.arm(c_);
  a_.disarm();
  gone.reset();
  run(2);
  EXPECT_EQ(order_, "cb");
}

TEST_F(DeadlinesTest, AStopAlsoStopsAfterAShorterLimit) {
  Deadlines deadlines(context_, kNever);
  deadlines.arm(a_);
  deadlines.set_limit(kNever / 2);
  deadlines.arm(b_);
  deadlines.stop();
  context_.run();
  EXPECT_TRUE(context_.stopped());
}

}  // namespace
}  // namespace midstream::net
