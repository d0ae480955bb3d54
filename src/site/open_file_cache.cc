#include "site/open_file_cache.h"

#include <utility>

#include <spdlog/spdlog.h>

#include "live/write_lease.h"

namespace midstream::site {
namespace {

constexpr std::uint32_t kFileMask =
    IN_OPEN | IN_MODIFY | IN_ATTRIB | IN_CLOSE_WRITE | IN_DELETE_SELF | IN_MOVE_SELF;
constexpr std::uint32_t kDirectoryMask = IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO |
                                         IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;

}  // namespace

OpenFileCache::OpenFileCache(const Root& root, net::PollSet& poll_set, std::size_t entries_max)
    : root_(root), poll_set_(poll_set), entries_max_(entries_max) {
  auto inotify = Inotify::open();
  if (inotify && !poll_set_.add(inotify->fd(), EPOLLIN | EPOLLET, *this)) {
    inotify_.emplace(std::move(*inotify));
    poll_set_.handle_early(*this);
    return;
  }
  spdlog::warn(
      "inotify cannot be used (fs.inotify.max_user_instances?): files are opened for every "
      "request");
}

OpenFileCache::~OpenFileCache() {
  if (inotify_) poll_set_.remove(inotify_->fd(), *this);
}

std::shared_ptr<const OpenFile> OpenFileCache::find(const std::string& relative) {
  const auto found = entries_.find(relative);
  if (found == entries_.end()) return nullptr;
  if (found->second != order_.begin()) order_.splice(order_.begin(), order_, found->second);
  return found->second->file;
}

std::optional<int> OpenFileCache::watch(const std::string& relative, int fd) {
  if (!inotify_ || !watch_directories(relative)) return std::nullopt;
  const auto added = inotify_->add_open_file(fd, kFileMask);
  if (!added) {
    if (added.error() == boost::system::errc::no_space_on_device)
      forget_all();  // others need watches too
    return std::nullopt;
  }
  return *added;
}

void OpenFileCache::keep(const std::string& relative, int watch,
                         std::shared_ptr<const OpenFile> file) {
  files_by_watch_.emplace(watch, relative);
  order_.push_front(Entry{relative, std::move(file), watch});
  entries_.insert_or_assign(relative, order_.begin());
  catch_up();  // a change since watch() takes the entry away again
  while (entries_.size() > entries_max_)
    forget(std::string(order_.back().path));
}

void OpenFileCache::drop_watch(int watch) {
  if (files_by_watch_.find(watch) == files_by_watch_.end()) inotify_->remove(watch);
}

bool OpenFileCache::watch_directories(const std::string& relative) {
  if (!watch_directory({})) return false;
  for (std::size_t slash = relative.find('/'); slash != std::string::npos;
       slash = relative.find('/', slash + 1)) {
    if (!watch_directory(relative.substr(0, slash))) return false;
  }
  return true;
}

bool OpenFileCache::watch_directory(const std::string& relative) {
  if (directories_.find(relative) != directories_.end()) return true;
  const auto opened = root_.open_below(relative);
  if (!opened || opened->through_symlink) return false;
  const auto added = inotify_->add_open_file(opened->fd.get(), kDirectoryMask);
  if (!added) return false;
  directories_.emplace(relative, *added);
  directories_by_watch_.emplace(*added, relative);
  return true;
}

void OpenFileCache::catch_up() {
  if (inotify_) inotify_->drain([this](const Inotify::Event& event) { on_event(event); });
}

void OpenFileCache::on_event(const Inotify::Event& event) {
  if ((event.mask & IN_Q_OVERFLOW) != 0) return forget_all();
  const auto directory = directories_by_watch_.find(event.watch);
  if (directory == directories_by_watch_.end()) {
    if (event.mask == IN_OPEN && !is_being_written(event.watch)) return;
    return forget_file_watch(event.watch);
  }
  // A directory that moved, went or changed its permissions changes every path through it.
  const bool itself = event.name.empty() || (event.mask & (IN_ISDIR | IN_IGNORED)) != 0;
  if (itself) return forget_all();
  std::string path = directory->second;
  if (!path.empty()) path.push_back('/');
  forget(path.append(event.name));
}

// Somebody has opened the file, to read it or to write it: the kernel does not say which.
bool OpenFileCache::is_being_written(int watch) const {
  const auto path = files_by_watch_.find(watch);
  if (path == files_by_watch_.end()) return false;
  const auto entry = entries_.find(path->second);
  return entry != entries_.end() && probe_writers(entry->second->file->fd.get()) == Writers::kSome;
}

void OpenFileCache::forget(const std::string& path) {
  const auto found = entries_.find(path);
  if (found == entries_.end()) return;
  const auto at = found->second;
  const auto [first, last] = files_by_watch_.equal_range(at->watch);
  bool shared = false;
  for (auto it = first; it != last;) {
    if (it->second == at->path) {
      it = files_by_watch_.erase(it);
    } else {
      shared = true;
      ++it;
    }
  }
  if (!shared) inotify_->remove(at->watch);
  entries_.erase(found);
  order_.erase(at);
}

void OpenFileCache::forget_file_watch(int watch) {
  for (auto it = files_by_watch_.find(watch); it != files_by_watch_.end();
       it = files_by_watch_.find(watch)) {
    forget(std::string(it->second));
  }
}

void OpenFileCache::forget_all() {
  while (!order_.empty())
    forget(std::string(order_.back().path));
  for (const auto& [watch, path] : directories_by_watch_)
    inotify_->remove(watch);
  directories_by_watch_.clear();
  directories_.clear();
}

}  // namespace midstream::site
