// Where wake-ups run: not on an executor that somebody keeps busy, and never so that the file keeps
// a context running.
#include <array>

#include <boost/asio/bind_executor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <gtest/gtest.h>

#include <midstream/reader.h>

#include "support/event.h"
#include "support/growing.h"
#include "support/io.h"
#include "support/no_fd_left.h"

namespace midstream {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using test::Growing;

using WakingExecutor = test::NoFdLeft;

asio::awaitable<void> read_once(std::shared_ptr<LiveFile> file) {
  AsyncReader reader(co_await asio::this_coro::executor, std::move(file));
  std::array<char, 8> buffer;
  co_await reader.async_read_some(asio::buffer(buffer), asio::use_awaitable);
}

// A composed operation gives its steps an executor that counts as work.
TEST_F(WakingExecutor, AContextEndsWhenItsLastReaderDoesWhileTheFileGrows) {
  Growing growing("1");
  asio::io_context io{1};
  AsyncReader reader(io.get_executor(), growing.file());
  std::array<char, 8> buffer;
  int calls = 0;
  reader.async_read_some(asio::buffer(buffer), [&](error_code, std::size_t) { ++calls; });
  auto coroutine = asio::co_spawn(io, read_once(growing.file()), asio::use_future);
  io.run_for(test::kBound);
  EXPECT_EQ(calls, 1);
  EXPECT_TRUE(io.stopped()) << "something still counts as work";
}

// use_future would like a thread of the system, where the end of the handler could come after the
// end of the context.
TEST_F(WakingExecutor, FuturesAreMadeReadyByTheContext) {
  Growing growing;
  asio::io_context io{1};
  AsyncReader reader(io.get_executor(), growing.file());
  std::array<char, 8> buffer;
  auto read = reader.async_read_some(asio::buffer(buffer), asio::use_future);
  auto waited = growing.file()->async_wait_beyond(io.get_executor(), 0, asio::use_future);
  growing.append("1");
  EXPECT_GT(io.poll(), 0U) << "its business, not another thread's";
  EXPECT_TRUE(io.stopped());
  EXPECT_EQ(read.wait_for(0s), std::future_status::ready);
  EXPECT_EQ(waited.wait_for(0s), std::future_status::ready);
}

// The first to wait sits on a strand that then is busy: nobody else may have to wait for it.
template <class Pool>
void expect_others_are_woken(Pool& pool, auto busy) {
  Growing growing;
  test::Event blocked;
  test::Event release;
  test::Event busy_woken;
  test::Event other_woken;
  growing.file()->async_wait_beyond(busy, 0, [&](error_code, std::uint64_t) { busy_woken.set(); });
  asio::post(busy, [&] {
    blocked.set();
    EXPECT_TRUE(release.wait());
  });
  growing.file()->async_wait_beyond(asio::make_strand(pool), 0,
                                    [&](error_code, std::uint64_t) { other_woken.set(); });
  ASSERT_TRUE(blocked.wait());
  growing.append("1");
  EXPECT_TRUE(other_woken.wait());
  EXPECT_FALSE(busy_woken.is_set());
  release.set();
  EXPECT_TRUE(busy_woken.wait());
}

TEST_F(WakingExecutor, L2_ABusyStrandOfAPoolDelaysNobodyElse) {
  asio::thread_pool pool(2);
  expect_others_are_woken(pool, asio::make_strand(pool));
  expect_others_are_woken(pool, asio::any_io_executor(asio::make_strand(pool)));
  const asio::any_io_executor any = pool.get_executor();
  expect_others_are_woken(pool, asio::make_strand(any));
  expect_others_are_woken(pool, asio::any_io_executor(asio::make_strand(any)));
  pool.join();
}

TEST_F(WakingExecutor, L2_ABusyStrandOfAnIoContextDelaysNobodyElse) {
  asio::io_context io;
  auto work = asio::make_work_guard(io);
  std::thread first([&] { io.run(); });
  std::thread second([&] { io.run(); });
  expect_others_are_woken(io, asio::make_strand(io));
  expect_others_are_woken(io, asio::any_io_executor(asio::make_strand(io)));
  work.reset();
  first.join();
  second.join();
}

}  // namespace
}  // namespace midstream
