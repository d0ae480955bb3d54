// For tests of the Follower: a file of "another process", and a reader of it.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <future>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include <gtest/gtest.h>

#include <midstream/reader.h>

#include "base/unique_fd.h"
#include "support/bound.h"

namespace midstream::test {

/// What a reader got, and how it ended.
struct ReadToEnd {
  std::string bytes;
  error_code error;
};

inline ReadToEnd read_to_end(std::shared_ptr<LiveFile> file) {
  ReadToEnd all;
  Reader reader(std::move(file));
  std::string buffer(64 * 1024, '\0');
  for (;;) {
    const auto deadline = std::chrono::steady_clock::now() + kBound;
    const auto count = reader.read(std::as_writable_bytes(std::span(buffer)), {}, deadline);
    if (!count) all.error = count.error();
    if (!count || *count == 0) return all;
    all.bytes.append(buffer, 0, *count);
  }
}

inline std::future<ReadToEnd> follow_to_end(const std::shared_ptr<LiveFile>& file) {
  return std::async(std::launch::async, read_to_end, file);
}

inline UniqueFd open_for_append(const std::filesystem::path& path) {
  UniqueFd fd(::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644));
  EXPECT_TRUE(fd.valid());
  return fd;
}

inline void append(const UniqueFd& fd, std::string_view bytes) {
  EXPECT_EQ(::write(fd.get(), bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
}

}  // namespace midstream::test
