// LiveFile: one file that readers may send while one writer still appends to it.
//
//   growing --publish()*--> growing --seal()--> sealed    growing --fail()--> failed   (both final)
//
// Invariants
//  1. Bytes [0, watermark) are readable and never change.
//  2. The watermark only rises, and is final once the state is `sealed`.
//  3. Only the writer (a Writer, or the Follower for a file of another process) leaves `growing`.
//  4. A writer that is destroyed while growing means failed: a crash never looks like a short file.
//
// Threads: every member may be called from any thread. The writer never waits for a reader: a
// publish costs one atomic store and, per execution context with somebody to wake, at most one
// posted task.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>

#include <boost/asio/async_result.hpp>

#include <midstream/detail/wait.h>
#include <midstream/error.h>

namespace midstream {

class LiveFile : public std::enable_shared_from_this<LiveFile> {
 public:
  enum class State : std::uint8_t { kGrowing, kSealed, kFailed };
  using Deadline = std::chrono::steady_clock::time_point;

  /// State and watermark that belong together: a sealed view has the final watermark.
  struct View {
    State state;
    std::uint64_t watermark;  ///< bytes readable from the start of the file
  };

  LiveFile(const LiveFile&) = delete;
  LiveFile& operator=(const LiveFile&) = delete;
  virtual ~LiveFile();

  [[nodiscard]] View view() const noexcept;
  [[nodiscard]] std::uint64_t watermark() const noexcept;
  [[nodiscard]] State state() const noexcept;

  /// The size that the writer promised, in bytes.
  [[nodiscard]] std::optional<std::uint64_t> declared_size() const noexcept {
    return declared_size_;
  }

  /// The size that the file has or will have: the final one once sealed, the declared one before.
  [[nodiscard]] std::optional<std::uint64_t> total_size() const noexcept;

  /// Why the file failed; no error unless the state is `failed`.
  [[nodiscard]] error_code failure() const;
  /// The writer's own words for it; may be empty.
  [[nodiscard]] std::string failure_text() const;

  /// Open for reading for as long as this object lives. Use explicit offsets (`pread`, `sendfile`
  /// with an offset): the file position is shared by all readers and means nothing.
  [[nodiscard]] int fd() const noexcept { return fd_; }

  /// Blocks until a byte at `offset` is readable or the file is final.
  /// Gives the watermark: above `offset`, or not above it at the end of a sealed file.
  /// Errors: the failure of the file, once all bytes before it have been given; `operation_aborted`
  /// when `stop` is requested; `timed_out` at the deadline.
  [[nodiscard]] result<std::uint64_t> wait_beyond(std::uint64_t offset, std::stop_token stop = {},
                                                  std::optional<Deadline> deadline = std::nullopt);

  /// The same without blocking: completes with `void(error_code, std::uint64_t watermark)`, never
  /// inside the call. Resumes on the handler's associated executor (`executor` if it has none), at
  /// most once per wake-up of its execution context. The wait keeps the file alive. Cancellation
  /// (every type) completes it with `operation_aborted` at once; other waiters do not notice.
  template <class Executor, class CompletionToken>
  auto async_wait_beyond(const Executor& executor, std::uint64_t offset, CompletionToken&& token) {
    return boost::asio::async_initiate<CompletionToken, void(error_code, std::uint64_t)>(
        [](auto handler, std::shared_ptr<LiveFile> self, Executor io_executor, std::uint64_t from) {
          detail::WaitOp<decltype(handler), Executor>::start(std::move(handler), std::move(self),
                                                             io_executor, from);
        },
        token, shared_from_this(), executor, offset);
  }

 protected:
  LiveFile(int owned_read_fd, std::uint64_t watermark, std::optional<std::uint64_t> declared_size);

  // The writer's side; made public by detail::GrowingFile.
  void publish(std::uint64_t watermark) noexcept;
  bool seal() noexcept;
  bool fail(error_code why, std::string text) noexcept;

 private:
  friend class detail::WaitNode;
  friend class detail::WakeGroup;
  friend class PieceCopy;

  [[nodiscard]] bool satisfies(std::uint64_t offset) const noexcept;
  [[nodiscard]] std::pair<error_code, std::uint64_t> outcome_for(std::uint64_t offset) const;
  detail::WakeGroup& group_for(boost::asio::execution_context& context);
  bool end(State state, error_code why, std::string text) noexcept;
  void wake(std::uint64_t watermark, bool final) noexcept;

  const std::uint64_t id_;  // of no other LiveFile of this process, ever
  const int fd_;
  const std::optional<std::uint64_t> declared_size_;
  std::atomic<std::uint64_t> watermark_;
  std::atomic<State> state_{State::kGrowing};
  std::atomic<detail::WakeGroup*> groups_{nullptr};  // one per execution context; only ever grows
  std::unique_ptr<detail::BlockedReaders> blocked_;
  mutable std::mutex end_mutex_;  // guards the failure, and that there is only one end
  error_code failure_;
  std::string failure_text_;
};

}  // namespace midstream
