#include "site/watches.h"

#include <algorithm>
#include <utility>

#include <spdlog/spdlog.h>

#include "base/errno_error.h"

namespace midstream::site {

Watches::Watches(net::PollSet& poll_set) : poll_set_(poll_set) {
  auto inotify = Inotify::open();
  if (inotify && !poll_set_.add(inotify->fd(), EPOLLIN | EPOLLET, *this)) {
    inotify_.emplace(std::move(*inotify));
    poll_set_.handle_early(*this);
    return;
  }
  spdlog::warn(
      "inotify cannot be used (fs.inotify.max_user_instances?): files are opened for every "
      "request");
}

Watches::~Watches() {
  if (inotify_) poll_set_.remove(inotify_->fd(), *this);
}

result<int> Watches::add(int fd, std::uint32_t mask, Listener& listener) {
  if (!inotify_) return errno_error(ENOSYS);
  const auto watch = inotify_->add_open_file(fd, mask);
  if (!watch) return watch;
  Holders& holders = holders_[*watch];
  if (std::find(holders.begin(), holders.end(), &listener) == holders.end()) {
    holders.push_back(&listener);
  }
  return watch;
}

void Watches::remove(int watch, Listener& listener) noexcept {
  const auto found = holders_.find(watch);
  if (found == holders_.end()) return;
  std::erase(found->second, &listener);
  if (!found->second.empty()) return;
  holders_.erase(found);
  inotify_->remove(watch);
}

void Watches::leave(Listener& listener) noexcept {
  std::erase(listeners_, &listener);
  for (auto at = holders_.begin(); at != holders_.end();) {
    std::erase(at->second, &listener);
    if (!at->second.empty()) {
      ++at;
      continue;
    }
    inotify_->remove(at->first);
    at = holders_.erase(at);
  }
}

void Watches::catch_up() {
  if (inotify_) inotify_->drain([this](const Inotify::Event& event) { hand_out(event); });
}

void Watches::hand_out(const Inotify::Event& event) {
  Holders told;  // a copy: whoever is told may let go
  if ((event.mask & IN_Q_OVERFLOW) != 0) {
    told = listeners_;
  } else if (const auto found = holders_.find(event.watch); found != holders_.end()) {
    told = found->second;
  }
  for (Listener* listener : told)
    listener->on_change(event);
}

}  // namespace midstream::site
