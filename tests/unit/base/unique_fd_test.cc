#include "base/unique_fd.h"

#include <fcntl.h>

#include <gtest/gtest.h>

#include "support/no_fd_left.h"

namespace midstream {
namespace {

using UniqueFdTest = test::NoFdLeft;

UniqueFd some_fd() { return UniqueFd(::open("/dev/null", O_RDWR | O_CLOEXEC)); }

bool is_open(int fd) { return ::fcntl(fd, F_GETFD) >= 0; }

TEST_F(UniqueFdTest, ClosesWhatItOwns) {
  int number = -1;
  {
    const UniqueFd fd = some_fd();
    ASSERT_TRUE(fd.valid());
    number = fd.get();
  }
  EXPECT_FALSE(is_open(number));
}

TEST_F(UniqueFdTest, MovesTheOwnership) {
  UniqueFd a = some_fd();
  const int number = a.get();
  UniqueFd b(std::move(a));
  EXPECT_FALSE(a.valid());  // NOLINT(bugprone-use-after-move): that is what is tested
  EXPECT_EQ(b.get(), number);
  UniqueFd c = some_fd();
  const int replaced = c.get();
  c = std::move(b);
  EXPECT_FALSE(is_open(replaced));
  EXPECT_EQ(c.get(), number);
  auto& same = c;
  c = std::move(same);
  EXPECT_TRUE(is_open(number));
}

TEST_F(UniqueFdTest, ReleaseGivesItAway) {
  UniqueFd fd = some_fd();
  const int number = fd.release();
  EXPECT_FALSE(fd.valid());
  fd.reset();
  EXPECT_TRUE(is_open(number));
  ::close(number);
}

TEST_F(UniqueFdTest, CloseCheckedGivesTheErrorOfClose) {
  UniqueFd fd = some_fd();
  EXPECT_EQ(fd.close_checked(), 0);
  EXPECT_FALSE(fd.valid());
  EXPECT_EQ(fd.close_checked(), 0) << "closing twice is fine";
  UniqueFd bad(1 << 20);
  EXPECT_EQ(bad.close_checked(), EBADF);
  EXPECT_FALSE(bad.valid());
}

}  // namespace
}  // namespace midstream
