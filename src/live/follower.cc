// The Follower's parts: a table of followed files by FileId, one inotify instance, one timer.
//
// Invariants (all under mutex_)
//  1. A file is in files_ from its first follow() until its end, or its last reader's.
//  2. A watched file is examined at every event of its inode; an unwatched one at every tick.
//  3. Watch first, then ask the kernel for writers: the last close cannot fall in between.
//  4. Nothing here owns a LiveFile: a file without readers is not followed.
//  5. The kernel tells of a close before it forgets the writer (fs/file_table.c, __fput), and never
//     again: so after IN_CLOSE_WRITE, and at the begin, writers are asked for a few times more.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include <boost/asio/error.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include <midstream/follower.h>

#include "base/errno_error.h"
#include "base/unique_fd.h"
#include "live/file_id.h"
#include "live/growing_file.h"
#include "live/inotify.h"
#include "live/write_lease.h"

namespace midstream {

namespace asio = boost::asio;
using detail::GrowingFile;
using std::chrono::steady_clock;

namespace {

constexpr std::uint32_t kMask = IN_MODIFY | IN_CLOSE_WRITE | IN_ATTRIB | IN_DELETE_SELF;

// 1, 2, 4 ... 512 ms: within a second the kernel has forgotten a writer that closed, or there is
// another one, whose own close will be told.
constexpr unsigned kClosingAsksMax = 10;

bool written_within(const struct stat& status, std::chrono::milliseconds age) {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  const auto since = std::chrono::seconds(now.tv_sec - status.st_mtim.tv_sec);
  return since < age;
}

}  // namespace

class Follower::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(asio::any_io_executor executor, FollowerOptions options)
      : executor_(executor),
        options_(std::move(options)),
        events_(executor),
        timer_(executor),
        closing_timer_(executor) {}

  void start() {
    auto inotify = Inotify::open();
    if (!inotify)
      return notice("inotify cannot be used (" + inotify.error().message() +
                    "): growing files are looked at by a timer");
    const std::lock_guard lock(mutex_);
    inotify_.emplace(std::move(*inotify));
    events_.assign(::dup(inotify_->fd()));
    wait_for_events();
  }

  void stop() {
    std::vector<std::shared_ptr<GrowingFile>> orphans;
    {
      const std::lock_guard lock(mutex_);
      stopped_ = true;
      error_code ignored;
      events_.close(ignored);
      timer_.cancel();
      closing_timer_.cancel();
      for (auto& [id, entry] : files_) {
        if (auto file = entry.file.lock()) orphans.push_back(std::move(file));
      }
      files_.clear();
      by_watch_.clear();
      timed_.clear();
      closing_.clear();
    }
    for (const auto& file : orphans)
      file->fail(Errc::kWriterFailed, "the follower was stopped");
  }

  result<std::shared_ptr<LiveFile>> follow(UniqueFd fd) {
    struct stat status {};
    if (::fstat(fd.get(), &status) != 0) return errno_error();
    if (!S_ISREG(status.st_mode)) return errno_error(EOPNOTSUPP);
    const FileId id = id_of(status);
    const std::lock_guard lock(mutex_);
    if (const auto known = files_.find(id); known != files_.end()) {
      if (auto file = known->second.file.lock()) return std::shared_ptr<LiveFile>(std::move(file));
    }
    const Writers writers = stopped_ ? Writers::kNone : probe_writers(fd.get());
    const bool rests =
        writers == Writers::kUnknown && !written_within(status, options_.idle_timeout);
    if (writers == Writers::kNone || rests) return sealed(std::move(fd));
    return begin(id, std::move(fd), status);
  }

  std::size_t following() const {
    const std::lock_guard lock(mutex_);
    return files_.size();
  }

 private:
  struct Entry {
    std::weak_ptr<GrowingFile> file;
    int watch = -1;  // -1: by the timer
    unsigned closing_asks =
        kClosingAsksMax;  // since the last close or the begin; below: in closing_
    steady_clock::time_point changed = steady_clock::now();
  };
  using Files = std::unordered_map<FileId, Entry>;

