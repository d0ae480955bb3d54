// What only the Asio form has: tokens, executors, cancellation.
#include <array>
#include <string>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <gtest/gtest.h>

#include <midstream/reader.h>

#include "support/growing.h"
#include "support/io.h"
#include "support/no_fd_left.h"

namespace midstream {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using test::Growing;
using test::run_ready;
using test::run_until;

// What a callback was called with.
struct Outcome {
  int calls = 0;
  error_code error;
  std::uint64_t value = 0;
  auto callback() {
    return [this](const error_code& e, std::uint64_t v) {
      ++calls;
      error = e;
      value = v;
    };
  }
};

class AsyncReaderTest : public test::NoFdLeft {
 protected:
  asio::io_context io_{1};
  std::array<char, 16> buffer_{};
};

TEST_F(AsyncReaderTest, NeverCompletesInsideTheCall) {
  Growing growing("123");
  AsyncReader reader(io_.get_executor(), growing.file());
  Outcome read;
  asio::post(io_, [&] {  // also where the call is made on the executor itself
    reader.async_read_some(asio::buffer(buffer_), read.callback());
    EXPECT_EQ(read.calls, 0);
  });
  run_ready(io_);
  EXPECT_EQ(read.calls, 1);
  EXPECT_EQ(read.value, 3U);
}

TEST_F(AsyncReaderTest, CallbacksGetBytesThenTheEnd) {
  Growing growing("123");
  AsyncReader reader(io_.get_executor(), growing.file());
  Outcome first;
  reader.async_read_some(asio::buffer(buffer_), first.callback());
  run_ready(io_);
  EXPECT_EQ(std::string_view(buffer_.data(), first.value), "123");
  Outcome second;
  reader.async_read_some(asio::buffer(buffer_), second.callback());
  run_ready(io_);
  EXPECT_EQ(second.calls, 0) << "there is nothing yet";
  growing.append("4");
  run_ready(io_);
  EXPECT_EQ(second.calls, 1);
  EXPECT_EQ(std::string_view(buffer_.data(), second.value), "4");
  growing.seal();
  for (int again = 0; again < 2; ++again) {
    Outcome end;
    reader.async_read_some(asio::buffer(buffer_), end.callback());
    run_ready(io_);
    EXPECT_EQ(end.calls, 1);
    EXPECT_EQ(end.error, asio::error::eof);
    EXPECT_EQ(end.value, 0U);
  }
}

TEST_F(AsyncReaderTest, WaitBeyondGivesTheWatermark) {
  Growing growing("123");
  AsyncReader reader(io_.get_executor(), growing.file(), 3);
  Outcome wait;
  reader.async_wait_beyond(wait.callback());
  run_ready(io_);
  EXPECT_EQ(wait.calls, 0);
  growing.append("45");
  run_ready(io_);
  EXPECT_EQ(wait.value, 5U);
  reader.seek(5);
  Outcome end;
  reader.async_wait_beyond(end.callback());
  growing.fail(Errc::kReplaced);
  run_ready(io_);
  EXPECT_EQ(end.error, Errc::kReplaced);
  EXPECT_EQ(end.value, 5U);
}

TEST_F(AsyncReaderTest, BuffersWithoutASizeAskForNothing) {
  Growing growing("123");
  AsyncReader reader(io_.get_executor(), growing.file(), 3);
  Outcome read;
  reader.async_read_some(asio::mutable_buffer(), read.callback());
  EXPECT_EQ(read.calls, 0);
  ASSERT_TRUE(run_until(io_, [&] { return read.calls == 1; }))
      << "although there is nothing to read";
  EXPECT_FALSE(read.error);
  const std::array<asio::mutable_buffer, 2> empty;
  reader.async_read_some(empty, read.callback());
  ASSERT_TRUE(run_until(io_, [&] { return read.calls == 2; }));
  EXPECT_FALSE(read.error);
}

TEST_F(AsyncReaderTest, SeveralBuffersAreFilledInOrder) {
  Growing growing("0123456789");
  AsyncReader reader(io_.get_executor(), growing.file());
  std::array<char, 3> a{};
  std::array<char, 4> b{};
  std::array<char, 9> c{};
  const std::array<asio::mutable_buffer, 4> buffers{asio::buffer(a), asio::mutable_buffer(),
                                                    asio::buffer(b), asio::buffer(c)};
  Outcome read;
  reader.async_read_some(buffers, read.callback());
  run_ready(io_);
  EXPECT_EQ(read.value, 10U);
  EXPECT_EQ(std::string_view(a.data(), 3), "012");
  EXPECT_EQ(std::string_view(b.data(), 4), "3456");
  EXPECT_EQ(std::string_view(c.data(), 3), "789");
  EXPECT_EQ(reader.offset(), 10U);
}

TEST_F(AsyncReaderTest, IsAnAsyncReadStream) {
  Growing growing("01");
  AsyncReader reader(io_.get_executor(), growing.file());
  Outcome whole;
  asio::async_read(reader, asio::buffer(buffer_, 5), whole.callback());
  run_ready(io_);
  EXPECT_EQ(whole.calls, 0);
  growing.append("23");
  run_ready(io_);
  growing.append("4567");
  run_ready(io_);
  EXPECT_EQ(whole.value, 5U);
  EXPECT_EQ(std::string_view(buffer_.data(), 5), "01234");
  growing.seal();
  Outcome rest;
  asio::async_read(reader, asio::buffer(buffer_), rest.callback());
  run_ready(io_);
  EXPECT_EQ(rest.error, asio::error::eof);
  EXPECT_EQ(std::string_view(buffer_.data(), rest.value), "567");
  Outcome nothing;
  asio::async_read(reader, asio::mutable_buffer(), nothing.callback());
  run_ready(io_);
  EXPECT_EQ(nothing.calls, 1);
}

TEST_F(AsyncReaderTest, WorksWithFuturesAndDeferred) {
  test::IoThread io;
  Growing growing;
  AsyncReader reader(io.executor(), growing.file());
  auto count = reader.async_read_some(asio::buffer(buffer_), asio::use_future);
  growing.append("12");
  EXPECT_EQ(count.get(), 2U);
  growing.fail();
  EXPECT_THROW(reader.async_read_some(asio::buffer(buffer_), asio::use_future).get(),
               boost::system::system_error);
  auto deferred = reader.async_wait_beyond(asio::deferred);
  EXPECT_THROW(std::move(deferred)(asio::use_future).get(), boost::system::system_error);
}

asio::awaitable<std::string> read_to_end(std::shared_ptr<LiveFile> file) {
  AsyncReader reader(co_await asio::this_coro::executor, std::move(file));
  std::string all;
  std::array<char, 3> buffer;
  for (;;) {
    auto [error, count] =
        co_await reader.async_read_some(asio::buffer(buffer), asio::as_tuple(asio::use_awaitable));
    if (error) co_return all;
    all.append(buffer.data(), count);
  }
}

TEST_F(AsyncReaderTest, WorksWithCoroutines) {
  Growing growing("012");
  auto all = asio::co_spawn(io_, read_to_end(growing.file()), asio::use_future);
  run_ready(io_);
  growing.append("3456");
  run_ready(io_);
  growing.seal();
  run_ready(io_);
  EXPECT_EQ(all.get(), "0123456");
}

// Executors
// ----------------------------------------------------------------------------------------------

TEST_F(AsyncReaderTest, ResumesOnTheHandlersExecutor) {
  test::IoThread reading;
  test::IoThread handling;
  Growing growing;
  AsyncReader reader(reading.executor(), growing.file());
  test::Event done;
  reader.async_read_some(asio::buffer(buffer_),
                         asio::bind_executor(handling.executor(), [&](error_code, std::size_t) {
                           EXPECT_TRUE(handling.executor().running_in_this_thread());
                           done.set();
                         }));
  growing.append("1");
  EXPECT_TRUE(done.wait());
  test::Event waited;
  reader.async_wait_beyond(asio::bind_executor(handling.executor(), [&](error_code, std::uint64_t) {
    EXPECT_TRUE(handling.executor().running_in_this_thread());
    waited.set();
  }));
  growing.append("2");
  EXPECT_TRUE(waited.wait());
}

TEST_F(AsyncReaderTest, ResumesInsideTheStrandAndNeverTwiceAtOnce) {
  asio::thread_pool pool(3);
  Growing growing;
  auto strand = asio::make_strand(pool);
  std::atomic<int> inside{0};
  constexpr std::size_t kReaders = 50;
  test::Gate done;
  for (std::size_t i = 0; i < kReaders; ++i) {
    growing.file()->async_wait_beyond(pool.get_executor(), i % 5,
                                      asio::bind_executor(strand, [&](error_code, std::uint64_t) {
                                        EXPECT_EQ(inside.fetch_add(1), 0);
                                        EXPECT_TRUE(strand.running_in_this_thread());
                                        --inside;
                                        done.arrive();
                                      }));
  }
  for (int i = 0; i < 5; ++i)
    growing.append("x");
  EXPECT_TRUE(done.wait_for(kReaders));
  pool.join();
}

TEST_F(AsyncReaderTest, AWaitIsWorkForItsContext) {
  Growing growing;
  Outcome wait;
  growing.file()->async_wait_beyond(io_.get_executor(), 0, wait.callback());
  io_.restart();
  io_.run_one_for(1ms);
  EXPECT_FALSE(io_.stopped()) << "run() must not end while somebody waits";
  growing.append("1");
  io_.run_for(test::kBound);
  EXPECT_EQ(wait.calls, 1);
  EXPECT_TRUE(io_.stopped());
}

TEST_F(AsyncReaderTest, AWaitKeepsTheFileAlive) {
  Growing growing("12");
  Outcome wait;
  growing.file()->async_wait_beyond(io_.get_executor(), 0, wait.callback());
  growing.let_go();
  run_ready(io_);
  EXPECT_EQ(wait.value, 2U);
}

// Cancellation (L5)
// --------------------------------------------------------------------------------------

TEST_F(AsyncReaderTest, L5_EveryTypeOfCancellationEndsAWaitAtOnce) {
  for (const auto type : {asio::cancellation_type::terminal, asio::cancellation_type::partial,
                          asio::cancellation_type::total, asio::cancellation_type::all}) {
    Growing growing("1");
    asio::cancellation_signal cancel_read;
    asio::cancellation_signal cancel_wait;
    AsyncReader reader(io_.get_executor(), growing.file(), 1);
    Outcome read;
    Outcome wait;
    Outcome other;
    reader.async_read_some(asio::buffer(buffer_),
                           asio::bind_cancellation_slot(cancel_read.slot(), read.callback()));
    growing.file()->async_wait_beyond(
        io_.get_executor(), 1, asio::bind_cancellation_slot(cancel_wait.slot(), wait.callback()));
    growing.file()->async_wait_beyond(io_.get_executor(), 1, other.callback());
    cancel_read.emit(type);
    cancel_wait.emit(type);
    EXPECT_EQ(read.calls + wait.calls, 0) << "never inside the call";
    run_ready(io_);
    EXPECT_EQ(read.error, asio::error::operation_aborted);
    EXPECT_EQ(wait.error, asio::error::operation_aborted);
    EXPECT_EQ(reader.offset(), 1U);
    EXPECT_EQ(other.calls, 0) << "others do not notice";
    cancel_read.emit(type);  // nobody is there any more
    cancel_wait.emit(type);
    growing.append("2");
    run_ready(io_);
    EXPECT_EQ(read.calls, 1);
    EXPECT_EQ(wait.calls, 1);
    EXPECT_EQ(other.calls, 1);
    EXPECT_FALSE(other.error);
  }
}

TEST_F(AsyncReaderTest, L5_ACancellationThatComesTooLateChangesNothing) {
  Growing growing;
  asio::cancellation_signal cancel;
  Outcome wait;
  growing.file()->async_wait_beyond(io_.get_executor(), 0,
                                    asio::bind_cancellation_slot(cancel.slot(), wait.callback()));
  growing.append("1");
  cancel.emit(asio::cancellation_type::terminal);  // the wake-up is posted, but has not run
  cancel.emit(asio::cancellation_type::terminal);
  run_ready(io_);
  EXPECT_EQ(wait.calls, 1) << "exactly once, with either outcome";
}

asio::awaitable<bool> read_or_time_out(std::shared_ptr<LiveFile> file,
                                       std::chrono::milliseconds limit) {
  using namespace asio::experimental::awaitable_operators;
  const auto executor = co_await asio::this_coro::executor;
  AsyncReader reader(executor, std::move(file));
  asio::steady_timer timer(executor, limit);
  std::array<char, 8> buffer;
  auto outcome = co_await (reader.async_read_some(asio::buffer(buffer), asio::use_awaitable) ||
                           timer.async_wait(asio::use_awaitable));
  co_return outcome.index() == 0;
}

TEST_F(AsyncReaderTest, L5_TimeoutsWithAwaitableOperators) {
  Growing growing;
  auto late = asio::co_spawn(io_, read_or_time_out(growing.file(), 5ms), asio::use_future);
  ASSERT_TRUE(run_until(io_, [&] { return late.wait_for(0s) == std::future_status::ready; }));
  EXPECT_FALSE(late.get());
  auto in_time = asio::co_spawn(io_, read_or_time_out(growing.file(), 1h), asio::use_future);
  run_ready(io_);
  growing.append("1");
  ASSERT_TRUE(run_until(io_, [&] { return in_time.wait_for(0s) == std::future_status::ready; }));
  EXPECT_TRUE(in_time.get());
}

TEST_F(AsyncReaderTest, L5_ACoroutineCanBeCancelledFromOutside) {
  Growing growing;
  asio::cancellation_signal cancel;
  auto all = asio::co_spawn(io_, read_to_end(growing.file()),
                            asio::bind_cancellation_slot(cancel.slot(), asio::use_future));
  run_ready(io_);
  growing.append("12");
  run_ready(io_);
  cancel.emit(asio::cancellation_type::terminal);
  ASSERT_TRUE(run_until(io_, [&] { return all.wait_for(0s) == std::future_status::ready; }));
}

// The handler's exception leaves run(), as with every Asio operation; the other waiters go on.
TEST_F(AsyncReaderTest, AHandlerThatThrowsTakesNobodyWithIt) {
  Growing growing;
  Outcome before;
  Outcome after;
  growing.file()->async_wait_beyond(io_.get_executor(), 0, before.callback());
  growing.file()->async_wait_beyond(io_.get_executor(), 1,
                                    [](error_code, std::uint64_t) { throw 42; });
  growing.file()->async_wait_beyond(io_.get_executor(), 2, after.callback());
  growing.append("123");
  EXPECT_THROW(io_.run(), int);
  io_.run();
  EXPECT_EQ(before.calls, 1);
  EXPECT_EQ(after.calls, 1);
}

}  // namespace
}  // namespace midstream
