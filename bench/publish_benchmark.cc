// B4: what one publish costs the writer, with up to 10,000 readers waiting on another thread.
//
//   NobodyWakes/N   the readers wait for an offset far ahead: nobody is woken (wall time)
//   AllWake/N       they wait for the next byte: each publish wakes all of them; they wait again
//   before the
//                   next one (CPU time of the writer's thread; the waiting in between is not
//                   counted)
//   Racing/N        the same, but the writer does not wait for them: publishes meet readers that
//   are just
//                   being woken, as with a quick writer (wall time, so that time spent on a lock
//                   counts)
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <limits>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include <benchmark/benchmark.h>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include <midstream/live_file.h>
#include <midstream/writer.h>

namespace {

namespace asio = boost::asio;

// Readers on a thread of their own. Invariant: a reader is either waiting or just being woken,
// until the file is final; then it ends.
class Readers {
 public:
  Readers(midstream::LiveFile& file, std::size_t count, bool far_ahead)
      : file_(file), far_ahead_(far_ahead), offsets_(count, 0) {
    thread_ = std::thread([this] {
      for (std::size_t i = 0; i < offsets_.size(); ++i)
        wait(i);
      context_.run();
    });
    wait_until_waits(count);
  }
  /// The file must be final: that ends the waits, and with them the thread.
  ~Readers() {
    work_.reset();
    thread_.join();
  }
  Readers(const Readers&) = delete;
  Readers& operator=(const Readers&) = delete;

  /// Until that many waits have begun since the start.
  void wait_until_waits(std::uint64_t count) const {
    while (waits_.load(std::memory_order_acquire) < count)
      std::this_thread::yield();
  }

 private:
  void wait(std::size_t reader) {
    constexpr std::uint64_t kFarAhead = std::numeric_limits<std::uint64_t>::max() / 2;
    file_.async_wait_beyond(context_.get_executor(), far_ahead_ ? kFarAhead : offsets_[reader],
                            [this, reader](midstream::error_code error, std::uint64_t watermark) {
                              if (error) return;
                              offsets_[reader] = watermark;
                              wait(reader);
                            });
    waits_.fetch_add(1, std::memory_order_release);
  }

  midstream::LiveFile& file_;
  const bool far_ahead_;
  std::vector<std::uint64_t> offsets_;
  std::atomic<std::uint64_t> waits_{0};
  asio::io_context context_{1};
  asio::executor_work_guard<asio::io_context::executor_type> work_{context_.get_executor()};
  std::thread thread_;
};

std::optional<midstream::Writer> make_writer(benchmark::State& state) {
  auto writer = midstream::Writer::attach(::memfd_create("publish", MFD_CLOEXEC));
  if (writer.has_error()) {
    state.SkipWithError(writer.error().message().c_str());
    return std::nullopt;
  }
  // Bytes that are published must exist; a sparse file has as many as one likes.
  if (::ftruncate(writer->fd(), std::int64_t{1} << 40) != 0) state.SkipWithError("ftruncate");
  return std::move(*writer);
}

std::int64_t thread_cpu_ns() {
  timespec t;
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return t.tv_sec * 1'000'000'000LL + t.tv_nsec;
}

// The clock is a system call and costs more than a publish that wakes nobody.
std::int64_t cost_of_clock_ns() {
  std::vector<std::int64_t> costs(1001);
  for (auto& cost : costs) {
    const std::int64_t begin = thread_cpu_ns();
    cost = thread_cpu_ns() - begin;
  }
  std::nth_element(costs.begin(), costs.begin() + 500, costs.end());
  return costs[500];
}

void publish_in_a_row(benchmark::State& state, bool far_ahead) {
  auto writer = make_writer(state);
  if (!writer) return;
  {
    const auto file = writer->file();
    Readers readers(*file, static_cast<std::size_t>(state.range(0)), far_ahead);
    std::uint64_t watermark = 0;
    for (auto _ : state) {
      if (writer->publish(++watermark).has_error()) state.SkipWithError("publish");
    }
    writer->abort();
  }
}

void NobodyWakes(benchmark::State& state) { publish_in_a_row(state, true); }
void Racing(benchmark::State& state) { publish_in_a_row(state, false); }

void AllWake(benchmark::State& state) {
  static const std::int64_t clock_ns = cost_of_clock_ns();
  auto writer = make_writer(state);
  if (!writer) return;
  {
    const auto file = writer->file();
    const auto count = static_cast<std::uint64_t>(state.range(0));
    Readers readers(*file, count, false);
    std::uint64_t watermark = 0;
    for (auto _ : state) {
      const std::int64_t begin = thread_cpu_ns();
      if (writer->publish(++watermark).has_error()) state.SkipWithError("publish");
      const std::int64_t cost_ns = thread_cpu_ns() - begin - clock_ns;
      state.SetIterationTime(static_cast<double>(std::max<std::int64_t>(1, cost_ns)) / 1e9);
      readers.wait_until_waits(count * (watermark + 1));
    }
    writer->abort();
  }
}

BENCHMARK(NobodyWakes)->Arg(0)->Arg(100)->Arg(10'000)->UseRealTime();
BENCHMARK(Racing)->Arg(1)->Arg(100)->Arg(10'000)->UseRealTime();
BENCHMARK(AllWake)->Arg(1)->Arg(100)->Arg(10'000)->UseManualTime()->Iterations(300);

}  // namespace

BENCHMARK_MAIN();