  static result<std::shared_ptr<LiveFile>> sealed(UniqueFd fd) {
    struct stat status {};
    if (::fstat(fd.get(), &status) != 0)
      return errno_error();  // again: the probe came after the first
    const auto size = static_cast<std::uint64_t>(status.st_size);
    auto file = std::make_shared<GrowingFile>(std::move(fd), size, std::nullopt);
    file->seal();
    return std::shared_ptr<LiveFile>(std::move(file));
  }

  result<std::shared_ptr<LiveFile>> begin(FileId id, UniqueFd fd, const struct stat& status) {
    const std::shared_ptr<GrowingFile> file(
        new GrowingFile(std::move(fd), static_cast<std::uint64_t>(status.st_size), std::nullopt),
        [weak = weak_from_this(), executor = executor_, id](GrowingFile* gone) {
          delete gone;
          // Not here: the last reader may let go anywhere, also below our own lock.
          if (const auto impl = weak.lock()) {
            asio::post(executor, [impl, id] { impl->forget(id); });
          }
        });
    Entry& entry = files_[id];
    if (entry.watch < 0) entry.watch = watch(file->fd(), id);
    if (entry.watch < 0) timed_.insert(id);
    entry.file = file;
    entry.changed = steady_clock::now();
    const bool ended = examine(entry, *file, true);
    if (!ended) {
      arm_timer();
      ask_again_soon(id, entry);
      arm_closing_timer();
    }
    if (ended) erase(files_.find(id));
    return std::shared_ptr<LiveFile>(file);
  }

  int watch(int fd, const FileId& id) {
    if (!inotify_) return -1;
    const auto added = inotify_->add_open_file(fd, kMask);
    if (!added) {
      notice("inotify has no watch left (" + added.error().message() +
             "; fs.inotify.max_user_watches): growing files are looked at by a timer");
      return -1;
    }
    by_watch_[*added] = id;
    return *added;
  }

  void notice(std::string text) {
    if (std::exchange(noticed_, true) || !options_.on_notice) return;
    options_.on_notice(text);
  }

  // Brings the file up to date. True: it has ended. `ask_writers`: something may have been closed.
  bool examine(Entry& entry, GrowingFile& file, bool ask_writers) {
    struct stat status {};
    if (::fstat(file.fd(), &status) != 0) return file.fail(errno_error(), "fstat failed");
    const bool unlinked = status.st_nlink == 0;
    const Writers writers = ask_writers || unlinked ? probe_writers(file.fd()) : Writers::kSome;
    if (writers == Writers::kNone &&
        ::fstat(file.fd(), &status) != 0) {  // the size after the last close
      return file.fail(errno_error(), "fstat failed");
    }
    const auto size = static_cast<std::uint64_t>(status.st_size);
    if (size < file.watermark()) {
      return file.fail(Errc::kTruncated, "cut from " + std::to_string(file.watermark()) + " to " +
                                             std::to_string(size) + " bytes");
    }
    if (size > file.watermark()) entry.changed = steady_clock::now();
    file.publish(size);
    if (writers == Writers::kNone) return file.seal();
    if (unlinked) return file.fail(Errc::kReplaced, "unlinked or renamed over");
    if (writers == Writers::kUnknown) {
      entry_unknown_ = true;
      if (steady_clock::now() - entry.changed >= options_.idle_timeout) return file.seal();
    }
    return false;
  }

  // True: it has ended, and is no longer followed.
  bool examine_and_keep(Files::iterator at, bool ask_writers) {
    const auto file = at->second.file.lock();
    const bool ended = !file || examine(at->second, *file, ask_writers);
    if (ended) erase(at);
    return ended;
  }

  Files::iterator erase(Files::iterator at) {
    if (at == files_.end()) return at;
    if (at->second.watch >= 0) {
      by_watch_.erase(at->second.watch);
      inotify_->remove(at->second.watch);
    }
    timed_.erase(at->first);
    return files_.erase(at);
  }

  void forget(const FileId& id) {
    const std::lock_guard lock(mutex_);
    const auto at = files_.find(id);
    if (at != files_.end() && at->second.file.expired()) erase(at);
  }

  void wait_for_events() {
    events_.async_wait(asio::posix::stream_descriptor::wait_read,
                       [weak = weak_from_this()](const error_code& failed) {
                         const auto self = weak.lock();
                         if (failed || !self) return;
                         self->on_events();
                       });
  }

