#include "site/file_lookup.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include <fnmatch.h>

#include "base/errno_error.h"

namespace midstream::site {
namespace {

using Found = FileLookup::Found;

UniqueFd duplicate(int fd) { return UniqueFd(::fcntl(fd, F_DUPFD_CLOEXEC, 0)); }

Found failed(const error_code& error) { return {.kind = Found::Kind::kFailed, .error = error}; }

Found file_found(result<std::shared_ptr<const OpenFile>> file) {
  if (!file) return failed(file.error());
  return {.kind = Found::Kind::kFile, .file = std::move(*file)};
}

}  // namespace

FileLookup::FileLookup(const Parts& parts)
    : parts_(parts), cache_(parts.root, parts.watches, parts.options.open_files_max) {}

FileLookup::Prepared::Item* FileLookup::Prepared::find(const std::string& path) noexcept {
  const auto at = std::find_if(items_.begin(), items_.end(),
                               [&](const Item& item) { return item.path == path; });
  return at == items_.end() ? nullptr : &*at;
}

// A request that is there goes before what might be asked for again.
bool FileLookup::make_room(const error_code& error) {
  if (error.value() != EMFILE && error.value() != ENFILE) return false;
  if (cache_.size() == 0) return false;
  cache_.forget_all();
  return true;
}

bool FileLookup::follows(const std::string& path) const {
  if (parts_.options.follow == Follow::kMatching) {
    return ::fnmatch(parts_.options.follow_pattern.c_str(), path.c_str(), FNM_PERIOD) == 0;
  }
  return parts_.options.follow == Follow::kAuto;
}

Found FileLookup::find(const std::string& path, Prepared& prepared) {
  if (OpenFileCache::Found cached = cache_.find(path); cached.known) {
    if (!cached.file) return failed(error_code(ENOENT, boost::system::system_category()));
    return {.kind = Kind::kFile, .file = std::move(cached.file)};
  }
  Found found = open(path, prepared);
  if (found.kind == Kind::kFailed && make_room(found.error)) found = open(path, prepared);
  const bool would_wait = found.kind == Kind::kFailed && found.error.value() == EAGAIN;
  if (would_wait && prepared.find(path) == nullptr) found.kind = Kind::kMustWait;
  if (found.kind == Kind::kMustWait) prepared.wanted_ = path;
  return found;
}

Found FileLookup::find_sibling(const std::string& path, Prepared& prepared) {
  Found found = find(path, prepared);
  if (found.kind == Kind::kFailed && found.error.value() == ENOENT && !cache_.find(path).known) {
    cache_.keep_absent(path);
  }
  return found;
}

Found FileLookup::open(const std::string& path, Prepared& prepared) {
  if (const Prepared::Item* item = prepared.find(path)) {
    if (!item->opened) return failed(item->opened.error());
    const Root::Opened& opened = *item->opened;
    if (item->found.kind != Kind::kMustWait) {
      Found known{.kind = item->found.kind,
                  .error = item->found.error,
                  .file = item->found.file,
                  .live = item->found.live};
      return known;
    }
    Root::Opened own{duplicate(opened.fd.get()), opened.status, opened.through_symlink,
                     opened.told_of_changes};
    if (!own.fd.valid()) return failed(errno_error());
    return look_at(path, std::move(own), Wait::kAllowed);
  }
  auto opened = parts_.root.open_below(path, Wait::kNever);
  if (!opened) return failed(opened.error());
  return look_at(path, std::move(*opened), Wait::kNever);
}

// `wait`: allowed when its first bytes have just been read in, so that nothing has to wait for
// them.
Found FileLookup::look_at(const std::string& path, Root::Opened opened, Wait wait) {
  if (S_ISDIR(opened.status.st_mode)) {
    return {.kind = Kind::kDirectory, .directory = std::move(opened.fd)};
  }
  if (!S_ISREG(opened.status.st_mode)) return {.kind = Kind::kOther};
  const std::optional<int> watch = cache_.watch(path, opened);
  // Watch first, then ask: a writer that comes later shows as an event.
  const Writers writers = probe_writers(opened.fd.get());
  if (!follows(path) || writers == Writers::kNone) {
    return finished(path, std::move(opened.fd), watch, writers, wait);
  }
  UniqueFd second = duplicate(opened.fd.get());
  auto live = parts_.follower.follow(opened.fd.release());
  if (live && (*live)->state() == LiveFile::State::kSealed && second.valid()) {  // or it rests
    return finished(path, std::move(second), watch, writers, wait);
  }
  if (watch) cache_.drop_watch(*watch);
  if (!live) return failed(live.error());
  return {.kind = Kind::kGrowing, .live = std::move(*live)};
}

// Ends `watch`. `writers`: what the kernel said after it was set.
Found FileLookup::finished(const std::string& path, UniqueFd fd, std::optional<int> watch,
                           Writers writers, Wait wait) {
  auto file = OpenFile::from(std::move(fd), path, parts_.rules, wait);
  if (watch && file && writers != Writers::kSome) {
    cache_.keep(path, *watch, *file, writers);
  } else if (watch) {
    cache_.drop_watch(*watch);
  }
  return file_found(std::move(file));
}

net::Awaitable<void> FileLookup::prepare(Prepared& prepared) {
  auto job = [this, path = std::move(prepared.wanted_)]() mutable {
    return open_and_wait(std::move(path));
  };
  auto opening = parts_.pool.run(std::move(job));
  Prepared::Item item = co_await std::move(opening);
  if (!item.opened && make_room(item.opened.error())) co_return;  // and once more
  prepared.items_.push_back(std::move(item));
}

// On a thread of the pool.
FileLookup::Prepared::Item FileLookup::open_and_wait(std::string path) const {
  auto opened = parts_.root.open_below(path);
  Found found{.kind = Kind::kMustWait};
  if (opened && S_ISREG(opened->status.st_mode)) {
    if (opened->told_of_changes) {
      const auto size_bytes = static_cast<std::uint64_t>(opened->status.st_size);
      const auto first_bytes = std::min<std::uint64_t>(size_bytes, OpenFile::kInMemoryBytesMax);
      (void)read_in({opened->fd.get(), 0, first_bytes});  // an error shows again
    } else {
      found = look_and_wait(path, opened->fd.get());
    }
  }
  return {std::move(path), std::move(opened), std::move(found)};
}

Found FileLookup::look_and_wait(const std::string& path, int fd) const {
  UniqueFd own = duplicate(fd);
  if (!own.valid()) return failed(errno_error());
  if (follows(path) && probe_writers(fd) != Writers::kNone) {
    auto live = parts_.follower.follow(own.release());
    if (!live) return failed(live.error());
    if ((*live)->state() != LiveFile::State::kSealed) {
      return {.kind = Kind::kGrowing, .live = std::move(*live)};
    }
    own = duplicate(fd);
    if (!own.valid()) return failed(errno_error());
  }
  return file_found(OpenFile::from(std::move(own), path, parts_.rules, Wait::kAllowed));
}

}  // namespace midstream::site
