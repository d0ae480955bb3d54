// A growing file as a test needs it: bytes go into an unnamed temporary and are published at once.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "live/growing_file.h"

namespace midstream::test {

class Growing {
 public:
  explicit Growing(std::string_view begin = {},
                   std::optional<std::uint64_t> declared = std::nullopt) {
    const std::string directory = std::filesystem::temp_directory_path();
    fd_ = UniqueFd(::open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
    EXPECT_TRUE(fd_.valid());
    store(begin);
    UniqueFd read_fd(
        ::open(("/proc/self/fd/" + std::to_string(fd_.get())).c_str(), O_RDONLY | O_CLOEXEC));
    EXPECT_TRUE(read_fd.valid());
    file_ = std::make_shared<detail::GrowingFile>(std::move(read_fd), size_, declared);
  }

  void append(std::string_view bytes) {
    store(bytes);
    file_->publish(size_);
  }
  /// Raises the watermark without bytes: the file gets a hole.
  void publish(std::uint64_t watermark) {
    EXPECT_EQ(::ftruncate(fd_.get(), static_cast<off_t>(watermark)), 0);
    size_ = watermark;
    file_->publish(watermark);
  }
  void truncate(std::uint64_t size) {
    EXPECT_EQ(::ftruncate(fd_.get(), static_cast<off_t>(size)), 0);
  }
  void seal() { EXPECT_TRUE(file_->seal()); }
  void fail(error_code why = Errc::kWriterFailed) {
    EXPECT_TRUE(file_->fail(why, "as the test wanted"));
  }

  /// As its readers see it.
  [[nodiscard]] std::shared_ptr<LiveFile> file() const { return file_; }
  detail::GrowingFile* operator->() const { return file_.get(); }
  void let_go() { file_.reset(); }

 private:
  void store(std::string_view bytes) {
    EXPECT_EQ(::pwrite(fd_.get(), bytes.data(), bytes.size(), static_cast<off_t>(size_)),
              static_cast<ssize_t>(bytes.size()));
    size_ += bytes.size();
  }

  UniqueFd fd_;
  std::uint64_t size_ = 0;
  std::shared_ptr<detail::GrowingFile> file_;
};

}  // namespace midstream::test
