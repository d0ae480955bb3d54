// Exchange: one request and the one response to it, as handlers see them, over any protocol.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <midstream/error.h>

#include "http/fields.h"
#include "http/request_head.h"
#include "http/target.h"
#include "net/awaitable.h"
#include "serve/body_source.h"

namespace midstream::serve {

class Worker;

/// The body of a request, pulled by the handler: what is not pulled stays with the client
/// (backpressure).
class RequestBody {
 public:
  /// The next bytes, valid until the next call; empty at the end of the body. The first call lets
  /// the client send the body (100 Continue, where it asked). Errors: `kPeerGone`, `kPeerStalled`,
  /// `message_size` (over the limit), `bad_message` (framing).
  [[nodiscard]] virtual net::Awaitable<result<std::string_view>> read() = 0;

 protected:
  ~RequestBody() = default;
};

/// Views into the request are valid until the handler returns; a source that needs them longer
/// copies.
class Exchange {
 public:
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  [[nodiscard]] const http::RequestHead& head() const noexcept { return head_; }
  [[nodiscard]] const http::Target& target() const noexcept { return target_; }
  /// The first byte of this request came with the poll batch that is being handled: what an early
  /// source (PollSet) knows is no older. False where that cannot be told (pipelining).
  [[nodiscard]] virtual bool just_arrived() const noexcept = 0;
  [[nodiscard]] virtual RequestBody& request_body() = 0;
  /// Emitted when the server gives up on the client (stop, grace over). That a client is gone shows
  /// in request_body(), or once the body is being sent.
  [[nodiscard]] virtual asio::cancellation_slot cancelled() = 0;

  /// For the use of handlers on this worker.
  [[nodiscard]] Worker& worker() const noexcept { return worker_; }
  /// A text buffer that is there for the taking, capacity kept between requests.
  [[nodiscard]] std::string& scratch() noexcept { return scratch_; }

  /// Fields of the response, without those that frame it (Content-Length, Transfer-Encoding,
  /// Connection, Date, Server): these are the connection's.
  [[nodiscard]] http::FieldList& fields() noexcept { return fields_; }

  /// Decides the response; exactly once, before the handler returns. Without a source the body is
  /// empty.
  template <class Source, class... Args>
  Source& respond(int status, Args&&... args) {
    status_ = status;
    return body_.emplace<Source>(std::forward<Args>(args)...);
  }
  void respond(int status) {
    status_ = status;
    body_.reset();
  }
  [[nodiscard]] int status() const noexcept { return status_; }

 protected:
  Exchange(Worker& worker, http::RequestHead& head, http::Target& target, http::FieldList& fields,
           std::string& scratch, Body& body) noexcept
      : worker_(worker),
        head_(head),
        target_(target),
        fields_(fields),
        scratch_(scratch),
        body_(body) {}
  ~Exchange() = default;

  Worker& worker_;
  http::RequestHead& head_;
  http::Target& target_;
  http::FieldList& fields_;
  std::string& scratch_;
  Body& body_;
  int status_ = 0;
};

/// Answers requests. One object serves all connections of a worker.
class Handler {
 public:
  virtual ~Handler() = default;

  /// Answers at once where nothing has to be waited for; false: call handle(). Saves a coroutine
  /// per request.
  [[nodiscard]] virtual bool try_handle(Exchange&) { return false; }
  /// Returns when the response is decided; what goes on longer belongs to its BodySource.
  [[nodiscard]] virtual net::Awaitable<void> handle(Exchange& exchange) = 0;
  /// The worker is stopping and its last connection is gone: nothing may keep its io_context
  /// running.
  virtual void stop() {}
};

}  // namespace midstream::serve
