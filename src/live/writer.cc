#include <mutex>
#include <string>
#include <utility>

#include <boost/asio/steady_timer.hpp>

#include <midstream/writer.h>

#include "live/growing_file.h"
#include "live/write_target.h"

namespace midstream {

namespace asio = boost::asio;

namespace detail {
namespace {

// Fails a file whose watermark rests for too long. Lives as long as its timer is armed; the file is
// only watched (weak), so neither keeps the other.
class StallWatch : public std::enable_shared_from_this<StallWatch> {
 public:
  StallWatch(const asio::any_io_executor& executor, std::chrono::milliseconds timeout,
             std::weak_ptr<GrowingFile> file)
      : timer_(executor), timeout_(timeout), file_(std::move(file)) {}

  // From any thread, as stop(): the timer is only touched under the mutex.
  void start(std::uint64_t watermark) {
    const std::lock_guard lock(mutex_);
    arm(watermark);
  }

  // The file cannot stall once this returned.
  void stop() {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    timer_.cancel();
  }

 private:
  void arm(std::uint64_t seen) {
    timer_.expires_after(timeout_);
    timer_.async_wait([self = shared_from_this(), seen](const error_code& cancelled) {
      const auto file = self->file_.lock();
      const std::lock_guard lock(self->mutex_);
      if (cancelled || self->stopped_ || !file || file->state() != LiveFile::State::kGrowing)
        return;
      const std::uint64_t now = file->watermark();
      if (now != seen) return self->arm(now);
      file->fail(Errc::kWriterStalled,
                 "no byte for " + std::to_string(self->timeout_.count()) + " ms");
    });
  }

  std::mutex mutex_;  // guards what follows
  bool stopped_ = false;
  asio::steady_timer timer_;
  std::chrono::milliseconds timeout_;
  std::weak_ptr<GrowingFile> file_;
};

}  // namespace

class WriterCore {
 public:
  WriterCore(OpenedTarget opened, const WriterOptions& options)
      : target_(std::move(opened.target)),
        sync_(options.sync),
        growing_(std::make_shared<GrowingFile>(std::move(opened.read_fd), opened.size_bytes,
                                               options.declared_size)),
        file_(growing_) {}

  WriterCore(const WriterCore&) = delete;
  WriterCore& operator=(const WriterCore&) = delete;
  ~WriterCore() { abort(Errc::kWriterFailed, "the writer was dropped without a seal"); }

  static Writer make(OpenedTarget opened, const WriterOptions& options) {
    return Writer(std::make_unique<WriterCore>(std::move(opened), options));
  }

  const std::shared_ptr<LiveFile>& file() const noexcept { return file_; }
  int fd() const noexcept { return growing() ? target_->fd() : -1; }

  result<void> write(std::span<const std::byte> bytes) {
    if (!growing()) return refuse();
    const std::uint64_t from = file_->watermark();
    const auto declared = file_->declared_size();
    if (declared && bytes.size() > *declared - from) return error_code(Errc::kBeyondDeclaredSize);
    std::uint64_t offset = from;
    while (!bytes.empty()) {
      const auto written = target_->write_at(bytes, offset);
      if (!written) return give_up(written.error(), "write failed: " + written.error().message());
      offset += *written;
      bytes = bytes.subspan(*written);
      growing_->publish(offset);
      if (!growing()) return refuse();  // aborted or stalled meanwhile
    }
    return {};
  }

  result<void> publish(std::uint64_t watermark) {
    if (!growing()) return refuse();
    const auto declared = file_->declared_size();
    if (declared && watermark > *declared) return error_code(Errc::kBeyondDeclaredSize);
    growing_->publish(watermark);
    return {};
  }

  result<void> seal() {
    if (file_->state() == LiveFile::State::kSealed) return {};
    stop_watch();
    if (!growing()) return refuse();
    const auto declared = file_->declared_size();
    if (declared && file_->watermark() < *declared) {
      return give_up(Errc::kIncomplete, std::to_string(file_->watermark()) + " of " +
                                            std::to_string(*declared) + " declared bytes");
    }
    if (sync_ != SyncPolicy::kNone) {
      if (const error_code failed = target_->sync()) return give_up(failed, "fsync failed");
    }
    if (const error_code failed = target_->close()) return give_up(failed, "close failed");
    if (!claim_end()) return refuse();
    if (const error_code failed = target_->commit(file_->fd()))
      return give_up(failed, "naming failed");
    if (sync_ == SyncPolicy::kFileAndDirectory) {
      if (const error_code failed = target_->sync_directory()) {
        return give_up(failed, "fsync of the directory failed");
      }
    }
    growing_->seal();
    return {};
  }

