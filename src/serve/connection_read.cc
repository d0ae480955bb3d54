// Connection: what comes from the client. Heads, request bodies, and what is read only to be
// dropped.
#include <sys/socket.h>

#include <algorithm>
#include <utility>

#include <boost/asio/error.hpp>
#include <boost/system/errc.hpp>

#include "serve/connection_parts.h"

namespace midstream::serve {

namespace errc = boost::system::errc;

Connection::Parse Connection::parse_head() {
  if (!has_unread()) return Parse::kNeedMore;
  phase_ = Phase::kHead;
  const auto outcome = slot_->parser.parse(slot_->buffer.unread(), slot_->head);
  switch (outcome.state) {
    case http::HeadParser::State::kNeedMore: return Parse::kNeedMore;
    case http::HeadParser::State::kError:
      forget_head();
      refusal_status_ = outcome.status;
      return Parse::kRefused;
    case http::HeadParser::State::kDone: break;
  }
  disarm();
  const bool after_empty_lines = slot_->buffer.unread().front() < 'A';  // these came earlier
  if (after_empty_lines) just_arrived_ = false;
  if (worker_.access_log() != nullptr) exchange_began_ = std::chrono::steady_clock::now();
  slot_->buffer.consume(outcome.consumed);
  const http::RequestHead& head = slot_->head;
  const auto target = http::parse_target(head.method, head.target);
  slot_->target = target.value_or(http::Target());
  if (!target) {
    refusal_status_ = 400;
    return Parse::kRefused;
  }
  body_left_ = head.content_length;
  body_read_ = 0;
  request_has_body_ = head.body == http::RequestHead::BodyKind::kChunked || head.content_length > 0;
  request_body_done_ = !request_has_body_;
  continue_owed_ = head.expect_continue && request_has_body_;
  if (head.body == http::RequestHead::BodyKind::kChunked) {
    chunked_body_ = std::make_unique<http::ChunkedDecoder>();
  }
  return Parse::kDone;
}

// What came is no request: nothing of it is to be seen in the answer or the log.
void Connection::forget_head() {
  slot_->head = {};
  slot_->target = {};
  if (worker_.access_log() != nullptr) exchange_began_ = std::chrono::steady_clock::now();
}

// Waits for bytes of a head. The deadline of a head is armed once, at its first byte: a client that
// sends it byte by byte does not get more time.
net::Awaitable<void> Connection::read_more() {
  if (!stream_.readable()) {
    const bool nothing_yet = !has_unread();
    if (nothing_yet && ending_) {
      next_ = Next::kClose;
      co_return;
    }
    if (nothing_yet) {
      become_idle();
      stream_.listen_for_bytes(this);
    } else {
      pipelined_ = 0;
      if (!armed()) worker_.timeouts().header.arm(*this);
    }
    const net::Wake wake = co_await stream_.wait_readable();
    stream_.listen_for_bytes(nullptr);
    if (wake == net::Wake::kInterrupted) {  // timed out, or told to stop
      next_ = timed_out_ && phase_ == Phase::kHead ? Next::kTimeout : Next::kClose;
      co_return;
    }
    if (nothing_yet) co_return;  // on_bytes() has read them, and set what comes next
  }
  next_ = receive() ? serve_ready() : Next::kClose;
}

void Connection::become_idle() {
  phase_ = Phase::kIdle;
  pipelined_ = 0;
  release_request();
  auto& timeouts = worker_.timeouts();
  (first_request_ ? timeouts.header : timeouts.idle).arm(*this);
}

bool Connection::receive() {
  if (!slot_) slot_ = worker_.take_slot();
  // One byte more than a head may have, so that the parser sees that it is too long.
  ReadBuffer& input = slot_->input();
  const auto room = input.room(worker_.limits().head.head_bytes_max + 1);
  const IoOutcome outcome = stream_.receive(room);
  switch (outcome.status) {
    case IoOutcome::Status::kMoved: input.produced(outcome.bytes); return true;
    case IoOutcome::Status::kWouldBlock: return true;
    case IoOutcome::Status::kEnd: break;
    case IoOutcome::Status::kError: peer_gone_ = true; break;
  }
  return false;
}

net::Awaitable<result<std::string_view>> Connection::read() {
  if (request_body_done_) co_return std::string_view();
  if (!slot_) slot_ = worker_.take_slot();  // given back while the response waited for its source
  if (std::exchange(continue_owed_, false)) {
    if (const error_code failed = co_await send_continue()) co_return failed;
  }
  const Phase phase_before = std::exchange(phase_, Phase::kReadingBody);
  result<std::string_view> bytes = take_body_bytes();
  while (bytes && bytes->empty() && !request_body_done_) {
    if (!stream_.readable()) {
      worker_.timeouts().body.arm(*this);
      const net::Wake wake = co_await stream_.wait_readable();
      disarm();
      if (wake == net::Wake::kInterrupted) {
        bytes =
            aborted_ ? error_code(asio::error::operation_aborted) : error_code(Errc::kPeerStalled);
        break;
      }
    }
    if (!slot_->body_buffer) slot_->body_buffer = std::make_unique<ReadBuffer>();
    bytes = receive() ? take_body_bytes() : result<std::string_view>(Errc::kPeerGone);
  }
  phase_ = phase_before;
  if (!bytes) ending_ = true;  // where the next request would begin is not known
  co_return bytes;
}

// What the buffer has of the body; empty: nothing right now, or the end.
result<std::string_view> Connection::take_body_bytes() {
  ReadBuffer& input = slot_->input();
  std::string_view bytes;
  if (chunked_body_) {
    const auto outcome = chunked_body_->decode(input.unread());
    input.consume(outcome.consumed);
    using State = http::ChunkedDecoder::State;
    if (outcome.state == State::kError) return errc::make_error_code(errc::bad_message);
    if (outcome.state == State::kDone) request_body_done_ = true;
    if (outcome.state == State::kBody) bytes = outcome.body;
  } else {
    bytes = input.unread();
    bytes = bytes.substr(
        0, static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), body_left_)));
    input.consume(bytes.size());
    body_left_ -= bytes.size();
    if (body_left_ == 0) request_body_done_ = true;
  }
  body_read_ += bytes.size();
  if (body_read_ > worker_.limits().request_body_bytes_max) {
    return errc::make_error_code(errc::message_size);
  }
  return bytes;
}

