// The private parts of Connection that its three files share.
#pragma once

#include <string>

#include "serve/connection.h"
#include "serve/worker.h"

namespace midstream::serve {

class Connection::HttpExchange final : public Exchange {
 public:
  explicit HttpExchange(Connection& connection) noexcept
      : Exchange(connection.worker_, connection.slot_->head, connection.slot_->target,
                 connection.slot_->fields, connection.slot_->scratch, connection.body_),
        connection_(connection) {}

  bool just_arrived() const noexcept override { return connection_.just_arrived_; }
  RequestBody& request_body() override { return connection_; }
  asio::cancellation_slot cancelled() override { return connection_.cancel_.slot(); }

 private:
  Connection& connection_;
};

struct Connection::SavedRequest {
  std::string host;
  std::string method;
  std::string target;
  std::string referer;
  std::string user_agent;
  int version = 11;
};

}  // namespace midstream::serve
