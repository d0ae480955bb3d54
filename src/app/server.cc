// Puts the rooms together: sites, workers, follower, listeners, signals; and changes them at a
// reload.
//
// Threads: main waits for the others. Each worker has one, the signals have one, the disk pool and
// the access log have theirs. What a reload changes, it changes on the signals' thread (opening)
// and then on each worker's own (using).
#include "app/server.h"

#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <boost/asio/post.hpp>
#include <boost/system/errc.hpp>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include "app/inherited_sockets.h"
#include "app/listeners.h"
#include "app/privileges.h"
#include "app/signals.h"
#include "net/disk_pool.h"
#include "serve/worker.h"
#include "site/router.h"
#include "site/sites.h"

namespace midstream::app {
namespace {

// Jobs that wait for a disk cost a thread and no CPU: enough that one slow disk leaves some.
constexpr unsigned kDiskThreads = 16;

/// Why it cannot start, or be reloaded.
struct Refusal {
  int exit_code = 1;
  std::string what;
};
template <class T>
using Made = boost::system::result<T, Refusal>;

int complain(const Refusal& refusal) {
  std::fprintf(stderr, "midstream: %s\n", refusal.what.c_str());
  return refusal.exit_code;
}

void set_log_level(const std::string& level) {
  spdlog::default_logger()->set_level(spdlog::level::from_str(level == "warn" ? "warning" : level));
}

void set_up_log(const std::string& level) {
  auto logger = spdlog::stderr_logger_mt("midstream");
  logger->set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %l %v", spdlog::pattern_time_type::utc);
  spdlog::set_default_logger(std::move(logger));
  set_log_level(level);
}

// Every connection and every open file is a descriptor: take what the system gives (getrlimit(2)).
std::size_t raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1024;
  limit.rlim_cur = limit.rlim_max;
  (void)::setrlimit(RLIMIT_NOFILE, &limit);
  return limit.rlim_cur;
}

// Files that are kept open only in case they are asked for again: at most a quarter of the
// descriptors that there are.
void limit_open_files(std::vector<site::SiteOptions>& sites, std::size_t descriptors) {
  std::vector<site::FileOptions*> all;
  for (site::SiteOptions& site : sites) {
    for (site::RouteOptions& route : site.routes) {
      if (auto* files = std::get_if<site::FileOptions>(&route.handler)) all.push_back(files);
    }
  }
  for (site::FileOptions* files : all)
    files->open_files_max = std::min(files->open_files_max, descriptors / 4 / all.size());
}

// The first entry of an extension counts. In the system's list .ts is a translation of Qt Linguist;
// whoever serves one that grows means MPEG.
std::shared_ptr<const http::MediaTypes> media_types(const Config& config) {
  std::string text;
  for (const auto& [extension, type] : config.media_types)
    text.append(type).append(" ").append(extension).append("\n");
  text.append("video/mp2t ts\n");
  std::ifstream in("/etc/mime.types", std::ios::binary);
  text.append(std::istreambuf_iterator<char>(in), {});
  return std::make_shared<const http::MediaTypes>(text);
}

Made<std::shared_ptr<const site::Sites>> make_sites(const Config& config, std::size_t descriptors) {
  std::vector<site::SiteOptions> options = config.sites;
  limit_open_files(options, descriptors);
  auto sites = site::Sites::build(options, media_types(config));
  if (sites) return std::move(*sites);
  const site::Sites::Failure& failure = sites.error();
  const bool old_kernel = failure.why == boost::system::errc::function_not_supported;
  return Refusal{2, failure.what + ": " + failure.why.message() +
                        (old_kernel ? " (openat2(2), Linux 5.6)" : "")};
}

Made<std::shared_ptr<serve::AccessLog>> open_access_log(const AccessLogOptions& options) {
  if (options.file == "off") return std::shared_ptr<serve::AccessLog>();
  auto opened = serve::AccessLog::open(options.file, options.format);
  if (opened) return std::shared_ptr<serve::AccessLog>(std::move(*opened));
  return Refusal{1, "cannot open " + options.file + ": " + opened.error().message()};
}

class Server {
 public:
  Server(Config config, const ReadConfig& read_again)
      : config_(std::move(config)), read_again_(read_again) {
    if (config_.threads == 0) config_.threads = std::max(1U, std::thread::hardware_concurrency());
    if (config_.listen.empty()) config_.listen.emplace_back();
  }

