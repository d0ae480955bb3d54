// The Follower's parts: a table of followed files by FileId, one inotify instance, one timer.
//
// Invariants (all under mutex_)
//  1. A file is in files_ from its first follow() until its end, or its last reader's.
//  2. A watched file is examined at every event of its inode; an unwatched one at every tick.
//  3. Watch first, then ask the kernel for writers: the last close cannot fall in between.
//  4. Nothing here owns a LiveFile: a file without readers is not followed.
//  5. The kernel tells of a close before it forgets the writer (fs/file_table.c, __fput), and never
//     again: so after IN_CLOSE_WRITE, and at the begin, writers are asked for a few times more, and
//     then rarely for as long as the file is followed.
//  6. A LiveFile may outlive the Follower and its executor: of them it knows only the Doorbell.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
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
#include <boost/asio/steady_timer.hpp>

#include <midstream/follower.h>

#include "base/errno_error.h"
#include "base/unique_fd.h"
#include "live/doorbell.h"
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
// another one, whose own close will be told. Mostly: the kernel may take longer (the `release` of a
// file system runs in between), or not tell (writers by way of fanotify(7)).
constexpr unsigned kClosingAsksMax = 10;
constexpr std::chrono::seconds kRarePeriod{5};

bool written_within(const struct stat& status, std::chrono::milliseconds age) {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  const auto since = std::chrono::seconds(now.tv_sec - status.st_mtim.tv_sec) +
                     std::chrono::nanoseconds(now.tv_nsec - status.st_mtim.tv_nsec);
  return since < age;
}

}  // namespace

class Follower::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(asio::any_io_executor executor, FollowerOptions options)
      : options_(std::move(options)),
        doorbell_(std::make_shared<Doorbell>(executor)),
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
    doorbell_->remove();
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
    auto followed = follow_locked(std::move(fd));
    std::string text;
    {
      const std::lock_guard lock(mutex_);
      text.swap(to_notice_);
    }
    if (!text.empty()) notice(text);
    return followed;
  }

  std::size_t following() const {
    const std::lock_guard lock(mutex_);
    return files_.size();
  }

 private:
  struct Entry {
    std::weak_ptr<GrowingFile> file;
    int watch = -1;  // -1: by the timer
    // Since the last close or the begin; below the maximum: in closing_.
    unsigned closing_asks = kClosingAsksMax;
    steady_clock::time_point changed = steady_clock::now();
  };
  using Files = std::unordered_map<FileId, Entry>;

  result<std::shared_ptr<LiveFile>> follow_locked(UniqueFd fd) {
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
        [weak = weak_from_this(), doorbell = doorbell_, id](GrowingFile* gone) {
          delete gone;
          // Not here: the last reader may let go anywhere, also below our own lock.
          doorbell->ring([weak, id] {
            if (const auto impl = weak.lock()) impl->forget(id);
          });
        });
    Entry& entry = files_[id];
    watch(entry, file->fd(), id);
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

  // Also where there is a watch from before: it may be one of another inode, that had the same
  // number and is gone, and the watch with it. If it is not, the kernel gives it once more.
  void watch(Entry& entry, int fd, const FileId& id) {
    by_watch_.erase(std::exchange(entry.watch, -1));
    timed_.insert(id);
    if (!inotify_) return;
    const auto added = inotify_->add_open_file(fd, kMask);
    if (!added) {
      to_notice_ = "inotify has no watch left (" + added.error().message() +
                   "; fs.inotify.max_user_watches): growing files are looked at by a timer";
      return;
    }
    timed_.erase(id);
    entry.watch = *added;
    by_watch_[*added] = id;
  }

  // Not under the lock: what is told may ask.
  void notice(const std::string& text) {
    if (!options_.on_notice || noticed_.exchange(true)) return;
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
    closing_.erase(at->first);
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
      if ((event.mask & IN_Q_OVERFLOW) != 0) return on_overflow();
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

  // A close may be among what was lost.
  void on_overflow() {
    examine_all();
    for (auto& [id, entry] : files_)
      ask_again_soon(id, entry);
  }

  void examine_all() {
    for (auto at = files_.begin(); at != files_.end();) {
      const auto file = at->second.file.lock();
      at = !file || examine(at->second, *file, true) ? erase(at) : std::next(at);
    }
  }

  void ask_again_soon(const FileId& id, Entry& entry) {
    closing_.insert(id);
    entry.closing_asks = 0;
  }

  void arm_closing_timer() {
    if (closing_.empty() || stopped_) return;
    unsigned least = kClosingAsksMax;
    for (const FileId& id : closing_)
      least = std::min(least, files_.at(id).closing_asks);
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
    const std::vector<FileId> asked(closing_.begin(), closing_.end());
    for (const FileId& id : asked) {
      const auto at = files_.find(id);
      if (++at->second.closing_asks == kClosingAsksMax) closing_.erase(id);
      examine_and_keep(at, true);
    }
  }

  // Often while a file needs it: one without a watch, or one whose writers the kernel does not
  // tell. Else rarely.
  void arm_timer() {
    if (files_.empty() || stopped_) return;
    const bool often = entry_unknown_ || !timed_.empty();
    const auto due = steady_clock::now() + (often ? options_.stat_period : kRarePeriod);
    if (timer_armed_ && timer_.expiry() <= due) return;
    timer_armed_ = true;
    timer_.expires_at(due);
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

  const FollowerOptions options_;
  const std::shared_ptr<Doorbell> doorbell_;
  mutable std::mutex mutex_;
  asio::posix::stream_descriptor events_;
  asio::steady_timer timer_;
  asio::steady_timer closing_timer_;
  std::optional<Inotify> inotify_;
  Files files_;
  std::unordered_map<int, FileId> by_watch_;
  std::unordered_set<FileId> timed_;    // those without a watch
  std::unordered_set<FileId> closing_;  // of files_: those whose writers are asked for again soon
  bool timer_armed_ = false;
  bool closing_timer_armed_ = false;
  bool entry_unknown_ = false;  // some file's writers cannot be told
  bool stopped_ = false;
  std::string to_notice_;
  std::atomic<bool> noticed_{false};
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
