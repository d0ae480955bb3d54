#include "app/listeners.h"

#include <utility>
#include <variant>

#include "net/listen_address.h"

namespace midstream::app {
namespace {

using Opened = boost::system::result<OpenedListeners, std::string>;

std::string complaint(const std::string& address, const std::string& why) {
  return "cannot listen on " + address + ": " + why;
}

// Every worker has a socket of its own (SO_REUSEPORT).
Opened open_tcp(OpenedListeners opened, net::Endpoint endpoint) {
  bool shared = false;
  for (auto& own : opened.by_worker) {
    auto listening = net::listen_on(endpoint, shared);
    if (!listening) return complaint(opened.options.address, listening.error().message());
    endpoint = listening->endpoint;  // with the port that was picked
    if (!shared) opened.names.push_back(net::text_of(*listening));
    own.push_back(std::move(*listening));
    shared = true;
  }
  return opened;
}

Opened open_unix(OpenedListeners opened, net::UnixAddress address) {
  address.mode = opened.options.mode;
  auto listening = net::listen_on(address);
  if (!listening) return complaint(opened.options.address, listening.error().message());
  opened.names.push_back(net::text_of(*listening));
  opened.by_worker.front().push_back(std::move(*listening));
  return opened;
}

Opened open_inherited(OpenedListeners opened, const net::InheritedAddress& address,
                      const InheritedSockets& inherited) {
  auto sockets = inherited.of_name(address.name);
  if (!sockets) return complaint(opened.options.address, sockets.error().message());
  if (sockets->empty()) {
    return complaint(opened.options.address, "no such socket was passed to this process");
  }
  for (net::Listening& listening : *sockets) {
    opened.names.push_back(net::text_of(listening));
    opened.by_worker.front().push_back(std::move(listening));
  }
  return opened;
}

}  // namespace

Opened open_listeners(const ListenOptions& options, std::size_t workers,
                      const InheritedSockets& inherited) {
  const auto address = net::parse_listen_address(options.address);
  if (!address) return complaint(options.address, address.error());
  OpenedListeners opened{.options = options, .by_worker = {}, .names = {}};
  opened.by_worker.resize(workers);
  if (const auto* endpoint = std::get_if<net::Endpoint>(&*address)) {
    return open_tcp(std::move(opened), *endpoint);
  }
  if (const auto* file = std::get_if<net::UnixAddress>(&*address)) {
    return open_unix(std::move(opened), *file);
  }
  return open_inherited(std::move(opened), std::get<net::InheritedAddress>(*address), inherited);
}

}  // namespace midstream::app
