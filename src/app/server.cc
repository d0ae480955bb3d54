// Puts the rooms together: root, workers, follower, signals.
#include "app/server.h"

#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <memory>
#include <sstream>
#include <thread>
#include <utility>
#include <vector>

#include <boost/asio/signal_set.hpp>
#include <boost/system/errc.hpp>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include "serve/worker.h"

namespace midstream::app {
namespace {

int complain(int exit_code, const std::string& what) {
  std::fprintf(stderr, "midstream: %s\n", what.c_str());
  return exit_code;
}

void set_up_log(const std::string& level) {
  auto logger = spdlog::stderr_logger_mt("midstream");
  logger->set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %l %v", spdlog::pattern_time_type::utc);
  logger->set_level(spdlog::level::from_str(level == "warn" ? "warning" : level));
  spdlog::set_default_logger(std::move(logger));
}

// Every connection and every open file is a descriptor: take what the system gives (getrlimit(2)).
void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  (void)::setrlimit(RLIMIT_NOFILE, &limit);
}

// Files that are kept open only in case they are asked for again: at most a quarter of the
// descriptors that there are.
site::FileOptions file_options(const Options& options) {
  site::FileOptions files = options.files;
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    files.open_files_max =
        std::min<std::size_t>(files.open_files_max, limit.rlim_cur / 4 / options.threads);
  }
  return files;
}

// The system's media types. There .ts is a translation of Qt Linguist; whoever serves one that
// grows means MPEG. The first entry of an extension counts.
std::string mime_types_text() {
  std::ifstream in("/etc/mime.types", std::ios::binary);
  return "video/mp2t ts\n" + std::string(std::istreambuf_iterator<char>(in), {});
}

std::string text_of(const net::Endpoint& endpoint) {
  std::ostringstream out;
  out << endpoint;
  return std::move(out).str();
}

// A signal goes to any thread that does not block it, also to one that is about to wait for a lock
// or for another thread: only the one that waits for signals takes them (pthreads(7)).
class SignalsBlocked {
 public:
  SignalsBlocked() noexcept { (void)::pthread_sigmask(SIG_BLOCK, &ours(), &before_); }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;
  ~SignalsBlocked() { (void)::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

  static void unblock() noexcept { (void)::pthread_sigmask(SIG_UNBLOCK, &ours(), nullptr); }

 private:
  static const sigset_t& ours() noexcept {
    static const sigset_t set = [] {
      sigset_t signals;
      sigemptyset(&signals);
      sigaddset(&signals, SIGTERM);
      sigaddset(&signals, SIGINT);
      return signals;
    }();
    return set;
  }

  sigset_t before_{};
};

class Server {
 public:
  Server(const Options& options, site::Root root, std::unique_ptr<serve::AccessLog> access_log)
      : options_(options),
        root_(std::move(root)),
        access_log_(std::move(access_log)),
        types_(mime_types_text()),
        workers_serving_(options.threads) {
    for (unsigned i = 0; i < options.threads; ++i) {
      workers_.push_back(std::make_unique<serve::Worker>(options.limits, access_log_.get()));
    }
    FollowerOptions follower_options;
    follower_options.on_notice = [](std::string_view text) { spdlog::warn("{}", text); };
    follower_.emplace(workers_.front()->context().get_executor(), std::move(follower_options));
    const site::FileOptions files = file_options(options);
    for (const auto& worker : workers_) {
      worker->on_finished([this] { one_worker_finished(); });
      worker->set_handler(
          std::make_unique<site::FileHandler>(*worker, root_, types_, *follower_, files));
    }
  }

  // Every worker listens on every address. Gives the exit code; says so only if all is well (0).
  int listen() {
    std::string ready;
    for (const net::Endpoint& wanted : options_.listen) {
      net::Endpoint endpoint = wanted;
      bool shared = false;
      for (const auto& worker : workers_) {
        auto listening = net::listen_on(endpoint, shared);
        if (!listening) {
          return complain(
              1, "cannot listen on " + text_of(wanted) + ": " + listening.error().message());
        }
        endpoint = listening->endpoint;
        shared = true;
        if (const error_code failed = worker->listen(std::move(*listening))) {
          return complain(1, "cannot listen on " + text_of(wanted) + ": " + failed.message());
        }
      }
      ready.append("midstream: listening on http://").append(text_of(endpoint)).append("\n");
    }
    std::fputs(ready.c_str(), stdout);
    std::fflush(stdout);
    return 0;
  }

  void run() {
    signals_.async_wait([&](const error_code& cancelled, int) {
      if (cancelled) return;
      for (const auto& worker : workers_)
        worker->stop();
      signals_.async_wait([&](const error_code& done, int number) {
        if (!done) std::_Exit(128 + number);  // the second one ends at once
      });
    });
    std::thread signal_thread([&] {
      SignalsBlocked::unblock();
      signals_context_.run();
    });
    std::vector<std::thread> threads;
    for (const auto& worker : workers_)
      threads.emplace_back([&worker] { worker->run(); });
    for (auto& thread : threads)
      thread.join();
    access_log_.reset();  // may wait for whoever reads it: a second signal still ends at once
    signals_context_.stop();
    signal_thread.join();
  }

 private:
  // The follower waits on the first worker for as long as any worker may have readers.
  void one_worker_finished() {
    if (--workers_serving_ == 0) follower_.reset();
  }

  const Options& options_;
  asio::io_context signals_context_{1};
  asio::signal_set signals_{signals_context_, SIGTERM, SIGINT};  // before anybody is told we listen
  site::Root root_;
  std::unique_ptr<serve::AccessLog> access_log_;
  http::MediaTypes types_;
  std::vector<std::unique_ptr<serve::Worker>> workers_;
  std::optional<Follower> follower_;
  std::atomic<std::size_t> workers_serving_;
};

}  // namespace

int run_server(const Options& options) {
  const SignalsBlocked inherited_by_all_threads;
  set_up_log(options.log_level);
  std::signal(SIGPIPE, SIG_IGN);
  raise_descriptor_limit();
  auto root = site::Root::open(options.directory);
  if (!root) {
    const bool old_kernel = root.error() == boost::system::errc::function_not_supported;
    return complain(2, "cannot serve " + options.directory + ": " + root.error().message() +
                           (old_kernel ? " (openat2(2), Linux 5.6)" : ""));
  }
  std::unique_ptr<serve::AccessLog> access_log;
  if (options.access_log != "off") {
    auto opened = serve::AccessLog::open(options.access_log, options.access_log_format);
    if (!opened)
      return complain(1, "cannot open " + options.access_log + ": " + opened.error().message());
    access_log = std::move(*opened);
  }
  Server server(options, std::move(*root), std::move(access_log));
  if (const int failed = server.listen()) return failed;
  server.run();
  return 0;
}

}  // namespace midstream::app
