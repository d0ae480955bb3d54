// Is a part of a file in the page cache, and bringing it there. sendfile(2) waits for the disk
// where it is not (docs/decisions/0009-cold-files.md).
#pragma once

#include <cstdint>

#include <midstream/error.h>

#include "base/socket_io.h"

namespace midstream::site {

/// What reading a file may have to wait for.
enum class Reads : std::uint8_t {
  kMemory,   ///< nothing: the file system lives in memory (tmpfs)
  kProbed,   ///< the disk, where is_in_page_cache() says no
  kUnknown,  ///< nobody tells: any read may wait (overlayfs, FUSE, NFS)
};

/// How the file open as `fd` can be read. At most two system calls that do not wait.
[[nodiscard]] Reads how_it_reads(int fd) noexcept;

/// Asks one byte in every 512 KiB, and the last one: what lies between may be missing where the
/// kernel reclaimed single pages. Never waits. preadv2(2), RWF_NOWAIT.
[[nodiscard]] bool is_in_page_cache(const FileRange& range) noexcept;

/// Reads the range into the page cache. Waits for the disk: for the threads of a DiskPool. Errors:
/// those of pread(2); `kTruncated` where the file ends within the range. Then whoever would send it
/// must not try: that would wait for the same disk.
[[nodiscard]] result<void> read_in(const FileRange& range) noexcept;

}  // namespace midstream::site
