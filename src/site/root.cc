#include "site/root.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "base/errno_error.h"
#include "site/file_system.h"

namespace midstream::site {
namespace {

// Linux 5.12; glibc 2.36 does not have it.
constexpr std::uint64_t kResolveCached = 0x20;

// openat2(2), Linux 5.6; no wrapper in glibc 2.36.
int open_path(int directory, const char* path, std::uint64_t resolve) noexcept {
  open_how how{};
  how.flags = O_PATH | O_CLOEXEC;
  how.resolve = RESOLVE_NO_MAGICLINKS | resolve;
  const bool cached = (resolve & kResolveCached) != 0;
  for (;;) {
    const long fd = ::syscall(SYS_openat2, directory, path, &how, sizeof how);
    if (fd >= 0 || (errno != EINTR && (cached || errno != EAGAIN))) return static_cast<int>(fd);
  }
}

}  // namespace

result<Root> Root::open(const std::string& path, Symlinks symlinks) {
  UniqueFd directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory.valid()) return errno_error();
  if (::faccessat(directory.get(), ".", X_OK, AT_EACCESS) != 0) return errno_error();
  // Told at the start, not at every request: a kernel, or a sandbox, without openat2.
  const UniqueFd probe(open_path(directory.get(), ".", RESOLVE_BENEATH));
  if (!probe.valid()) return errno_error();
  struct stat status {};
  if (::fstat(directory.get(), &status) != 0) return errno_error();
  Root root(std::move(directory), symlinks);
  root.device_ = status.st_dev;
  root.told_of_changes_ = is_told_of_changes(root.fd());
  return root;
}

// A handle first (O_PATH): opening a FIFO or a device could block or do something.
result<Root::Opened> Root::find(const char* path, Wait wait) const {
  // Another mount may be of any kind, so it is left to whoever may wait; and then EXDEV cannot tell
  // a mount from a link that leaves the root.
  const std::uint64_t quick = wait == Wait::kNever ? kResolveCached | RESOLVE_NO_XDEV : 0;
  Opened found;
  found.fd.reset(open_path(fd(), path, quick | RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS));
  if (!found.fd.valid() && errno == ELOOP && symlinks_ != Symlinks::kNever) {
    found.through_symlink = true;
    const std::uint64_t bound = symlinks_ == Symlinks::kFollow ? 0 : RESOLVE_BENEATH;
    found.fd.reset(open_path(fd(), path, quick | bound));
  }
  if (found.fd.valid()) return found;
  // A kernel before 5.12 knows no RESOLVE_CACHED: EINVAL.
  if (errno == ELOOP && symlinks_ == Symlinks::kNever) errno = EACCES;
  if (wait == Wait::kNever && (errno == EXDEV || errno == EINVAL)) errno = EAGAIN;
  return errno_error();
}

result<Root::Opened> Root::open_below(const std::string& relative, Wait wait) const {
  if (wait == Wait::kNever && !told_of_changes_) {  // not a file system of this machine
    errno = EAGAIN;
    return errno_error();
  }
  auto opened = find(relative.empty() ? "." : relative.c_str(), wait);
  if (!opened) return opened;
  if (::fstat(opened->fd.get(), &opened->status) != 0) return errno_error();
  const mode_t mode = opened->status.st_mode;
  if (!S_ISREG(mode) && !S_ISDIR(mode)) return opened;
  const std::string same_inode = "/proc/self/fd/" + std::to_string(opened->fd.get());
  opened->fd.reset(::open(same_inode.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  if (!opened->fd.valid()) return errno_error();
  opened->told_of_changes =
      opened->status.st_dev == device_ ? told_of_changes_ : is_told_of_changes(opened->fd.get());
  return opened;
}

}  // namespace midstream::site
