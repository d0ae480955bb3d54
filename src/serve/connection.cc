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
    (void)self->give_up(foreign);            // what the socket takes at once must do
  }
  // abort() may have resumed this coroutine, and is not done with the connection yet.
  if (self->aborted_) co_await asio::post(worker.context(), net::kAwait);
  self.reset();
  worker.left();
}

// The whole story. What can be done without waiting is done by serve_ready() and its helpers, which
// give what comes next; waiting is done here.
net::Awaitable<void> Connection::run() {
  next_ = Next::kInput;
  for (;;) {
    switch (next_) {
      case Next::kInput: co_await read_more(); break;
      case Next::kHead: next_ = serve_ready(); break;
      case Next::kTimeout:
        forget_head();
        begin_refusal(408);
        next_ = send_response();
        break;
      case Next::kHandler: {
        HttpExchange exchange(*this);
        const std::shared_ptr<Handler> handler = worker_.handler();  // a reload may replace it
        co_await handler->handle(exchange);
        next_ = respond(exchange.status());
        break;
      }
      case Next::kChunks: next_ = co_await check_chunks(); break;
      case Next::kSending:
        co_await send_rest(step_);
        next_ = end_exchange();
        break;
      case Next::kUnwantedBody:
        keep_alive_ = co_await drop_unwanted_body();
        next_ = go_on();
        break;
      case Next::kTurn:
        co_await asio::post(worker_.context(), net::kAwait);
        next_ = aborted_ ? Next::kClose : Next::kHead;
        break;
      case Next::kClose:
        if (linger_ && !aborted_ && !peer_gone_) co_await linger();
        release_request();
        co_return;
    }
  }
}

// Serves the requests that are in the buffer for as long as nothing has to be waited for.
Connection::Next Connection::serve_ready() {
  for (;;) {
    switch (parse_head()) {
      case Parse::kNeedMore: return Next::kInput;
      case Parse::kRefused: begin_refusal(refusal_status_); break;
      case Parse::kDone: {
        phase_ = Phase::kHandling;
        HttpExchange exchange(*this);
        if (!refuse_early(exchange) && !worker_.handler()->try_handle(exchange)) {
          return Next::kHandler;
        }
        const Next next = respond(exchange.status());
        if (next != Next::kHead) return next;
        continue;
      }
    }
    const Next next = send_response();
    if (next != Next::kHead) return next;
  }
}

// The handler has decided.
Connection::Next Connection::respond(int status) {
  status_ = status;
  if (chunked_body_ && !request_body_done_ && status < 400) return Next::kChunks;
  begin_response(status, slot_->fields);
  return send_response();
}

Connection::Next Connection::send_response() {
  phase_ = Phase::kSending;
  step_ = send_some();
  return step_ == Step::kDone ? end_exchange() : Next::kSending;
}

Connection::Next Connection::end_exchange() {
  end_response();
  return keep_alive_ && !request_body_done_ ? Next::kUnwantedBody : go_on();
}

Connection::Next Connection::go_on() {
  if (!keep_alive_ || ending_ || aborted_) {
    // A client that believes the connection goes on may be sending its next request.
    const bool may_be_sending = keep_alive_ || stream_.readable();
    if (may_be_sending && body_end_ == BodyEnd::kComplete) linger_ = true;
    return Next::kClose;
  }
  if (slot_) slot_->begin_next();
  chunked_body_.reset();
  phase_ = Phase::kIdle;
  first_request_ = false;
  just_arrived_ = false;
  // A client that sends request upon request without a pause takes turns with the others, too.
  return ++pipelined_ % kPipelinedPerTurn == 0 ? Next::kTurn : Next::kHead;
}

// A request on an idle connection. Most are answered right here, and the coroutine sleeps on.
bool Connection::on_bytes() {
  try {
    disarm();  // the idle time is over; a head that is not whole yet has a deadline of its own
    just_arrived_ = true;
    next_ = receive() ? serve_ready() : Next::kClose;
  } catch (const std::exception& foreign) {  // ours do not throw; memory may run out
    next_ = give_up(foreign);
  }
  const bool idle = next_ == Next::kInput && !has_unread() && !stream_.readable() && !ending_;
  if (idle) become_idle();
  return idle;
}

// An exchange that has not been answered is answered with 500; any other breaks off.
Connection::Next Connection::give_up(const std::exception& foreign) {
  spdlog::error("a connection was closed: {}", foreign.what());
  if (phase_ != Phase::kHandling || !slot_) return Next::kClose;
  begin_refusal(500);
  return send_response();
}

// Memory that nobody needs while the connection waits.
void Connection::release_request() {
  if (!output_.pending()) worker_.give_back(output_.take_text_buffer());
  if (!slot_ || slot_->has_unread()) return;
  if (phase_ == Phase::kSending && !saved_) {
    const http::RequestHead& head = slot_->head;
    saved_ = std::make_unique<SavedRequest>(SavedRequest{
        std::string(asked_host()), std::string(head.method_text), std::string(head.target),
        std::string(head.referer), std::string(head.user_agent), head.version});
  }
  worker_.give_back(std::move(slot_));
}

void Connection::end_after_exchange() {
  ending_ = true;
  const bool answered = phase_ == Phase::kReadingBody && dropping_body_;
  if (phase_ == Phase::kIdle || phase_ == Phase::kHead || answered) stream_.interrupt();
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
