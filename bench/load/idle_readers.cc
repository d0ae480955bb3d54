// Ten thousand connections that wait: what does the server keep for each, and does it sleep
// meanwhile?
//
//   idle_readers --address 127.0.0.1:8080 --path /live.bin --connections 10000 --append-to
//   DIR/live.bin idle_readers --address 127.0.0.1:8080 --path /live.bin --connections 10000
//   --start-path /start idle_readers --address 127.0.0.1:8080 --path /4k.bin --connections 10000
//
// The first two wait on a growing file that holds one block (see growing_readers.cc for both
// options), the third is idle keep-alive: one small request each, answered, and then nothing.
//
// Prints "ready" when every connection has what there is to get, and waits for a line on standard
// input: the time to look at the server. Then the growing file ends, every response must end too,
// and one line of JSON follows. Exit code 1 if anything is wrong.
#include <fcntl.h>

#include <vector>

#include "blocks.h"
#include "client.h"
#include "response.h"

namespace {

using load::Response;

constexpr std::size_t kBlockSize = 1024;

struct Connection {
  int fd = -1;
  bool lost = false;
  Response response;
};

class Crowd {
 public:
  Crowd(const sockaddr_in& server, const std::string& path, std::size_t count)
      : connections_(count), poller_(::epoll_create1(EPOLL_CLOEXEC)) {
    for (std::size_t i = 0; i < count; ++i) {
      connections_[i].fd = load::connect_to(server, static_cast<int>(i));
      load::send_request(connections_[i].fd, "GET", path);
      epoll_event event{};
      event.events = EPOLLIN;
      event.data.u64 = i;
      ::epoll_ctl(poller_, EPOLL_CTL_ADD, connections_[i].fd, &event);
    }
  }

  /// Reads until `enough(response)` holds for all. False: some were lost, or the time is over.
  template <class Enough>
  bool run_until(Enough&& enough, std::int64_t timeout_ms) {
    const std::int64_t deadline_ns = load::now_ns() + timeout_ms * 1'000'000;
    std::size_t count_enough = 0;
    for (const Connection& c : connections_)
      count_enough += enough(c.response);
    while (count_enough + lost_ < connections_.size() && load::now_ns() < deadline_ns) {
      epoll_event ready[64];
      const int count = ::epoll_wait(poller_, ready, 64, 100);
      for (int i = 0; i < count; ++i) {
        Connection& c = connections_[ready[i].data.u64];
        const bool before = enough(c.response);
        read_from(c);
        count_enough += !before && enough(c.response);
      }
    }
    return count_enough == connections_.size();
  }

  std::size_t lost() const { return lost_; }

 private:
  void read_from(Connection& c) {
    char buffer[8 * 1024];
    const ssize_t count = ::recv(c.fd, buffer, sizeof buffer, MSG_DONTWAIT);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (count > 0) {
      c.response.feed(buffer, static_cast<std::size_t>(count), [](const char*, std::size_t) {});
    }
    if (count <= 0 || c.response.state() == Response::State::kBroken ||
        c.response.status() >= 300) {
      c.lost = true;
      ++lost_;
      ::close(c.fd);
    }
  }

  std::vector<Connection> connections_;
  int poller_;
  std::size_t lost_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  load::Arguments arguments(argc, argv);
  const sockaddr_in server = load::parse_address(arguments.text("address"));
  const std::string path = arguments.text("path");
  const std::string append_to = arguments.text("append-to", "");
  const std::string start_path = arguments.text("start-path", "");
  const auto count = static_cast<std::size_t>(arguments.number("connections", 10'000));
  const std::int64_t timeout_ms = arguments.number("timeout-ms", 60'000);
  arguments.finish();
  load::raise_fd_limit();

  int file = -1;
  if (!append_to.empty()) {
    file = ::open(append_to.c_str(), O_CREAT | O_TRUNC | O_WRONLY | O_APPEND | O_CLOEXEC, 0644);
    if (file < 0) load::die(append_to, errno);
    load::BlockWriter(file, kBlockSize).append();
  }
  const bool growing = file >= 0 || !start_path.empty();

  Crowd crowd(server, path, count);
  const auto answered = [&](const Response& response) {
    return growing ? response.body_bytes() >= kBlockSize
                   : response.state() == Response::State::kDone;
  };
  bool good = crowd.run_until(answered, timeout_ms);
  if (!good) load::die("not every connection was answered; lost: " + std::to_string(crowd.lost()));
  std::puts("ready");
  std::fflush(stdout);
  load::wait_for_line();

  if (growing) {
    if (file >= 0) {
      ::close(file);
    } else {
      load::send_request(load::connect_to(server, 0), "POST", start_path);
    }
    good = crowd.run_until(
        [](const Response& response) { return response.state() == Response::State::kDone; },
        timeout_ms);
  }
  std::printf("{\"connections\": %zu, \"lost\": %zu, \"ended\": %s}\n", count, crowd.lost(),
              good ? "true" : "false");
  return good && crowd.lost() == 0 ? 0 : 1;
}
