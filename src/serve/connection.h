// Connection: one HTTP/1 connection, read top to bottom in run().
//
//   idle -> head -> (handler) -> sending -> idle ...        any -> lingering -> closed
//
// Invariants
//  1. One coroutine, one wait at a time; whoever ends a wait early (deadline, hangup, stop) leaves
//     a flag that says why. While the coroutine sleeps in an idle connection, on_bytes() answers
//     what needs no waiting: no coroutine is resumed for it.
//  2. A message whose end would not be seen as broken is never cut: chunked without its last chunk,
//     short of its length, or reset.
//  3. After anything that makes the framing of requests doubtful, no further request is read.
//  4. While it is idle, or waits for a source, it holds no buffer and no request.
//
// Lives on its worker's thread; owned by its coroutine. Sources: RFC 9112, RFC 9110.
#pragma once

#include <chrono>
#include <cstdint>
#include <exception>
#include <memory>
#include <string>

#include <boost/asio/cancellation_signal.hpp>
#include <boost/intrusive/list_hook.hpp>

#include "base/framed_output.h"
#include "http/chunked.h"
#include "net/deadlines.h"
#include "net/listener.h"
#include "net/stream.h"
#include "serve/access_log.h"
#include "serve/body_source.h"
#include "serve/exchange.h"
#include "serve/request_slot.h"

namespace midstream::serve {

class Worker;

/// In its worker's list of connections.
using ConnectionHook =
    boost::intrusive::list_base_hook<boost::intrusive::tag<Worker>,
                                     boost::intrusive::link_mode<boost::intrusive::auto_unlink>>;

class Connection final : public ConnectionHook,
                         private net::Deadlines::Entry,
                         private net::HangupListener,
                         private net::BytesListener,
                         private RequestBody {
 public:
  static void start(Worker& worker, UniqueFd socket, const net::Endpoint& peer);
  Connection(Worker& worker, UniqueFd socket, const net::Endpoint& peer);
  ~Connection();

  /// The server is stopping: ends now if idle, else after the exchange that is going on.
  void end_after_exchange();
  /// Ends as soon as possible, a message that is going on visibly broken.
  void abort();

 private:
  enum class Phase : std::uint8_t { kIdle, kHead, kHandling, kReadingBody, kSending, kLingering };
  enum class Parse : std::uint8_t { kNeedMore, kDone, kRefused };
  enum class Step : std::uint8_t { kDone, kWritable, kPending, kTurn, kBroken };
  /// What comes next for the connection; all but kHead have to wait for something.
  enum class Next : std::uint8_t {
    kInput,         // bytes from the client
    kHead,          // nothing: look for a request in the buffer
    kTimeout,       // the head took too long
    kHandler,       // the handler could not answer at once
    kChunks,        // the request's chunks, before it is answered
    kSending,       // the socket, or the source
    kUnwantedBody,  // the rest of a request body that the handler did not want
    kTurn,          // the others
    kClose,
  };

  class HttpExchange;   // what the handler sees
  struct SavedRequest;  // what the logs need of a request whose memory is gone

  static net::Awaitable<void> serve(std::unique_ptr<Connection> self);
  net::Awaitable<void> run();
  [[nodiscard]] Next serve_ready();
  [[nodiscard]] Next respond(int status);
  [[nodiscard]] Next send_response();
  [[nodiscard]] Next end_exchange();
  [[nodiscard]] Next go_on();
  [[nodiscard]] Next give_up(const std::exception& foreign);

  // Reading (connection_read.cc)
  [[nodiscard]] Parse parse_head();
  [[nodiscard]] bool has_unread() const noexcept { return slot_ && !slot_->buffer.empty(); }
  [[nodiscard]] net::Awaitable<void> read_more();  // sets next_
  void become_idle();
  void forget_head();
  [[nodiscard]] bool receive();  // false: the peer is done
  net::Awaitable<result<std::string_view>> read() override;
  [[nodiscard]] result<std::string_view> take_body_bytes();
  [[nodiscard]] net::Awaitable<error_code> send_continue();
  [[nodiscard]] net::Awaitable<Next> check_chunks();
  [[nodiscard]] net::Awaitable<bool> drop_unwanted_body();
  [[nodiscard]] net::Awaitable<void> linger();

  // Answering (connection_send.cc)
  [[nodiscard]] bool refuse_early(HttpExchange& exchange);
  void begin_response(int status, const http::FieldList& fields);
  void begin_refusal(int status);
  void refuse_open_end();
  [[nodiscard]] bool decide_keep_alive();
  [[nodiscard]] Step send_some();
  [[nodiscard]] Step put_next_piece(bool& more);
  [[nodiscard]] net::Awaitable<void> send_rest(Step step);
  [[nodiscard]] net::Awaitable<void> break_message();
  void end_response();
  [[nodiscard]] bool over_tcp() const noexcept { return peer_.port() != 0; }
  [[nodiscard]] std::string_view asked_host() const noexcept;
  void log_exchange();
  void report_source_failure();
  void release_request();

  // Interruptions
  void on_deadline() override;
  void on_hangup() override;
  bool on_bytes() override;
  [[nodiscard]] bool stalled_since_armed();

  Worker& worker_;
  net::Stream stream_;
  net::Endpoint peer_;  // port 0: none, over a Unix socket
  std::unique_ptr<RequestSlot> slot_;
  std::unique_ptr<SavedRequest> saved_;
  std::unique_ptr<http::ChunkedDecoder> chunked_body_;
  FramedOutput output_;
  Body body_;
  asio::cancellation_signal cancel_;
  std::chrono::steady_clock::time_point exchange_began_{};
  error_code source_error_;
  std::uint64_t body_left_ = 0;       // of a request body with a length
  std::uint64_t body_read_ = 0;       // of any request body
  std::uint64_t unacknowledged_ = 0;  // when the stall deadline was armed
  int refusal_status_ = 0;
  unsigned pipelined_ = 0;  // exchanges since the connection last waited
  int status_ = 0;
  Phase phase_ = Phase::kIdle;
  Next next_ = Next::kInput;
  Step step_ = Step::kDone;  // what send_some() said
  BodyEnd body_end_ = BodyEnd::kComplete;
  bool keep_alive_ = false;
  bool linger_ = false;         // the client may still be sending
  bool end_is_close_ = false;   // only the end of the connection ends this body
  bool body_given_ = false;     // the source said kEnd, and it was put
  bool held_ = false;           // the source promised more, so the last segment may be held back
  bool continue_owed_ = false;  // the client waits for 100 Continue
  bool request_has_body_ = false;
  bool request_body_done_ = true;
  bool dropping_body_ = false;  // the response is sent; the rest of the request body is read
  bool first_request_ = true;
  bool just_arrived_ = false;  // see Exchange::just_arrived()
  bool timed_out_ = false;
  bool peer_gone_ = false;
  bool aborted_ = false;
  bool ending_ = false;  // no further exchange
};

}  // namespace midstream::serve
