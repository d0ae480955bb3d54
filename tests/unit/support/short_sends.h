// ShortSends: sendmsg() and sendfile() of a test program, made to move few bytes at a time on one
// socket, or to fail, so that a test can have every fragment size and every errno.
#pragma once

#include <atomic>
#include <cstddef>

namespace midstream::test {

/// Holds while it lives. One at a time in a program.
class ShortSends {
 public:
  explicit ShortSends(int socket, std::size_t bytes_max = 1 << 30, bool refuse_every_other = false);
  ShortSends(const ShortSends&) = delete;
  ShortSends& operator=(const ShortSends&) = delete;
  ~ShortSends();

  /// The next `times` calls fail so.
  void fail(int error, int times = 1);

  /// Of the last sendmsg(); 0 after a sendfile().
  [[nodiscard]] int last_flags() const { return last_flags_; }
  [[nodiscard]] unsigned calls() const { return calls_; }

  /// How many of `wanted` bytes may go; 0: fail, errno is set.
  static std::size_t allow(std::size_t wanted, int flags) noexcept;
  static bool holds_for(int socket) noexcept { return socket == socket_; }

 private:
  static inline std::atomic<int> socket_{-1};
  static inline std::atomic<std::size_t> bytes_max_;
  static inline std::atomic<bool> refuse_every_other_;
  static inline std::atomic<unsigned> calls_;
  static inline std::atomic<int> fail_with_;
  static inline std::atomic<int> fail_times_;
  static inline std::atomic<int> last_flags_;
};

}  // namespace midstream::test
