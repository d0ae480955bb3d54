// FileSender: one LiveFile on its way into one socket. The state behind send_file() and
// async_send_file(); they wait (each in its own way), it sends.
#include <sys/socket.h>

#include <algorithm>
#include <csignal>
#include <ctime>
#include <limits>
#include <utility>

#include <boost/asio/error.hpp>

#include <midstream/send_file.h>

#include "base/framed_output.h"
#include "base/socket_io.h"
#include "live/piece_copy.h"

namespace midstream::detail {
namespace {

constexpr std::size_t kTurnBytes = 1 << 20;  // per turn on a shared executor

// Keeps the SIGPIPE of sendfile(2), which has no MSG_NOSIGNAL, from ending a program that does not
// ignore it. Of this thread only (signal(7): it is sent to the thread that wrote).
class SigpipeHeldBack {
 public:
  SigpipeHeldBack() noexcept {
    struct sigaction now {};
    ignored_ = ::sigaction(SIGPIPE, nullptr, &now) == 0 && now.sa_handler == SIG_IGN;
    if (ignored_) return;
    ::sigemptyset(&sigpipe_);
    ::sigaddset(&sigpipe_, SIGPIPE);
    ::pthread_sigmask(SIG_BLOCK, &sigpipe_, &before_);
  }
  SigpipeHeldBack(const SigpipeHeldBack&) = delete;
  SigpipeHeldBack& operator=(const SigpipeHeldBack&) = delete;
  ~SigpipeHeldBack() {
    if (!ignored_) ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }

  void drop() noexcept {
    if (ignored_ || ::sigismember(&before_, SIGPIPE) == 1)
      return;  // the caller holds it back: not ours
    const timespec at_once{};
    ::sigtimedwait(&sigpipe_, nullptr, &at_once);
  }

 private:
  bool ignored_ = false;
  sigset_t sigpipe_;
  sigset_t before_;
};

}  // namespace

class FileSender {
 public:
  FileSender(int socket, std::shared_ptr<LiveFile> file, SendFileOptions options)
      : socket_(socket),
        file_(std::move(file)),
        options_(std::move(options)),
        offset_(options_.offset) {
    output_.put_head(options_.head);
    output_.set_framing(options_.framing == Framing::kChunked ? FramedOutput::Framing::kChunked
                                                              : FramedOutput::Framing::kRaw);
    if (options_.count) {
      constexpr std::uint64_t kMax = std::numeric_limits<std::uint64_t>::max();
      end_ = *options_.count > kMax - offset_ ? kMax : offset_ + *options_.count;
    }
    if (const auto declared = file_->declared_size()) {
      end_is_declared_ = *declared > offset_ && end_.value_or(*declared) == *declared;
      end_ = std::min(end_.value_or(*declared), std::max(*declared, offset_));
    }
  }

  SendNeed advance() noexcept {
    ++waits_;
    if (error_) return finish();
    std::size_t turn_left = kTurnBytes;
    for (;;) {
      const bool piece_put = put_next_piece();
      const std::uint64_t before = output_.body_bytes();
      const auto status = output_.flush(socket_, turn_left, piece_put && bytes_are_ready());
      turn_left -= std::min<std::size_t>(turn_left, output_.body_bytes() - before);
      switch (status) {
        case FramedOutput::Status::kFlushed: break;
        case FramedOutput::Status::kSocketFull: return SendNeed::kWritable;
        case FramedOutput::Status::kTurnOver: return SendNeed::kTurn;
        case FramedOutput::Status::kFileEnded: error_ = Errc::kTruncated; return finish();
        case FramedOutput::Status::kFailed: error_ = output_.error(); return finish();
      }
      if (ended_) return finish();
      if (source_error_) {
        error_ = source_error_;
        return finish();
      }
      if (!more_is_ready()) return SendNeed::kGrowth;
      if (turn_left == 0) return SendNeed::kTurn;
    }
  }

  void report_wait(const error_code& error) noexcept {
    if (!error || error_) return;
    // A failed file shows in put_next_piece(); here only what ended the wait itself counts.
    if (error == boost::asio::error::operation_aborted || error != file_->failure()) error_ = error;
  }

  [[nodiscard]] LiveFile& file() noexcept { return *file_; }
  // To wait beyond. Beyond the declared size there is only the end.
  [[nodiscard]] std::uint64_t awaited_offset() const noexcept {
    return end_is_declared_ && offset_ + 1 >= *end_ ? *end_ : offset_;
  }
  [[nodiscard]] std::uint64_t sent() const noexcept { return output_.body_bytes(); }
  [[nodiscard]] std::uint64_t waits() const noexcept { return waits_; }
  [[nodiscard]] const error_code& error() const noexcept { return error_; }
  [[nodiscard]] const SendFileOptions& options() const noexcept { return options_; }

