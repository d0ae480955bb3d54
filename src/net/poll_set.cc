#include "net/poll_set.h"

#include "base/check.h"
#include "base/errno_error.h"

namespace midstream::net {

PollSet::PollSet(asio::io_context& context)
    : epoll_fd_(::epoll_create1(EPOLL_CLOEXEC)), descriptor_(context.get_executor()) {
  MIDSTREAM_CHECK(epoll_fd_ >= 0);
  descriptor_.assign(epoll_fd_);
  arm();
}

error_code PollSet::add(int fd, std::uint32_t events, Source& source) noexcept {
  epoll_event event{};
  event.events = events;
  event.data.ptr = &source;
  if (::epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, fd, &event) != 0) return errno_error();
  return {};
}

void PollSet::rearm(int fd, std::uint32_t events, Source& source) noexcept {
  epoll_event event{};
  event.events = events;
  event.data.ptr = &source;
  ::epoll_ctl(epoll_fd_, EPOLL_CTL_MOD, fd, &event);
}

void PollSet::remove(int fd, Source& source) noexcept {
  ::epoll_ctl(epoll_fd_, EPOLL_CTL_DEL, fd, nullptr);
  std::erase(early_, &source);
  for (std::size_t i = batch_at_; i < batch_size_; ++i) {
    if (batch_[i].data.ptr == &source) batch_[i].data.ptr = nullptr;
  }
}

void PollSet::stop() {
  stopped_ = true;  // also when called by a source: then nothing waits that could be cancelled
  error_code ignored;
  descriptor_.cancel(ignored);
}

void PollSet::arm() {
  if (stopped_) return;
  descriptor_.async_wait(asio::posix::descriptor_base::wait_read,
                         [this](const error_code& cancelled) {
                           if (cancelled) return;
                           handle_batch();
                           arm();
                         });
}

void PollSet::handle_batch() {
  const int count = ::epoll_wait(epoll_fd_, batch_.data(), static_cast<int>(batch_.size()), 0);
  batch_size_ = count > 0 ? static_cast<std::size_t>(count) : 0;
  batch_at_ = 0;
  handle_early_ones();
  for (; batch_at_ < batch_size_; ++batch_at_) {
    const epoll_event& event = batch_[batch_at_];
    if (event.data.ptr != nullptr) static_cast<Source*>(event.data.ptr)->on_ready(event.events);
  }
  batch_size_ = 0;
}

// Whatever happened before the kernel reported this batch is in it, except where the batch is full:
// then the early sources have to look for themselves.
void PollSet::handle_early_ones() {
  if (early_.empty()) return;
  const bool full = batch_size_ == batch_.size();
  for (std::size_t i = 0; i < early_.size(); ++i) {
    Source* const source = early_[i];
    bool reported = false;
    for (std::size_t at = 0; at < batch_size_; ++at) {
      if (batch_[at].data.ptr != source) continue;
      batch_[at].data.ptr = nullptr;
      reported = true;
    }
    if (reported || full) source->on_ready(EPOLLIN);
  }
}

}  // namespace midstream::net
