#include "serve/worker.h"

#include <ctime>
#include <utility>

#include <boost/asio/post.hpp>
#include <spdlog/spdlog.h>

#include "http/date.h"

namespace midstream::serve {
namespace {

constexpr std::string_view kStatusLine200 = "HTTP/1.1 200 OK\r\n";

}  // namespace

Worker::Timeouts::Timeouts(asio::io_context& context, const Limits& limits)
    : header(context, limits.header_timeout),
      idle(context, limits.idle_timeout),
      body(context, limits.body_timeout),
      stall(context, limits.stall_timeout),
      linger(context, limits.linger_timeout) {}

void Worker::Timeouts::set_limits(const Limits& limits) {
  header.set_limit(limits.header_timeout);
  idle.set_limit(limits.idle_timeout);
  body.set_limit(limits.body_timeout);
  stall.set_limit(limits.stall_timeout);
  linger.set_limit(limits.linger_timeout);
}

void Worker::Timeouts::stop() {
  for (net::Deadlines* queue : {&header, &idle, &body, &stall, &linger})
    queue->stop();
}

Worker::Worker(const Limits& limits, AccessLog* access_log)
    : limits_(limits), access_log_(access_log), timeouts_(context_, limits) {}

Worker::~Worker() = default;

error_code Worker::listen(net::Listening listening, std::vector<Worker*> all, std::string address) {
  if (!listening.for_all_workers || all.empty()) all = {this};
  auto deal = [this, all = std::move(all), turn = std::size_t{0}](
                  UniqueFd socket, const net::Endpoint& peer) mutable {
    Worker* const next = all[turn++ % all.size()];
    if (next == this) return on_accept(std::move(socket), peer);
    next->take(std::move(socket), peer);
  };
  auto listener = std::make_unique<net::Listener>(
      poll_set_, std::move(listening), std::move(deal), [](const error_code& failed) {
        spdlog::error("cannot accept connections: {}", failed.message());
      });
  if (const error_code failed = listener->open()) return failed;
  listeners_.push_back({std::move(address), std::move(listener)});
  return {};
}

void Worker::stop_listening(const std::string& address) {
  std::erase_if(listeners_, [&](const NamedListener& one) { return one.address == address; });
}

void Worker::set_limits(const Limits& limits) {
  if (!(limits.head == limits_.head)) spare_slots_.clear();  // their parsers have the old ones
  limits_ = limits;
  timeouts_.set_limits(limits_);
}

void Worker::run() { context_.run(); }

void Worker::stop() {
  asio::post(context_, [this] { begin_stop(); });
}

void Worker::on_accept(UniqueFd socket, const net::Endpoint& peer) {
  Connection::start(*this, std::move(socket), peer);
}

void Worker::take(UniqueFd socket, const net::Endpoint& peer) {
  asio::post(context_, [this, socket = std::move(socket), peer]() mutable {
    if (!stopping_) on_accept(std::move(socket), peer);
  });
}

void Worker::begin_stop() {
  if (std::exchange(stopping_, true)) return;
  for (const NamedListener& one : listeners_)
    one.listener->close();
  // Before any connection can be the last one, which cancels it.
  grace_timer_.expires_after(limits_.grace);
  grace_timer_.async_wait([this](const error_code& cancelled) {
    if (!cancelled) abort_connections();
  });
  for (auto at = connections_.begin(); at != connections_.end();) {
    Connection& connection = *at++;  // an idle connection leaves the list inside the call
    connection.end_after_exchange();
  }
  finish_if_done();
}

void Worker::abort_connections() {
  if (std::exchange(aborting_, true)) return;
  // A connection that is aborted may leave inside the call or a little later; each is told once.
  std::vector<Connection*> all;
  for (Connection& connection : connections_)
    all.push_back(&connection);
  for (Connection* connection : all)
    connection->abort();
  finish_if_done();
}

void Worker::left() {
  for (const NamedListener& one : listeners_)
    one.listener->on_descriptor_freed();
  finish_if_done();
}

// Lets run() return: nothing that waits for ever may be left in the io_context.
void Worker::finish_if_done() {
  if (!stopping_ || !connections_.empty() || std::exchange(finished_, true)) return;
  grace_timer_.cancel();
  timeouts_.stop();
  poll_set_.stop();
  if (handler_) handler_->stop();
  if (on_finished_) on_finished_();
}

std::string_view Worker::ok_and_date() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME_COARSE, &now);
  if (date_second_ != now.tv_sec) {
    date_second_ = now.tv_sec;
    const auto date = http::format_http_date(now.tv_sec);
    ok_and_date_.assign(kStatusLine200).append("Server: midstream\r\nDate: ");
    ok_and_date_.append(date.data(), date.size()).append("\r\n");
  }
  return ok_and_date_;
}

std::string_view Worker::server_and_date() { return ok_and_date().substr(kStatusLine200.size()); }

std::unique_ptr<RequestSlot> Worker::take_slot() {
  if (spare_slots_.empty()) return std::make_unique<RequestSlot>(limits_.head);
  auto slot = std::move(spare_slots_.back());
  spare_slots_.pop_back();
  return slot;
}

void Worker::give_back(std::unique_ptr<RequestSlot> slot) {
  if (spare_slots_.size() >= kSparesMax || slot->buffer.is_large()) return;
  if (!(slot->parser.limits() == limits_.head)) return;  // they have changed since
  slot->body_buffer.reset();
  slot->begin_next();
  slot->buffer.clear();
  spare_slots_.push_back(std::move(slot));
}

std::string Worker::take_text() {
  if (spare_texts_.empty()) {
    std::string text;
    text.reserve(1024);
    return text;
  }
  std::string text = std::move(spare_texts_.back());
  spare_texts_.pop_back();
  return text;
}

void Worker::give_back(std::string text) {
  if (spare_texts_.size() < kSparesMax && text.capacity() >= 64)
    spare_texts_.push_back(std::move(text));
}

}  // namespace midstream::serve