 private:
  [[nodiscard]] bool more_is_ready() const noexcept {
    const LiveFile::View view = file_->view();
    return view.state != LiveFile::State::kGrowing || limit_of(view) > offset_ || reached_end();
  }
  [[nodiscard]] bool bytes_are_ready() const noexcept { return limit_of(file_->view()) > offset_; }
  [[nodiscard]] bool reached_end() const noexcept { return end_ && offset_ >= *end_; }

  // How far bytes may leave. The last one of a declared size waits for the seal: with it a body
  // with a length looks whole, and the writer may still fail. Chunks tell by themselves.
  [[nodiscard]] std::uint64_t limit_of(const LiveFile::View& view) const noexcept {
    const std::uint64_t limit = std::min(view.watermark, end_.value_or(view.watermark));
    if (!end_is_declared_ || limit < *end_ || view.state == LiveFile::State::kSealed) return limit;
    const bool failure_shows =
        view.state == LiveFile::State::kFailed && options_.framing == Framing::kChunked;
    return failure_shows ? limit : limit - 1;
  }

  // True when a piece (or the end) was put. Only when nothing is on its way.
  bool put_next_piece() {
    if (ended_ || !output_.between_pieces()) return false;
    const LiveFile::View view = file_->view();
    const std::uint64_t limit = limit_of(view);
    if (limit > offset_) {
      put_range(std::min<std::uint64_t>(limit - offset_, kTurnBytes));
      return true;
    }
    const bool cut = options_.count && offset_ - options_.offset < *options_.count;
    const bool may_yet_fail = end_is_declared_ && view.state != LiveFile::State::kSealed;
    if ((reached_end() && !cut && !may_yet_fail) ||
        (view.state == LiveFile::State::kSealed && !options_.count)) {
      output_.put_end();
      ended_ = true;
      return true;
    }
    if (view.state == LiveFile::State::kFailed) {
      source_error_ = file_->failure();
    } else if (view.state == LiveFile::State::kSealed || reached_end()) {
      source_error_ = Errc::kIncomplete;
    }
    return false;
  }

  void put_range(std::uint64_t count) {
    thread_local PieceCopy copy;  // many senders of a thread are at the same offset
    const FileRange range{file_->fd(), offset_, count};
    offset_ += count;
    const bool chunked = options_.framing == Framing::kChunked;
    output_.put_file(range, chunked ? copy.get(file_, range.offset, count) : std::string_view());
  }

  // The last step: where nothing but the end of the connection would tell, a failure must not look
  // like an end.
  SendNeed finish() noexcept {
    const bool end_is_told = options_.framing == Framing::kChunked || end_;
    if (!error_ || end_is_told) return SendNeed::kNothing;
    if (source_error_ && !waiting_for_reset_) {
      waiting_for_reset_ = true;  // first everything written so far leaves this machine
      writable_when_all_sent(socket_);
      return SendNeed::kWritable;
    }
    reset_on_close(socket_);
    return SendNeed::kNothing;
  }

  int socket_;
  std::shared_ptr<LiveFile> file_;
  SendFileOptions options_;
  std::uint64_t offset_;              // the next byte to put
  std::optional<std::uint64_t> end_;  // absent: wherever the file ends
  bool end_is_declared_ = false;      // end_ is the declared size, and no more was asked for
  FramedOutput output_;
  error_code error_;
  error_code source_error_;
  std::uint64_t waits_ = 0;
  bool ended_ = false;
  bool waiting_for_reset_ = false;
};

std::shared_ptr<FileSender> make_file_sender(int socket, std::shared_ptr<LiveFile> file,
                                             SendFileOptions options) {
  return std::make_shared<FileSender>(socket, std::move(file), std::move(options));
}
SendNeed advance(FileSender& sender) noexcept {
  SigpipeHeldBack sigpipe;
  const SendNeed need = sender.advance();
  if (sender.error() == Errc::kPeerGone) sigpipe.drop();
  return need;
}
void report_wait(FileSender& sender, const error_code& error) noexcept {
  sender.report_wait(error);
}
std::uint64_t waits_of(const FileSender& sender) noexcept { return sender.waits(); }
LiveFile& file_of(FileSender& sender) noexcept { return sender.file(); }
std::uint64_t awaited_offset_of(const FileSender& sender) noexcept {
  return sender.awaited_offset();
}
std::uint64_t sent_by(const FileSender& sender) noexcept { return sender.sent(); }
error_code error_of(const FileSender& sender) noexcept { return sender.error(); }
std::optional<std::chrono::milliseconds> stall_timeout_of(const FileSender& sender) noexcept {
  return sender.options().stall_timeout;
}

}  // namespace midstream::detail
