// Router: the handler of a worker. Finds site and route of a request, lets the route's handler
// answer, then applies the route's rules to the answer. One for each worker and configuration: a
// reload puts another in its place, and this one goes with its last exchange.
#pragma once

#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include <midstream/follower.h>

#include "net/disk_pool.h"
#include "serve/exchange.h"
#include "serve/worker.h"
#include "site/file_handler.h"
#include "site/sites.h"
#include "site/watches.h"

namespace midstream::site {

class Router final : public serve::Handler {
 public:
  /// `worker`, `pool` and `follower` outlive it.
  Router(serve::Worker& worker, std::shared_ptr<const Sites> sites, net::DiskPool& pool,
         Follower& follower);

  [[nodiscard]] bool try_handle(serve::Exchange& exchange) override;
  [[nodiscard]] net::Awaitable<void> handle(serve::Exchange& exchange) override;
  void stop() override;

 private:
  struct Routed {
    const Route* route = nullptr;  // nullptr: it is answered
    FileHandler::Place place;
  };

  [[nodiscard]] static std::string_view authority_of(const serve::Exchange& exchange);
  [[nodiscard]] Routed find_route(serve::Exchange& exchange) const;
  [[nodiscard]] FileHandler* files_of(const Route& route) const;
  static void answer_without_files(serve::Exchange& exchange, const Routed& routed);
  static void finish(serve::Exchange& exchange, const Route& route);

  std::shared_ptr<const Sites> sites_;
  std::optional<Watches> watches_;
  std::vector<std::unique_ptr<FileHandler>> files_;  // by Files::index
};

}  // namespace midstream::site
