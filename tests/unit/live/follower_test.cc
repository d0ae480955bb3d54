// Files of other processes, followed to their real end (L11).
#include <unistd.h>

#include <cstdio>
#include <future>
#include <string>

#include <gtest/gtest.h>

#include <midstream/follower.h>

#include "base/unique_fd.h"
#include "support/follow.h"
#include "support/io.h"
#include "support/no_fd_left.h"
#include "support/payload.h"
#include "support/temp_dir.h"

namespace midstream {
namespace {

using State = LiveFile::State;
using test::append;
using test::follow_to_end;
using test::hash_of;
using test::open_for_append;
using test::read_to_end;
using test::ReadToEnd;

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

}  // namespace
}  // namespace midstream
