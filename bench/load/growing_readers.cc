// Many readers of one growing file: how late is each block, and are the bytes right?
//
//   growing_readers --address 127.0.0.1:8080 --path /live.bin --readers 1000 --append-to
//   DIR/live.bin growing_readers --address 127.0.0.1:8080 --path /live.bin --readers 1000
//   --start-path /start
//
// --append-to: this program is the writer. It creates the file with one block and keeps it open.
// --start-path: the server is the writer (live_server.cc, go/readwhilewrite.go), with one block to
// begin with, and starts on a POST to that path. Both append --blocks blocks in all, one every
// --every-ms.
//
// When every reader has the first block, prints "ready", waits for a line on standard input, lets
// the writing begin, and ends with one line of JSON when every response has ended. A block counts
// as delivered when the reader has its last byte; the first one is not timed. Exit code 1 if
// anything is wrong.
#include <fcntl.h>

#include <memory>
#include <thread>

#include "blocks.h"
#include "client.h"
#include "response.h"

namespace {

using load::Response;

struct Options {
  sockaddr_in server;
  std::string path, append_to, start_path;
  std::size_t readers, block_size;
  std::uint64_t blocks;
  std::int64_t every_ms, timeout_ms;
};

struct Reader {
  int fd = -1;
  bool closed = false;  // by this program, or broken
  Response response;
  load::BlockChecker checker;
};

Options parse(int argc, char** argv) {
  load::Arguments arguments(argc, argv);
  Options o;
  o.server = load::parse_address(arguments.text("address"));
  o.path = arguments.text("path");
  o.append_to = arguments.text("append-to", "");
  o.start_path = arguments.text("start-path", "");
  o.readers = static_cast<std::size_t>(arguments.number("readers", 1000));
  o.blocks = static_cast<std::uint64_t>(arguments.number("blocks", 60));
  o.block_size = static_cast<std::size_t>(arguments.number("block-size", 16 * 1024));
  o.every_ms = arguments.number("every-ms", 50);
  o.timeout_ms = arguments.number("timeout-ms", 60'000);
  arguments.finish();
  if (o.append_to.empty() == o.start_path.empty()) load::die("one of --append-to and --start-path");
  if (o.block_size <= load::kStampSize) load::die("--block-size is too small");
  return o;
}

class Crowd {
 public:
  explicit Crowd(const Options& options)
      : options_(options),
        pattern_(load::block_pattern(options.block_size)),
        readers_(options.readers),
        deadline_ns_(load::now_ns() + options.timeout_ms * 1'000'000) {
    latency_ms_.reserve(options.readers * options.blocks);
    poller_ = ::epoll_create1(EPOLL_CLOEXEC);
    for (std::size_t i = 0; i < readers_.size(); ++i) {
      readers_[i].fd = load::connect_to(options_.server, static_cast<int>(i));
      load::send_request(readers_[i].fd, "GET", options_.path);
      epoll_event event{};
      event.events = EPOLLIN;
      event.data.u64 = i;
      ::epoll_ctl(poller_, EPOLL_CTL_ADD, readers_[i].fd, &event);
    }
  }

  /// Reads until `done()`; gives up at the deadline.
  template <class Done>
  void run_until(Done&& done) {
    epoll_event ready[64];
    while (!done() && load::now_ns() < deadline_ns_) {
      const int count = ::epoll_wait(poller_, ready, 64, 100);
      for (int i = 0; i < count; ++i)
        read_from(readers_[ready[i].data.u64]);
    }
  }

  bool all_started() const { return started_ == readers_.size(); }
  bool all_closed() const { return closed_ == readers_.size(); }

  /// Prints the JSON line; gives whether everything was right.
  bool report() {
    std::size_t failed = 0, chunked = 0;
    std::uint64_t bytes = 0;
    for (const Reader& reader : readers_) {
      bytes += reader.response.body_bytes();
      chunked += reader.response.chunked();
      if (reader.response.state() != Response::State::kDone || reader.response.status() != 200 ||
          reader.checker.wrong() || reader.checker.blocks() != options_.blocks) {
        ++failed;
      }
    }
    const double max =
        latency_ms_.empty() ? 0 : *std::max_element(latency_ms_.begin(), latency_ms_.end());
    std::printf(
        "{\"readers\": %zu, \"failed\": %zu, \"chunked\": %zu, \"bytes\": %llu, \"p50_ms\": %.3f, "
        "\"p99_ms\": %.3f, \"max_ms\": %.3f, \"samples\": %zu, \"reads_per_block\": %.2f}\n",
        readers_.size(), failed, chunked, static_cast<unsigned long long>(bytes),
        load::percentile(latency_ms_, 0.5), load::percentile(latency_ms_, 0.99), max,
        latency_ms_.size(),
        static_cast<double>(reads_) /
            static_cast<double>(std::max<std::size_t>(1, latency_ms_.size())));
    return failed == 0;
  }

 private:
  void read_from(Reader& reader) {
    static char buffer[256 * 1024];
    const ssize_t count = ::recv(reader.fd, buffer, sizeof buffer, MSG_DONTWAIT);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (count <= 0) return close(reader);
    const std::int64_t now = load::now_ns();
    ++reads_;
    const auto state = reader.response.feed(
        buffer, static_cast<std::size_t>(count), [&](const char* data, std::size_t size) {
          reader.checker.take(data, size, pattern_, [&](std::uint64_t index, std::int64_t stamp) {
            if (index == 0)
              ++started_;
            else
              latency_ms_.push_back(static_cast<float>(now - stamp) / 1e6F);
          });
        });
    if (state == Response::State::kDone || state == Response::State::kBroken) close(reader);
  }

  void close(Reader& reader) {
    if (reader.closed) return;
    reader.closed = true;
    ++closed_;
    ::close(reader.fd);
  }

  const Options& options_;
  const std::string pattern_;
  std::vector<Reader> readers_;
  const std::int64_t deadline_ns_;
  int poller_;
  std::size_t started_ = 0, closed_ = 0;
  std::uint64_t reads_ = 0;
  std::vector<float> latency_ms_;
};

void append_all(const Options& options, load::BlockWriter& writer, int fd) {
  std::int64_t next_ns = load::now_ns();
  for (std::uint64_t i = 1; i < options.blocks; ++i) {
    next_ns += options.every_ms * 1'000'000;
    const timespec at{next_ns / 1'000'000'000, next_ns % 1'000'000'000};
    while (::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, nullptr) == EINTR) {
    }
    writer.append();
  }
  ::close(fd);
}

}  // namespace

