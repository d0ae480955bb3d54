// Connection: what goes to the client. The header, the pieces of the body in their framing, and the
// end.
#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include <boost/asio/post.hpp>
#include <spdlog/spdlog.h>

#include "base/check.h"
#include "http/status.h"
#include "serve/connection_parts.h"
#include "serve/error_response.h"

namespace midstream::serve {
namespace {

// Far more than a turn: flush() sends a long range turn by turn, and a chunk may be as long.
constexpr std::uint64_t kPieceBytesMax = std::uint64_t{1} << 30;

void put_status_line(FramedOutput& output, int status) {
  std::array<char, 4> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), status);
  output.put_head("HTTP/1.1 ");
  output.put_head({digits.data(), end.ptr});
  output.put_head(" ");
  output.put_head(http::reason_phrase(status));
  output.put_head("\r\n");
}

// In one piece: a head is put together for every response.
void put_content_length(FramedOutput& output, std::uint64_t size, std::string_view after) {
  constexpr std::string_view kName = "Content-Length: ";
  std::array<char, 64> line;
  char* at = std::copy(kName.begin(), kName.end(), line.data());
  at = std::to_chars(at, line.data() + line.size() - after.size(), size).ptr;
  at = std::copy(after.begin(), after.end(), at);
  output.put_head({line.data(), at});
}

bool may_have_body(int status) { return status >= 200 && status != 204 && status != 304; }

}  // namespace

// What no handler needs to see.
bool Connection::refuse_early(HttpExchange& exchange) {
  const http::RequestHead& head = exchange.head();
  if (head.method == http::Method::kOther) {
    respond_error(exchange, 501);
    return true;
  }
  if (head.content_length > worker_.limits().request_body_bytes_max) {
    respond_error(exchange, 413);
    return true;
  }
  return false;
}

// Whether this connection can carry another exchange after this response.
bool Connection::decide_keep_alive() {
  const http::RequestHead& head = slot_->head;
  if (!head.keep_alive || ending_ || aborted_ || worker_.stopping()) {
    linger_ = !request_body_done_ || slot_->has_unread();
    return false;
  }
  if (request_body_done_) return true;
  // A client that waits for 100 Continue may send the body or not: nobody can tell what comes next.
  const bool too_long = !chunked_body_ && body_left_ > worker_.limits().unwanted_body_bytes_max;
  linger_ = continue_owed_ || too_long;
  return !linger_;
}

void Connection::begin_response(int status, const http::FieldList& fields) {
  MIDSTREAM_CHECK(status >= 200);  // the handler did not answer
  const http::RequestHead& head = slot_->head;
  status_ = status;
  timed_out_ = false;
  keep_alive_ = decide_keep_alive();
  body_given_ = false;
  held_ = false;
  body_end_ = BodyEnd::kComplete;
  source_error_ = {};
  const bool body_allowed = may_have_body(status);
  if (!body_allowed) body_.reset();
  // Without a reset, a body that breaks off would look whole.
  if (body_ && !body_->size() && head.version < 11 && !over_tcp()) return refuse_open_end();
  const auto size = body_ ? body_->size() : std::optional<std::uint64_t>(0);

  output_ = FramedOutput();
  output_.give_text_buffer(worker_.take_text());
  if (status == 200) {
    output_.put_head(worker_.ok_and_date());
  } else {
    put_status_line(output_, status);
    output_.put_head(worker_.server_and_date());
  }
  output_.put_head(fields.text());
  const bool is_head = head.method == http::Method::kHead;
  const bool chunked = body_allowed && !size && head.version >= 11;
  end_is_close_ = body_allowed && !size && !chunked && !is_head;
  if (end_is_close_) {
    keep_alive_ = false;
    reset_on_close(stream_.fd());  // however this ends: only end_response() makes it an end
  }
  // Behind the last field line.
  const std::string_view end = !keep_alive_         ? "\r\nConnection: close\r\n\r\n"
                               : head.version == 10 ? "\r\nConnection: keep-alive\r\n\r\n"
                                                    : "\r\n\r\n";
  if (body_allowed && size) {
    put_content_length(output_, *size, end);
  } else if (chunked) {
    output_.put_head("Transfer-Encoding: chunked");
    output_.put_head(end);
    output_.set_framing(FramedOutput::Framing::kChunked);
  } else {
    output_.put_head(end.substr(2));  // the line before has its own line end
  }
  if (is_head) body_.reset();
  if (!body_) {
    output_.set_framing(FramedOutput::Framing::kRaw);
    body_given_ = true;
  }
}

