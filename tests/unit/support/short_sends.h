// sendmsg() and sendfile() of this program, made to move few bytes at a time, or to fail, so that a test
// can have every fragment size. Include it in one file of a test program: it defines the two functions.
#pragma once

#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstddef>

namespace midstream::test {

/// While it lives, it holds for one socket. At most one at a time.
class ShortSends {
 public:
  explicit ShortSends(int socket, std::size_t bytes_max = 1 << 30, bool refuse_every_other = false) {
    bytes_max_ = bytes_max;
    refuse_every_other_ = refuse_every_other;
    calls_ = 0;
    fail_with_ = 0;
    last_flags_ = 0;
    socket_ = socket;
  }
  ShortSends(const ShortSends&) = delete;
  ShortSends& operator=(const ShortSends&) = delete;
  ~ShortSends() { socket_ = -1; }

  /// The next `times` calls fail so.
  void fail(int error, int times) {
    fail_with_ = error;
    fail_times_ = times;
  }

  /// Of the last sendmsg() that was made; 0 after a sendfile().
  [[nodiscard]] int last_flags() const { return last_flags_; }
  [[nodiscard]] unsigned calls() const { return calls_; }

  /// For the two functions below: how many of `wanted` bytes may go; 0: fail, errno is set.
  static std::size_t allow(int socket, std::size_t wanted, int flags) noexcept {
    if (socket != socket_) return wanted;
    const unsigned call = calls_++;
    last_flags_ = flags;
    if (fail_times_ > 0) {
      --fail_times_;
      errno = fail_with_;
      return 0;
    }
    if (refuse_every_other_ && call % 2 == 0) {
      errno = EAGAIN;
      return 0;
    }
    return std::min<std::size_t>(wanted, bytes_max_);
  }

 private:
  static inline std::atomic<int> socket_{-1};
  static inline std::atomic<std::size_t> bytes_max_;
  static inline std::atomic<bool> refuse_every_other_;
  static inline std::atomic<unsigned> calls_;
  static inline std::atomic<int> fail_with_;
  static inline std::atomic<int> fail_times_;
  static inline std::atomic<int> last_flags_;
};

}  // namespace midstream::test

extern "C" ssize_t sendmsg(int socket, const msghdr* message, int flags) {
  std::array<iovec, 64> parts;
  std::size_t wanted = 0;
  for (std::size_t i = 0; i < message->msg_iovlen; ++i) wanted += message->msg_iov[i].iov_len;
  std::size_t left = midstream::test::ShortSends::allow(socket, wanted, flags);
  if (left == 0 && wanted > 0) return -1;
  msghdr cut = *message;
  cut.msg_iov = parts.data();
  cut.msg_iovlen = 0;
  for (std::size_t i = 0; i < message->msg_iovlen && left > 0; ++i) {
    iovec& part = parts.at(cut.msg_iovlen++);
    part = message->msg_iov[i];
    part.iov_len = std::min(part.iov_len, left);
    left -= part.iov_len;
  }
  return ::syscall(SYS_sendmsg, socket, &cut, flags);
}

extern "C" ssize_t sendfile(int out, int in, off_t* offset, std::size_t count) noexcept {
  const std::size_t allowed = midstream::test::ShortSends::allow(out, count, 0);
  if (allowed == 0 && count > 0) return -1;
  return ::syscall(SYS_sendfile, out, in, offset, allowed);
}
