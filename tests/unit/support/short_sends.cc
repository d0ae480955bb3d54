#include "support/short_sends.h"

#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace midstream::test {

ShortSends::ShortSends(int socket, std::size_t bytes_max, bool refuse_every_other) {
  bytes_max_ = bytes_max;
  refuse_every_other_ = refuse_every_other;
  calls_ = 0;
  fail_times_ = 0;
  last_flags_ = 0;
  socket_ = socket;
}

ShortSends::~ShortSends() { socket_ = -1; }

void ShortSends::fail(int error, int times) {
  fail_with_ = error;
  fail_times_ = times;
}

std::size_t ShortSends::allow(std::size_t wanted, int flags) noexcept {
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

}  // namespace midstream::test

// In front of those of the C library: the linker takes a program's own symbol first.
extern "C" ssize_t sendmsg(int socket, const msghdr* message, int flags) {
  using midstream::test::ShortSends;
  if (!ShortSends::holds_for(socket)) return ::syscall(SYS_sendmsg, socket, message, flags);
  std::array<iovec, 64> parts;
  std::size_t wanted = 0;
  for (std::size_t i = 0; i < message->msg_iovlen; ++i)
    wanted += message->msg_iov[i].iov_len;
  std::size_t left = ShortSends::allow(wanted, flags);
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
  using midstream::test::ShortSends;
  if (!ShortSends::holds_for(out)) return ::syscall(SYS_sendfile, out, in, offset, count);
  const std::size_t allowed = ShortSends::allow(count, 0);
  if (allowed == 0 && count > 0) return -1;
  return ::syscall(SYS_sendfile, out, in, offset, allowed);
}
