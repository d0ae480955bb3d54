// L7: a writer that stalls. The timers are real and short; nothing here sleeps.
#include <chrono>

#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>
#include <gtest/gtest.h>

#include <midstream/reader.h>
#include <midstream/writer.h>

#include "support/event.h"
#include "support/io.h"
#include "support/no_fd_left.h"
#include "support/temp_dir.h"

namespace midstream {
namespace {

using namespace std::chrono_literals;
using State = LiveFile::State;
using Clock = std::chrono::steady_clock;

class WriterStall : public test::NoFdLeft {
 protected:
  Writer create() { return Writer::create(dir_ / "file").value(); }
  test::TempDir dir_;
};

TEST_F(WriterStall, L7_AWriterThatStallsIsFailedAndReadersAreTold) {
  test::IoThread io;
  Writer writer = create();
  ASSERT_TRUE(writer.write("some"));
  const auto begin = Clock::now();
  writer.fail_when_stalled(io.executor(), 30ms);
  Reader reader(writer.file(), 4);
  std::byte buffer[8];
  const auto read = reader.read(buffer, {}, Clock::now() + test::kBound);
  EXPECT_EQ(read.error(), Errc::kWriterStalled);
  EXPECT_GE(Clock::now() - begin, 30ms) << "not before the timeout";
  EXPECT_EQ(writer.file()->failure_text(), "no byte for 30 ms");
  EXPECT_EQ(writer.write("more").error(), Errc::kWriterStalled);
  EXPECT_EQ(writer.seal().error(), Errc::kWriterStalled);
  EXPECT_EQ(dir_.names(), std::vector<std::string>{});
}

TEST_F(WriterStall, L7_AWriterThatGoesOnIsLeftAlone) {
  boost::asio::io_context io;
  Writer writer = create();
  writer.fail_when_stalled(io.get_executor(), 20ms);
  // One byte every 5 ms of the same clock, for several times the timeout.
  boost::asio::steady_timer pace(io);
  int left = 20;
  std::function<void()> step = [&] {
    if (!writer.write("x") || --left == 0) return;
    pace.expires_after(5ms);
    pace.async_wait([&](const error_code&) { step(); });
  };
  step();
  ASSERT_TRUE(
      test::run_until(io, [&] { return left == 0 || writer.file()->state() != State::kGrowing; }));
  // A machine that is busy enough can hold up anything for 20 ms; then this shows nothing.
  if (writer.file()->state() == State::kFailed) GTEST_SKIP() << "too busy to tell";
  EXPECT_EQ(writer.file()->watermark(), 20U);
  EXPECT_TRUE(writer.seal());
}

TEST_F(WriterStall, L7_NothingIsLeftToWaitForAfterTheEnd) {
  for (const bool seal : {true, false}) {
    boost::asio::io_context io;
    Writer writer = create();
    writer.fail_when_stalled(io.get_executor(), 1h);
    test::run_ready(io);
    if (seal) {
      ASSERT_TRUE(writer.seal());
    } else {
      writer.abort();
    }
    io.restart();
    io.run_for(test::kBound);
    EXPECT_TRUE(io.stopped()) << "the timer is gone, so there is no work";
  }
}

TEST_F(WriterStall, L7_TheTimeoutCanBeChanged) {
  test::IoThread io;
  Writer writer = create();
  writer.fail_when_stalled(io.executor(), 1h);
  writer.fail_when_stalled(io.executor(), 10ms);
  EXPECT_EQ(writer.file()->wait_beyond(0, {}, Clock::now() + test::kBound).error(),
            Errc::kWriterStalled);
  writer.fail_when_stalled(io.executor(), 1ms);  // after the end: nothing
}

TEST_F(WriterStall, L7_AWriterThatIsDroppedHasNotStalled) {
  test::IoThread io;
  std::shared_ptr<LiveFile> file;
  {
    Writer writer = create();
    file = writer.file();
    writer.fail_when_stalled(io.executor(), 1h);
  }
  EXPECT_EQ(file->failure(), Errc::kWriterFailed);
}

// The timer's executor may have several threads, and the writer is on none of them.
TEST_F(WriterStall, L7_TimerAndSealMeetOnManyThreads) {
  boost::asio::thread_pool pool(3);
  const int rounds = test::kThreadSanitizer ? 100 : 400;
  for (int round = 0; round < rounds; ++round) {
    Writer writer = create();
    writer.fail_when_stalled(pool.get_executor(), std::chrono::milliseconds(round % 2));
    (void)writer.write("x");
    const bool sealed = writer.seal().has_value();
    EXPECT_EQ(writer.file()->state(), sealed ? State::kSealed : State::kFailed);
    EXPECT_EQ(std::filesystem::exists(dir_ / "file"), sealed);
    std::filesystem::remove(dir_ / "file");
  }
  pool.join();
}

}  // namespace
}  // namespace midstream