  /// Everything that can fail. Says where it listens only if all is well.
  [[nodiscard]] Made<void> start(InheritedSockets inherited) {
    inherited_ = std::move(inherited);
    descriptors_ = raise_descriptor_limit() / config_.threads;
    auto sites = make_sites(config_, descriptors_);
    if (!sites) return sites.error();
    auto log = open_access_log(config_.access_log);
    if (!log) return log.error();
    auto listeners = open_all(config_.listen);
    if (!listeners) return listeners.error();
    if (!config_.user.empty()) {
      const auto changed = change_user(config_.user, config_.group);
      if (!changed) return Refusal{1, changed.error()};
    }
    make_workers(*log);
    std::string ready;
    for (OpenedListeners& one : *listeners) {
      for (const std::string& name : one.names)
        ready.append("midstream: listening on ").append(name).append("\n");
      if (const error_code failed = hand_out(one)) {
        return Refusal{1, "cannot listen on " + one.options.address + ": " + failed.message()};
      }
    }
    for (const auto& worker : workers_)
      worker->set_handler(std::make_shared<site::Router>(*worker, *sites, pool_, *follower_));
    std::fputs(ready.c_str(), stdout);
    std::fflush(stdout);
    return {};
  }

  void run() {
    std::thread signal_thread([this] {
      signals_.run({.stop = [this] { stop(); },
                    .reload = [this] { reload(); },
                    .reopen_logs = [this] { reopen_logs(); }});
    });
    std::vector<std::thread> threads;
    for (const auto& worker : workers_)
      threads.emplace_back([&worker] { worker->run(); });
    for (auto& thread : threads)
      thread.join();
    // May wait for whoever reads them: a second signal still ends at once.
    const std::lock_guard lock(logs_mutex_);
    logs_.clear();
    signals_.finish();
    signal_thread.join();
  }

 private:
  void make_workers(const std::shared_ptr<serve::AccessLog>& log) {
    if (log) logs_.push_back(log);
    workers_serving_ = config_.threads;
    for (unsigned i = 0; i < config_.threads; ++i) {
      workers_.push_back(std::make_unique<serve::Worker>(config_.limits, log.get()));
      workers_.back()->on_finished([this] { one_worker_finished(); });
    }
    FollowerOptions options;
    options.on_notice = [](std::string_view text) { spdlog::warn("{}", text); };
    follower_.emplace(workers_.front()->context().get_executor(), std::move(options));
  }

  [[nodiscard]] Made<std::vector<OpenedListeners>> open_all(
      const std::vector<ListenOptions>& wanted) const {
    std::vector<OpenedListeners> all;
    for (const ListenOptions& options : wanted) {
      auto opened = open_listeners(options, config_.threads, inherited_);
      if (!opened) return Refusal{1, opened.error()};
      all.push_back(std::move(*opened));
    }
    return all;
  }

  // On the workers' threads, or before they run.
  [[nodiscard]] error_code hand_out(OpenedListeners& opened) {
    for (std::size_t i = 0; i < workers_.size(); ++i) {
      if (const error_code failed = hand_out(opened, i)) return failed;
    }
    return {};
  }
  [[nodiscard]] error_code hand_out(OpenedListeners& opened, std::size_t worker) {
    std::vector<serve::Worker*> all;
    for (const auto& one : workers_)
      all.push_back(one.get());
    for (net::Listening& listening : opened.by_worker[worker]) {
      const error_code failed =
          workers_[worker]->listen(std::move(listening), all, opened.options.address);
      if (failed) return failed;
    }
    return {};
  }

  void stop() {
    for (const auto& worker : workers_)
      worker->stop();
  }

  // The follower waits on the first worker for as long as any worker may have readers.
  void one_worker_finished() {
    if (--workers_serving_ == 0) follower_.reset();
  }

  void reopen_logs() {
    const std::lock_guard lock(logs_mutex_);
    if (!logs_.empty()) logs_.back()->reopen();
  }

  // What cannot be had leaves everything as it was.
  void reload() {
    if (!read_again_) {
      return spdlog::warn("there is no configuration file to read again");
    }
    auto next = read_again_();
    if (!next) return spdlog::error("the configuration was not changed");
    const Made<void> done = change_to(std::move(*next));
    if (!done) return spdlog::error("the configuration was not changed: {}", done.error().what);
    spdlog::info("the configuration was read again");
  }

