// The system calls that move bytes through a non-blocking stream socket, each with its errno mapped
// once.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <span>

#include <midstream/error.h>

namespace midstream {

struct IoOutcome {
  enum class Status : std::uint8_t {
    kMoved,       ///< `bytes` > 0 were moved
    kWouldBlock,  ///< the socket is full, or has nothing to read
    kEnd,         ///< receive: the peer finished sending; send_file: the file ended early
    kError,
  };
  Status status;
  std::size_t bytes = 0;
  error_code error = {};
};

/// Bytes of an open file. The descriptor is borrowed.
struct FileRange {
  int fd = -1;
  std::uint64_t offset = 0;  ///< from the start of the file
  std::uint64_t count = 0;
};

/// Sends what MSG_MORE has held back (tcp(7), TCP_NODELAY). Does nothing on other sockets.
void push_held_bytes(int socket) noexcept;

/// sendmsg(2). `more` = MSG_MORE: more follows at once, hold a partial segment back.
IoOutcome send_some(int socket, std::span<iovec> parts, bool more) noexcept;

/// At most `limit_bytes` of `range` by sendfile(2) with an explicit offset; where the file system
/// has no sendfile (EINVAL, ENOSYS), by pread(2) and send(2). Does not advance `range`. sendfile(2)
/// has no MSG_NOSIGNAL: ignore or block SIGPIPE, or a peer that left ends the process. Errors:
/// `kPeerGone`, or the error of reading the file.
IoOutcome send_file_some(int socket, const FileRange& range, std::size_t limit_bytes) noexcept;

/// recv(2). Errors: `kPeerGone`.
IoOutcome receive_some(int socket, std::span<char> out) noexcept;

/// Bytes that the peer has not acknowledged yet (SIOCOUTQ, tcp(7)); 0 when it cannot be told.
std::uint64_t unacknowledged_bytes(int socket) noexcept;

/// From now on the socket is writable only when everything has been handed to the network
/// (TCP_NOTSENT_LOWAT, tcp(7)): wait for that before reset_on_close().
void writable_when_all_sent(int socket) noexcept;

/// close(2) will reset the connection: the only visible failure of a body that the end of the
/// connection ends.
void reset_on_close(int socket, bool on = true) noexcept;

}  // namespace midstream
