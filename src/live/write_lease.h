// Does anybody have this file open for writing? The kernel tells, by a read lease set and dropped.
#pragma once

#include <cstdint>

namespace midstream {

enum class Writers : std::uint8_t {
  kNone,     ///< nobody has it open for writing, nor mapped writable
  kSome,     ///< somebody has
  kUnknown,  ///< not our file and no CAP_LEASE, or the file system has no leases
};

/// `fd` must be open read-only (fcntl(2), F_SETLEASE). Three system calls, never blocks. A process
/// that opens the file for writing in the microseconds between is held up by the kernel for just as
/// long.
[[nodiscard]] Writers probe_writers(int fd) noexcept;

}  // namespace midstream