// For what is no proper request. Nothing after it on this connection is one either.
void Connection::begin_refusal(int status) {
  ErrorText error = error_text(status, {});
  http::FieldList fields;
  fields.append("Content-Type", error.media_type);
  fields.append("X-Content-Type-Options", "nosniff");
  slot_->buffer.clear();
  ending_ = true;
  request_body_done_ = true;
  body_.emplace<TextSource>(std::move(error.text));
  begin_response(status, fields);
  linger_ = true;
}

// Only TCP can be reset: on a Unix socket every end of the connection looks like the end of a body
// that has no other. A proxy in front would pass on, or store, a piece as the whole.
void Connection::refuse_open_end() {
  http::FieldList fields;
  fields.append("Content-Type", "text/plain; charset=utf-8");
  fields.append("X-Content-Type-Options", "nosniff");
  body_.emplace<TextSource>(
      "505 HTTP Version Not Supported\n"
      "The length of this answer is not known yet. Over a Unix socket it needs HTTP/1.1.\n");
  begin_response(505, fields);
}

Connection::Step Connection::put_next_piece(bool& more) {
  more = false;
  const Piece piece = body_->next(kPieceBytesMax);
  switch (piece.kind) {
    case Piece::Kind::kMemory: output_.put_memory(piece.memory); break;
    case Piece::Kind::kFile: output_.put_file(piece.file, piece.memory); break;
    case Piece::Kind::kPending: return Step::kPending;
    case Piece::Kind::kFailed: source_error_ = piece.error; return Step::kBroken;
    case Piece::Kind::kEnd: break;
  }
  if (piece.kind == Piece::Kind::kEnd || piece.after == Piece::After::kEnd) {
    output_.put_end();
    body_given_ = true;
  }
  more = !body_given_ && piece.after == Piece::After::kMore;
  return Step::kDone;
}

// Sends until something has to be waited for. kDone: the whole message is in the socket.
Connection::Step Connection::send_some() {
  std::size_t turn_left = worker_.limits().turn_bytes;
  for (;;) {
    bool more = false;
    Step step = Step::kDone;
    if (!body_given_ && output_.between_pieces()) step = put_next_piece(more);
    const std::uint64_t before = output_.body_bytes();
    const auto status = output_.flush(stream_.fd(), turn_left, more);
    turn_left -= std::min<std::size_t>(turn_left, output_.body_bytes() - before);
    switch (status) {
      case FramedOutput::Status::kFlushed: break;
      case FramedOutput::Status::kSocketFull: stream_.note_full(); return Step::kWritable;
      case FramedOutput::Status::kTurnOver: return Step::kTurn;
      case FramedOutput::Status::kFileEnded: source_error_ = Errc::kTruncated; return Step::kBroken;
      case FramedOutput::Status::kFailed: source_error_ = output_.error(); return Step::kBroken;
    }
    if (step == Step::kPending && std::exchange(held_, false)) push_held_bytes(stream_.fd());
    if (step != Step::kDone) return step;
    held_ = more;
    if (body_given_) return Step::kDone;
    if (turn_left == 0) return Step::kTurn;
  }
}

