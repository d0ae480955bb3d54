// Listening: a socket that takes connections, and what it is called.
#pragma once

#include <sys/types.h>

#include <string>

#include <midstream/error.h>

#include "base/unique_fd.h"
#include "net/listen_address.h"

namespace midstream::net {

/// The file of a Unix socket that we have bound. It goes with this object, unless somebody has put
/// another one in its place, or we may not (then the next start replaces it).
class SocketFile {
 public:
  SocketFile() = default;
  /// The file is there.
  explicit SocketFile(std::string path);
  SocketFile(SocketFile&& other) noexcept { swap(other); }
  SocketFile& operator=(SocketFile&& other) noexcept {
    swap(other);
    return *this;
  }
  ~SocketFile();

 private:
  void swap(SocketFile& other) noexcept;
  [[nodiscard]] bool is_still_ours() const noexcept;

  std::string path_;  // empty: none
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

struct Listening {
  UniqueFd socket;    ///< non-blocking, close-on-exec
  Endpoint endpoint;  ///< with the port that was given where 0 was asked for; port 0: not TCP
  std::string path;   ///< of a Unix socket; "@NAME" where it has no file (unix(7), abstract)
  SocketFile file;    ///< of a Unix socket, where we made it
  /// It is the only one of its address, so what it accepts is for all workers. False: each worker
  /// has one (SO_REUSEPORT), and the kernel spreads the connections.
  bool for_all_workers = false;

  [[nodiscard]] bool is_tcp() const noexcept { return endpoint.port() != 0; }
};

/// Binds and listens. `shared`: other workers of this process listen there too. The first one is
/// not shared while it binds, so that a port that any other server has is an error, not a half
/// share. Errors: EADDRINUSE, EACCES, EADDRNOTAVAIL ...
[[nodiscard]] result<Listening> listen_on(const Endpoint& endpoint, bool shared);

/// Makes the file with the mode asked, whatever the umask. One that a server which is gone has left
/// there is replaced. Errors: EADDRINUSE (somebody listens, or it is no socket), EACCES, ENOENT ...
[[nodiscard]] result<Listening> listen_on(const UnixAddress& address);

/// A socket that listens already. Errors: ENOTSOCK; EINVAL (it does not listen); EPROTOTYPE
/// (neither TCP nor a Unix stream).
[[nodiscard]] result<Listening> listen_on(UniqueFd inherited);

/// "http://127.0.0.1:8080", "unix:/run/midstream.sock".
[[nodiscard]] std::string text_of(const Listening& listening);

}  // namespace midstream::net
