#include "live/inotify.h"

#include <unistd.h>

#include "base/errno_error.h"

namespace midstream {

result<Inotify> Inotify::open() {
  UniqueFd fd(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  if (!fd.valid()) return errno_error();
  return Inotify(std::move(fd));
}

result<int> Inotify::add(const char* path, std::uint32_t mask) noexcept {
  const int watch = ::inotify_add_watch(fd_.get(), path, mask | IN_MASK_ADD);
  if (watch < 0) return errno_error();
  return watch;
}

result<int> Inotify::add_open_file(int fd, std::uint32_t mask) {
  const std::string path = "/proc/self/fd/" + std::to_string(fd);  // proc(5)
  return add(path.c_str(), mask);
}

void Inotify::remove(int watch) noexcept { ::inotify_rm_watch(fd_.get(), watch); }

std::size_t Inotify::read_some(char* out, std::size_t size) noexcept {
  for (;;) {
    const ssize_t got = ::read(fd_.get(), out, size);
    if (got > 0) return static_cast<std::size_t>(got);
    if (got < 0 && errno == EINTR) continue;
    return 0;
  }
}

}  // namespace midstream
