#include "site/open_file_cache.h"

#include <algorithm>
#include <iterator>
#include <utility>
#include <vector>

#include <spdlog/spdlog.h>

namespace midstream::site {
namespace {

constexpr std::uint32_t kFileMask =
    IN_OPEN | IN_MODIFY | IN_ATTRIB | IN_CLOSE_WRITE | IN_DELETE_SELF | IN_MOVE_SELF;
constexpr std::uint32_t kDirectoryMask = IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO |
                                         IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;

constexpr std::size_t kDirectoriesPerEntryMax = 4;

}  // namespace

OpenFileCache::OpenFileCache(const Root& root, Watches& watches, std::size_t entries_max)
    : root_(root), watches_(watches), entries_max_(entries_max) {
  if (entries_max_ == 0 || !watches_.usable()) return;
  if (!root_.told_of_changes()) {
    spdlog::info("the file system does not tell of changes: files are opened for every request");
    return;
  }
  usable_ = true;
  watches_.join(*this);
}

OpenFileCache::~OpenFileCache() { watches_.leave(*this); }

OpenFileCache::Found OpenFileCache::find(const std::string& relative) {
  const auto found = entries_.find(relative);
  if (found == entries_.end()) return {};
  if (found->second != order_.begin()) order_.splice(order_.begin(), order_, found->second);
  return {true, found->second->file};
}

std::optional<int> OpenFileCache::watch(const std::string& relative, const Root::Opened& opened) {
  if (!usable_ || opened.through_symlink) return std::nullopt;
  if (!opened.told_of_changes) return std::nullopt;
  const Watched way = watch_directories(relative);
  if (way == Watched::kNot) return std::nullopt;
  // Before the watch was set, nobody told that the name went to another file.
  if (way == Watched::kNow && !still_names(relative, opened.status)) return std::nullopt;
  return add_watch(opened.fd.get(), kFileMask);
}

std::optional<int> OpenFileCache::add_watch(int fd, std::uint32_t mask) {
  const auto added = watches_.add(fd, mask, *this);
  if (added) return *added;
  if (added.error() == boost::system::errc::no_space_on_device)
    forget_all();  // others need watches too
  return std::nullopt;
}

void OpenFileCache::keep(const std::string& relative, int watch,
                         std::shared_ptr<const OpenFile> file, Writers writers) {
  files_by_watch_.emplace(watch, relative);
  insert(Entry{relative, std::move(file), watch, writers == Writers::kNone});
}

void OpenFileCache::keep_absent(const std::string& relative) {
  if (!usable_) return;
  const Watched way = watch_directories(relative);
  if (way == Watched::kNot) return;
  if (way == Watched::kNow) {
    const auto again = root_.open_below(relative);
    if (again || again.error() != boost::system::errc::no_such_file_or_directory) return;
  }
  insert(Entry{relative, nullptr, kNoWatch, false});
}

void OpenFileCache::insert(Entry entry) {
  // Two requests may have waited for the disk and found the same.
  if (const auto old = entries_.find(entry.path); old != entries_.end()) {
    if (old->second->watch == entry.watch) return;
    forget(std::string(entry.path));
  }
  order_.push_front(std::move(entry));
  entries_.insert_or_assign(order_.front().path, order_.begin());
  catch_up();  // a change since the watch was set takes the entry away again
  while (entries_.size() > entries_max_)
    forget(std::string(order_.back().path));
}

void OpenFileCache::drop_watch(int watch) {
  if (files_by_watch_.find(watch) == files_by_watch_.end()) watches_.remove(watch, *this);
}

// From the root downwards: what changes on the way meanwhile is told by the watch above it.
OpenFileCache::Watched OpenFileCache::watch_directories(const std::string& relative) {
  Watched way = watch_directory({});
  for (std::size_t slash = relative.find('/'); slash != std::string::npos && way != Watched::kNot;
       slash = relative.find('/', slash + 1)) {
    const Watched one = watch_directory(relative.substr(0, slash));
    if (one != Watched::kAlready) way = one;
  }
  return way;
}

OpenFileCache::Watched OpenFileCache::watch_directory(const std::string& relative) {
  if (directories_.find(relative) != directories_.end()) return Watched::kAlready;
  if (directories_.size() >= entries_max_ * kDirectoriesPerEntryMax) {
    forget_all();  // most of them lead to nothing that is kept
    return Watched::kNot;
  }
  const auto opened = root_.open_below(relative);
  if (!opened || opened->through_symlink || !opened->told_of_changes) return Watched::kNot;
  const auto added = add_watch(opened->fd.get(), kDirectoryMask);
  if (!added) return Watched::kNot;
  directories_.emplace(relative, *added);
  directories_by_watch_.emplace(*added, relative);
  return Watched::kNow;
}

bool OpenFileCache::still_names(const std::string& relative, const struct stat& status) const {
  const auto now = root_.open_below(relative);
  return now && !now->through_symlink && now->status.st_dev == status.st_dev &&
         now->status.st_ino == status.st_ino;
}

void OpenFileCache::on_change(const Inotify::Event& event) {
  if ((event.mask & IN_Q_OVERFLOW) != 0) return forget_all();
  const auto [first, last] = directories_by_watch_.equal_range(event.watch);
  if (first == last) {
    if (event.mask == IN_OPEN && !is_being_written(event.watch)) return;
    return forget_file_watch(event.watch);
  }
  // A directory that moved, went or changed its permissions changes every path through it.
  if (event.name.empty()) return forget_directory_watch(event.watch);
  std::vector<std::string> changed;
  for (auto it = first; it != last; ++it) {
    std::string path = it->second;
    if (!path.empty()) path.push_back('/');
    changed.push_back(path.append(event.name));
  }
  for (const std::string& path : changed) {
    forget(path);
    forget_below(path);
  }
}

// Somebody has opened the file, to read it or to write it: the kernel does not say which. Where it
// does not tell of writers at all, the first written byte is an event of its own.
bool OpenFileCache::is_being_written(int watch) const {
  const auto path = files_by_watch_.find(watch);
  if (path == files_by_watch_.end()) return false;
  const auto entry = entries_.find(path->second);
  return entry != entries_.end() && entry->second->writers_told &&
         probe_writers(entry->second->file->fd.get()) == Writers::kSome;
}

void OpenFileCache::forget(const std::string& path) {
  const auto found = entries_.find(path);
  if (found == entries_.end()) return;
  const auto at = found->second;
  const auto [first, last] = files_by_watch_.equal_range(at->watch);
  bool shared = at->watch == kNoWatch;
  for (auto it = first; it != last;) {
    if (it->second == at->path) {
      it = files_by_watch_.erase(it);
    } else {
      shared = true;
      ++it;
    }
  }
  if (!shared) watches_.remove(at->watch, *this);
  entries_.erase(found);
  order_.erase(at);
}

void OpenFileCache::forget_file_watch(int watch) {
  for (auto it = files_by_watch_.find(watch); it != files_by_watch_.end();
       it = files_by_watch_.find(watch)) {
    forget(std::string(it->second));
  }
}

void OpenFileCache::forget_directory_watch(int watch) {
  for (auto it = directories_by_watch_.find(watch); it != directories_by_watch_.end();
       it = directories_by_watch_.find(watch)) {
    forget_below(std::string(it->second));
  }
}

// Does nothing for what is not a directory on the way to anything (invariant 5).
void OpenFileCache::forget_below(const std::string& directory) {
  if (directories_.find(directory) == directories_.end()) return;
  const auto is_below = [&](const std::string& path) {
    return directory.empty() || (path.size() > directory.size() && path.starts_with(directory) &&
                                 path[directory.size()] == '/');
  };
  for (auto it = order_.begin(); it != order_.end();) {
    const auto at = it++;
    if (is_below(at->path)) forget(std::string(at->path));
  }
  std::vector<std::string> gone{directory};
  for (const auto& [path, watch] : directories_) {
    if (path != directory && is_below(path)) gone.push_back(path);
  }
  for (const std::string& path : gone)
    forget_directory(path);
}

void OpenFileCache::forget_directory(const std::string& directory) {
  const auto found = directories_.find(directory);
  const int watch = found->second;
  directories_.erase(found);
  const auto [first, last] = directories_by_watch_.equal_range(watch);
  const bool shared = std::next(first) != last;
  directories_by_watch_.erase(
      std::find_if(first, last, [&](const auto& one) { return one.second == directory; }));
  if (!shared) watches_.remove(watch, *this);
}

void OpenFileCache::forget_all() {
  while (!order_.empty())
    forget(std::string(order_.back().path));
  for (const auto& [path, watch] : directories_)
    watches_.remove(watch, *this);
  directories_by_watch_.clear();
  directories_.clear();
}

}  // namespace midstream::site