  void on_events() {
    const std::lock_guard lock(mutex_);
    if (stopped_) return;
    inotify_->drain([this](const Inotify::Event& event) {
      if ((event.mask & IN_Q_OVERFLOW) != 0) return examine_all();
      const auto watched = by_watch_.find(event.watch);
      if (watched == by_watch_.end()) return;
      const auto at = files_.find(watched->second);
      const bool may_be_closed = (event.mask & (IN_CLOSE_WRITE | IN_ATTRIB | IN_DELETE_SELF)) != 0;
      if (at == files_.end()) return;
      if ((event.mask & IN_CLOSE_WRITE) != 0) ask_again_soon(at->first, at->second);
      examine_and_keep(at, may_be_closed);
    });
    arm_closing_timer();
    wait_for_events();
  }

  void examine_all() {
    for (auto at = files_.begin(); at != files_.end();) {
      const auto file = at->second.file.lock();
      at = !file || examine(at->second, *file, true) ? erase(at) : std::next(at);
    }
  }

  void ask_again_soon(const FileId& id, Entry& entry) {
    if (entry.closing_asks == kClosingAsksMax) closing_.push_back(id);
    entry.closing_asks = 0;
  }

  void arm_closing_timer() {
    if (closing_.empty() || stopped_) return;
    unsigned least = kClosingAsksMax;
    for (const FileId& id : closing_) {
      const auto at = files_.find(id);
      if (at != files_.end()) least = std::min(least, at->second.closing_asks);
    }
    const auto due = steady_clock::now() + std::chrono::milliseconds(1U << least);
    if (closing_timer_armed_ && closing_timer_.expiry() <= due) return;
    closing_timer_armed_ = true;
    closing_timer_.expires_at(due);
    closing_timer_.async_wait([weak = weak_from_this()](const error_code& cancelled) {
      const auto self = weak.lock();
      if (cancelled || !self) return;
      const std::lock_guard lock(self->mutex_);
      self->closing_timer_armed_ = false;
      self->ask_closing();
      self->arm_closing_timer();
    });
  }

  void ask_closing() {
    std::erase_if(closing_, [this](const FileId& id) {
      const auto at = files_.find(id);
      if (at == files_.end() || at->second.closing_asks == kClosingAsksMax) return true;
      const bool last_time = ++at->second.closing_asks == kClosingAsksMax;
      return examine_and_keep(at, true) || last_time;
    });
  }

  // Only while a file needs it: one without a watch, or one whose writers the kernel does not tell.
  void arm_timer() {
    const bool needed = entry_unknown_ || !timed_.empty();
    if (!needed || timer_armed_ || stopped_) return;
    timer_armed_ = true;
    timer_.expires_after(options_.stat_period);
    timer_.async_wait([weak = weak_from_this()](const error_code& cancelled) {
      const auto self = weak.lock();
      if (cancelled || !self) return;
      const std::lock_guard lock(self->mutex_);
      self->timer_armed_ = false;
      self->entry_unknown_ = false;
      self->examine_all();
      self->arm_timer();
    });
  }

  asio::any_io_executor executor_;
  FollowerOptions options_;
  mutable std::mutex mutex_;
  asio::posix::stream_descriptor events_;
  asio::steady_timer timer_;
  asio::steady_timer closing_timer_;
  std::optional<Inotify> inotify_;
  Files files_;
  std::unordered_map<int, FileId> by_watch_;
  std::unordered_set<FileId> timed_;  // those without a watch
  std::vector<FileId> closing_;       // those whose writers are asked for again soon
  bool timer_armed_ = false;
  bool closing_timer_armed_ = false;
  bool entry_unknown_ = false;  // some file's writers cannot be told
  bool noticed_ = false;
  bool stopped_ = false;
};

Follower::Follower(asio::any_io_executor executor, FollowerOptions options)
    : impl_(std::make_shared<Impl>(std::move(executor), std::move(options))) {
  impl_->start();
}

Follower::~Follower() { impl_->stop(); }

result<std::shared_ptr<LiveFile>> Follower::follow(const std::filesystem::path& path) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd.valid()) return errno_error();
  return impl_->follow(std::move(fd));
}

result<std::shared_ptr<LiveFile>> Follower::follow(int owned_fd) {
  return impl_->follow(UniqueFd(owned_fd));
}

std::size_t Follower::following() const noexcept { return impl_->following(); }

}  // namespace midstream
