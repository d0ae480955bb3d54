// Many contexts, many readers, one writer, and random pauses and cancellations; every reader
// compares every byte. Bounded by time, and meant for ThreadSanitizer.
#include <atomic>
#include <chrono>
#include <list>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>
#include <gtest/gtest.h>

#include <midstream/reader.h>

#include "support/growing.h"
#include "support/io.h"
#include "support/no_fd_left.h"
#include "support/payload.h"

namespace midstream {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using test::Growing;

constexpr std::size_t kContexts = 3;
constexpr std::size_t kReadersPerContext = test::kThreadSanitizer ? 40 : 100;
constexpr std::size_t kBlockingReaders = 3;
constexpr std::size_t kBytes = test::kThreadSanitizer ? 400'000 : 1'000'000;

// Reads to the end. Now and then it cancels its own read, or pauses, and then goes on where it was.
class RandomReader : public std::enable_shared_from_this<RandomReader> {
 public:
  RandomReader(const asio::any_io_executor& executor, const std::shared_ptr<LiveFile>& file,
               unsigned seed, test::Gate& done)
      : reader_(executor, file), timer_(executor), random_(seed), done_(done) {}

  void start() {
    asio::post(reader_.get_executor(), [self = shared_from_this()] { self->step(); });
  }
  [[nodiscard]] std::uint64_t hash() const { return hash_; }
  [[nodiscard]] const error_code& how() const { return how_; }
  [[nodiscard]] unsigned cancelled() const { return cancelled_; }

 private:
  void step() {
    const unsigned what = random_() % 64;
    if (what == 0) {
      timer_.expires_after(std::chrono::microseconds(random_() % 2000));
      return timer_.async_wait([self = shared_from_this()](error_code) { self->step(); });
    }
    const std::size_t size = 1 + random_() % buffer_.size();
    reader_.async_read_some(
        asio::buffer(buffer_, size),
        asio::bind_cancellation_slot(
            cancel_.slot(), [self = shared_from_this()](error_code error, std::size_t count) {
              self->on_read(error, count);
            }));
    if (what < 8) {
      asio::post(reader_.get_executor(), [self = shared_from_this()] {
        self->cancel_.emit(asio::cancellation_type::terminal);
      });
    }
  }

  void on_read(error_code error, std::size_t count) {
    if (error == asio::error::operation_aborted) {
      ++cancelled_;
      return step();
    }
    if (error) {
      how_ = error;
      return done_.arrive();
    }
    hash_ = test::hash_of({buffer_.data(), count}, hash_);
    step();
  }

  AsyncReader reader_;
  asio::steady_timer timer_;
  asio::cancellation_signal cancel_;
  std::minstd_rand random_;
  test::Gate& done_;
  std::array<char, 20'000> buffer_;
  std::uint64_t hash_ = test::hash_of("");
  error_code how_;
  unsigned cancelled_ = 0;
};

void write_at_random(Growing& growing, std::string_view all, unsigned seed) {
  std::minstd_rand random(seed);
  asio::io_context clock;
  while (!all.empty()) {
    const std::size_t largest = random() % 4 == 0 ? 60'000 : 300;
    const std::size_t size = std::min<std::size_t>(all.size(), 1 + random() % largest);
    growing.append(all.substr(0, size));
    all.remove_prefix(size);
    if (random() % 16 == 0) {  // a pause, so that readers get to wait
      asio::steady_timer pause(clock, std::chrono::microseconds(random() % 1500));
      pause.wait();
    }
  }
}

void stress(bool sealed) {
  const std::string all = test::payload(kBytes);
  Growing growing;
  test::Gate done;
  std::list<test::IoThread> contexts(kContexts);
  std::vector<std::shared_ptr<RandomReader>> readers;
  unsigned seed = 1;
  for (auto& context : contexts) {
    for (std::size_t i = 0; i < kReadersPerContext; ++i) {
      readers.push_back(
          std::make_shared<RandomReader>(context.executor(), growing.file(), ++seed, done));
      readers.back()->start();
    }
  }
  std::vector<std::thread> blocking;
  std::atomic<std::size_t> blocking_right{0};
  for (std::size_t i = 0; i < kBlockingReaders; ++i) {
    blocking.emplace_back([&, i] {
      Reader reader(growing.file());
      std::string buffer(1000 + i * 50'000, '\0');
      std::uint64_t hash = test::hash_of("");
      for (;;) {
        const auto count = reader.read(std::as_writable_bytes(std::span(buffer)));
        if (!count || *count == 0) break;
        hash = test::hash_of(std::string_view(buffer).substr(0, *count), hash);
      }
      if (hash == test::hash_of(all)) ++blocking_right;
    });
  }
  write_at_random(growing, all, 7);
  sealed ? growing.seal() : growing.fail();
  ASSERT_TRUE(done.wait_for(readers.size()));
  for (auto& thread : blocking)
    thread.join();
  EXPECT_EQ(blocking_right, kBlockingReaders);
  for (auto& context : contexts)
    context.stop();
  unsigned cancelled = 0;
  for (const auto& reader : readers) {
    EXPECT_EQ(reader->hash(), test::hash_of(all));
    EXPECT_EQ(reader->how(),
              sealed ? error_code(asio::error::eof) : error_code(Errc::kWriterFailed));
    cancelled += reader->cancelled();
  }
  EXPECT_GT(cancelled, 0U) << "the test was meant to cancel";
}

TEST(WakingStress, L2_EveryReaderOfASealedFileGetsEveryByte) { stress(true); }
TEST(WakingStress, L2_EveryReaderOfAFailedFileGetsEveryByte) { stress(false); }

// Nobody reads to the end here: contexts are stopped and destroyed in the middle of it all.
TEST(WakingStress, L5_ContextsMayEndAtAnyMoment) {
  Growing growing;
  test::Gate done;
  std::atomic<bool> stop{false};
  std::thread writer([&] {
    for (unsigned seed = 0; !stop; ++seed)
      write_at_random(growing, test::payload(20'000), seed);
    growing.seal();
  });
  unsigned seed = 100;
  for (int round = 0; round < 100; ++round) {
    test::IoThread context;
    for (std::size_t i = 0; i < 20; ++i) {
      std::make_shared<RandomReader>(context.executor(), growing.file(), ++seed, done)->start();
    }
    context.run([] {});  // they have begun
  }
  stop = true;
  writer.join();
}

TEST(WakingStress, L2_ReadersOnStrandsOfOneContextWithManyThreads) {
  const std::string all = test::payload(kBytes / 2);
  Growing growing;
  test::Gate done;
  asio::thread_pool pool(3);
  std::vector<std::shared_ptr<RandomReader>> readers;
  for (unsigned seed = 0; seed < kReadersPerContext; ++seed) {
    readers.push_back(
        std::make_shared<RandomReader>(asio::make_strand(pool), growing.file(), seed + 1, done));
    readers.back()->start();
  }
  write_at_random(growing, all, 11);
  growing.seal();
  ASSERT_TRUE(done.wait_for(readers.size()));
  pool.join();
  for (const auto& reader : readers)
    EXPECT_EQ(reader->hash(), test::hash_of(all));
}

}  // namespace
}  // namespace midstream
