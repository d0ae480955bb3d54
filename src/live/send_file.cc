// The blocking send_file(): polls the socket, sleeps on the file, and a stop request ends both.
#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <utility>

#include <boost/asio/error.hpp>

#include <midstream/send_file.h>

#include "base/errno_error.h"
#include "base/unique_fd.h"

namespace midstream {
namespace {

// The socket is non-blocking while this lives.
class NonBlocking {
 public:
  explicit NonBlocking(int fd) : fd_(fd), flags_(::fcntl(fd, F_GETFL)) {
    if (flags_ >= 0 && (flags_ & O_NONBLOCK) == 0) ::fcntl(fd_, F_SETFL, flags_ | O_NONBLOCK);
  }
  NonBlocking(const NonBlocking&) = delete;
  NonBlocking& operator=(const NonBlocking&) = delete;
  ~NonBlocking() {
    if (flags_ >= 0 && (flags_ & O_NONBLOCK) == 0) ::fcntl(fd_, F_SETFL, flags_);
  }
  [[nodiscard]] bool ok() const noexcept { return flags_ >= 0; }

 private:
  int fd_;
  int flags_;
};

error_code wait_writable(int socket, int stop_event,
                         std::optional<std::chrono::milliseconds> limit) {
  pollfd fds[2] = {{socket, POLLOUT, 0}, {stop_event, POLLIN, 0}};
  for (;;) {
    const int ready = ::poll(fds, 2, limit ? static_cast<int>(limit->count()) : -1);
    if (ready > 0) {
      return fds[1].revents != 0 ? error_code(boost::asio::error::operation_aborted) : error_code();
    }
    if (ready == 0) return Errc::kPeerStalled;
    if (errno != EINTR) return errno_error();
  }
}

}  // namespace

result<std::uint64_t> send_file(int socket, std::shared_ptr<LiveFile> file, SendFileOptions options,
                                std::stop_token stop) {
  const NonBlocking mode(socket);
  if (!mode.ok()) return errno_error();
  const UniqueFd stop_event(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!stop_event.valid()) return errno_error();
  const std::stop_callback on_stop(stop, [&] { ::eventfd_write(stop_event.get(), 1); });

  const auto sender = detail::make_file_sender(socket, std::move(file), std::move(options));
  for (;;) {
    if (stop.stop_requested()) detail::report_wait(*sender, boost::asio::error::operation_aborted);
    switch (detail::advance(*sender)) {
      case detail::SendNeed::kWritable:
        detail::report_wait(
            *sender, wait_writable(socket, stop_event.get(), detail::stall_timeout_of(*sender)));
        break;
      case detail::SendNeed::kGrowth: {
        const auto grown =
            detail::file_of(*sender).wait_beyond(detail::awaited_offset_of(*sender), stop);
        if (!grown) detail::report_wait(*sender, grown.error());
        break;
      }
      case detail::SendNeed::kTurn: break;
      case detail::SendNeed::kNothing:
        if (const error_code failed = detail::error_of(*sender)) return failed;
        return detail::sent_by(*sender);
    }
  }
}

}  // namespace midstream
