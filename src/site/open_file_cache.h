// OpenFileCache: what is known of the files of one root, on one worker, kept right by inotify(7):
// no stat per request, and no time in which an answer may be stale.
//
// Invariants
//  1. Watch first, then look: the watches of an entry (the file, and every directory on the way to
//     it) are set before its fstat, and before its name was resolved for the last time. So no
//     change can fall in between.
//  2. An entry is only used after every event has been handled that the kernel queued before the
//     request began to arrive (PollSet, invariant 2; catch_up() where that does not hold).
//  3. Only files that nobody has open for writing are kept; where nobody can tell, those that rest
//     or are not followed. None that was reached through a symbolic link.
//     A name that does not exist is kept too, where asked for (keep_absent()).
//  4. At most `entries_max` entries; the least recently used one goes first. At most four times as
//     many watched directories; then all are given up.
//  5. Every directory on the way to an entry, or to a watched directory, is in directories_. So
//     nothing is known of what is below a directory that is not in it.
// Without inotify (limits, file systems that others change: file_system.h) nothing is kept. Belongs
// to its worker's thread.
#pragma once

#include <sys/stat.h>

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "live/write_lease.h"
#include "site/open_file.h"
#include "site/root.h"
#include "site/watches.h"

namespace midstream::site {

class OpenFileCache final : Watches::Listener {
 public:
  /// Both outlive it.
  OpenFileCache(const Root& root, Watches& watches, std::size_t entries_max);
  OpenFileCache(const OpenFileCache&) = delete;
  OpenFileCache& operator=(const OpenFileCache&) = delete;
  ~OpenFileCache();

  struct Found {
    bool known = false;
    std::shared_ptr<const OpenFile> file;  ///< none: it is known not to exist
  };
  [[nodiscard]] Found find(const std::string& relative);

  /// Sets the watches for a file that is open and about to be looked at. nullopt: it cannot be
  /// kept.
  [[nodiscard]] std::optional<int> watch(const std::string& relative, const Root::Opened& opened);
  /// Keeps what was found after watch(), unless an event came since; catches up first. `writers`:
  /// what the kernel said after watch(), and not kSome. kUnknown: it rests, or is not followed.
  void keep(const std::string& relative, int watch, std::shared_ptr<const OpenFile> file,
            Writers writers);
  /// Keeps that there is no such file. Whoever says so has just been told by open_below(); where no
  /// watch was set before that, it is asked again.
  void keep_absent(const std::string& relative);
  /// The other way to end a watch().
  void drop_watch(int watch);

  /// Handles every event that is queued now.
  void catch_up() {
    if (usable_) watches_.catch_up();
  }
  /// Gives back all descriptors and all watches.
  void forget_all();

  [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }

 private:
  struct Entry {
    std::string path;
    std::shared_ptr<const OpenFile> file;  // none: there is no such file, and `watch` is kNoWatch
    int watch;
    bool writers_told;  // the kernel tells who has it open for writing (Writers)
  };
  using Order = std::list<Entry>;  // most recently used first

  static constexpr int kNoWatch = -1;

  void insert(Entry entry);
  [[nodiscard]] std::optional<int> add_watch(int fd, std::uint32_t mask);
  enum class Watched : std::uint8_t { kAlready, kNow, kNot };
  [[nodiscard]] Watched watch_directories(const std::string& relative);
  [[nodiscard]] Watched watch_directory(const std::string& relative);
  [[nodiscard]] bool still_names(const std::string& relative, const struct stat& status) const;
  void on_change(const Inotify::Event& event) override;
  [[nodiscard]] bool is_being_written(int watch) const;
  void forget(const std::string& path);
  void forget_file_watch(int watch);
  void forget_directory_watch(int watch);
  void forget_below(const std::string& directory);
  void forget_directory(const std::string& directory);

  const Root& root_;
  Watches& watches_;
  std::size_t entries_max_;
  bool usable_ = false;
  Order order_;
  std::unordered_map<std::string, Order::iterator> entries_;
  std::unordered_multimap<int, std::string> files_by_watch_;        // hard links share one watch
  std::unordered_multimap<int, std::string> directories_by_watch_;  // so do bind mounts
  std::unordered_map<std::string, int> directories_;                // "" is the root
};

}  // namespace midstream::site
