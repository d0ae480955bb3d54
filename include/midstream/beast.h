// For servers built on Boost.Beast: answer a request with a LiveFile, by sendfile, while it grows.
#pragma once

#include <memory>
#include <sstream>
#include <utility>

#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/write.hpp>

#include <midstream/send_file.h>

namespace midstream {

namespace detail {

/// Sets Content-Length where the end is known, else chunked (HTTP/1.1) or the end of the connection
/// (1.0), and gives the options that send the header and the body so framed.
template <class Fields>
SendFileOptions frame_response(
    boost::beast::http::response<boost::beast::http::empty_body, Fields>& head,
    const LiveFile& file, SendFileOptions options) {
  const auto total = file.total_size();
  if (!options.count && total)
    options.count = *total > options.offset ? *total - options.offset : 0;
  options.framing = Framing::kRaw;
  if (options.count) {
    head.content_length(*options.count);
  } else if (head.version() >= 11) {
    head.chunked(true);
    options.framing = Framing::kChunked;
  } else {
    head.content_length(boost::none);
    head.keep_alive(false);
  }
  std::ostringstream text;
  text << head.base();
  options.head = std::move(text).str();
  return options;
}

}  // namespace detail

/// Sends `head` (status and fields; the framing fields are set here) and then the body from `file`,
/// from `options.offset`, for `options.count` bytes or to the end, however long that takes.
/// `options.head` and `options.framing` are overwritten. Completes with `void(error_code,
/// std::uint64_t body_bytes_sent)`. After an error, or where `head.keep_alive()` is false
/// afterwards, close the stream. Lifetimes and cancellation are those of async_send_file(); `head`
/// is not needed after the call.
template <class Socket, class Fields, class CompletionToken>
auto async_write_file(Socket& socket,
                      boost::beast::http::response<boost::beast::http::empty_body, Fields>& head,
                      std::shared_ptr<LiveFile> file, SendFileOptions options,
                      CompletionToken&& token) {
  SendFileOptions framed = detail::frame_response(head, *file, std::move(options));
  return async_send_file(socket, std::move(file), std::move(framed),
                         std::forward<CompletionToken>(token));
}

/// The same for a beast::tcp_stream. Its expiry timer is not used meanwhile; see
/// `options.stall_timeout`.
template <class Protocol, class Executor, class RatePolicy, class Fields, class CompletionToken>
auto async_write_file(boost::beast::basic_stream<Protocol, Executor, RatePolicy>& stream,
                      boost::beast::http::response<boost::beast::http::empty_body, Fields>& head,
                      std::shared_ptr<LiveFile> file, SendFileOptions options,
                      CompletionToken&& token) {
  return async_write_file(stream.socket(), head, std::move(file), std::move(options),
                          std::forward<CompletionToken>(token));
}

}  // namespace midstream
