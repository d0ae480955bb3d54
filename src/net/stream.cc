#include "net/stream.h"

#include <utility>

namespace midstream::net {

namespace {
constexpr std::uint32_t kEvents = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
}

Stream::Stream(PollSet& poll_set, UniqueFd socket) noexcept
    : poll_set_(poll_set), socket_(std::move(socket)) {}

error_code Stream::open() noexcept {
  const error_code failed = poll_set_.add(socket_.get(), kEvents, *this);
  registered_ = !failed;
  return failed;
}

void Stream::close() noexcept {
  if (std::exchange(registered_, false)) poll_set_.remove(socket_.get(), *this);
  socket_.reset();
}

IoOutcome Stream::receive(std::span<char> out) noexcept {
  const IoOutcome outcome = receive_some(socket_.get(), out);
  // A short read has emptied the socket (epoll(7), Q9); but what a hangup left behind has no edge
  // of its own.
  if (outcome.bytes < out.size() && !hung_up_) readable_ = false;
  return outcome;
}

void Stream::want_all_sent() noexcept {
  writable_when_all_sent(socket_.get());
  writable_ = false;
  poll_set_.rearm(socket_.get(), kEvents, *this);  // no write came up short, so no edge would come
}

void Stream::resume(Wake wake) {
  waiting_ = Waiting::kNothing;
  slot_.give(wake);  // may destroy this
}

void Stream::on_ready(std::uint32_t events) {
  const bool broken = (events & (EPOLLERR | EPOLLHUP)) != 0;
  const bool hangup = broken || (events & EPOLLRDHUP) != 0;
  if (hangup || (events & EPOLLIN) != 0) readable_ = true;
  if (broken || (events & EPOLLOUT) != 0) writable_ = true;
  if (hangup && !std::exchange(hung_up_, true) && hangup_listener_ != nullptr) {
    return std::exchange(hangup_listener_, nullptr)->on_hangup();
  }
  const bool awaited = (waiting_ == Waiting::kReadable && readable_) ||
                       (waiting_ == Waiting::kWritable && writable_);
  if (!awaited) return;
  const bool for_bytes = waiting_ == Waiting::kReadable && bytes_listener_ != nullptr;
  if (for_bytes && bytes_listener_->on_bytes()) return;
  resume(Wake::kReady);
}

}  // namespace midstream::net
