// Stream: one connected non-blocking TCP socket in a PollSet, and the one coroutine that waits for
// it.
//
// Invariant: readable() and writable() are only cleared by an operation that came up short, so
// waiting while they are set is never needed, and a wait never misses an edge.
#pragma once

#include <cstdint>
#include <span>

#include "base/socket_io.h"
#include "base/unique_fd.h"
#include "net/awaitable.h"
#include "net/poll_set.h"

namespace midstream::net {

/// Why a wait ended.
enum class Wake : std::uint8_t {
  kReady,        ///< what was waited for is there, or the connection broke: try
  kInterrupted,  ///< somebody called interrupt(): a deadline, the shutdown
};

/// Told once that the peer is gone: it reset the connection, or closed it (FIN).
class HangupListener {
 public:
  virtual void on_hangup() = 0;

 protected:
  ~HangupListener() = default;
};

/// Told that bytes are there, instead of the coroutine that waits for them.
class BytesListener {
 public:
  /// True: the wait goes on (then readable() must not be set). False: it ends with kReady.
  virtual bool on_bytes() = 0;

 protected:
  ~BytesListener() = default;
};

class Stream final : PollSet::Source {
 public:
  Stream(PollSet& poll_set, UniqueFd socket) noexcept;
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  ~Stream() { close(); }

  /// Registers the socket. Until then nothing else may be called.
  [[nodiscard]] error_code open() noexcept;
  void close() noexcept;

  [[nodiscard]] int fd() const noexcept { return socket_.get(); }
  [[nodiscard]] bool readable() const noexcept { return readable_; }
  [[nodiscard]] bool writable() const noexcept { return writable_; }
  /// The peer closed or reset; bytes that it sent before may still be there to read.
  [[nodiscard]] bool hung_up() const noexcept { return hung_up_; }

  [[nodiscard]] IoOutcome receive(std::span<char> out) noexcept;
  /// A write came up short (kWouldBlock): the next wait_writable() waits for the edge.
  void note_full() noexcept { writable_ = false; }

  /// Makes the next wait_writable() wait until everything written has been handed to the network.
  void want_all_sent() noexcept;

  /// At most one wait of the two at a time, and only while the flag is not set.
  [[nodiscard]] Awaitable<Wake> wait_readable() { return wait_for(Waiting::kReadable); }
  [[nodiscard]] Awaitable<Wake> wait_writable() { return wait_for(Waiting::kWritable); }
  /// Ends the wait that is going on, if any; it resumes inside the call.
  void interrupt() { resume(Wake::kInterrupted); }

  /// While a coroutine waits for something else than this socket. nullptr: nobody listens.
  void listen_for_hangup(HangupListener* listener) noexcept { hangup_listener_ = listener; }
  /// While a coroutine waits for readability: `listener` is asked first. nullptr: nobody is.
  void listen_for_bytes(BytesListener* listener) noexcept { bytes_listener_ = listener; }

 private:
  enum class Waiting : std::uint8_t { kNothing, kReadable, kWritable };

  [[nodiscard]] Awaitable<Wake> wait_for(Waiting what) {
    waiting_ = what;
    return slot_.wait();
  }
  void on_ready(std::uint32_t events) override;
  void resume(Wake wake);

  PollSet& poll_set_;
  UniqueFd socket_;
  HangupListener* hangup_listener_ = nullptr;
  BytesListener* bytes_listener_ = nullptr;
  WaitSlot<Wake> slot_;
  Waiting waiting_ = Waiting::kNothing;
  bool registered_ = false;
  bool readable_ = false;
  bool writable_ = true;
  bool hung_up_ = false;
};

}  // namespace midstream::net
