// NoFdLeft: a test that ends with as many open file descriptors as it began with.
#pragma once

#include <cstddef>
#include <filesystem>
#include <iterator>
#include <string>
#include <system_error>

#include <gtest/gtest.h>

namespace midstream::test {

inline std::size_t open_fds() {
  const std::filesystem::directory_iterator all("/proc/self/fd");
  return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

/// What is open, for a message.
inline std::string open_fds_text() {
  std::string text;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code ignored;
    const auto target = std::filesystem::read_symlink(entry.path(), ignored);
    text += "\n  " + entry.path().filename().string() + " " + target.string();
  }
  return text;
}

class NoFdLeft : public testing::Test {
 protected:
  NoFdLeft() : before_(open_fds()) {}
  // Here, not in TearDown: what a derived fixture holds is gone by now.
  ~NoFdLeft() override {
    EXPECT_EQ(open_fds(), before_)
        << "descriptors left open, or closed twice; open now:" << open_fds_text();
  }

 private:
  std::size_t before_;
};

}  // namespace midstream::test
