// Opens what a configuration listens on, for a number of workers.
#pragma once

#include <string>
#include <vector>

#include <boost/system/result.hpp>

#include "app/config.h"
#include "app/inherited_sockets.h"
#include "net/listening.h"

namespace midstream::app {

struct OpenedListeners {
  ListenOptions options;
  /// For each worker what it listens on; a socket that is for all workers is with the first one.
  std::vector<std::vector<net::Listening>> by_worker;
  std::vector<std::string> names;  ///< "http://127.0.0.1:8080": what can be asked now
};

/// All sockets of one address. Otherwise "cannot listen on ADDRESS: why".
[[nodiscard]] boost::system::result<OpenedListeners, std::string> open_listeners(
    const ListenOptions& options, std::size_t workers, const InheritedSockets& inherited);

}  // namespace midstream::app