  // From any thread. The descriptor stays open until the owner lets go of the writer: it may be in
  // use.
  void abort(const error_code& why, std::string text) noexcept {
    stop_watch();
    const std::lock_guard lock(mutex_);
    if (!end_claimed_ && growing_->fail(why, std::move(text))) target_->discard();
  }

  void fail_when_stalled(const asio::any_io_executor& executor, std::chrono::milliseconds timeout) {
    stop_watch();
    if (!growing()) return;
    auto watch = std::make_shared<StallWatch>(executor, timeout, growing_);
    watch->start(file_->watermark());
    const std::lock_guard lock(mutex_);
    watch_ = std::move(watch);
  }

 private:
  bool growing() const noexcept { return file_->state() == LiveFile::State::kGrowing; }

  error_code refuse() const {
    const error_code failure = file_->failure();
    return failure ? failure : error_code(Errc::kNotGrowing);
  }

  // A step of the owner failed.
  error_code give_up(const error_code& why, std::string text) noexcept {
    stop_watch();
    const std::lock_guard lock(mutex_);
    if (growing_->fail(why, std::move(text))) target_->discard();
    return why;
  }

  // From here on nobody can abort: the file is about to get its name. False: somebody already has.
  bool claim_end() noexcept {
    const std::lock_guard lock(mutex_);
    end_claimed_ = growing();
    return end_claimed_;
  }

  void stop_watch() noexcept {
    std::shared_ptr<StallWatch> watch;
    {
      const std::lock_guard lock(mutex_);
      watch = std::exchange(watch_, nullptr);
    }
    if (watch) watch->stop();
  }

  std::unique_ptr<WriteTarget> target_;
  SyncPolicy sync_;
  std::shared_ptr<GrowingFile> growing_;
  std::shared_ptr<LiveFile> file_;  // the same, as readers see it
  std::mutex mutex_;                // between the owner and an abort from another thread; guards:
  std::shared_ptr<StallWatch> watch_;
  bool end_claimed_ = false;
};

Writer make_writer(OpenedTarget opened, const WriterOptions& options) {
  return WriterCore::make(std::move(opened), options);
}

}  // namespace detail

result<Writer> Writer::create(const std::filesystem::path& path, WriterOptions options) {
  auto opened = detail::open_named_target(path, options.mode);
  if (!opened) return opened.error();
  return detail::make_writer(std::move(*opened), options);
}

result<Writer> Writer::attach(int owned_fd, WriterOptions options) {
  auto opened = detail::open_attached_target(UniqueFd(owned_fd));
  if (!opened) return opened.error();
  if (options.declared_size && opened->size_bytes > *options.declared_size) {
    return error_code(Errc::kBeyondDeclaredSize);
  }
  return detail::make_writer(std::move(*opened), options);
}

Writer::Writer(std::unique_ptr<detail::WriterCore> core) noexcept : core_(std::move(core)) {}
Writer::Writer(Writer&&) noexcept = default;
Writer& Writer::operator=(Writer&&) noexcept = default;
Writer::~Writer() = default;

const std::shared_ptr<LiveFile>& Writer::file() const noexcept { return core_->file(); }
result<void> Writer::write(std::span<const std::byte> bytes) { return core_->write(bytes); }
result<void> Writer::write(std::string_view bytes) {
  return core_->write(std::as_bytes(std::span(bytes.data(), bytes.size())));
}
int Writer::fd() const noexcept { return core_->fd(); }
result<void> Writer::publish(std::uint64_t watermark) { return core_->publish(watermark); }
result<void> Writer::seal() { return core_->seal(); }
void Writer::abort(std::string_view reason) noexcept {
  core_->abort(Errc::kWriterFailed, std::string(reason));
}
void Writer::fail_when_stalled(const asio::any_io_executor& executor,
                               std::chrono::milliseconds timeout) {
  core_->fail_when_stalled(executor, timeout);
}

}  // namespace midstream
