#include "serve/connection.h"

#include <exception>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <spdlog/spdlog.h>

#include "serve/connection_parts.h"
#include "serve/error_response.h"

namespace midstream::serve {
namespace {

constexpr unsigned kPipelinedPerTurn = 32;

}  // namespace

Connection::Connection(Worker& worker, UniqueFd socket, const net::Endpoint& peer)
    : worker_(worker), stream_(worker.poll_set(), std::move(socket)), peer_(peer) {}

Connection::~Connection() = default;

void Connection::start(Worker& worker, UniqueFd socket, const net::Endpoint& peer) {
  auto connection = std::make_unique<Connection>(worker, std::move(socket), peer);
  if (const error_code failed = connection->stream_.open()) {
    spdlog::error("cannot wait for a connection: {}", failed.message());
    return;
  }
  asio::co_spawn(worker.context(), serve(std::move(connection)), asio::detached);
}

net::Awaitable<void> Connection::serve(std::unique_ptr<Connection> self) {
  Worker& worker = self->worker_;
  worker.joined(*self);
  try {
    co_await self->run();
  } catch (const std::exception& foreign) {  // ours do not throw; memory may run out
    spdlog::error("a connection was closed: {}", foreign.what());
  }
  self.reset();
  worker.left();
}

net::Awaitable<void> Connection::run() {
  for (;;) {
    Parse parsed = parse_head();
    while (parsed == Parse::kNeedMore) {
      if (!co_await read_more()) break;
      parsed = parse_head();
    }
    if (parsed == Parse::kNeedMore) {  // closed, timed out or told to stop
      if (!timed_out_ || phase_ != Phase::kHead) break;
      refusal_status_ = 408;
      parsed = Parse::kRefused;
    }
    if (parsed == Parse::kDone) {
      phase_ = Phase::kHandling;
      HttpExchange exchange(*this);
      if (!refuse_early(exchange) && !worker_.handler().try_handle(exchange)) {
        co_await worker_.handler().handle(exchange);
      }
      if (chunked_body_ && exchange.status() < 400) parsed = co_await check_chunks();
      if (parsed == Parse::kDone) begin_response(exchange.status(), exchange.fields());
    }
    if (parsed == Parse::kNeedMore) break;
    if (parsed == Parse::kRefused) begin_refusal(refusal_status_);
    phase_ = Phase::kSending;
    const Step step = send_some();
    if (step != Step::kDone) co_await send_rest(step);
    end_response();
    if (keep_alive_ && !request_body_done_) keep_alive_ = co_await drop_unwanted_body();
    if (!keep_alive_ || ending_ || aborted_) {
      // A client that believes the connection goes on may be sending its next request.
      const bool may_be_sending = keep_alive_ || stream_.readable();
      if (may_be_sending && body_end_ == BodyEnd::kComplete) linger_ = true;
      break;
    }
    if (slot_) slot_->begin_next();
    chunked_body_.reset();
    phase_ = Phase::kIdle;
    first_request_ = false;
    just_arrived_ = false;
    // A client that sends request upon request without a pause takes turns with the others, too.
    if (++pipelined_ % kPipelinedPerTurn == 0) co_await asio::post(worker_.context(), net::kAwait);
  }
  if (linger_ && !aborted_ && !peer_gone_) co_await linger();
  release_request();
}

// Memory that nobody needs while the connection waits.
void Connection::release_request() {
  if (!output_.pending()) worker_.give_back(output_.take_text_buffer());
  if (!slot_ || slot_->has_unread()) return;
  if (phase_ == Phase::kSending && !saved_) {
    const http::RequestHead& head = slot_->head;
    saved_ = std::make_unique<SavedRequest>(
        SavedRequest{std::string(head.method_text), std::string(head.target),
                     std::string(head.referer), std::string(head.user_agent), head.version});
  }
  worker_.give_back(std::move(slot_));
}

void Connection::end_after_exchange() {
  ending_ = true;
  if (phase_ == Phase::kIdle || phase_ == Phase::kHead) stream_.interrupt();
}

void Connection::abort() {
  aborted_ = true;
  ending_ = true;
  cancel_.emit(asio::cancellation_type::terminal);
  stream_.interrupt();
}

void Connection::on_deadline() {
  if (phase_ == Phase::kSending && !stalled_since_armed()) return;
  timed_out_ = true;
  stream_.interrupt();
}

// Progress is what the client acknowledged, not what the socket buffer took: a large buffer is
// writable again too rarely to tell a slow client from one that is gone.
bool Connection::stalled_since_armed() {
  const std::uint64_t now = unacknowledged_bytes(stream_.fd());
  if (now >= unacknowledged_) return true;
  unacknowledged_ = now;
  worker_.timeouts().stall.arm(*this);
  return false;
}

void Connection::on_hangup() {
  peer_gone_ = true;
  cancel_.emit(asio::cancellation_type::terminal);
}

}  // namespace midstream::serve
