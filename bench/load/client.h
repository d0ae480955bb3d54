// What the load tools share: command line, clock, connections.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>
#include <string_view>
#include <system_error>

namespace load {

[[noreturn]] inline void die(std::string_view what, int error = 0) {
  std::fprintf(stderr, "%s: %.*s%s%s\n", program_invocation_short_name,
               static_cast<int>(what.size()), what.data(), error ? ": " : "",
               error ? std::strerror(error) : "");
  std::exit(1);
}

inline std::int64_t now_ns() {
  timespec t;
  ::clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1'000'000'000LL + t.tv_nsec;
}

/// `--name value` pairs. Every option that is read is known; `finish` rejects the rest.
class Arguments {
 public:
  Arguments(int argc, char** argv) {
    for (int i = 1; i < argc; i += 2) {
      if (std::strncmp(argv[i], "--", 2) != 0 || i + 1 == argc) die("options are --name value");
      values_[argv[i] + 2] = argv[i + 1];
    }
  }
  std::string text(const std::string& name, std::string fallback) {
    auto found = values_.find(name);
    if (found == values_.end()) return fallback;
    fallback = found->second;
    values_.erase(found);
    return fallback;
  }
  std::string text(const std::string& name) {
    if (!values_.contains(name)) die("missing --" + name);
    return text(name, "");
  }
  std::int64_t number(const std::string& name, std::int64_t fallback) {
    const std::string value = text(name, std::to_string(fallback));
    char* end;
    const std::int64_t number = std::strtoll(value.c_str(), &end, 10);
    if (*end != '\0' || number < 0) die("--" + name + " is not a number: " + value);
    return number;
  }
  void finish() const {
    if (!values_.empty()) die("unknown option --" + values_.begin()->first);
  }

 private:
  std::map<std::string, std::string> values_;
};

inline void raise_fd_limit() {
  rlimit limit;
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

inline sockaddr_in parse_address(const std::string& text) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  const auto colon = text.rfind(':');
  if (colon == std::string::npos ||
      ::inet_pton(AF_INET, text.substr(0, colon).c_str(), &address.sin_addr) != 1) {
    die("--address must be IPV4:PORT, not " + text);
  }
  address.sin_port = htons(static_cast<std::uint16_t>(std::atoi(text.c_str() + colon + 1)));
  return address;
}

/// Connects (blocking). To a loopback address, connections come from 127.0.0.1 to 127.0.0.8 in
/// turn, so that tens of thousands do not run out of ports.
inline int connect_to(const sockaddr_in& server, int index) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) die("socket", errno);
  const int one = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  if ((ntohl(server.sin_addr.s_addr) >> 24) == 127) {
    sockaddr_in from{};
    from.sin_family = AF_INET;
    from.sin_addr.s_addr = htonl(INADDR_LOOPBACK + static_cast<std::uint32_t>(index % 8));
    ::setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
    if (::bind(fd, reinterpret_cast<const sockaddr*>(&from), sizeof from) < 0) die("bind", errno);
  }
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&server), sizeof server) < 0) {
    die("connect", errno);
  }
  return fd;
}

inline void send_request(int fd, std::string_view method, std::string_view path) {
  std::string request(method);
  request.append(" ").append(path).append(" HTTP/1.1\r\nHost: bench\r\n");
  if (method == "POST") request += "Content-Length: 0\r\n";
  request += "\r\n";
  if (::send(fd, request.data(), request.size(), MSG_NOSIGNAL) !=
      static_cast<ssize_t>(request.size())) {
    die("send", errno);
  }
}

/// Waits until the runner writes a line to standard input (or closes it).
inline void wait_for_line() {
  for (int c = std::getchar(); c != '\n' && c != EOF;)
    c = std::getchar();
}

}  // namespace load
