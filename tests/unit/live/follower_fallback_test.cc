// A Follower and what cannot be had from the kernel: leases, watches, events, a prompt end (L11).
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include <boost/asio/strand.hpp>
#include <gtest/gtest.h>

#include <midstream/follower.h>

#include "base/unique_fd.h"
#include "support/failing_syscall.h"
#include "support/follow.h"
#include "support/io.h"
#include "support/no_fd_left.h"
#include "support/temp_dir.h"

namespace midstream {
namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;
using State = LiveFile::State;
using test::append;
using test::open_for_append;
using test::read_to_end;

class FollowerFallback : public test::NoFdLeft {
 protected:
  [[nodiscard]] bool run_to_its_end(asio::io_context& io, const std::shared_ptr<LiveFile>& file) {
    return test::run_until(io, [&] { return file->state() != State::kGrowing; });
  }
  FollowerOptions options() {
    return {.idle_timeout = 100ms, .stat_period = 5ms, .on_notice = [this](std::string_view) {
              ++notices_;
            }};
  }
  test::TempDir dir_;
  int notices_ = 0;
};

TEST_F(FollowerFallback, L11_WithoutLeasesAnIdleFileEnds) {
  constexpr std::uint32_t kAll = 0xffffffff;
  const test::RefusedCall no_lease{SYS_fcntl, EACCES,
                                   test::RefusedCall::Where{1, kAll, F_SETLEASE}};
  if (!test::run_refusing(no_lease, [&] {
        asio::io_context io{1};
        Follower follower(io.get_executor(), options());
        const UniqueFd writer = open_for_append(dir_ / "file");
        append(writer, "some");
        const auto file = follower.follow(dir_ / "file").value();
        EXPECT_EQ(file->state(), State::kGrowing);
        append(writer, " more");
        EXPECT_TRUE(run_to_its_end(io, file));
        EXPECT_EQ(file->state(), State::kSealed);
        EXPECT_EQ(read_to_end(file).bytes, "some more");
      })) {
    GTEST_SKIP() << "no seccomp filters here";
  }
}

TEST_F(FollowerFallback, WithoutWatchesFilesAreLookedAtAndItIsSaidOnce) {
  if (!test::run_refusing({SYS_inotify_add_watch, ENOSPC}, [&] {
        asio::io_context io{1};
        Follower follower(io.get_executor(), options());
        for (const char* name : {"one", "two"}) {
          UniqueFd writer = open_for_append(dir_ / name);
          const auto file = follower.follow(dir_ / name).value();
          append(writer, "some");
          EXPECT_TRUE(test::run_until(io, [&] { return file->watermark() == 4; }));
          append(writer, " more");
          writer.reset();
          EXPECT_TRUE(run_to_its_end(io, file));
          EXPECT_EQ(read_to_end(file).bytes, "some more");
        }
      })) {
    GTEST_SKIP() << "no seccomp filters here";
  }
  EXPECT_EQ(notices_, 1);
}

TEST_F(FollowerFallback, WithoutInotifyFilesAreLookedAt) {
  if (!test::run_refusing({SYS_inotify_init1, EMFILE}, [&] {
        asio::io_context io{1};
        Follower follower(io.get_executor(), options());
        UniqueFd writer = open_for_append(dir_ / "file");
        const auto file = follower.follow(dir_ / "file").value();
        append(writer, "some");
        writer.reset();
        EXPECT_TRUE(run_to_its_end(io, file));
        EXPECT_EQ(read_to_end(file).bytes, "some");
      })) {
    GTEST_SKIP() << "no seccomp filters here";
  }
  EXPECT_EQ(notices_, 1);
}

constexpr test::RefusedCall kAlwaysAWriter{SYS_fcntl, EAGAIN,
                                           test::RefusedCall::Where{1, 0xffffffff, F_SETLEASE}};

// As a writer does whose last close takes longer in the kernel than our questions.
TEST_F(FollowerFallback, L11_AWriterThatIsForgottenLateEndsTheFile) {
  asio::io_context io{1};
  Follower follower(io.get_executor(), options());
  std::shared_ptr<LiveFile> file;
  if (!test::run_refusing(kAlwaysAWriter, [&] {
        file = follower.follow(dir_.file("file", "some")).value();
        io.run_for(1200ms);
      })) {
    GTEST_SKIP() << "no seccomp filters here";
  }
  EXPECT_EQ(file->state(), State::kGrowing);
  EXPECT_TRUE(run_to_its_end(io, file));
  EXPECT_EQ(file->state(), State::kSealed);
}

// The watch of an inode goes with it, and the inode's number comes back.
TEST_F(FollowerFallback, L11_AReusedInodeIsWatchedAgain) {
  asio::io_context io{1};
  Follower follower(io.get_executor(), options());
  UniqueFd writer = open_for_append(dir_ / "old");
  auto file = follower.follow(dir_ / "old").value();
  struct stat old {};
  ASSERT_EQ(::fstat(writer.get(), &old), 0);
  file.reset();
  std::filesystem::remove(dir_ / "old");
  writer = open_for_append(dir_ / "other");  // in case one is made before the other is gone
  writer = open_for_append(dir_ / "new");
  struct stat now {};
  ASSERT_EQ(::fstat(writer.get(), &now), 0);
  if (now.st_ino != old.st_ino) GTEST_SKIP() << "this file system takes new numbers";
  file = follower.follow(dir_ / "new").value();
  io.run_for(1200ms);  // nothing but an event tells from here on
  append(writer, "some");
  io.restart();
  io.poll();
  EXPECT_EQ(file->watermark(), 4U);
}

// Handlers of a reader, and what a thread keeps for the next one, go when they like.
TEST_F(FollowerFallback, AFileMayOutliveTheFollowerAndItsContext) {
  const UniqueFd writer = open_for_append(dir_ / "file");
  std::shared_ptr<LiveFile> file;
  std::weak_ptr<LiveFile> weak;
  {
    asio::io_context io{1};
    Follower follower(asio::make_strand(io), options());
    file = follower.follow(dir_ / "file").value();
    weak = follower.follow(dir_ / "file").value();
  }
  EXPECT_EQ(file->failure(), Errc::kWriterFailed);
  file.reset();
  EXPECT_TRUE(weak.expired());
}

// It may ask the follower in turn.
TEST_F(FollowerFallback, ANoticeIsGivenWithoutALock) {
  if (!test::run_refusing({SYS_inotify_add_watch, ENOSPC}, [&] {
        asio::io_context io{1};
        std::optional<Follower> follower;
        std::size_t following = 0;
        FollowerOptions asking = options();
        asking.on_notice = [&](std::string_view) { following = follower->following(); };
        follower.emplace(io.get_executor(), asking);
        const UniqueFd writer = open_for_append(dir_ / "file");
        const auto file = follower->follow(dir_ / "file").value();
        EXPECT_EQ(following, 1U);
      })) {
    GTEST_SKIP() << "no seccomp filters here";
  }
}

// Events of two files by turns, so that the kernel cannot put any of them together (inotify(7)).
void overflow(const UniqueFd& one, const UniqueFd& two, int queue_max) {
  for (int i = 0; i <= queue_max / 2; ++i) {
    append(one, "1");
    append(two, "2");
  }
}

TEST_F(FollowerFallback, AnOverflowOfTheEventsLosesNothing) {
  const int queue_max = std::stoi(test::content_of("/proc/sys/fs/inotify/max_queued_events"));
  if (queue_max > 100'000) GTEST_SKIP() << "the queue is too long to fill";
  asio::io_context io{1};
  Follower follower(io.get_executor(), options());
  UniqueFd one = open_for_append(dir_ / "one");
  UniqueFd two = open_for_append(dir_ / "two");
  const auto first = follower.follow(dir_ / "one").value();
  const auto second = follower.follow(dir_ / "two").value();
  overflow(one, two, queue_max);
  one.reset();
  two.reset();
  EXPECT_TRUE(run_to_its_end(io, first));
  EXPECT_TRUE(run_to_its_end(io, second));
  EXPECT_EQ(first->watermark(), static_cast<std::uint64_t>(queue_max / 2 + 1));
  EXPECT_EQ(first->watermark(), second->watermark());
  EXPECT_EQ(first->state(), State::kSealed);
}

TEST_F(FollowerFallback, L11_ACloseThatIsLostInAnOverflowIsAskedForAgain) {
  const int queue_max = std::stoi(test::content_of("/proc/sys/fs/inotify/max_queued_events"));
  if (queue_max > 100'000) GTEST_SKIP() << "the queue is too long to fill";
  asio::io_context io{1};
  Follower follower(io.get_executor(), options());
  UniqueFd one = open_for_append(dir_ / "one");
  UniqueFd two = open_for_append(dir_ / "two");
  const auto file = follower.follow(dir_ / "one").value();
  const auto other = follower.follow(dir_ / "two").value();
  io.run_for(1200ms);  // the questions of the begin are over
  overflow(one, two, queue_max);
  one.reset();
  if (!test::run_refusing(kAlwaysAWriter, [&] { test::run_ready(io); })) {
    GTEST_SKIP() << "no seccomp filters here";
  }
  EXPECT_EQ(file->state(), State::kGrowing);
  io.restart();
  io.run_for(1200ms);
  EXPECT_EQ(file->state(), State::kSealed);
}

}  // namespace
}  // namespace midstream
