// send_file: a LiveFile, growing or finished, to a TCP socket with sendfile(2), header first.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/compose.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include <midstream/error.h>
#include <midstream/live_file.h>

namespace midstream {

/// How the receiver learns where the body ends.
enum class Framing : std::uint8_t {
  kRaw,  ///< by a length sent before (`count`, or the total size), or by the end of the connection
  kChunked,  ///< by the chunked coding (RFC 9112 section 7.1)
};

struct SendFileOptions {
  /// First byte to send, from the start of the file.
  std::uint64_t offset = 0;
  /// Exactly so many bytes; absent: to the end of the file.
  std::optional<std::uint64_t> count = {};
  Framing framing = Framing::kRaw;
  /// Sent before the body, in one segment with its first bytes where they are there.
  std::string head = {};
  /// How long the peer may take no byte; absent: for ever. In the Asio form a stall cancels every
  /// operation that is pending on the socket.
  std::optional<std::chrono::milliseconds> stall_timeout = {};
};

/// Sends `file` to the TCP socket `socket`, following it while it grows. Gives the body bytes sent.
/// Never sends more than `count` or the declared size. The last byte of a declared size leaves only
/// when the file is sealed: if its writer fails after all, the body stays short. Blocks the calling
/// thread; the socket is non-blocking meanwhile and gets its mode back. `stop` ends it at once, in
/// the middle of a transfer too. Errors: the failure of the file (after all its bytes were sent),
/// `kIncomplete` (it ended before `count`), `kPeerGone`, `kPeerStalled`, `operation_aborted`. After
/// any error the message is incomplete: close the connection. Where only the end of the connection
/// ends the body, closing now resets it, so that the receiver does not take the body for whole.
result<std::uint64_t> send_file(int socket, std::shared_ptr<LiveFile> file,
                                SendFileOptions options = {}, std::stop_token stop = {});

namespace detail {

class FileSender;

// What the sender needs before it can go on.
enum class SendNeed : std::uint8_t { kWritable, kGrowth, kTurn, kNothing };

std::shared_ptr<FileSender> make_file_sender(int socket, std::shared_ptr<LiveFile> file,
                                             SendFileOptions options);
SendNeed advance(FileSender& sender) noexcept;  // sends until it needs something
void report_wait(FileSender& sender,
                 const error_code& error) noexcept;         // how a wait ended; errors stick
std::uint64_t waits_of(const FileSender& sender) noexcept;  // how many times advance() was called
LiveFile& file_of(FileSender& sender) noexcept;
std::uint64_t awaited_offset_of(const FileSender& sender) noexcept;  // for wait_beyond()
std::uint64_t sent_by(const FileSender& sender) noexcept;
error_code error_of(const FileSender& sender) noexcept;
std::optional<std::chrono::milliseconds> stall_timeout_of(const FileSender& sender) noexcept;

template <class Socket>
struct SendFileOp {
  Socket& socket;
  std::shared_ptr<FileSender> sender;
  std::unique_ptr<boost::asio::steady_timer> stall_timer;
  bool started = false;

  template <class Self>
  void operator()(Self& self, error_code error = {}, std::uint64_t = 0) {
    namespace asio = boost::asio;
    if (!started) {  // never complete inside the initiating function
      started = true;
      self.reset_cancellation_state(asio::enable_total_cancellation());
      socket.native_non_blocking(true, error);
      report_wait(*sender, error);
      return asio::post(socket.get_executor(), std::move(self));
    }
    if (stall_timer) stall_timer->cancel();
    if (!!self.cancelled()) error = asio::error::operation_aborted;
    report_wait(*sender, error);
    switch (advance(*sender)) {
      case SendNeed::kWritable:
        arm_stall_timer(asio::get_associated_executor(self, socket.get_executor()));
        return socket.async_wait(Socket::wait_write, std::move(self));
      case SendNeed::kGrowth: {
        LiveFile& file = file_of(*sender);
        const std::uint64_t from = awaited_offset_of(*sender);
        const auto executor = socket.get_executor();
        return file.async_wait_beyond(executor, from, std::move(self));
      }
      case SendNeed::kTurn: return asio::post(socket.get_executor(), std::move(self));
      case SendNeed::kNothing: break;
    }
    const error_code outcome = error_of(*sender);
    const std::uint64_t sent = sent_by(*sender);
    sender.reset();
    stall_timer.reset();
    self.complete(outcome, sent);
  }

  // A peer that takes no byte for too long is let go by cancelling the wait for writability.
  // `executor`: where the operation runs, so that the two never meet.
  template <class Executor>
  void arm_stall_timer(const Executor& executor) {
    namespace asio = boost::asio;
    const auto timeout = stall_timeout_of(*sender);
    if (!timeout) return;
    if (!stall_timer) {
      stall_timer = std::make_unique<boost::asio::steady_timer>(socket.get_executor());
    }
    stall_timer->expires_after(*timeout);
    // The handler may be queued already when the wait ends: it must find out that it came too late.
    auto on_stall = [weak = std::weak_ptr(sender), wait = waits_of(*sender),
                     socket_ptr = &socket](const error_code& cancelled) {
      const auto alive = weak.lock();
      if (cancelled || !alive || waits_of(*alive) != wait) return;
      report_wait(*alive, Errc::kPeerStalled);
      error_code ignored;
      socket_ptr->cancel(ignored);
    };
    stall_timer->async_wait(asio::bind_executor(executor, std::move(on_stall)));
  }
};

}  // namespace detail

/// The same on an Asio TCP socket (`boost::asio::basic_stream_socket`). Completes with
/// `void(error_code, std::uint64_t body_bytes_sent)` on the handler's associated executor, else on
/// the socket's. The socket must outlive it and stays non-blocking (`native_non_blocking`); nothing
/// else may write to it meanwhile. Cancellation of every type ends it, in the middle of a transfer
/// too; what was sent by then is in `body_bytes_sent`. Takes at most 1 MiB per turn, so that other
/// work on the executor goes on.
template <class Socket, class CompletionToken>
auto async_send_file(Socket& socket, std::shared_ptr<LiveFile> file, SendFileOptions options,
                     CompletionToken&& token) {
  return boost::asio::async_compose<CompletionToken, void(error_code, std::uint64_t)>(
      detail::SendFileOp<Socket>{
          socket,
          detail::make_file_sender(socket.native_handle(), std::move(file), std::move(options)),
          nullptr},
      token, socket);
}

}  // namespace midstream
