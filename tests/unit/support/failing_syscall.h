// Runs something while the kernel refuses one system call, as a full table or an old file system
// would. By a seccomp filter on a thread of its own, so that nothing else in the process notices.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

namespace midstream::test {

struct RefusedCall {
  long number;  ///< SYS_...
  int error;    ///< the errno that it gives
  /// Only where `(argument & mask) == value`; of the argument, the low 32 bits.
  struct Where {
    unsigned argument;
    std::uint32_t mask;
    std::uint32_t value;
  };
  std::optional<Where> where = std::nullopt;
};

/// False: this machine allows no filter, and `body` was not run.
[[nodiscard]] bool run_refusing(const RefusedCall& call, const std::function<void()>& body);

/// Runs `body` on a thread that is user and group 65534 without any capability; the other threads
/// stay what they are. False: this user may not do that, and `body` was not run.
[[nodiscard]] bool run_as_nobody(const std::function<void()>& body);

}  // namespace midstream::test
