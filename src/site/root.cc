#include "site/root.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "base/errno_error.h"

namespace midstream::site {
namespace {

// openat2(2), Linux 5.6; no wrapper in glibc 2.36.
int open_beneath(int directory, const char* path, std::uint64_t resolve) noexcept {
  open_how how{};
  how.flags = O_PATH | O_CLOEXEC;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | resolve;
  for (;;) {
    const long fd = ::syscall(SYS_openat2, directory, path, &how, sizeof how);
    if (fd >= 0 || (errno != EINTR && errno != EAGAIN)) return static_cast<int>(fd);
  }
}

}  // namespace

result<Root> Root::open(const std::string& path) {
  UniqueFd directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory.valid()) return errno_error();
  if (::faccessat(directory.get(), ".", X_OK, AT_EACCESS) != 0) return errno_error();
  // Told at the start, not at every request: a kernel, or a sandbox, without openat2.
  const UniqueFd probe(open_beneath(directory.get(), ".", 0));
  if (!probe.valid()) return errno_error();
  return Root(std::move(directory));
}

result<Root::Opened> Root::open_below(const std::string& relative) const {
  const char* path = relative.empty() ? "." : relative.c_str();
  Opened opened;
  // First only a handle (O_PATH): opening a FIFO or a device could block or do something.
  UniqueFd handle(open_beneath(directory_.get(), path, RESOLVE_NO_SYMLINKS));
  if (!handle.valid() && errno == ELOOP) {
    opened.through_symlink = true;
    handle.reset(open_beneath(directory_.get(), path, 0));
  }
  if (!handle.valid()) return errno_error();
  if (::fstat(handle.get(), &opened.status) != 0) return errno_error();
  if (!S_ISREG(opened.status.st_mode) && !S_ISDIR(opened.status.st_mode)) {
    opened.fd = std::move(handle);
    return opened;
  }
  const std::string same_inode = "/proc/self/fd/" + std::to_string(handle.get());
  opened.fd.reset(::open(same_inode.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  if (!opened.fd.valid()) return errno_error();
  return opened;
}

}  // namespace midstream::site
