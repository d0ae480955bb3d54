// How waiters are woken (L2): one posted task per context, only those who have something to read,
// and nothing is ever posted to a context that is gone.
#include <limits>
#include <list>
#include <memory>
#include <optional>
#include <vector>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <gtest/gtest.h>

#include <midstream/reader.h>

#include "support/counting_executor.h"
#include "support/growing.h"
#include "support/io.h"
#include "support/no_fd_left.h"

namespace midstream {
namespace {

namespace asio = boost::asio;
using test::CountingExecutor;
using test::ExecutorCounts;
using test::Growing;
using test::run_ready;

using Waking = test::NoFdLeft;

constexpr int kMany = 10'000;

// An io_context whose waiters are counted, and what is posted to it.
struct CountedContext {
  asio::io_context io{1};
  ExecutorCounts counts;
  CountingExecutor<> executor{io.get_executor(), counts};
  int completed = 0;
  int failed = 0;

  void wait(const Growing& growing, std::uint64_t offset) {
    growing.file()->async_wait_beyond(executor, offset, [this](error_code error, std::uint64_t) {
      ++completed;
      failed += error ? 1 : 0;
    });
  }
};

TEST_F(Waking, L2_TenThousandWaitersCostTheWriterOneTaskPerContext) {
  Growing growing;
  std::list<CountedContext> contexts(3);
  for (auto& context : contexts) {
    for (int i = 0; i < kMany; ++i)
      context.wait(growing, static_cast<std::uint64_t>(i % 7));
    EXPECT_EQ(context.counts.posted, 0) << "to wait costs no task";
  }
  for (std::uint64_t watermark = 1; watermark <= 1000; ++watermark)
    growing.publish(watermark);
  for (auto& context : contexts) {
    EXPECT_EQ(context.counts.posted, 1) << "for a thousand publishes";
    EXPECT_EQ(context.counts.dispatched, 0);
    run_ready(context.io);
    EXPECT_EQ(context.completed, kMany);
    EXPECT_LE(context.counts.posted, kMany / 50) << "the waiters come in batches";
    const int so_far = context.counts.posted;
    growing.publish(growing->watermark() + 1);
    EXPECT_EQ(context.counts.posted, so_far) << "nobody waits any more";
  }
}

TEST_F(Waking, L2_OtherWorkGetsItsTurnBetweenTheBatches) {
  Growing growing;
  CountedContext context;
  for (int i = 0; i < kMany; ++i)
    context.wait(growing, 0);
  growing.publish(1);
  int completed_before_other_work = -1;
  asio::post(context.io, [&] { completed_before_other_work = context.completed; });
  run_ready(context.io);
  EXPECT_LT(completed_before_other_work, kMany / 10);
  EXPECT_EQ(context.completed, kMany);
}

TEST_F(Waking, L2_WhoWaitsForMoreIsNotWoken) {
  Growing growing;
  CountedContext context;
  for (int i = 0; i < kMany; ++i)
    context.wait(growing, 1'000'000);
  for (std::uint64_t watermark = 1; watermark <= 1000; ++watermark)
    growing.publish(watermark * 1000);
  EXPECT_EQ(context.counts.posted, 0) << "a byte at 1,000,000 is still not there";
  run_ready(context.io);
  EXPECT_EQ(context.completed, 0);
  growing.publish(1'000'001);
  EXPECT_EQ(context.counts.posted, 1);
  run_ready(context.io);
  EXPECT_EQ(context.completed, kMany);
}

TEST_F(Waking, L2_OfManyOnlyThoseWithSomethingToReadAreWoken) {
  Growing growing;
  CountedContext context;
  for (std::uint64_t offset = 0; offset < 1000; ++offset)
    context.wait(growing, 999 - offset);
  for (std::uint64_t watermark = 1; watermark <= 1000; ++watermark) {
    growing.publish(watermark);
    run_ready(context.io);
    ASSERT_EQ(context.completed, static_cast<int>(watermark));
  }
}

TEST_F(Waking, TheEndWakesEverybodyWhateverTheyWaitFor) {
  for (const bool sealed : {true, false}) {
    Growing growing("123");
    CountedContext context;
    for (std::uint64_t i = 3; i < 200; ++i)
      context.wait(growing, i * i);
    context.wait(growing, std::numeric_limits<std::uint64_t>::max());
    context.wait(growing, std::numeric_limits<std::uint64_t>::max() - 1);
    sealed ? growing.seal() : growing.fail();
    EXPECT_EQ(context.counts.posted, 1);
    run_ready(context.io);
    EXPECT_EQ(context.completed, 199);
    EXPECT_EQ(context.failed, sealed ? 0 : 199);
  }
}

TEST_F(Waking, AWaitThatNeedNotWaitCompletesToo) {
  Growing growing("123");
  CountedContext context;
  context.wait(growing, 5);
  context.wait(growing, 0);
  context.wait(growing, 2);
  EXPECT_EQ(context.counts.posted, 1) << "one task for both";
  run_ready(context.io);
  EXPECT_EQ(context.completed, 2);
  growing.seal();
  context.wait(growing, 7);
  run_ready(context.io);
  EXPECT_EQ(context.completed, 4);
}

TEST_F(Waking, AHandlerMayWaitAgain) {
  Growing growing;
  asio::io_context io{1};
  std::uint64_t at = 0;
  int ends = 0;
  std::function<void(error_code, std::uint64_t)> again = [&](error_code error,
                                                             std::uint64_t watermark) {
    if (error || watermark <= at) return void(++ends);
    at = watermark;
    growing.file()->async_wait_beyond(io.get_executor(), at, again);
  };
  growing.file()->async_wait_beyond(io.get_executor(), 0, again);
  for (std::uint64_t watermark = 1; watermark <= 100; ++watermark) {
    growing.publish(watermark);
    run_ready(io);
    ASSERT_EQ(at, watermark);
  }
  growing.seal();
  run_ready(io);
  EXPECT_EQ(ends, 1);
}

TEST_F(Waking, L5_CancellingSomeDisturbsNobody) {
  Growing growing;
  asio::io_context io{1};
  constexpr std::size_t kCount = 300;
  std::list<asio::cancellation_signal> signals(kCount);
  std::vector<std::optional<error_code>> outcomes(kCount);
  std::size_t i = 0;
  for (auto& signal : signals) {
    auto done = [&outcomes, i](error_code error, std::uint64_t) {
      EXPECT_FALSE(outcomes[i].has_value()) << "twice";
      outcomes[i] = error;
    };
    growing.file()->async_wait_beyond(io.get_executor(), i++ / 100,
                                      asio::bind_cancellation_slot(signal.slot(), done));
  }
  i = 0;
  for (auto& signal : signals) {
    if (i++ % 3 == 0) signal.emit(asio::cancellation_type::terminal);
  }
  growing.publish(100);
  run_ready(io);
  for (i = 0; i < kCount; ++i) {
    ASSERT_TRUE(outcomes[i].has_value()) << i;
    EXPECT_EQ(*outcomes[i], i % 3 == 0 ? asio::error::operation_aborted : error_code()) << i;
  }
}

// The second is cancelled by the handler of the first, when both have been taken for the same
// batch.
TEST_F(Waking, L5_CancellingInTheMiddleOfABatch) {
  Growing growing;
  asio::io_context io{1};
  asio::cancellation_signal signal;
  int second = 0;
  growing.file()->async_wait_beyond(io.get_executor(), 0, [&](error_code, std::uint64_t) {
    signal.emit(asio::cancellation_type::terminal);
  });
  growing.file()->async_wait_beyond(
      io.get_executor(), 1,
      asio::bind_cancellation_slot(signal.slot(), [&](error_code, std::uint64_t) { ++second; }));
  growing.publish(2);
  run_ready(io);
  EXPECT_EQ(second, 1);
}

TEST_F(Waking, L2_TheLowestWaitCountsAgainAfterItsCancellation) {
  Growing growing;
  CountedContext context;
  asio::cancellation_signal signal;
  growing.file()->async_wait_beyond(
      context.executor, 0,
      asio::bind_cancellation_slot(signal.slot(), [](error_code, std::uint64_t) {}));
  context.wait(growing, 100);
  signal.emit(asio::cancellation_type::terminal);
  run_ready(context.io);
  const int so_far = context.counts.posted;
  growing.publish(100);
  EXPECT_EQ(context.counts.posted, so_far) << "nobody waits for so little any more";
  growing.publish(101);
  run_ready(context.io);
  EXPECT_EQ(context.completed, 1);
}

// Contexts that go away
// -----------------------------------------------------------------------------------

// Waiters in every state, each holding a piece of `witness`.
void enlist_all_states(asio::io_context& io, const Growing& growing,
                       const std::shared_ptr<int>& witness,
                       std::list<asio::cancellation_signal>& signals) {
  const auto wait = [&](std::uint64_t offset, auto executor) {
    signals.emplace_back();
    growing.file()->async_wait_beyond(
        executor, offset,
        asio::bind_cancellation_slot(signals.back().slot(), [witness](error_code, std::uint64_t) {
          ADD_FAILURE() << "it was not run";
        }));
  };
  wait(100, io.get_executor());  // stays linked
  wait(100, asio::make_strand(io));
  wait(100, io.get_executor());
  signals.back().emit(asio::cancellation_type::terminal);  // completion posted
  wait(0, io.get_executor());                              // its wake-up is posted by the publish
}

TEST_F(Waking, L5_AContextThatGoesTakesItsWaitersWithIt) {
  Growing growing;
  const auto witness = std::make_shared<int>();
  std::list<asio::cancellation_signal> signals;
  CountedContext stays;
  stays.wait(growing, 1);
  {
    asio::io_context io{1};
    enlist_all_states(io, growing, witness, signals);
    growing.publish(1);
    EXPECT_EQ(witness.use_count(), 5);
  }
  EXPECT_EQ(witness.use_count(), 1) << "their handlers are destroyed";
  growing.publish(200);  // must not touch the context that is gone
  run_ready(stays.io);
  EXPECT_EQ(stays.completed, 1) << "others do not notice";
  growing.seal();
}

TEST_F(Waking, ContextsComeAndGoWhileAFileLives) {
  Growing growing;
  std::optional<asio::io_context> io;
  for (std::uint64_t round = 1; round < 50; ++round) {
    io.emplace(1);  // at the address of the one before
    int completed = 0;
    growing.file()->async_wait_beyond(io->get_executor(), round - 1,
                                      [&](error_code, std::uint64_t) { ++completed; });
    growing.file()->async_wait_beyond(io->get_executor(), 1000, [](error_code, std::uint64_t) {});
    growing.publish(round);
    run_ready(*io);
    EXPECT_EQ(completed, 1);
  }
}

TEST_F(Waking, AFileThatOnlyItsWaitersHoldGoesWithTheContext) {
  std::weak_ptr<LiveFile> file;
  {
    asio::io_context io{1};
    Growing growing("12");
    file = growing.file();
    for (std::uint64_t i = 0; i < 3; ++i)
      growing.file()->async_wait_beyond(io.get_executor(), 2 + i, [](error_code, std::uint64_t) {});
    growing.let_go();
    EXPECT_FALSE(file.expired());
  }
  EXPECT_TRUE(file.expired());
}

asio::awaitable<void> wait_for_ever(std::shared_ptr<LiveFile> file, std::shared_ptr<int> witness) {
  AsyncReader reader(co_await asio::this_coro::executor, std::move(file));
  std::array<char, 8> buffer;
  co_await reader.async_read_some(asio::buffer(buffer), asio::use_awaitable);
  ADD_FAILURE() << "nothing came" << *witness;
}

TEST_F(Waking, CoroutinesThatWaitGoWithTheContext) {
  Growing growing;
  const auto witness = std::make_shared<int>();
  {
    asio::io_context io{1};
    for (int i = 0; i < 100; ++i)
      asio::co_spawn(io, wait_for_ever(growing.file(), witness), asio::detached);
    run_ready(io);
    EXPECT_EQ(witness.use_count(), 101);
  }
  EXPECT_EQ(witness.use_count(), 1);
  growing.append("1");
}

// The writer publishes without a pause while contexts are made and destroyed.
TEST_F(Waking, ContextsGoWhileTheWriterPublishes) {
  Growing growing;
  std::atomic<bool> stop{false};
  std::thread writer([&] {
    for (std::uint64_t watermark = 1; !stop; ++watermark)
      growing->publish(watermark);
  });
  const int rounds = test::kThreadSanitizer ? 100 : 500;
  for (int round = 0; round < rounds; ++round) {
    asio::io_context io{1};
    const auto witness = std::make_shared<int>();
    for (std::uint64_t i = 0; i < 20; ++i) {
      growing.file()->async_wait_beyond(io.get_executor(), growing->watermark() + i * i,
                                        [witness](error_code, std::uint64_t) {});
    }
    io.poll();
  }
  stop = true;
  writer.join();
}

}  // namespace
}  // namespace midstream
