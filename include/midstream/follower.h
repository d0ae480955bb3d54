// Follower: makes a LiveFile of a file that another process is writing.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string_view>

#include <boost/asio/any_io_executor.hpp>

#include <midstream/error.h>
#include <midstream/live_file.h>

namespace midstream {

struct FollowerOptions {
  /// How long a file may rest before it counts as finished, where the kernel does not tell whether
  /// somebody has it open for writing (not the owner and no CAP_LEASE, NFS; fcntl(2) F_SETLEASE).
  std::chrono::milliseconds idle_timeout{5000};
  /// How often a file is looked at where inotify cannot serve (limits reached, odd file systems).
  std::chrono::milliseconds stat_period{250};
  /// Gets the first thing that an operator should know (inotify cannot serve all files, so that
  /// some are looked at), once in all. Called within the constructor or follow(), without a lock.
  std::function<void(std::string_view)> on_notice = {};
};

/// Follows files by inotify(7) and read leases (fcntl(2)): a file grows until its last writer
/// closes it, and then it is sealed. If it is truncated, unlinked or renamed over while it grows,
/// it fails. A truncation that is made good within one wake-up, by as many bytes as were cut,
/// cannot be seen. Threads: follow() from any; all work happens on `executor`, which must not run
/// handlers concurrently (an io_context with one thread, or a strand). One inotify instance per
/// Follower.
class Follower {
 public:
  explicit Follower(boost::asio::any_io_executor executor, FollowerOptions options = {});
  Follower(const Follower&) = delete;
  Follower& operator=(const Follower&) = delete;
  /// Files that are still growing fail: nobody would tell their readers of the end.
  ~Follower();

  /// Opens `path`. A file that nobody writes comes sealed at its present size; else it is followed,
  /// and two callers that follow one file (device and inode) share one LiveFile. Errors: those of
  /// open(2); `operation_not_supported` for what is not a regular file.
  [[nodiscard]] result<std::shared_ptr<LiveFile>> follow(const std::filesystem::path& path);

  /// The same for a file that is open for reading already; takes over `owned_fd`.
  [[nodiscard]] result<std::shared_ptr<LiveFile>> follow(int owned_fd);

  /// How many files are being followed at this moment.
  [[nodiscard]] std::size_t following() const noexcept;

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace midstream
