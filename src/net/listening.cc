#include "net/listening.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <utility>

#include "base/errno_error.h"

namespace midstream::net {
namespace {

constexpr int kBacklog = 4096;  // net.core.somaxconn caps it
constexpr int kKind = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;

error_code set_option(int socket, int level, int name) noexcept {
  const int on = 1;
  return ::setsockopt(socket, level, name, &on, sizeof on) == 0 ? error_code() : errno_error();
}

result<int> get_option(int socket, int name) noexcept {
  int value = 0;
  socklen_t size = sizeof value;
  if (::getsockopt(socket, SOL_SOCKET, name, &value, &size) != 0) return errno_error();
  return value;
}

result<UniqueFd> bound_socket(const Endpoint& endpoint, bool shared) {
  UniqueFd socket(::socket(endpoint.protocol().family(), kKind, 0));
  if (!socket.valid()) return errno_error();
  if (const auto failed = set_option(socket.get(), SOL_SOCKET, SO_REUSEADDR)) return failed;
  if (shared) {
    if (const auto failed = set_option(socket.get(), SOL_SOCKET, SO_REUSEPORT)) return failed;
  }
  if (endpoint.address().is_v6()) (void)set_option(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY);
  if (::bind(socket.get(), endpoint.data(), static_cast<socklen_t>(endpoint.size())) != 0) {
    return errno_error();
  }
  if (!shared && ::listen(socket.get(), kBacklog) != 0) return errno_error();
  return socket;
}

result<Endpoint> local_endpoint(int socket) {
  Endpoint endpoint;
  socklen_t size = static_cast<socklen_t>(endpoint.capacity());
  if (::getsockname(socket, endpoint.data(), &size) != 0) return errno_error();
  endpoint.resize(size);
  return endpoint;
}

// What a Unix socket is bound to.
result<std::string> local_path(int socket) {
  sockaddr_un name{};
  socklen_t size = sizeof name;
  if (::getsockname(socket, reinterpret_cast<sockaddr*>(&name), &size) != 0) return errno_error();
  constexpr std::size_t kBefore = offsetof(sockaddr_un, sun_path);
  std::string path(name.sun_path, std::min<std::size_t>(size, sizeof name) - kBefore);
  if (path.starts_with('\0')) {  // abstract: every byte counts
    std::replace(path.begin(), path.end(), '\0', '@');
    return path;
  }
  return path.substr(0, path.find('\0'));
}

// A file of a socket stays when its server dies; nobody listens there any more.
bool is_stale(const sockaddr_un& name) {
  struct stat status {};
  if (::lstat(name.sun_path, &status) != 0 || !S_ISSOCK(status.st_mode)) return false;
  const UniqueFd probe(::socket(AF_UNIX, kKind, 0));
  const auto* address = reinterpret_cast<const sockaddr*>(&name);
  return probe.valid() && ::connect(probe.get(), address, sizeof name) != 0 &&
         errno == ECONNREFUSED;
}

error_code bind_file(int socket, const sockaddr_un& name) {
  const auto* address = reinterpret_cast<const sockaddr*>(&name);
  if (::bind(socket, address, sizeof name) == 0) return {};
  const error_code failed = errno_error();
  if (failed.value() != EADDRINUSE || !is_stale(name)) return failed;
  if (::unlink(name.sun_path) != 0 && errno != ENOENT) return errno_error();
  return ::bind(socket, address, sizeof name) == 0 ? error_code() : errno_error();
}

}  // namespace

SocketFile::SocketFile(std::string path) : path_(std::move(path)) {
  struct stat status {};
  if (::lstat(path_.c_str(), &status) != 0) path_.clear();
  device_ = status.st_dev;
  inode_ = status.st_ino;
}

SocketFile::~SocketFile() {
  if (is_still_ours()) ::unlink(path_.c_str());
}

void SocketFile::swap(SocketFile& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(device_, other.device_);
  std::swap(inode_, other.inode_);
}

bool SocketFile::is_still_ours() const noexcept {
  struct stat status {};
  return !path_.empty() && ::lstat(path_.c_str(), &status) == 0 && status.st_dev == device_ &&
         status.st_ino == inode_;
}

result<Listening> listen_on(const Endpoint& endpoint, bool shared) {
  Endpoint wanted = endpoint;
  if (!shared) {
    // SO_REUSEPORT would let a second server of the same user take half of the connections: ask
    // without it.
    const auto alone = bound_socket(endpoint, false);
    if (!alone) return alone.error();
    const auto given = local_endpoint(alone->get());
    if (!given) return given.error();
    wanted = *given;
  }
  auto socket = bound_socket(wanted, true);
  if (!socket) return socket.error();
  if (::listen(socket->get(), kBacklog) != 0) return errno_error();
  Listening listening;
  listening.socket = std::move(*socket);
  listening.endpoint = wanted;
  return listening;
}

result<Listening> listen_on(const UnixAddress& address) {
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  if (address.path.size() >= sizeof name.sun_path) return errno_error(ENAMETOOLONG);
  address.path.copy(name.sun_path, address.path.size());
  Listening listening;
  listening.socket.reset(::socket(AF_UNIX, kKind, 0));
  listening.path = address.path;
  listening.for_all_workers = true;
  if (!listening.socket.valid()) return errno_error();
  // The file is born with the mode of the socket, less the umask: so nobody can connect meanwhile
  // who must not.
  if (::fchmod(listening.socket.get(), address.mode) != 0) return errno_error();
  if (const error_code failed = bind_file(listening.socket.get(), name)) return failed;
  listening.file = SocketFile(address.path);
  if (::fchmodat(AT_FDCWD, name.sun_path, address.mode, AT_SYMLINK_NOFOLLOW) != 0) {
    return errno_error();
  }
  if (::listen(listening.socket.get(), kBacklog) != 0) return errno_error();
  return listening;
}

result<Listening> listen_on(UniqueFd inherited) {
  const int fd = inherited.get();
  const auto type = get_option(fd, SO_TYPE);
  if (!type) return type.error();
  const auto listens = get_option(fd, SO_ACCEPTCONN);
  if (!listens) return listens.error();
  const auto domain = get_option(fd, SO_DOMAIN);
  if (!domain) return domain.error();
  const bool tcp = *domain == AF_INET || *domain == AF_INET6;
  if (*type != SOCK_STREAM || (!tcp && *domain != AF_UNIX)) return errno_error(EPROTOTYPE);
  if (*listens == 0) return errno_error(EINVAL);
  const int flags = ::fcntl(fd, F_GETFL);
  if (flags < 0 || ::fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0) return errno_error();
  if (::fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) return errno_error();
  Listening listening;
  listening.socket = std::move(inherited);
  listening.for_all_workers = true;
  if (tcp) {
    const auto endpoint = local_endpoint(fd);
    if (!endpoint) return endpoint.error();
    listening.endpoint = *endpoint;
  } else {
    auto path = local_path(fd);
    if (!path) return path.error();
    listening.path = std::move(*path);
  }
  return listening;
}

std::string text_of(const Listening& listening) {
  return listening.is_tcp() ? "http://" + text_of(ListenAddress(listening.endpoint))
                            : "unix:" + listening.path;
}

}  // namespace midstream::net
