// The cache by itself, on a real directory. Events are queued by the kernel before the call that
// causes them returns, so catch_up() has them all and nothing waits.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include <gtest/gtest.h>

#include "site/open_file_cache_fixture.h"
#include "support/failing_syscall.h"
#include "support/no_fd_left.h"
#include "support/temp_dir.h"

namespace midstream::site {
namespace {

TEST_F(OpenFileCacheTest, KnowsWhatWasKept) {
  EXPECT_EQ(site_->find("a/b/two"), std::nullopt);
  ASSERT_TRUE(site_->visit("a/b/two"));
  ASSERT_TRUE(site_->visit("top"));
  EXPECT_EQ(site_->find("a/b/two"), "two");
  EXPECT_EQ(site_->find("top"), "top");
  EXPECT_EQ(site_->size(), 2U);
}

// All inotify watches of this process (proc(5), fdinfo).
std::size_t watches() {
  std::size_t count = 0;
  for (const auto& fd : fs::directory_iterator("/proc/self/fdinfo")) {
    std::ifstream in(fd.path());
    for (std::string line; std::getline(in, line);)
      count += line.starts_with("inotify wd:") ? 1 : 0;
  }
  return count;
}

// --- what takes an entry away: name, what happens, and whether a/b/two and a/one stay
struct Change {
  const char* name;
  std::function<void(const TempDir&)> happen;
  bool two_stays;
  bool one_stays;
};

void append(const fs::path& path, std::string_view text) {
  std::ofstream(path, std::ios::app | std::ios::binary) << text;
}

const Change kChanges[] = {
    {"Appended", [](const TempDir& dir) { append(dir / "a/b/two", "more"); }, false, true},
    {"Overwritten", [](const TempDir& dir) { dir.file("a/b/two", "TWO"); }, false, true},
    {"Truncated", [](const TempDir& dir) { ::truncate((dir / "a/b/two").c_str(), 1); }, false,
     true},
    {"Unlinked", [](const TempDir& dir) { fs::remove(dir / "a/b/two"); }, false, true},
    {"RenamedAway", [](const TempDir& dir) { fs::rename(dir / "a/b/two", dir / "x"); }, false,
     true},
    {"RenamedOver", [](const TempDir& dir) { fs::rename(dir / "top", dir / "a/b/two"); }, false,
     true},
    {"Closed", [](const TempDir& dir) { ::chmod((dir / "a/b/two").c_str(), 0); }, false, true},
    {"Touched",
     [](const TempDir& dir) { ::utimensat(AT_FDCWD, (dir / "a/b/two").c_str(), nullptr, 0); },
     false, true},
    {"ParentRenamed", [](const TempDir& dir) { fs::rename(dir / "a/b", dir / "x"); }, false, true},
    {"GrandparentRenamed", [](const TempDir& dir) { fs::rename(dir / "a", dir / "x"); }, false,
     false},
    {"ParentExchanged",
     [](const TempDir& dir) {
       ::syscall(SYS_renameat2, AT_FDCWD, (dir / "other").c_str(), AT_FDCWD, (dir / "a/b").c_str(),
                 2 /* RENAME_EXCHANGE */);
     },
     false, true},
    {"ParentClosed", [](const TempDir& dir) { ::chmod((dir / "a/b").c_str(), 0700); }, false, true},
    {"GrandparentClosed", [](const TempDir& dir) { ::chmod((dir / "a").c_str(), 0700); }, false,
     false},
    {"RootClosed", [](const TempDir& dir) { ::chmod(dir.path().c_str(), 0750); }, false, false},
    {"RemovedWithEverything", [](const TempDir& dir) { fs::remove_all(dir / "a"); }, false, false},
    // What has nothing to do with them
    {"Read", [](const TempDir& dir) { (void)test::content_of(dir / "a/b/two"); }, true, true},
    {"AnotherFileWritten", [](const TempDir& dir) { dir.file("top", "TOP"); }, true, true},
    {"AnotherDirectoryMade", [](const TempDir& dir) { fs::create_directory(dir / "a/x"); }, true,
     true},
    {"AnotherDirectoryRemoved", [](const TempDir& dir) { fs::remove(dir / "other"); }, true, true},
    {"AnotherDirectoryRenamed", [](const TempDir& dir) { fs::rename(dir / "other", dir / "x"); },
     true, true},
    {"AnotherDirectoryClosed", [](const TempDir& dir) { ::chmod((dir / "other").c_str(), 0); },
     true, true},
    {"SimilarName", [](const TempDir& dir) { fs::create_directory(dir / "a/b2"); }, true, true},
};

class OpenFileCacheChanges : public OpenFileCacheTest,
                             public testing::WithParamInterface<Change> {};

TEST_P(OpenFileCacheChanges, TakeAwayWhatTheyTouchAndNothingElse) {
  ASSERT_TRUE(site_->visit("a/b/two"));
  ASSERT_TRUE(site_->visit("a/one"));
  GetParam().happen(dir_);
  EXPECT_EQ(site_->find("a/b/two").has_value(), GetParam().two_stays);
  EXPECT_EQ(site_->find("a/one").has_value(), GetParam().one_stays);
  // And everything can be kept anew, seen through new watches.
  ::chmod((dir_ / "a/b/two").c_str(), 0644);
  if (site_->visit("a/b/two")) {
    dir_.file("a/b/two", "later");
    EXPECT_EQ(site_->find("a/b/two"), std::nullopt);
  }
}

INSTANTIATE_TEST_SUITE_P(All, OpenFileCacheChanges, testing::ValuesIn(kChanges),
                         [](const auto& one) { return std::string(one.param.name); });

// --- the first visit of a directory, and the first after its watch went
TEST_F(OpenFileCacheTest, IsNotFooledByARenameOverBeforeTheDirectoryIsWatched) {
  dir_.file("new", "new");
  EXPECT_FALSE(site_->visit("a/one", [&] { rename("new", "a/one"); }));
  EXPECT_EQ(site_->find("a/one"), std::nullopt);
  ASSERT_TRUE(site_->visit("a/one"));
  EXPECT_EQ(site_->find("a/one"), "new");
}

TEST_F(OpenFileCacheTest, IsNotFooledByARenameOverAfterTheWatchOfTheDirectoryWent) {
  ASSERT_TRUE(site_->visit("a/one"));
  ::chmod((dir_ / "a").c_str(), 0700);
  EXPECT_EQ(site_->find("a/one"), std::nullopt);
  dir_.file("new", "new");
  EXPECT_FALSE(site_->visit("a/one", [&] { rename("new", "a/one"); }));
  EXPECT_EQ(site_->find("a/one"), std::nullopt);
}

TEST_F(OpenFileCacheTest, IsNotFooledByARenameOfADirectoryBeforeItIsWatched) {
  fs::create_directories(dir_ / "x/b");
  dir_.file("x/b/two", "new");
  EXPECT_FALSE(site_->visit("a/b/two", [&] {
    rename("a", "old");
    rename("x", "a");
  }));
  EXPECT_EQ(site_->find("a/b/two"), std::nullopt);
}

TEST_F(OpenFileCacheTest, IsNotFooledByARenameOverInAWatchedDirectory) {
  ASSERT_TRUE(site_->visit("a/b/two"));
  dir_.file("new", "new");
  EXPECT_FALSE(site_->visit("a/one", [&] { rename("new", "a/one"); }));
  EXPECT_EQ(site_->find("a/one"), std::nullopt);
}

TEST_F(OpenFileCacheTest, ADirectoryThatCameBackIsWatchedAnew) {
  ASSERT_TRUE(site_->visit("a/b/two"));
  rename("a", "x");
  rename("x", "a");
  EXPECT_EQ(site_->find("a/b/two"), std::nullopt);
  ASSERT_TRUE(site_->visit("a/b/two"));
  dir_.file("new", "new");
  rename("new", "a/b/two");
  EXPECT_EQ(site_->find("a/b/two"), std::nullopt);
}

// --- several names
TEST_F(OpenFileCacheTest, EveryNameOfAHardLinkGoesWhenTheFileChanges) {
  fs::create_hard_link(dir_ / "a/one", dir_ / "linked");
  ASSERT_TRUE(site_->visit("a/one"));
  ASSERT_TRUE(site_->visit("linked"));
  dir_.file("linked", "changed");
  EXPECT_EQ(site_->size(), 0U);
}

TEST_F(OpenFileCacheTest, AHardLinkIsStillWatchedWhenItsOtherNameIsForgotten) {
  fs::create_hard_link(dir_ / "a/one", dir_ / "b");
  site_.emplace(dir_.path(), 2);
  ASSERT_TRUE(site_->visit("b"));
  ASSERT_TRUE(site_->visit("a/one"));
  ASSERT_TRUE(site_->visit("top"));  // there is no room for "b" any more
  EXPECT_EQ(site_->find("b"), std::nullopt);
  EXPECT_EQ(site_->find("a/one"), "one");
  dir_.file("b", "changed");
  EXPECT_EQ(site_->find("a/one"), std::nullopt);
}

TEST_F(OpenFileCacheTest, GivingUpOneNameLeavesTheWatchToTheOther) {
  fs::create_hard_link(dir_ / "a/one", dir_ / "b");
  ASSERT_TRUE(site_->visit("b"));
  const auto root = *Root::open(dir_.path().string());
  const auto opened = *root.open_below("a/one");
  const auto watch = site_->cache().watch("a/one", opened);
  ASSERT_TRUE(watch);
  site_->cache().drop_watch(*watch);
  dir_.file("a/one", "changed");
  EXPECT_EQ(site_->find("b"), std::nullopt);
}

TEST_F(OpenFileCacheTest, ASymbolicLinkIsNotKept) {
  fs::create_symlink("one", dir_ / "a/link");
  fs::create_directory_symlink("a", dir_ / "linked");
  EXPECT_FALSE(site_->visit("a/link"));
  EXPECT_FALSE(site_->visit("linked/one"));
  EXPECT_EQ(site_->size(), 0U);
}

// --- writers
TEST_F(OpenFileCacheTest, AFileThatIsOpenedForWritingGoesBeforeItsFirstByte) {
  ASSERT_TRUE(site_->visit("top"));
  const UniqueFd writer(::open((dir_ / "top").c_str(), O_WRONLY | O_CLOEXEC));
  EXPECT_EQ(site_->find("top"), std::nullopt);
}

TEST_F(OpenFileCacheTest, WhereNobodyTellsOfWritersTheFirstByteCounts) {
  site_->assume_writers_unknown = true;
  ASSERT_TRUE(site_->visit("top"));
  const UniqueFd writer(::open((dir_ / "top").c_str(), O_WRONLY | O_CLOEXEC));
  EXPECT_EQ(site_->find("top"), "top");
  ASSERT_EQ(::write(writer.get(), "T", 1), 1);
  EXPECT_EQ(site_->find("top"), std::nullopt);
}

// --- limits
TEST_F(OpenFileCacheTest, TheLeastRecentlyUsedGoesFirst) {
  site_.emplace(dir_.path(), 2);
  ASSERT_TRUE(site_->visit("top"));
  ASSERT_TRUE(site_->visit("a/one"));
  EXPECT_EQ(site_->find("top"), "top");
  ASSERT_TRUE(site_->visit("a/b/two"));
  EXPECT_EQ(site_->size(), 2U);
  EXPECT_EQ(site_->find("a/one"), std::nullopt);
  EXPECT_EQ(site_->find("top"), "top");
  EXPECT_EQ(site_->find("a/b/two"), "two");
}

TEST_F(OpenFileCacheTest, ForgettingAllClosesEveryDescriptor) {
  const std::size_t before = test::open_fds();
  ASSERT_TRUE(site_->visit("top"));
  ASSERT_TRUE(site_->visit("a/b/two"));
  EXPECT_EQ(test::open_fds(), before + 2);
  site_->cache().forget_all();
  EXPECT_EQ(test::open_fds(), before);
  ASSERT_TRUE(site_->visit("a/b/two"));
  EXPECT_EQ(site_->find("a/b/two"), "two");
}

TEST_F(OpenFileCacheTest, WatchedDirectoriesAreBounded) {
  site_.emplace(dir_.path(), 1);
  for (int i = 0; i < 100; ++i) {
    const std::string name = "other/" + std::to_string(i);
    fs::create_directory(dir_ / name);
    dir_.file(name + "/file", "content");
    EXPECT_TRUE(site_->visit(name + "/file") || site_->visit(name + "/file"));
    EXPECT_LE(watches(), 1U + 4U);
  }
}

TEST_F(OpenFileCacheTest, WithoutRoomNothingIsKept) {
  site_.emplace(dir_.path(), 0);
  EXPECT_FALSE(site_->visit("top"));
}

TEST_F(OpenFileCacheTest, WithoutAWatchLeftNothingIsKept) {
  ASSERT_TRUE(site_->visit("top"));
  bool kept = true;
  if (!test::run_refusing({SYS_inotify_add_watch, ENOSPC}, [&] { kept = site_->visit("a/one"); }))
    GTEST_SKIP() << "no seccomp filter here";
  EXPECT_FALSE(kept);
  EXPECT_EQ(site_->size(), 0U) << "all watches were given back";
  ASSERT_TRUE(site_->visit("a/one")) << "watches are there again";
  dir_.file("a/one", "changed");
  EXPECT_EQ(site_->find("a/one"), std::nullopt);
}

TEST_F(OpenFileCacheTest, OnAFileSystemThatDoesNotTellOfChangesNothingIsKept) {
  CachedRoot proc("/proc/self");
  EXPECT_FALSE(proc.visit("status"));
}

}  // namespace
}  // namespace midstream::site