  [[nodiscard]] Made<void> change_to(Config next) {
    if (next.listen.empty()) next.listen.emplace_back();
    const auto is_in = [](const std::vector<ListenOptions>& list, const ListenOptions& one) {
      return std::any_of(list.begin(), list.end(),
                         [&](const ListenOptions& other) { return other.address == one.address; });
    };
    std::vector<ListenOptions> added;
    std::vector<std::string> removed;
    for (const ListenOptions& one : next.listen) {
      if (!is_in(config_.listen, one)) added.push_back(one);
    }
    for (const ListenOptions& one : config_.listen) {
      if (!is_in(next.listen, one)) removed.push_back(one.address);
    }
    for (ListenOptions& one : next.listen) {
      for (const ListenOptions& present : config_.listen) {
        if (present.address == one.address) keep(one.mode, present.mode, "the mode of a socket");
      }
    }
    auto sites = make_sites(next, descriptors_);
    if (!sites) return sites.error();
    auto opened = open_all(added);
    if (!opened) return opened.error();
    const auto log = change_log(next.access_log);
    if (!log) return log.error();
    keep_what_needs_a_restart(next);
    set_log_level(next.log_level);
    const auto listeners = std::make_shared<std::vector<OpenedListeners>>(std::move(*opened));
    for (std::size_t i = 0; i < workers_.size(); ++i) {
      asio::post(workers_[i]->context(),
                 [this, i, log = *log, removed, listeners, sites = *sites, limits = next.limits] {
                   change_worker(i, limits, log, sites, removed, *listeners);
                 });
    }
    config_ = std::move(next);
    return {};
  }

  void change_worker(std::size_t index, const serve::Limits& limits, serve::AccessLog* log,
                     const std::shared_ptr<const site::Sites>& sites,
                     const std::vector<std::string>& removed, std::vector<OpenedListeners>& added) {
    serve::Worker& worker = *workers_[index];
    if (worker.stopping()) return;
    worker.set_limits(limits);
    worker.set_access_log(log);
    worker.set_handler(std::make_shared<site::Router>(worker, sites, pool_, *follower_));
    for (const std::string& address : removed)
      worker.stop_listening(address);
    for (OpenedListeners& one : added) {
      if (const error_code failed = hand_out(one, index)) {
        spdlog::error("cannot listen on {}: {}", one.options.address, failed.message());
      }
    }
  }

  // The log to use from now on; nullptr: none. One that was in use is kept: exchanges may still be
  // writing to it.
  [[nodiscard]] Made<serve::AccessLog*> change_log(const AccessLogOptions& next) {
    std::shared_ptr<serve::AccessLog> made;
    if (!(next == config_.access_log)) {
      auto log = open_access_log(next);
      if (!log) return log.error();
      made = std::move(*log);
    }
    const std::lock_guard lock(logs_mutex_);
    if (made) logs_.push_back(std::move(made));
    const bool none = next.file == "off" || logs_.empty();
    return none ? nullptr : logs_.back().get();
  }

  template <class T>
  static void keep(T& wanted, const T& present, std::string_view what) {
    if (wanted != present) spdlog::warn("a change of {} needs a restart", what);
    wanted = present;
  }
  void keep_what_needs_a_restart(Config& next) const {
    if (next.threads == 0) next.threads = config_.threads;
    keep(next.threads, config_.threads, "threads");
    keep(next.user, config_.user, "user");
    keep(next.group, config_.group, "group");
  }

  Config config_;  // the signals' thread's, once it runs
  const ReadConfig& read_again_;
  Signals signals_;  // before anybody is told that we listen
  InheritedSockets inherited_;
  std::size_t descriptors_ = 0;  // for each worker
  std::mutex logs_mutex_;
  std::vector<std::shared_ptr<serve::AccessLog>> logs_;  // the last one is in use
  net::DiskPool pool_{kDiskThreads};
  std::vector<std::unique_ptr<serve::Worker>> workers_;
  std::optional<Follower> follower_;
  std::atomic<std::size_t> workers_serving_{0};
};

}  // namespace

int run_server(Config config, const ReadConfig& read_again) {
  const SignalsBlocked inherited_by_all_threads;
  set_up_log(config.log_level);
  std::signal(SIGPIPE, SIG_IGN);
  auto inherited = InheritedSockets::take();
  if (!inherited) return complain({1, inherited.error()});
  Server server(std::move(config), read_again);
  if (const auto started = server.start(std::move(*inherited)); !started) {
    return complain(started.error());
  }
  server.run();
  return 0;
}

}  // namespace midstream::app
