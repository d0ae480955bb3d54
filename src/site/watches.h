// Watches: the inotify(7) instance of a worker, shared by its open-file caches. There are few
// instances (fs.inotify.max_user_instances, 128 by default), and may be many routes.
//
// Invariants
//  1. A listener hears of a watch that it holds, and of every overflow; of nothing else.
//  2. A watch is in the kernel for as long as some listener holds it. All listeners of an inode
//     share one, so its mask is what any of them asked for.
// Belongs to its worker's thread.
#pragma once

#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

#include "live/inotify.h"
#include "net/poll_set.h"

namespace midstream::site {

class Watches final : net::PollSet::Source {
 public:
  class Listener {
   public:
    /// May add and remove watches.
    virtual void on_change(const Inotify::Event& event) = 0;

   protected:
    ~Listener() = default;
  };

  explicit Watches(net::PollSet& poll_set);
  Watches(const Watches&) = delete;
  Watches& operator=(const Watches&) = delete;
  ~Watches();

  /// False: there is no inotify to be had, and add() fails.
  [[nodiscard]] bool usable() const noexcept { return inotify_.has_value(); }

  /// Watches the inode that is open as `fd`. Holding it twice is holding it once. Errors: ENOSPC
  /// (fs.inotify.max_user_watches), ENOENT ...
  [[nodiscard]] result<int> add(int fd, std::uint32_t mask, Listener& listener);
  void remove(int watch, Listener& listener) noexcept;

  /// `listener` is there: it hears of overflows.
  void join(Listener& listener) { listeners_.push_back(&listener); }
  /// Gives up whatever `listener` still holds.
  void leave(Listener& listener) noexcept;

  /// Handles every event that is queued now.
  void catch_up();

 private:
  using Holders = std::vector<Listener*>;

  void on_ready(std::uint32_t) override { catch_up(); }
  void hand_out(const Inotify::Event& event);

  net::PollSet& poll_set_;
  std::optional<Inotify> inotify_;
  std::unordered_map<int, Holders> holders_;
  Holders listeners_;
};

}  // namespace midstream::site
