// NoFdLeft: a test that ends with as many open file descriptors as it began with.
#pragma once

#include <cstddef>
#include <filesystem>
#include <iterator>

#include <gtest/gtest.h>

namespace midstream::test {

inline std::size_t open_fds() {
  const std::filesystem::directory_iterator all("/proc/self/fd");
  return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

class NoFdLeft : public testing::Test {
 protected:
  NoFdLeft() : before_(open_fds()) {}
  // Here, not in TearDown: what a derived fixture holds is gone by now.
  ~NoFdLeft() override {
    EXPECT_EQ(open_fds(), before_) << "descriptors left open, or closed twice";
  }

 private:
  std::size_t before_;
};

}  // namespace midstream::test
