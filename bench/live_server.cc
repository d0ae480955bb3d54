// A growing file served with the library by the process that writes it: the counterpart of
// go/readwhilewrite.go, for B3. One thread, one io_context, plain Asio.
//
//   live_server -dir DIR [-blocks 60] [-block-size 16384] [-every 50ms] [-length]
//
//   GET  /live.bin   the file from its start, followed to its end; -length declares its size, so
//                    that the answer has a Content-Length; else it is chunked
//   POST /start      the writer appends the rest of the blocks and ends the file
//
// Only for a load tool: no request has a body, none is longer than kHeadBytesMax, every connection
// is kept alive. Runs until a signal ends the process, so nothing that is spawned is ever joined.
#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include <midstream/midstream.h>

#include "load/blocks.h"
#include "load/client.h"

namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);

constexpr std::size_t kHeadBytesMax = 8192;

struct Options {
  std::string dir;
  std::uint64_t blocks = 60;  // in all, the first one included
  std::size_t block_size = 16 * 1024;
  std::chrono::milliseconds every{50};
  bool declare = false;
};

std::uint64_t number(std::string_view text, std::string_view unit = {}) {
  std::uint64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || std::string_view(rest, end) != unit)
    load::die("not a number of the right unit: " + std::string(text));
  return value;
}

// The options of the Go program, as run.py writes them: one dash, and -length has no value.
Options parse(int argc, char** argv) {
  Options o;
  for (int i = 1; i < argc; ++i) {
    const std::string_view name = argv[i];
    if (name == "-length") {
      o.declare = true;
      continue;
    }
    if (++i == argc) load::die("unknown option, or no value: " + std::string(name));
    const std::string_view value = argv[i];
    if (name == "-dir")
      o.dir = value;
    else if (name == "-blocks")
      o.blocks = number(value);
    else if (name == "-block-size")
      o.block_size = number(value);
    else if (name == "-every")
      o.every = std::chrono::milliseconds(number(value, "ms"));
    else
      load::die("unknown option " + std::string(name));
  }
  if (o.dir.empty()) load::die("missing -dir");
  if (o.blocks == 0 || o.block_size <= load::kStampSize) load::die("too few blocks, or too small");
  return o;
}

midstream::Writer create_file(const Options& options) {
  midstream::WriterOptions promised;
  if (options.declare) promised.declared_size = options.blocks * options.block_size;
  auto writer = midstream::Writer::create(options.dir + "/live.bin", promised);
  if (!writer) load::die(options.dir + "/live.bin: " + writer.error().message());
  return std::move(*writer);
}

// Lives as long as the io_context runs: the coroutines are its members.
class LiveServer {
 public:
  LiveServer(asio::io_context& io, const Options& options)
      : options_(options),
        writer_(create_file(options)),
        blocks_(options.block_size),
        pause_(io),
        acceptor_(io, {asio::ip::address_v4::loopback(), 0}) {
    answer_.head = "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n";
    if (const auto size = writer_.file()->declared_size()) {
      answer_.head += "Content-Length: " + std::to_string(*size) + "\r\n\r\n";
      answer_.framing = midstream::Framing::kRaw;
    } else {
      answer_.head += "Transfer-Encoding: chunked\r\n\r\n";
      answer_.framing = midstream::Framing::kChunked;
    }
    append();
  }

  unsigned port() const { return acceptor_.local_endpoint().port(); }

  asio::awaitable<void> accept() {
    for (;;) {
      auto [error, socket] = co_await acceptor_.async_accept(kAwait);
      if (error) load::die("accept: " + error.message());
      socket.set_option(tcp::no_delay(true));  // as net/http does
      asio::co_spawn(acceptor_.get_executor(), serve(std::move(socket)), asio::detached);
    }
  }

 private:
  // One connection, until its client closes it.
  asio::awaitable<void> serve(tcp::socket socket) {
    std::string received;
    for (;;) {
      const auto [unread, head_bytes] = co_await asio::async_read_until(
          socket, asio::dynamic_buffer(received, kHeadBytesMax), "\r\n\r\n", kAwait);
      if (unread) co_return;
      const std::string request = received.substr(0, received.find(" HTTP/1.1\r\n"));
      received.erase(0, head_bytes);

      if (request == "GET /live.bin") {
        midstream::SendFileOptions answer = answer_;
        const auto [failed, sent] =
            co_await midstream::async_send_file(socket, writer_.file(), std::move(answer), kAwait);
        if (failed) co_return;
        continue;
      }
      std::string_view answer = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
      if (request == "POST /start") {
        answer = "HTTP/1.1 204 No Content\r\n\r\n";
        if (!std::exchange(started_, true))
          asio::co_spawn(socket.get_executor(), append_rest(), asio::detached);
      }
      const auto [failed, sent] = co_await asio::async_write(socket, asio::buffer(answer), kAwait);
      if (failed) co_return;
    }
  }

  asio::awaitable<void> append_rest() {
    auto next = std::chrono::steady_clock::now();
    for (std::uint64_t i = 1; i < options_.blocks; ++i) {
      pause_.expires_at(next += options_.every);
      co_await pause_.async_wait(kAwait);
      append();
    }
    const auto sealed = writer_.seal();
    if (!sealed) load::die("seal: " + sealed.error().message());
  }

  void append() {
    const auto written = writer_.write(blocks_.next());
    if (!written) load::die("write: " + written.error().message());
  }

  const Options& options_;
  midstream::Writer writer_;
  load::Blocks blocks_;
  midstream::SendFileOptions answer_;  // to every GET
  bool started_ = false;
  asio::steady_timer pause_;
  tcp::acceptor acceptor_;
};

}  // namespace

int main(int argc, char** argv) {
  const Options options = parse(argc, argv);
  asio::io_context io{1};
  LiveServer server(io, options);
  asio::co_spawn(io, server.accept(), asio::detached);
  std::printf("live_server: listening on http://127.0.0.1:%u\n", server.port());
  std::fflush(stdout);
  io.run();
}
