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

void Worker::Timeouts::stop() {
  for (net::Deadlines* queue : {&header, &idle, &body, &stall, &linger})
    queue->stop();
}

Worker::Worker(const Limits& limits, AccessLog* access_log)
    : limits_(limits), access_log_(access_log), timeouts_(context_, limits) {}

Worker::~Worker() = default;

error_code Worker::listen(net::Listening listening) {
  auto listener = std::make_unique<net::Listener>(
      poll_set_, std::move(listening),
      [this](UniqueFd socket, const net::Endpoint& peer) { on_accept(std::move(socket), peer); },
      [](const error_code& failed) {
        spdlog::error("cannot accept connections: {}", failed.message());
      });
  if (const error_code failed = listener->open()) return failed;
  listeners_.push_back(std::move(listener));
  return {};
}

void Worker::run() { context_.run(); }

void Worker::stop() {
  asio::post(context_, [this] { begin_stop(); });
}

void Worker::on_accept(UniqueFd socket, const net::Endpoint& peer) {
  Connection::start(*this, std::move(socket), peer);
}

void Worker::begin_stop() {
  if (std::exchange(stopping_, true)) return;
  for (const auto& listener : listeners_)
    listener->close();
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
  for (const auto& listener : listeners_)
    listener->on_descriptor_freed();
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
