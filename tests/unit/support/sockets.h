// Pairs of connected stream sockets, and a peer that reads.
#pragma once

#include <sys/socket.h>

#include <cstddef>
#include <string>
#include <utility>

#include "base/unique_fd.h"

namespace midstream::test {

struct SocketPair {
  UniqueFd near;  ///< the end that is tested
  UniqueFd far;   ///< the end of the test; its receives are bounded
};

/// AF_UNIX. Non-blocking at the near end.
SocketPair unix_pair();

struct TcpBuffers {
  int send_bytes = 0;     ///< SO_SNDBUF of the near end; 0: as the kernel likes
  int receive_bytes = 0;  ///< SO_RCVBUF of the far end
};

/// Over the loopback. Both ends blocking.
SocketPair tcp_pair(TcpBuffers buffers = {});

void set_nonblocking(int fd);
bool is_nonblocking(int fd);

/// What the peer got, and how it ended.
struct Received {
  std::string bytes;
  int error = 0;  ///< errno of the last recv; 0: the connection was finished in order
};

/// Reads until the end, whatever it is, or for `count_max` bytes.
Received receive_to_end(int socket, std::size_t count_max = std::string::npos);

/// Reads exactly `count` bytes; fewer when the connection ended or the bound passed.
std::string receive_exactly(int socket, std::size_t count);

/// Sends until nothing more fits. The socket must be non-blocking.
std::size_t fill(int socket);

/// Closes so that the other end sees a reset.
void reset(UniqueFd& socket);

}  // namespace midstream::test
