#include "net/listen_address.h"

#include <sys/un.h>

#include <charconv>
#include <optional>
#include <sstream>

namespace midstream::net {
namespace {

constexpr std::string_view kUnix = "unix:";
constexpr std::string_view kInherited = "systemd";
constexpr std::size_t kPathBytesMax = sizeof(sockaddr_un::sun_path) - 1;

using Parsed = boost::system::result<ListenAddress, std::string>;

std::string wrong(std::string_view text, std::string_view what) {
  return std::string(what).append(": ").append(text);
}

Parsed parse_unix(std::string_view text, std::string_view path) {
  if (path.empty()) return wrong(text, "the path of the Unix socket is missing");
  if (path.find('\0') != std::string_view::npos) return wrong(text, "a path has no NUL");
  if (path.size() > kPathBytesMax) {
    return wrong(text, "the path of a Unix socket has at most " + std::to_string(kPathBytesMax) +
                           " bytes, not " + std::to_string(path.size()));
  }
  return UnixAddress{.path = std::string(path)};
}

std::optional<unsigned short> parse_port(std::string_view text) {
  unsigned short port = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (failed != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return port;
}

Parsed parse_endpoint(std::string_view text) {
  constexpr std::string_view kExpected = "not an address and port such as 127.0.0.1:8080";
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return wrong(text, kExpected);
  std::string_view host = text.substr(0, colon);
  if (host.empty()) return wrong(text, "the address is missing, such as 0.0.0.0 or [::]");
  const bool brackets = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (brackets) host = host.substr(1, host.size() - 2);
  boost::system::error_code bad;
  const auto address = asio::ip::make_address(std::string(host), bad);
  if (bad) return wrong(text, kExpected);
  if (address.is_v6() != brackets) {
    return wrong(text, brackets ? "only an IPv6 address stands in brackets"
                                : "an IPv6 address stands in brackets, such as [::1]:8080");
  }
  const auto port = parse_port(text.substr(colon + 1));
  if (!port) return wrong(text, "the port is not a number from 0 to 65535");
  return Endpoint(address, *port);
}

struct TextOf {
  std::string operator()(const Endpoint& endpoint) const {
    std::ostringstream out;
    out << endpoint;
    return std::move(out).str();
  }
  std::string operator()(const UnixAddress& address) const {
    return std::string(kUnix) + address.path;
  }
  std::string operator()(const InheritedAddress& address) const {
    const std::string all(kInherited);
    return address.name.empty() ? all : all + ":" + address.name;
  }
};

}  // namespace

Parsed parse_listen_address(std::string_view text) {
  if (text.starts_with(kUnix)) return parse_unix(text, text.substr(kUnix.size()));
  if (text == kInherited) return InheritedAddress{};
  if (text.starts_with(kInherited) && text[kInherited.size()] == ':') {
    const std::string_view name = text.substr(kInherited.size() + 1);
    if (name.empty()) return wrong(text, "the name of the socket is missing");
    return InheritedAddress{std::string(name)};
  }
  return parse_endpoint(text);
}

std::string text_of(const ListenAddress& address) { return std::visit(TextOf{}, address); }

}  // namespace midstream::net
