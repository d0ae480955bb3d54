#include "live/write_lease.h"

#include <fcntl.h>

#include <cerrno>
#include <csignal>

namespace midstream {

Writers probe_writers(int fd) noexcept {
  // If a writer comes while the lease is held, the kernel signals us: SIGIO, which would end the
  // process. SIGURG is ignored by default (signal(7)), so it can do no harm in any program this is
  // linked into.
  if (::fcntl(fd, F_SETSIG, SIGURG) != 0) return Writers::kUnknown;
  if (::fcntl(fd, F_SETLEASE, F_RDLCK) == 0) {
    ::fcntl(fd, F_SETLEASE, F_UNLCK);
    return Writers::kNone;
  }
  return errno == EAGAIN ? Writers::kSome : Writers::kUnknown;
}

}  // namespace midstream
