#include "site/page_cache.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/errno_error.h"

namespace midstream::site {
namespace {

// Each question costs about 1 us, and sending a MiB some 160.
constexpr std::uint64_t kProbeStrideBytes = 512 * 1024;
constexpr std::size_t kReadBytes = 128 * 1024;

enum class Probe : std::uint8_t { kThere, kMissing, kNotSupported };

Probe probe(int fd, std::uint64_t offset) noexcept {
  char byte = 0;
  const iovec one{&byte, 1};
  // 0 is the end of the file: nothing to wait for.
  if (::preadv2(fd, &one, 1, static_cast<off_t>(offset), RWF_NOWAIT) >= 0) return Probe::kThere;
  return errno == EAGAIN ? Probe::kMissing : Probe::kNotSupported;
}

}  // namespace

Reads how_it_reads(int fd) noexcept {
  if (probe(fd, 0) != Probe::kNotSupported) return Reads::kProbed;
  struct statfs system {};
  if (::fstatfs(fd, &system) != 0) return Reads::kUnknown;
  const auto type = static_cast<std::uint32_t>(system.f_type);
  return type == TMPFS_MAGIC || type == RAMFS_MAGIC ? Reads::kMemory : Reads::kUnknown;
}

bool is_in_page_cache(const FileRange& range) noexcept {
  const std::uint64_t end = range.offset + range.count;
  for (std::uint64_t at = range.offset; at < end; at += kProbeStrideBytes) {
    if (probe(range.fd, at) != Probe::kThere) return false;
  }
  return probe(range.fd, end - 1) == Probe::kThere;
}

result<void> read_in(const FileRange& range) noexcept {
  // The whole range at once for the disk, then piece by piece until it is there.
  (void)::posix_fadvise(range.fd, static_cast<off_t>(range.offset), static_cast<off_t>(range.count),
                        POSIX_FADV_WILLNEED);
  thread_local std::array<char, kReadBytes> sink;
  const std::uint64_t end = range.offset + range.count;
  for (std::uint64_t at = range.offset; at < end;) {
    const std::size_t count = std::min<std::uint64_t>(sink.size(), end - at);
    const ssize_t got = ::pread(range.fd, sink.data(), count, static_cast<off_t>(at));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno_error();
    if (got == 0) return Errc::kTruncated;
    at += static_cast<std::uint64_t>(got);
  }
  return {};
}

}  // namespace midstream::site
