#include "app/inherited_sockets.h"

#include <fcntl.h>
#include <unistd.h>

#include <charconv>
#include <cstdlib>
#include <optional>
#include <utility>

#include "base/errno_error.h"

namespace midstream::app {
namespace {

// The value of a variable of the environment, which is gone afterwards.
std::optional<std::string> take_variable(const char* name) {
  const char* const value = std::getenv(name);
  if (value == nullptr) return std::nullopt;
  std::string text = value;
  (void)::unsetenv(name);
  return text;
}

std::optional<int> as_number(std::string_view text) {
  int number = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failed != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

// "a:b:c", one for each descriptor.
std::string_view take_name(std::string_view& names) {
  const std::size_t colon = names.find(':');
  const std::string_view name = names.substr(0, colon);
  names.remove_prefix(colon == std::string_view::npos ? names.size() : colon + 1);
  return name;
}

result<UniqueFd> duplicate(int fd) {
  UniqueFd copy(::fcntl(fd, F_DUPFD_CLOEXEC, 0));
  if (!copy.valid()) return errno_error();
  return copy;
}

// Null: it is what we can listen on.
std::optional<std::string> what_is_wrong(int fd) {
  auto copy = duplicate(fd);
  if (!copy) return copy.error().message();
  const auto listening = net::listen_on(std::move(*copy));
  if (listening) return std::nullopt;
  switch (listening.error().value()) {
    case ENOTSOCK: return "not a socket";
    case EPROTOTYPE: return "neither a TCP nor a Unix stream socket";
    case EINVAL: return "a socket that does not listen (Accept=yes?)";
    default: return listening.error().message();
  }
}

}  // namespace

boost::system::result<InheritedSockets, std::string> InheritedSockets::take(int first) {
  const auto pid = take_variable("LISTEN_PID");
  const auto count = take_variable("LISTEN_FDS");
  const std::string all_names = take_variable("LISTEN_FDNAMES").value_or("");
  InheritedSockets taken;
  if (!pid || !count || as_number(*pid) != static_cast<int>(::getpid())) return taken;
  const auto number = as_number(*count);
  if (!number || *number < 0) return "LISTEN_FDS is not a number: " + *count;
  std::string_view names = all_names;
  for (int fd = first; fd < first + *number; ++fd) {
    const std::string name(take_name(names));
    if (auto wrong = what_is_wrong(fd)) {
      const std::string what = "inherited descriptor " + std::to_string(fd);
      return what + (name.empty() ? "" : " (" + name + ")") + ": " + *wrong;
    }
    (void)::fcntl(fd, F_SETFD, FD_CLOEXEC);
    taken.sockets_.push_back({UniqueFd(fd), name});
  }
  return taken;
}

result<std::vector<net::Listening>> InheritedSockets::of_name(std::string_view name) const {
  std::vector<net::Listening> found;
  for (const Named& candidate : sockets_) {
    if (!name.empty() && candidate.name != name) continue;
    auto copy = duplicate(candidate.socket.get());
    if (!copy) return copy.error();
    auto listening = net::listen_on(std::move(*copy));
    if (!listening) return listening.error();
    found.push_back(std::move(*listening));
  }
  return found;
}

}  // namespace midstream::app
