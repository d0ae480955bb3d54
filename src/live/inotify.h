// One inotify(7) instance. No threads and no waiting of its own: the owner waits for fd().
#pragma once

#include <sys/inotify.h>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include <midstream/error.h>

#include "base/unique_fd.h"

namespace midstream {

class Inotify {
 public:
  struct Event {
    int watch;           ///< -1 for IN_Q_OVERFLOW
    std::uint32_t mask;  ///< IN_*
    std::string_view name;
  };

  /// Errors: EMFILE (`fs.inotify.max_user_instances`), ENFILE, ENOMEM.
  [[nodiscard]] static result<Inotify> open();

  [[nodiscard]] int fd() const noexcept { return fd_.get(); }

  /// One watch per inode: a second add of the same gives the same number and adds to its mask.
  /// Errors: ENOSPC (`fs.inotify.max_user_watches`), ENOENT, EACCES.
  [[nodiscard]] result<int> add(const char* path, std::uint32_t mask) noexcept;
  /// The inode that is open as `fd`, whatever its name is by now.
  [[nodiscard]] result<int> add_open_file(int fd, std::uint32_t mask);
  void remove(int watch) noexcept;

  /// Calls `on_event(const Event&)` for every event that is there; returns when there is none left.
  template <class OnEvent>
  void drain(OnEvent&& on_event) {
    alignas(inotify_event) std::array<char, 4096> buffer;
    while (const std::size_t size = read_some(buffer.data(), buffer.size())) {
      for (std::size_t at = 0; at < size;) {
        const auto* event = reinterpret_cast<const inotify_event*>(buffer.data() + at);
        at += sizeof(inotify_event) + event->len;
        on_event(Event{event->wd, event->mask, event->len > 0 ? event->name : std::string_view()});
      }
    }
  }

 private:
  explicit Inotify(UniqueFd fd) : fd_(std::move(fd)) {}
  std::size_t read_some(char* out, std::size_t size) noexcept;  // 0: nothing there

  UniqueFd fd_;
};

}  // namespace midstream