// The rest of a response that did not fit into the socket at once.
net::Awaitable<void> Connection::send_rest(Step step) {
  for (; step != Step::kDone; step = send_some()) {
    if (step == Step::kBroken) co_return co_await break_message();
    if (step == Step::kTurn) {
      co_await asio::post(worker_.context(), net::kAwait);
    } else if (step == Step::kWritable) {
      release_request();
      unacknowledged_ = unacknowledged_bytes(stream_.fd());
      worker_.timeouts().stall.arm(*this);
      co_await stream_.wait_writable();
      disarm();
    } else if (stream_.hung_up()) {
      peer_gone_ = true;
    } else {
      release_request();
      stream_.listen_for_hangup(this);
      co_await body_->wait(cancel_.slot());
      stream_.listen_for_hangup(nullptr);
    }
    if (timed_out_ || aborted_ || peer_gone_) co_return co_await break_message();
  }
}

// The message will never be complete: see to it that the client notices.
net::Awaitable<void> Connection::break_message() {
  keep_alive_ = false;
  const bool source_failed = source_error_ && side_of(source_error_) != Side::kClient;
  if (aborted_) {
    body_end_ = BodyEnd::kServerStopped;
  } else if (timed_out_) {
    body_end_ = BodyEnd::kStalled;
  } else {
    body_end_ = source_failed ? BodyEnd::kSourceFailed : BodyEnd::kClientGone;
  }
  if (body_end_ == BodyEnd::kClientGone || body_end_ == BodyEnd::kStalled) {
    linger_ = false;
    reset_on_close(stream_.fd());  // frees the kernel's memory too
    co_return;
  }
  if (!end_is_close_) {  // a missing last chunk, or a short body, shows by itself
    linger_ = source_failed;
    co_return;
  }
  if (source_failed) {
    // Everything written so far leaves this machine, and then the reset.
    stream_.want_all_sent();
    unacknowledged_ = unacknowledged_bytes(stream_.fd());
    worker_.timeouts().stall.arm(*this);
    co_await stream_.wait_writable();
    disarm();
  }
  linger_ = false;
  reset_on_close(stream_.fd());
}

void Connection::end_response() {
  if (worker_.access_log() != nullptr) log_exchange();
  if (body_end_ == BodyEnd::kSourceFailed) report_source_failure();
  if (end_is_close_ && body_end_ == BodyEnd::kComplete) reset_on_close(stream_.fd(), false);
  body_.reset();
  saved_.reset();
  if (!output_.pending()) worker_.give_back(output_.take_text_buffer());
}

// An absolute target stands above Host (RFC 9112 section 3.2.2).
std::string_view Connection::asked_host() const noexcept {
  return slot_->target.absolute ? slot_->target.authority : slot_->head.host;
}

void Connection::log_exchange() {
  AccessRecord record;
  const auto now = std::chrono::steady_clock::now();
  record.duration = std::chrono::duration_cast<std::chrono::microseconds>(now - exchange_began_);
  record.time = std::chrono::system_clock::now() - record.duration;
  ClientText client;
  record.client = client_text(peer_, client);
  if (saved_) {
    record.host = saved_->host;
    record.method = saved_->method;
    record.target = saved_->target;
    record.referer = saved_->referer;
    record.user_agent = saved_->user_agent;
    record.version = saved_->version;
  } else {
    const http::RequestHead& head = slot_->head;
    record.host = asked_host();
    record.method = head.method_text;
    record.target = head.target;
    record.referer = head.referer;
    record.user_agent = head.user_agent;
    record.version = head.version;
  }
  record.status = status_;
  record.body_bytes = output_.body_bytes();
  record.end = body_end_;
  record.growing = body_ && body_->is_live();
  worker_.access_log()->append(record);
}

// A file that cannot be read is the operator's matter; a writer that gave up is an event, not a
// fault of ours.
void Connection::report_source_failure() {
  const std::string_view target = saved_ ? std::string_view(saved_->target) : slot_->head.target;
  const auto level =
      source_error_.category() == error_category() ? spdlog::level::warn : spdlog::level::err;
  spdlog::log(level, "{}: the body broke off after {} bytes: {}", target, output_.body_bytes(),
              source_error_.message());
}

}  // namespace midstream::serve
