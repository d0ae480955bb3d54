// Files of other processes, followed to their real end (L11).
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdio>
#include <future>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <midstream/follower.h>
#include <midstream/reader.h>

#include "base/unique_fd.h"
#include "support/failing_syscall.h"
#include "support/io.h"
#include "support/no_fd_left.h"
#include "support/payload.h"
#include "support/temp_dir.h"

namespace midstream {
namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;
using State = LiveFile::State;
using test::hash_of;

struct ReadToEnd {
  std::string bytes;
  error_code error;
};

ReadToEnd read_to_end(std::shared_ptr<LiveFile> file) {
  ReadToEnd all;
  Reader reader(std::move(file));
  std::string buffer(64 * 1024, '\0');
  for (;;) {
    const auto deadline = std::chrono::steady_clock::now() + test::kBound;
    const auto count = reader.read(std::as_writable_bytes(std::span(buffer)), {}, deadline);
    if (!count) all.error = count.error();
    if (!count || *count == 0) return all;
    all.bytes.append(buffer, 0, *count);
  }
}

std::future<ReadToEnd> follow_to_end(const std::shared_ptr<LiveFile>& file) {
  return std::async(std::launch::async, read_to_end, file);
}

UniqueFd open_for_append(const std::filesystem::path& path) {
  UniqueFd fd(::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644));
  EXPECT_TRUE(fd.valid());
  return fd;
}