net::Awaitable<error_code> Connection::send_continue() {
  output_.put_head("HTTP/1.1 100 Continue\r\n\r\n");
  while (output_.flush(stream_.fd(), worker_.limits().turn_bytes, false) !=
         FramedOutput::Status::kFlushed) {
    if (output_.error()) co_return output_.error();
    stream_.note_full();
    worker_.timeouts().body.arm(*this);
    const net::Wake wake = co_await stream_.wait_writable();
    disarm();
    if (wake == net::Wake::kInterrupted) co_return error_code(Errc::kPeerStalled);
  }
  co_return error_code();
}

int status_of_body_error(const error_code& error) {
  if (error == make_error_code(Errc::kPeerStalled)) return 408;
  return error == errc::message_size ? 413 : 400;
}

// A request whose chunks turn out to be malformed gets 400 and no content (H2), one whose body
// turns out to be too long 413 (H3): so what the handler left of a chunked body is read first.
net::Awaitable<Connection::Next> Connection::check_chunks() {
  while (!request_body_done_ && !continue_owed_) {
    const auto bytes = co_await read();
    if (bytes) continue;
    if (aborted_ || bytes.error() == make_error_code(Errc::kPeerGone)) co_return Next::kClose;
    begin_refusal(status_of_body_error(bytes.error()));
    co_return send_response();
  }
  begin_response(status_, slot_->fields);
  co_return send_response();
}

// True: the connection is at the start of the next request.
net::Awaitable<bool> Connection::drop_unwanted_body() {
  const std::uint64_t limit = body_read_ + worker_.limits().unwanted_body_bytes_max;
  dropping_body_ = true;
  while (!request_body_done_ && body_read_ <= limit) {
    const auto bytes = co_await read();
    if (!bytes) {
      dropping_body_ = false;
      // Who stalled has had the answer for that long.
      linger_ = bytes.error() != make_error_code(Errc::kPeerGone) && !timed_out_;
      co_return false;
    }
  }
  dropping_body_ = false;
  linger_ = !request_body_done_;
  co_return request_body_done_;
}

// The client may still be sending: closing now would reset the connection and could eat our answer
// there. So only our direction is closed, and what comes is dropped, within bounds (RFC 9112
// section 9.6).
net::Awaitable<void> Connection::linger() {
  ::shutdown(stream_.fd(), SHUT_WR);
  phase_ = Phase::kLingering;
  timed_out_ = false;
  if (!slot_) slot_ = worker_.take_slot();
  worker_.timeouts().linger.arm(*this);
  std::uint64_t dropped = 0;
  while (dropped <= worker_.limits().linger_bytes_max) {
    slot_->input().clear();
    if (!stream_.readable() && co_await stream_.wait_readable() == net::Wake::kInterrupted) break;
    if (!receive()) break;
    dropped += slot_->input().unread().size();
    if (aborted_ || timed_out_) break;
  }
  disarm();
}

}  // namespace midstream::serve
