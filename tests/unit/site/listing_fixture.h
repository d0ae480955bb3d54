// A directory to list, whose entries have a size and a time.
#pragma once

#include <fcntl.h>
#include <sys/stat.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "base/unique_fd.h"
#include "site/listing.h"
#include "support/no_fd_left.h"
#include "support/temp_dir.h"

namespace midstream::site {

inline constexpr std::int64_t kThen = 1795285096;  // 2026-11-21T18:18:16Z

inline void set_time(const std::filesystem::path& path, std::int64_t seconds) {
  const timespec times[2] = {{seconds, 0}, {seconds, 0}};
  ASSERT_EQ(::utimensat(AT_FDCWD, path.c_str(), times, AT_SYMLINK_NOFOLLOW), 0) << path;
}

class Listing : public test::NoFdLeft {
 protected:
  void put(std::string_view name, std::size_t size, std::int64_t time = kThen) {
    set_time(dir_.file(name, std::string(size, 'x')), time);
  }
  void make_directory(std::string_view name, std::int64_t time = kThen) {
    std::filesystem::create_directory(dir_ / name);
    set_time(dir_ / name, time);
  }

  ListingAnswer list(const ListingRequest& request) {
    const UniqueFd fd(::open(dir_.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    auto answer = make_listing(fd.get(), request);
    EXPECT_TRUE(answer) << answer.error().message();
    return std::move(*answer);
  }
  std::string json() { return list(json_request()).body; }
  std::string page() { return list(page_request()).body; }

  // The names as they come, directories with a slash.
  std::vector<std::string> names(ListingRequest request) {
    request.json = true;
    const std::string body = list(request).body;
    std::vector<std::string> found;
    constexpr std::string_view kBefore = "\"href\":\"";
    for (std::size_t at = body.find(kBefore); at != body.npos; at = body.find(kBefore, at)) {
      at += kBefore.size();
      found.push_back(body.substr(at, body.find('"', at) - at));
    }
    return found;
  }
  std::vector<std::string> names(std::string query = "") {
    ListingRequest request = json_request();
    request.query = std::move(query);
    return names(request);
  }

  static ListingRequest page_request() {
    ListingRequest request;
    request.url_path = "/pub/";
    return request;
  }
  static ListingRequest json_request() {
    ListingRequest request = page_request();
    request.json = true;
    return request;
  }

  test::TempDir dir_;
};

}  // namespace midstream::site