void append(const UniqueFd& fd, std::string_view bytes) {
  EXPECT_EQ(::write(fd.get(), bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
}

// Until `offset` is below the watermark. The failure otherwise.
error_code wait_beyond(const std::shared_ptr<LiveFile>& file, std::uint64_t offset) {
  const auto deadline = std::chrono::steady_clock::now() + test::kBound;
  const auto seen = file->wait_beyond(offset, {}, deadline);
  return seen ? error_code() : seen.error();
}

class FollowerTest : public test::NoFdLeft {
 protected:
  std::shared_ptr<LiveFile> follow(const std::filesystem::path& path) {
    auto file = follower_.follow(path);
    EXPECT_TRUE(file.has_value()) << file.error().message();
    return *file;
  }
  test::TempDir dir_;
  test::IoThread io_;
  Follower follower_{io_.executor()};
};

TEST_F(FollowerTest, L11_AFileThatNobodyWritesComesSealed) {
  const auto file = follow(dir_.file("done", "all of it"));
  EXPECT_EQ(file->state(), State::kSealed);
  EXPECT_EQ(file->watermark(), 9U);
  EXPECT_EQ(follower_.following(), 0U);
  EXPECT_EQ(follower_.follow(dir_ / "none").error().value(), ENOENT);
  EXPECT_EQ(follower_.follow(dir_.path()).error().value(), EOPNOTSUPP);
}

TEST_F(FollowerTest, L11_FollowedToTheWritersClose) {
  const std::string all = test::payload(500'000);
  UniqueFd writer = open_for_append(dir_ / "file");
  const auto file = follow(dir_ / "file");
  EXPECT_EQ(file->state(), State::kGrowing);
  auto reader = follow_to_end(file);
  for (std::size_t at = 0; at < all.size(); at += 1000)
    append(writer, std::string_view(all).substr(at, 1000));
  EXPECT_FALSE(wait_beyond(file, all.size() - 1)) << "what is written shows before the close";
  EXPECT_EQ(file->state(), State::kGrowing);
  writer.reset();
  const ReadToEnd got = reader.get();
  EXPECT_FALSE(got.error);
  EXPECT_EQ(hash_of(got.bytes), hash_of(all));
  EXPECT_EQ(file->state(), State::kSealed);
}

TEST_F(FollowerTest, L11_OnlyTheLastOfSeveralWritersEndsIt) {
  UniqueFd first = open_for_append(dir_ / "file");
  UniqueFd second = open_for_append(dir_ / "file");
  const auto file = follow(dir_ / "file");
  auto reader = follow_to_end(file);
  append(first, "1");
  first.reset();
  append(second, "2");
  EXPECT_FALSE(wait_beyond(file, 1));
  io_.run([] {});  // what the close has told has been looked at
  EXPECT_EQ(file->state(), State::kGrowing);
  append(second, "3");
  second.reset();
  EXPECT_EQ(reader.get().bytes, "123");
}

TEST_F(FollowerTest, L11_AnotherProcessWrites) {
  const std::string all = test::payload(300'000);
  UniqueFd own = open_for_append(dir_ / "file");
  const auto file = follow(dir_ / "file");
  auto reader = follow_to_end(file);
  std::FILE* cat = ::popen(("cat >> '" + (dir_ / "file").string() + "'").c_str(), "we");
  ASSERT_NE(cat, nullptr);
  EXPECT_EQ(std::fwrite(all.data(), 1, 200'000, cat), 200'000U);
  EXPECT_FALSE(wait_beyond(file, 0));  // so it has the file open
  own.reset();
  EXPECT_EQ(std::fwrite(all.data() + 200'000, 1, 100'000, cat), 100'000U);
  EXPECT_EQ(::pclose(cat), 0);
  const ReadToEnd got = reader.get();
  EXPECT_FALSE(got.error);
  EXPECT_EQ(hash_of(got.bytes), hash_of(all));
}

TEST_F(FollowerTest, L11_ATruncatedFileFails) {
  const UniqueFd writer = open_for_append(dir_ / "file");
  append(writer, "0123456789");
  const auto file = follow(dir_ / "file");
  auto reader = follow_to_end(file);
  ASSERT_EQ(::ftruncate(writer.get(), 3), 0);
  EXPECT_EQ(reader.get().error, Errc::kTruncated);
  EXPECT_EQ(wait_beyond(file, 10), Errc::kTruncated);
}

TEST_F(FollowerTest, L11_AFileThatLosesItsNameFails) {
  for (const bool by_rename : {false, true}) {
    const UniqueFd writer = open_for_append(dir_ / "file");
    append(writer, "0123");
    const auto file = follow(dir_ / "file");
    auto reader = follow_to_end(file);
    if (by_rename) {
      std::filesystem::rename(dir_.file("new", "other"), dir_ / "file");
    } else {
      std::filesystem::remove(dir_ / "file");
    }
    const ReadToEnd got = reader.get();
    EXPECT_EQ(got.bytes, "0123");
    EXPECT_EQ(got.error, Errc::kReplaced);
  }
}

TEST_F(FollowerTest, FollowersOfOneFileShareIt) {
  UniqueFd writer = open_for_append(dir_ / "file");
  const std::size_t before = test::open_fds();
  std::filesystem::create_hard_link(dir_ / "file", dir_ / "other name");
  auto first = follow(dir_ / "file");
  auto second = follow(dir_ / "other name");
  EXPECT_EQ(first, second);
  EXPECT_EQ(follower_.following(), 1U);
  EXPECT_EQ(test::open_fds(), before + 1);
  first.reset();
  second.reset();
  io_.run([] {});  // where the watch is removed
  EXPECT_EQ(follower_.following(), 0U);
  EXPECT_EQ(test::open_fds(), before);
  auto again = follow(dir_ / "file");
  EXPECT_EQ(again->state(), State::kGrowing);
  append(writer, "1");
  writer.reset();
  EXPECT_EQ(read_to_end(again).bytes, "1");
}

TEST_F(FollowerTest, L4_AFollowerThatGoesLeavesNobodyWaiting) {
  const UniqueFd writer = open_for_append(dir_ / "file");
  append(writer, "some");
  std::future<ReadToEnd> reader;
  {
    Follower follower(io_.executor());
    auto file = follower.follow(dir_ / "file");
    ASSERT_TRUE(file.has_value());
    reader = follow_to_end(*file);
  }
  EXPECT_EQ(reader.get().error, Errc::kWriterFailed);
}

// What cannot be had from the kernel
// ------------------------------------------------------------------------------------------

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

// Events of two files by turns, so that the kernel cannot put any of them together (inotify(7)).
TEST_F(FollowerFallback, AnOverflowOfTheEventsLosesNothing) {
  const int queue_max = std::stoi(test::content_of("/proc/sys/fs/inotify/max_queued_events"));
  if (queue_max > 100'000) GTEST_SKIP() << "the queue is too long to fill";
  asio::io_context io{1};
  Follower follower(io.get_executor(), options());
  UniqueFd one = open_for_append(dir_ / "one");
  UniqueFd two = open_for_append(dir_ / "two");
  const auto first = follower.follow(dir_ / "one").value();
  const auto second = follower.follow(dir_ / "two").value();
  for (int i = 0; i <= queue_max / 2; ++i) {
    append(one, "1");
    append(two, "2");
  }
  one.reset();
  two.reset();
  EXPECT_TRUE(run_to_its_end(io, first));
  EXPECT_TRUE(run_to_its_end(io, second));
  EXPECT_EQ(first->watermark(), static_cast<std::uint64_t>(queue_max / 2 + 1));
  EXPECT_EQ(first->watermark(), second->watermark());
  EXPECT_EQ(first->state(), State::kSealed);
}

}  // namespace
}  // namespace midstream
