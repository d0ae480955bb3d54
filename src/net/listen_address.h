// Where to listen, as an operator writes it.
#pragma once

#include <string>
#include <string_view>
#include <variant>

#include <boost/asio/ip/tcp.hpp>
#include <boost/system/result.hpp>

#include "net/awaitable.h"

namespace midstream::net {

using Endpoint = asio::ip::tcp::endpoint;

/// The file of a Unix socket.
struct UnixAddress {
  std::string path;      ///< at most 107 bytes (unix(7))
  unsigned mode = 0666;  ///< of the file: who may write to it may connect

  friend bool operator==(const UnixAddress&, const UnixAddress&) = default;
};

/// Sockets that whoever started us opened for us (sd_listen_fds(3)).
struct InheritedAddress {
  std::string name;  ///< FileDescriptorName= of systemd.socket(5); empty: all of them

  friend bool operator==(const InheritedAddress&, const InheritedAddress&) = default;
};

using ListenAddress = std::variant<Endpoint, UnixAddress, InheritedAddress>;

/// "127.0.0.1:8080", "[::1]:80", "unix:/run/midstream.sock", "systemd", "systemd:NAME". Otherwise
/// one line that says what is wrong with it.
[[nodiscard]] boost::system::result<ListenAddress, std::string> parse_listen_address(
    std::string_view text);

/// As parse_listen_address() takes it, without the mode.
[[nodiscard]] std::string text_of(const ListenAddress& address);

}  // namespace midstream::net
