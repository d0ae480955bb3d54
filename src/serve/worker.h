// Worker: one thread with everything that its connections share. Nothing here is locked: all of it
// belongs to the worker's thread, but for stop() and take().
//
//   constructed -> listen()* -> run() on its thread -> stop() -> run() returns
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/intrusive/list.hpp>

#include "live/piece_copy.h"
#include "net/deadlines.h"
#include "net/listener.h"
#include "net/poll_set.h"
#include "serve/access_log.h"
#include "serve/connection.h"
#include "serve/exchange.h"
#include "serve/limits.h"
#include "serve/request_slot.h"

namespace midstream::serve {

class Worker {
 public:
  Worker(const Limits& limits, AccessLog* access_log);
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;
  ~Worker();

  /// Before run(), or later on the worker's thread: for the requests that come from then on. The
  /// one before lives as long as an exchange needs it.
  void set_handler(std::shared_ptr<Handler> handler) { handler_ = std::move(handler); }
  /// Called once on the worker's thread, when it has been stopped and its last connection is gone.
  void on_finished(std::function<void()> call) { on_finished_ = std::move(call); }
  /// `all`: where the connections of a socket that is for all workers go in turn, this one among
  /// them. They live on until this one's run() has returned.
  /// `address`: what stop_listening() knows it by. Before run(), or on the worker's thread.
  [[nodiscard]] error_code listen(net::Listening listening, std::vector<Worker*> all = {},
                                  std::string address = {});
  /// Connections that were accepted go on. On the worker's thread.
  void stop_listening(const std::string& address);
  /// For what begins from now on; a wait that is going on keeps its time. On the worker's thread.
  void set_limits(const Limits& limits);
  /// Before run(), or on the worker's thread. `log` outlives the worker; nullptr: none.
  void set_access_log(AccessLog* log) noexcept { access_log_ = log; }
  /// From any thread: serves a connection that another worker has accepted.
  void take(UniqueFd socket, const net::Endpoint& peer);

  /// Serves until it is stopped and every connection has ended.
  void run();
  /// From any thread: no new connections, idle ones end, the others after their exchange; what
  /// still runs after the grace period is cut off.
  void stop();

  // For connections and handlers, on the worker's thread.
  [[nodiscard]] asio::io_context& context() noexcept { return context_; }
  [[nodiscard]] net::PollSet& poll_set() noexcept { return poll_set_; }
  [[nodiscard]] const Limits& limits() const noexcept { return limits_; }
  [[nodiscard]] const std::shared_ptr<Handler>& handler() const noexcept { return handler_; }
  [[nodiscard]] AccessLog* access_log() noexcept { return access_log_; }
  [[nodiscard]] PieceCopy& piece_copy() noexcept { return piece_copy_; }
  [[nodiscard]] bool stopping() const noexcept { return stopping_; }

  struct Timeouts {
    net::Deadlines header, idle, body, stall, linger;
    Timeouts(asio::io_context& context, const Limits& limits);
    void set_limits(const Limits& limits);
    void stop();
  };
  [[nodiscard]] Timeouts& timeouts() noexcept { return timeouts_; }

  /// "Server: ...\r\nDate: ...\r\n", renewed every second.
  [[nodiscard]] std::string_view server_and_date();
  /// The same with the status line of a 200 in front.
  [[nodiscard]] std::string_view ok_and_date();

  [[nodiscard]] std::unique_ptr<RequestSlot> take_slot();
  void give_back(std::unique_ptr<RequestSlot> slot);
  [[nodiscard]] std::string take_text();
  void give_back(std::string text);

  void joined(Connection& connection) { connections_.push_back(connection); }
  void left();  // a connection is gone, and its descriptor closed

 private:
  static constexpr std::size_t kSparesMax = 64;

  void on_accept(UniqueFd socket, const net::Endpoint& peer);
  void begin_stop();
  void abort_connections();
  void finish_if_done();

  Limits limits_;
  AccessLog* access_log_;
  asio::io_context context_{1};
  net::PollSet poll_set_{context_};
  Timeouts timeouts_;
  asio::steady_timer grace_timer_{context_};
  std::shared_ptr<Handler> handler_;
  std::function<void()> on_finished_;
  struct NamedListener {
    std::string address;
    std::unique_ptr<net::Listener> listener;
  };
  std::vector<NamedListener> listeners_;
  boost::intrusive::list<Connection, boost::intrusive::base_hook<ConnectionHook>,
                         boost::intrusive::constant_time_size<false>>
      connections_;
  std::vector<std::unique_ptr<RequestSlot>> spare_slots_;
  std::vector<std::string> spare_texts_;
  PieceCopy piece_copy_;
  std::string ok_and_date_;
  std::int64_t date_second_ = -1;
  bool stopping_ = false;
  bool aborting_ = false;
  bool finished_ = false;
};

}  // namespace midstream::serve
