// FileLookup: what a path below a root is, for one route on one worker.
//
//   find() -> known, or kMustWait -> prepare() on the disk pool -> find() again ...
//
// find() asks the open-file cache, then the kernel for what it knows without waiting. What would
// have to wait for a disk, or is on a file system of another machine, is opened by prepare() on a
// thread of the disk pool. Belongs to its worker's thread, but for what prepare() does there.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <midstream/follower.h>
#include <midstream/live_file.h>

#include "live/write_lease.h"
#include "net/disk_pool.h"
#include "site/open_file.h"
#include "site/open_file_cache.h"
#include "site/options.h"
#include "site/root.h"
#include "site/watches.h"

namespace midstream::site {

class FileLookup {
 public:
  /// All of them outlive the lookup.
  struct Parts {
    Watches& watches;
    net::DiskPool& pool;
    Follower& follower;
    const Root& root;
    const FileOptions& options;
    const TypeRules& rules;
  };

  struct Found {
    enum class Kind : std::uint8_t {
      kMustWait,   ///< prepare(), then ask again
      kFailed,     ///< `error`: ENOENT, EACCES ...
      kOther,      ///< a FIFO, a socket, a device
      kDirectory,  ///< `directory`, open for reading
      kFile,       ///< `file`: nobody writes it, or it is not followed
      kGrowing,    ///< `live`
    };
    Kind kind = Kind::kFailed;
    error_code error = {};
    std::shared_ptr<const OpenFile> file = {};
    std::shared_ptr<LiveFile> live = {};
    UniqueFd directory = {};
  };

  /// What was found for one request on the disk pool.
  class Prepared {
   public:
    /// Nothing has been waited for yet.
    [[nodiscard]] bool empty() const noexcept { return items_.empty(); }

   private:
    friend class FileLookup;
    struct Item {
      std::string path;
      result<Root::Opened> opened;
      Found found;  // where the file system does not tell of changes: all of the answer
    };
    [[nodiscard]] Item* find(const std::string& path) noexcept;

    std::string wanted_;
    std::vector<Item> items_;
  };

  explicit FileLookup(const Parts& parts);

  /// Handles what has changed until now. Before the first find() of a request, unless it has just
  /// arrived.
  void catch_up() { cache_.catch_up(); }

  /// `path`: as http::decode_path gives it.
  [[nodiscard]] Found find(const std::string& path, Prepared& prepared);
  /// The same for a file that may well not exist, which is then remembered.
  [[nodiscard]] Found find_sibling(const std::string& path, Prepared& prepared);
  /// Only what is at hand: the usual way of a request, without an allocation.
  [[nodiscard]] std::shared_ptr<const OpenFile> find_cached(const std::string& path) {
    return cache_.find(path).file;
  }
  /// After kMustWait.
  [[nodiscard]] net::Awaitable<void> prepare(Prepared& prepared);

  /// Gives back all descriptors that are only kept.
  [[nodiscard]] bool make_room(const error_code& error);

 private:
  using Kind = Found::Kind;

  [[nodiscard]] Found open(const std::string& path, Prepared& prepared);
  [[nodiscard]] Found look_at(const std::string& path, Root::Opened opened, Wait wait);
  [[nodiscard]] Found finished(const std::string& path, UniqueFd fd, std::optional<int> watch,
                               Writers writers, Wait wait);
  [[nodiscard]] Prepared::Item open_and_wait(std::string path) const;
  [[nodiscard]] Found look_and_wait(const std::string& path, int fd) const;
  [[nodiscard]] bool follows(const std::string& path) const;

  Parts parts_;
  OpenFileCache cache_;
};

}  // namespace midstream::site