int main(int argc, char** argv) {
  const Options options = parse(argc, argv);
  load::raise_fd_limit();

  std::unique_ptr<load::BlockWriter> writer;
  int file = -1;
  if (!options.append_to.empty()) {
    file = ::open(options.append_to.c_str(), O_CREAT | O_TRUNC | O_WRONLY | O_APPEND | O_CLOEXEC,
                  0644);
    if (file < 0) load::die(options.append_to, errno);
    writer = std::make_unique<load::BlockWriter>(file, options.block_size);
    writer->append();
  }

  Crowd crowd(options);
  crowd.run_until([&] { return crowd.all_started() || crowd.all_closed(); });
  if (!crowd.all_started()) {
    crowd.report();
    load::die("not every reader got the first block");
  }
  std::puts("ready");
  std::fflush(stdout);
  load::wait_for_line();

  std::thread writing;
  if (writer) {
    writing = std::thread([&] { append_all(options, *writer, file); });
  } else {
    const int fd = load::connect_to(options.server, 0);
    load::send_request(fd, "POST", options.start_path);
    char answer[512];
    if (::recv(fd, answer, sizeof answer, 0) < 12 || std::strncmp(answer + 9, "204", 3) != 0) {
      load::die("the server did not take " + options.start_path);
    }
    ::close(fd);
  }
  crowd.run_until([&] { return crowd.all_closed(); });
  if (writing.joinable()) writing.join();
  return crowd.report() ? 0 : 1;
}
