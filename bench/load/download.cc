// Downloads one URL again and again over a few keep-alive connections and throws the bytes away.
//
//   download --address 127.0.0.1:8080 --path /1m.bin --connections 16 --requests 2000 --size
//   1048576
//
// Bodies are discarded in the kernel (MSG_TRUNC): the load costs much less than any server, so the
// server is what limits. Every response must be a 200 with exactly --size bytes declared and sent;
// the bytes themselves are compared by the runner before it measures. Prints one line of JSON. Exit
// code 1 if anything is wrong.
#include <vector>

#include "client.h"
#include "response.h"

namespace {

using load::Response;

struct Connection {
  int fd = -1;
  Response response;
  int wake_at_bytes = 1;
};

constexpr std::uint64_t kDiscardMax = 4 << 20;
constexpr std::uint64_t kWakeAtBytes = 256 << 10;

// Wakes this program only when much has come. On loopback the server's core pays for waking the
// client, which over a network it would not, and whether a quick client sleeps between two segments
// is chance.
void wait_for_much(Connection& c) {
  const bool body = c.response.state() == Response::State::kBody && !c.response.chunked();
  const int bytes = body ? static_cast<int>(std::min(c.response.bytes_left(), kWakeAtBytes)) : 1;
  if (bytes == c.wake_at_bytes) return;
  c.wake_at_bytes = bytes;
  ::setsockopt(c.fd, SOL_SOCKET, SO_RCVLOWAT, &bytes, sizeof bytes);
}

}  // namespace

int main(int argc, char** argv) {
  load::Arguments arguments(argc, argv);
  const sockaddr_in server = load::parse_address(arguments.text("address"));
  const std::string path = arguments.text("path");
  const auto size = static_cast<std::uint64_t>(arguments.number("size", 0));
  const auto requests = static_cast<std::uint64_t>(arguments.number("requests", 1000));
  const auto connections = std::min<std::uint64_t>(
      requests, static_cast<std::uint64_t>(arguments.number("connections", 16)));
  const std::int64_t timeout_ms = arguments.number("timeout-ms", 120'000);
  arguments.finish();

  const std::int64_t begin_ns = load::now_ns();
  const std::int64_t deadline_ns = begin_ns + timeout_ms * 1'000'000;
  std::vector<Connection> all(connections);
  const int poller = ::epoll_create1(EPOLL_CLOEXEC);
  std::uint64_t asked = 0, done = 0, bytes = 0;
  for (std::size_t i = 0; i < all.size(); ++i) {
    all[i].fd = load::connect_to(server, static_cast<int>(i));
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = i;
    ::epoll_ctl(poller, EPOLL_CTL_ADD, all[i].fd, &event);
    load::send_request(all[i].fd, "GET", path);
    ++asked;
  }

  while (done < requests) {
    if (load::now_ns() > deadline_ns) load::die("not finished in time");
    epoll_event ready[64];
    const int count = ::epoll_wait(poller, ready, 64, 100);
    for (int i = 0; i < count; ++i) {
      Connection& c = all[ready[i].data.u64];
      char buffer[2048];
      const bool discard = c.response.state() == Response::State::kBody && !c.response.chunked();
      const ssize_t got =
          discard
              ? ::recv(c.fd, nullptr, std::min<std::uint64_t>(c.response.bytes_left(), kDiscardMax),
                       MSG_TRUNC | MSG_DONTWAIT)
              : ::recv(c.fd, buffer, sizeof buffer, MSG_DONTWAIT);
      if (got < 0 && (errno == EAGAIN || errno == EINTR)) continue;
      if (got <= 0) load::die("the server closed a connection", got < 0 ? errno : 0);
      if (discard) {
        c.response.skip_body(static_cast<std::uint64_t>(got));
      } else {
        c.response.feed(buffer, static_cast<std::size_t>(got), [](const char*, std::size_t) {});
      }
      if (c.response.state() == Response::State::kBroken) load::die("a broken response");
      if (c.response.state() != Response::State::kDone) {
        wait_for_much(c);
        continue;
      }
      if (c.response.status() != 200 || c.response.body_bytes() != size) {
        load::die("status " + std::to_string(c.response.status()) + " with " +
                  std::to_string(c.response.body_bytes()) + " bytes");
      }
      bytes += c.response.body_bytes();
      ++done;
      c.response.restart();
      wait_for_much(c);
      if (asked < requests) {
        load::send_request(c.fd, "GET", path);
        ++asked;
      }
    }
  }
  std::printf("{\"requests\": %llu, \"bytes\": %llu, \"seconds\": %.3f}\n",
              static_cast<unsigned long long>(done), static_cast<unsigned long long>(bytes),
              static_cast<double>(load::now_ns() - begin_ns) / 1e9);
}
