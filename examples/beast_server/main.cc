// An HTTP server on Boost.Beast as many programs have one. It serves a log while another thread
// still writes it: everybody who asks gets all of it from the start, and each new line at once. One
// call does it, midstream::async_write_file(), by sendfile(2).
//
//   ./beast_server 8080        and then        curl -N http://localhost:8080/log
//
// Without a port it asks itself for two files, compares what came, and exits with 0 if it was
// right.
#include <atomic>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <future>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>

#include <midstream/beast.h>
#include <midstream/midstream.h>

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;
constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);

using Files = std::map<std::string, std::shared_ptr<midstream::LiveFile>, std::less<>>;

// One connection. All but the marked line is what such servers look like anyway.
asio::awaitable<void> serve(beast::tcp_stream stream, const Files& files) {
  beast::flat_buffer buffer;
  for (;;) {
    http::request<http::empty_body> request;
    const auto [unread, size] = co_await http::async_read(stream, buffer, request, kAwait);
    if (unread) break;

    const auto target = request.target();
    const auto file = files.find(std::string_view(target.data(), target.size()));
    if (request.method() != http::verb::get || file == files.end()) {
      http::response<http::string_body> sorry(http::status::not_found, request.version(), "no\n");
      sorry.keep_alive(request.keep_alive());
      sorry.prepare_payload();
      const auto [failed, sent] = co_await http::async_write(stream, sorry, kAwait);
      if (failed || !sorry.keep_alive()) break;
      continue;
    }

    http::response<http::empty_body> head(http::status::ok, request.version());
    head.set(http::field::content_type, "text/plain");
    head.keep_alive(request.keep_alive());
    midstream::SendFileOptions options;  // the whole file; a range would be said here
    options.stall_timeout = std::chrono::seconds(60);
    // Content-Length where the size is known, else chunked; returns when the file has come to its
    // end.
    const auto [failed, sent] =
        co_await midstream::async_write_file(stream, head, file->second, options, kAwait);
    if (failed || !head.keep_alive()) break;  // after a failure the client must see that it is cut
  }
}

asio::awaitable<void> accept(tcp::acceptor& acceptor, const Files& files) {
  for (;;) {
    auto [error, socket] = co_await acceptor.async_accept(kAwait);
    if (error) co_return;
    beast::tcp_stream stream(std::move(socket));
    asio::co_spawn(acceptor.get_executor(), serve(std::move(stream), files), asio::detached);
  }
}

// Asks as a client would. Empty when the answer was not whole.
std::string get(const tcp::endpoint& server, const char* target, std::string& framing) {
  asio::io_context io;
  beast::tcp_stream stream(io);
  stream.connect(server);
  http::request<http::empty_body> request(http::verb::get, target, 11);
  request.set(http::field::host, "localhost");
  http::write(stream, request);
  beast::flat_buffer buffer;
  http::response_parser<http::string_body> answer;
  answer.body_limit(boost::none);
  beast::error_code error;
  http::read(stream, buffer, answer, error);
  framing = answer.get().chunked() ? "chunked" : "Content-Length";
  return error ? std::string() : answer.get().body();
}

// Appends to the file until it has `lines` of them; 0: until `stop`.
void write_lines(midstream::Writer& writer, int lines, const std::atomic<bool>& stop) {
  asio::io_context clock;
  for (int line = 1; !stop && (lines == 0 || line <= lines); ++line) {
    if (!writer.write("line " + std::to_string(line) + "\n")) return;
    asio::steady_timer pause(clock, std::chrono::milliseconds(lines == 0 ? 500 : 1));
    pause.wait();
  }
  if (const auto sealed = writer.seal(); !sealed)
    std::fprintf(stderr, "beast_server: %s\n", sealed.error().message().c_str());
}

std::string expected(int lines) {
  std::string all;
  for (int line = 1; line <= lines; ++line)
    all += "line " + std::to_string(line) + "\n";
  return all;
}

}  // namespace

int main(int argc, char** argv) {
  constexpr int kLines = 300;
  const std::string all = expected(kLines);
  const bool demonstrate = argc < 2;
  unsigned short port = 0;
  if (!demonstrate) std::from_chars(argv[1], argv[1] + std::strlen(argv[1]), port);

  // Nobody knows how long /log will be; /report has said so before its first byte.
  auto log = midstream::Writer::create("log.txt");
  auto report = midstream::Writer::create("report.txt", {.declared_size = all.size()});
  if (!log || !report) {
    std::fprintf(stderr, "beast_server: the files cannot be made here\n");
    return 1;
  }
  const Files files{{"/log", log->file()}, {"/report", report->file()}};

  asio::io_context io{1};
  tcp::acceptor acceptor(io, {asio::ip::address_v4::loopback(), port});
  asio::co_spawn(io, accept(acceptor, files), asio::detached);
  std::printf("listening on http://localhost:%u, with /log and /report\n",
              unsigned{acceptor.local_endpoint().port()});
  std::fflush(stdout);

  std::atomic<bool> stop{false};
  std::thread log_writer([&] { write_lines(*log, demonstrate ? kLines : 0, stop); });
  std::thread report_writer([&] { write_lines(*report, kLines, stop); });
  int failures = 0;
  if (demonstrate) {
    std::thread server([&] { io.run(); });
    // Both at once, while both files grow.
    auto ask = [&](const char* target) {
      std::string framing;
      const std::string got = get(acceptor.local_endpoint(), target, framing);
      std::printf("%-8s %zu bytes, %s, %s\n", target, got.size(), framing.c_str(),
                  got == all ? "right" : "WRONG");
      return got == all ? 0 : 1;
    };
    auto asked = std::async(std::launch::async, ask, "/log");
    failures = ask("/report") + asked.get();
    io.stop();
    server.join();
  } else {
    io.run();
  }
  stop = true;
  log_writer.join();
  report_writer.join();
  return failures;
}
