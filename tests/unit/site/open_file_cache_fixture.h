// A root with an open-file cache, and what FileLookup does with them at a miss. Only for the tests
// of the cache.
#pragma once

#include <filesystem>
#include <fstream>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <gtest/gtest.h>

#include "live/write_lease.h"
#include "site/open_file_cache.h"
#include "support/no_fd_left.h"
#include "support/temp_dir.h"

namespace midstream::site {

namespace fs = std::filesystem;
using test::TempDir;

class CachedRoot {
 public:
  explicit CachedRoot(const fs::path& path, std::size_t entries_max = 16)
      : root_(*Root::open(path.string())), cache_(root_, watches_, entries_max) {}

  /// False: it was not kept. `in_between`: what happens after the name was resolved.
  bool visit(const std::string& path, const std::function<void()>& in_between = {}) {
    auto opened = root_.open_below(path);
    if (!opened) return false;
    if (in_between) in_between();
    const auto watch = cache_.watch(path, *opened);
    if (!watch) return false;
    const Writers writers = probe_writers(opened->fd.get());
    const auto file = OpenFile::from(std::move(opened->fd), path, rules_, Wait::kAllowed);
    if (!file || writers == Writers::kSome) {
      cache_.drop_watch(*watch);
      return false;
    }
    cache_.keep(path, *watch, *file, assume_writers_unknown ? Writers::kUnknown : writers);
    return cache_.find(path).file != nullptr;
  }

  /// The same for a name that is not there. False: that was not kept.
  bool visit_missing(const std::string& path) {
    if (root_.open_below(path)) return false;
    cache_.keep_absent(path);
    return cache_.find(path).known;
  }
  bool known_missing(const std::string& path) {
    cache_.catch_up();
    const auto found = cache_.find(path);
    return found.known && !found.file;
  }

  /// What a request would find now.
  std::optional<std::string> find(const std::string& path) {
    cache_.catch_up();
    const auto found = cache_.find(path);
    if (!found.file) return std::nullopt;
    return found.file->content;
  }

  std::size_t size() {
    cache_.catch_up();
    return cache_.size();
  }
  OpenFileCache& cache() { return cache_; }

  bool assume_writers_unknown = false;

 private:
  asio::io_context context_{1};
  net::PollSet poll_set_{context_};
  Watches watches_{poll_set_};
  Root root_;
  http::MediaTypes types_{""};
  TypeRules rules_{types_, true, "application/octet-stream", {}};
  OpenFileCache cache_;
};

class OpenFileCacheTest : public test::NoFdLeft {
 protected:
  OpenFileCacheTest() {
    fs::create_directories(dir_ / "a/b");
    fs::create_directories(dir_ / "other");
    dir_.file("top", "top");
    dir_.file("a/one", "one");
    dir_.file("a/b/two", "two");
  }

  void rename(std::string_view from, std::string_view to) { fs::rename(dir_ / from, dir_ / to); }

  TempDir dir_;
  std::optional<CachedRoot> site_{std::in_place, dir_.path()};
};

}  // namespace midstream::site
