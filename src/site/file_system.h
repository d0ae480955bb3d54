// Which file systems tell inotify(7) of every change.
#pragma once

#include <cstdint>

namespace midstream::site {

/// Whether all changes to this kind of file system go through this kernel, so that inotify tells of
/// them. `type`: as in statfs(2), f_type. Not so for network and virtual file systems, and for
/// those that a process serves (FUSE): what others change there raises no event (inotify(7),
/// Limitations and caveats). What is not known counts as one of these.
[[nodiscard]] bool tells_of_changes(std::uint32_t type) noexcept;

/// The same for the file system of an open file; also of one opened with O_PATH. One system call.
[[nodiscard]] bool is_told_of_changes(int fd) noexcept;

}  // namespace midstream::site
