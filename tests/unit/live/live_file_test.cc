#include <chrono>
#include <stop_token>
#include <thread>

#include <boost/asio/error.hpp>
#include <gtest/gtest.h>

#include <midstream/live_file.h>

#include "support/event.h"
#include "support/growing.h"
#include "support/no_fd_left.h"

namespace midstream {
namespace {

using State = LiveFile::State;
using test::Growing;

using LiveFileTest = test::NoFdLeft;

TEST_F(LiveFileTest, BeginsGrowingWithWhatIsThere) {
  const Growing growing("1234");
  EXPECT_EQ(growing->state(), State::kGrowing);
  EXPECT_EQ(growing->watermark(), 4U);
  EXPECT_EQ(growing->declared_size(), std::nullopt);
  EXPECT_EQ(growing->total_size(), std::nullopt);
  EXPECT_FALSE(growing->failure());
}

TEST_F(LiveFileTest, TheTotalSizeIsTheDeclaredOneAndThenTheFinalOne) {
  Growing declared("12", 4);
  EXPECT_EQ(declared->total_size(), 4U);
  declared.append("34");
  declared.seal();
  EXPECT_EQ(declared->total_size(), 4U);
  Growing unknown("12");
  unknown.seal();
  EXPECT_EQ(unknown->total_size(), 2U);
  Growing failed("12");
  failed.fail();
  EXPECT_EQ(failed->total_size(), std::nullopt);
}

TEST_F(LiveFileTest, TheWatermarkOnlyRisesAndStaysWithinTheDeclaredSize) {
  const Growing growing("123456", 8);
  growing->publish(3);
  EXPECT_EQ(growing->watermark(), 6U);
  growing->publish(7);
  EXPECT_EQ(growing->watermark(), 7U);
  growing->publish(100);
  EXPECT_EQ(growing->watermark(), 8U);
  const Growing too_long("123456", 4);
  EXPECT_EQ(too_long->watermark(), 4U);
}

TEST_F(LiveFileTest, L6_ThereIsOneEnd) {
  Growing sealed("x");
  EXPECT_TRUE(sealed->seal());
  EXPECT_FALSE(sealed->seal());
  EXPECT_FALSE(sealed->fail(Errc::kWriterFailed, "too late"));
  EXPECT_EQ(sealed->state(), State::kSealed);
  EXPECT_FALSE(sealed->failure());
  EXPECT_EQ(sealed->failure_text(), "");

  Growing failed("x");
  EXPECT_TRUE(failed->fail(Errc::kWriterStalled, "first"));
  EXPECT_FALSE(failed->fail(Errc::kWriterFailed, "second"));
  EXPECT_FALSE(failed->seal());
  EXPECT_EQ(failed->state(), State::kFailed);
  EXPECT_EQ(failed->failure(), Errc::kWriterStalled);
  EXPECT_EQ(failed->failure_text(), "first");
}

TEST_F(LiveFileTest, AWaitThatNeedNotWaitReturnsAtOnce) {
  Growing growing("1234");
  EXPECT_EQ(growing->wait_beyond(0).value(), 4U);
  EXPECT_EQ(growing->wait_beyond(3).value(), 4U);
  growing.seal();
  EXPECT_EQ(growing->wait_beyond(4).value(), 4U);
  EXPECT_EQ(growing->wait_beyond(1000).value(), 4U);
}

TEST_F(LiveFileTest, AFailureComesAfterTheLastByte) {
  Growing growing("1234");
  growing.fail(Errc::kReplaced);
  EXPECT_EQ(growing->wait_beyond(3).value(), 4U);
  for (int again = 0; again < 2; ++again)
    EXPECT_EQ(growing->wait_beyond(4).error(), Errc::kReplaced);
}

TEST_F(LiveFileTest, AWaitGivesUpAtItsDeadline) {
  const Growing growing("1234");
  const auto now = std::chrono::steady_clock::now();
  EXPECT_EQ(growing->wait_beyond(4, {}, now - std::chrono::hours(1)).error(),
            boost::asio::error::timed_out);
  const auto soon = now + std::chrono::milliseconds(20);
  EXPECT_EQ(growing->wait_beyond(4, {}, soon).error(), boost::asio::error::timed_out);
  EXPECT_GE(std::chrono::steady_clock::now(), soon);
  EXPECT_EQ(growing->wait_beyond(3, {}, now).value(), 4U) << "bytes come before the deadline";
}

TEST_F(LiveFileTest, L5_AStopRequestEndsAWaitAtOnce) {
  const Growing growing("1234");
  std::stop_source stop;
  test::Event waiting;
  result<std::uint64_t> outcome = std::uint64_t{0};
  std::thread waiter([&] {
    waiting.set();
    outcome = growing->wait_beyond(4, stop.get_token());
  });
  ASSERT_TRUE(waiting.wait());
  stop.request_stop();
  waiter.join();
  EXPECT_EQ(outcome.error(), boost::asio::error::operation_aborted);
  EXPECT_EQ(growing->wait_beyond(4, stop.get_token()).error(),
            boost::asio::error::operation_aborted);
  EXPECT_EQ(growing->wait_beyond(3, stop.get_token()).value(), 4U) << "bytes come before the stop";
}

// Each round, the waiter may come before or after the publish: both ways must wake it.
TEST_F(LiveFileTest, L2_NoWakeUpIsLostBetweenTheCheckAndTheSleep) {
  constexpr std::uint64_t kRounds = test::kThreadSanitizer ? 2'000 : 20'000;
  Growing growing;
  std::atomic<std::uint64_t> taken{0};
  std::thread waiter([&] {
    for (std::uint64_t at = 0; at < kRounds; ++at) {
      const auto deadline = std::chrono::steady_clock::now() + test::kBound;
      const auto seen = growing->wait_beyond(at, {}, deadline);
      ASSERT_TRUE(seen.has_value()) << "at " << at;
      ASSERT_GT(*seen, at);
      taken.store(at + 1);
      taken.notify_all();
    }
  });
  for (std::uint64_t at = 0; at < kRounds; ++at) {
    growing->publish(at + 1);
    taken.wait(at);
  }
  waiter.join();
}

TEST_F(LiveFileTest, EveryBlockedThreadIsWokenByTheEnd) {
  for (const bool sealed : {true, false}) {
    Growing growing("12");
    test::Gate waiting;
    std::vector<std::thread> waiters;
    std::atomic<int> right{0};
    for (std::uint64_t offset : {2U, 3U, 100U, 1'000'000U}) {
      waiters.emplace_back([&, offset] {
        waiting.arrive();
        const auto outcome = growing->wait_beyond(offset);
        if (sealed ? outcome.has_value() && *outcome == 2 : outcome.has_error()) ++right;
      });
    }
    ASSERT_TRUE(waiting.wait_for(4));
    sealed ? growing.seal() : growing.fail();
    for (auto& waiter : waiters)
      waiter.join();
    EXPECT_EQ(right, 4);
  }
}

TEST_F(LiveFileTest, TheDescriptorStaysOpenForTheLastReader) {
  std::shared_ptr<LiveFile> reader;
  {
    Growing growing("still here");
    reader = growing.file();
    growing.seal();
  }
  char buffer[10];
  EXPECT_EQ(::pread(reader->fd(), buffer, sizeof buffer, 0), 10);
  EXPECT_EQ(std::string_view(buffer, 10), "still here");
}

}  // namespace
}  // namespace midstream
