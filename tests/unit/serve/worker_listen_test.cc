// Sockets that several workers share, on threads as in the server.
#include <sys/socket.h>
#include <sys/un.h>

#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "serve/worker.h"
#include "support/answers.h"
#include "support/no_fd_left.h"
#include "support/sockets.h"
#include "support/temp_dir.h"

namespace midstream::serve {
namespace {

// Answers with the name of its worker.
class NamedHandler final : public Handler {
 public:
  explicit NamedHandler(std::string name) : name_(std::move(name)) {}
  [[nodiscard]] bool try_handle(Exchange& exchange) override {
    exchange.respond<TextSource>(200, name_);
    return true;
  }
  [[nodiscard]] net::Awaitable<void> handle(Exchange&) override { co_return; }

 private:
  std::string name_;
};

class WorkerListenTest : public test::NoFdLeft {
 protected:
  static constexpr std::size_t kWorkers = 3;

  WorkerListenTest() {
    for (std::size_t i = 0; i < kWorkers; ++i) {
      workers_.push_back(std::make_unique<Worker>(Limits(), nullptr));
      workers_.back()->set_handler(std::make_unique<NamedHandler>(std::to_string(i)));
    }
  }
  ~WorkerListenTest() override { stop(); }

  void run() {
    for (const auto& worker : workers_)
      threads_.emplace_back([&worker] { worker->run(); });
  }
  void stop() {
    for (const auto& worker : workers_)
      worker->stop();
    for (std::thread& thread : threads_)
      thread.join();
    threads_.clear();
  }

  [[nodiscard]] std::vector<Worker*> all() const {
    std::vector<Worker*> all;
    for (const auto& worker : workers_)
      all.push_back(worker.get());
    return all;
  }

  void listen_on_unix_socket() {
    auto listening = net::listen_on(net::UnixAddress{.path = path()});
    ASSERT_TRUE(listening.has_value());
    ASSERT_FALSE(workers_[1]->listen(std::move(*listening), all()));
  }

  [[nodiscard]] std::string path() const { return (directory_ / "socket").string(); }

  [[nodiscard]] UniqueFd connect() const {
    UniqueFd client(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    path().copy(name.sun_path, sizeof name.sun_path - 1);
    EXPECT_EQ(::connect(client.get(), reinterpret_cast<sockaddr*>(&name), sizeof name), 0);
    return client;
  }

  // The name of the worker that answers.
  static std::string ask(const UniqueFd& client) {
    constexpr std::string_view kRequest = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    EXPECT_EQ(::send(client.get(), kRequest.data(), kRequest.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(kRequest.size()));
    const std::string bytes = test::receive_to_end(client.get()).bytes;
    const auto answers = test::take_answers(bytes);
    EXPECT_EQ(answers.size(), 1U) << bytes;
    return answers.empty() ? "none" : answers[0].body;
  }

  test::TempDir directory_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::vector<std::thread> threads_;
};

// Those that wait before a worker runs and those that come at once afterwards.
TEST_F(WorkerListenTest, ABurstOnOneSocketIsServedByAllWorkersAlike) {
  static constexpr std::size_t kBefore = 200;
  static constexpr std::size_t kClients = 2001;
  ASSERT_NO_FATAL_FAILURE(listen_on_unix_socket());
  std::map<std::string, std::size_t> served;
  std::vector<UniqueFd> before;
  for (std::size_t i = 0; i < kBefore; ++i)
    before.push_back(connect());
  run();
  for (const UniqueFd& client : before)
    ++served[ask(client)];
  before.clear();
  std::vector<std::thread> threads;
  std::vector<std::map<std::string, std::size_t>> by_thread(4);
  for (std::size_t thread = 0; thread < by_thread.size(); ++thread) {
    threads.emplace_back([this, thread, &mine = by_thread[thread]] {
      for (std::size_t i = kBefore + thread; i < kClients; i += 4)
        ++mine[ask(connect())];
    });
  }
  for (std::thread& thread : threads)
    thread.join();
  for (const auto& mine : by_thread) {
    for (const auto& [name, count] : mine)
      served[name] += count;
  }
  EXPECT_EQ(served, (std::map<std::string, std::size_t>{{"0", 667}, {"1", 667}, {"2", 667}}));
}

TEST_F(WorkerListenTest, ASocketOfOneWorkerIsServedByThatOne) {
  auto listening = net::listen_on(net::UnixAddress{.path = path()});
  ASSERT_TRUE(listening.has_value());
  listening->for_all_workers = false;
  ASSERT_FALSE(workers_[2]->listen(std::move(*listening), all()));
  run();
  for (int i = 0; i < 10; ++i)
    EXPECT_EQ(ask(connect()), "2");
}

TEST_F(WorkerListenTest, TheFileOfASocketIsGoneOnceTheWorkersHaveStopped) {
  ASSERT_NO_FATAL_FAILURE(listen_on_unix_socket());
  run();
  EXPECT_NE(ask(connect()), "none");
  stop();
  EXPECT_TRUE(directory_.names().empty());
}

TEST_F(WorkerListenTest, AConnectionForAWorkerThatHasStoppedIsClosedWithIt) {
  run();
  stop();
  test::SocketPair pair = test::unix_pair();
  workers_[0]->take(std::move(pair.near), net::Endpoint());
  workers_.clear();
  EXPECT_EQ(test::receive_to_end(pair.far.get()).bytes, "");
}

}  // namespace
}  // namespace midstream::serve
