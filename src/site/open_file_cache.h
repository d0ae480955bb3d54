// OpenFileCache: what is known of the files of one root, on one worker, kept right by inotify(7):
// no stat per request, and no time in which an answer may be stale.
//
// Invariants
//  1. Watch first, then look: the watches of an entry (the file, and every directory on the way to
//  it) are
//     set before its fstat, so no change can fall in between.
//  2. An entry is only used after every event has been handled that the kernel queued before the
//     request began to arrive (PollSet, invariant 2; catch_up() where that does not hold).
//  3. Only files that nobody has open for writing, reached without a symbolic link, are kept.
//  4. At most `entries_max` entries; the least recently used one goes first.
// Without inotify (limits, odd file systems) nothing is kept. Belongs to its worker's thread.
#pragma once

#include <cstddef>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "live/inotify.h"
#include "net/poll_set.h"
#include "site/open_file.h"
#include "site/root.h"

namespace midstream::site {

class OpenFileCache final : net::PollSet::Source {
 public:
  OpenFileCache(const Root& root, net::PollSet& poll_set, std::size_t entries_max);
  OpenFileCache(const OpenFileCache&) = delete;
  OpenFileCache& operator=(const OpenFileCache&) = delete;
  ~OpenFileCache();

  [[nodiscard]] std::shared_ptr<const OpenFile> find(const std::string& relative);

  /// Sets the watches for a file that is about to be looked at. nullopt: it cannot be kept.
  [[nodiscard]] std::optional<int> watch(const std::string& relative, int fd);
  /// Keeps what was found after watch(), unless an event came since; catches up first.
  void keep(const std::string& relative, int watch, std::shared_ptr<const OpenFile> file);
  /// The other way to end a watch().
  void drop_watch(int watch);

  /// Handles every event that is queued now.
  void catch_up();

  [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }

 private:
  struct Entry {
    std::string path;
    std::shared_ptr<const OpenFile> file;
    int watch;
  };
  using Order = std::list<Entry>;  // most recently used first

  void on_ready(std::uint32_t) override { catch_up(); }
  [[nodiscard]] bool watch_directories(const std::string& relative);
  [[nodiscard]] bool watch_directory(const std::string& relative);
  void on_event(const Inotify::Event& event);
  [[nodiscard]] bool is_being_written(int watch) const;
  void forget(const std::string& path);
  void forget_file_watch(int watch);
  void forget_all();

  const Root& root_;
  net::PollSet& poll_set_;
  std::size_t entries_max_;
  std::optional<Inotify> inotify_;
  Order order_;
  std::unordered_map<std::string, Order::iterator> entries_;
  std::unordered_multimap<int, std::string> files_by_watch_;  // hard links share one watch
  std::unordered_map<int, std::string> directories_by_watch_;
  std::unordered_map<std::string, int> directories_;  // "" is the root
};

}  // namespace midstream::site
