// ServeTest: a worker that the test runs itself, on its own thread, handler by handler; connections
// over socket pairs; a scripted handler. Nothing happens but inside settle() and run_until().
#pragma once

#include <cerrno>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <gtest/gtest.h>

#include "serve/scripted.h"
#include "serve/worker.h"
#include "support/answers.h"
#include "support/io.h"
#include "support/no_fd_left.h"
#include "support/sockets.h"

namespace midstream::serve {

/// The client's end of a connection.
class Client {
 public:
  explicit Client(UniqueFd socket, int server_fd)
      : socket_(std::move(socket)), server_fd_(server_fd) {}

  /// What the socket takes at once; gives its size.
  std::size_t send_some(std::string_view bytes) {
    const ssize_t sent =
        ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    return sent > 0 ? static_cast<std::size_t>(sent) : 0;
  }
  void send(std::string_view bytes) { EXPECT_EQ(send_some(bytes), bytes.size()); }
  void finish_sending() { EXPECT_EQ(::shutdown(socket_.get(), SHUT_WR), 0); }
  void leave() { socket_.reset(); }
  void reset() { test::reset(socket_); }

  /// Everything that has come so far, and nothing that comes later.
  const std::string& received() {
    std::string buffer(64 * 1024, '\0');
    while (!ended_) {
      const ssize_t got = ::recv(socket_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
      if (got < 0 && errno == EAGAIN) break;
      if (got > 0) received_.append(buffer, 0, static_cast<std::size_t>(got));
      if (got <= 0) ended_ = got == 0 ? 0 : errno;
    }
    return received_;
  }
  /// Reads to the end of the connection, with a bound. For TCP, where bytes take their time.
  const std::string& received_to_end() {
    const test::Received rest = test::receive_to_end(socket_.get());
    received_ += rest.bytes;
    ended_ = rest.error;
    return received_;
  }

  /// The server has closed its side (0), or reset the connection (errno); as far as received() saw.
  [[nodiscard]] std::optional<int> ended() const { return ended_; }
  [[nodiscard]] std::vector<test::Answer> answers() { return test::take_answers(received()); }
  /// The only answer so far.
  [[nodiscard]] test::Answer answer(bool to_head = false) {
    auto all = test::take_answers(received(), to_head);
    EXPECT_EQ(all.size(), 1U) << received_;
    return all.empty() ? test::Answer() : std::move(all.front());
  }

  [[nodiscard]] int fd() const { return socket_.get(); }
  /// The number of the server's descriptor, for ShortSends.
  [[nodiscard]] int server_fd() const { return server_fd_; }

 private:
  UniqueFd socket_;
  int server_fd_;
  std::string received_;
  std::optional<int> ended_;
};

class ServeTest : public test::NoFdLeft {
 protected:
  ~ServeTest() override {
    if (!worker_) return;
    stop_and_finish();
    worker_.reset();
  }

  /// Made at its first use: change `limits_` before.
  [[nodiscard]] Worker& worker() {
    if (!worker_) {
      worker_.emplace(limits_, access_log_);
      worker_->set_handler(std::make_unique<ScriptedHandler>(handler_));
      worker_->on_finished([this] { finished_ = true; });
    }
    return *worker_;
  }

  /// For the server, a client over TCP; but what one end sends is at the other at once.
  [[nodiscard]] Client connect() { return start(test::unix_pair(), kSomeClient); }
  [[nodiscard]] Client connect_unix() { return start(test::unix_pair(), net::Endpoint()); }
  [[nodiscard]] Client connect_tcp(test::TcpBuffers buffers = {}) {
    test::SocketPair pair = test::tcp_pair(buffers);
    test::set_nonblocking(pair.near.get());
    return start(std::move(pair), kSomeClient);
  }

  /// Runs what can run now, until nothing is left to do. Over a Unix socket what one end has sent
  /// has arrived at the other.
  void settle() {
    while (test::run_ready(worker().context()) > 0) {
    }
  }
  template <class Happened>
  void run_until(Happened&& happened) {
    EXPECT_TRUE(test::run_until(worker().context(), std::forward<Happened>(happened)));
  }
  /// One request and what comes back at once.
  [[nodiscard]] test::Answer ask(std::string_view request) {
    Client client = connect();
    client.send(request);
    settle();
    return client.answer(request.starts_with("HEAD"));
  }
  void stop_and_finish() {
    if (!finished_) worker().stop();
    run_until([this] { return finished_; });
    settle();
  }

  /// The handler answers 200 with what this script gives.
  std::shared_ptr<SourceScript> answer_with(std::optional<std::uint64_t> size = std::nullopt) {
    auto script = std::make_shared<SourceScript>(size);
    handler_.answer = [script](Exchange& exchange) {
      exchange.respond<ScriptedSource>(200, script);
    };
    return script;
  }

  Limits limits_;
  AccessLog* access_log_ = nullptr;
  HandlerScript handler_;
  bool finished_ = false;

 private:
  static inline const net::Endpoint kSomeClient{asio::ip::address_v4::loopback(), 1};

  Client start(test::SocketPair pair, const net::Endpoint& peer) {
    const int server_fd = pair.near.get();
    Connection::start(worker(), std::move(pair.near), peer);
    settle();
    return Client(std::move(pair.far), server_fd);
  }

  std::optional<Worker> worker_;
};

inline constexpr std::string_view kGet = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

/// "GET /target HTTP/1.1" with a Host field.
inline std::string get(std::string_view target) {
  return "GET " + std::string(target) + " HTTP/1.1\r\nHost: a\r\n\r\n";
}

}  // namespace midstream::serve
