// One writer, three readers. Standard input goes into a file, and everybody follows that file from
// its first byte, each at its own pace, while it is written:
//
//   ls -lR /usr | ./tee listing.txt
//
// Without input it makes some up. Exits with 0 when every reader saw exactly what was written.
#include <unistd.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <thread>
#include <utility>

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>

#include <midstream/midstream.h>

namespace {

namespace asio = boost::asio;
using midstream::LiveFile;

// What somebody saw: so many bytes, and their hash (FNV-1a).
struct Seen {
  std::uint64_t bytes = 0;
  std::uint64_t hash = 0xcbf29ce484222325U;
  midstream::error_code error = {};

  void add(std::span<const std::byte> more) {
    bytes += more.size();
    for (const std::byte byte : more)
      hash = (hash ^ std::to_integer<std::uint64_t>(byte)) * 0x100000001b3U;
  }
  bool operator==(const Seen&) const = default;
};

// A reader with a thread of its own. read() waits for the next bytes; 0 is the end of the file.
void read_blocking(std::shared_ptr<LiveFile> file, std::size_t buffer_size, Seen& seen) {
  midstream::Reader reader(std::move(file));
  std::string buffer(buffer_size, '\0');
  const auto room = std::as_writable_bytes(std::span(buffer));
  for (;;) {
    const auto count = reader.read(room);
    if (!count) seen.error = count.error();
    if (!count || *count == 0) return;
    seen.add(room.first(*count));
  }
}

// The same with Asio: thousands of these can share one thread. (Coroutines and futures work as
// well.)
class AsioReader {
 public:
  AsioReader(asio::io_context& io, std::shared_ptr<LiveFile> file, Seen& seen)
      : reader_(io.get_executor(), std::move(file)), seen_(seen) {}

  void read() {
    const auto on_read = [this](midstream::error_code error, std::size_t count) {
      if (error && error != asio::error::eof) seen_.error = error;
      if (error) return;
      seen_.add(std::span(buffer_).first(count));
      read();
    };
    reader_.async_read_some(asio::buffer(buffer_), on_read);
  }

 private:
  midstream::AsyncReader reader_;
  Seen& seen_;
  std::array<std::byte, 4096> buffer_;
};

// Each write is there for the readers when it returns, and costs the same for one as for thousands.
midstream::result<Seen> write_all(midstream::Writer& writer) {
  Seen written;
  const auto write = [&](std::span<const std::byte> bytes) {
    written.add(bytes);
    return writer.write(bytes);
  };
  std::array<std::byte, 16 * 1024> buffer;
  for (ssize_t got; (got = ::read(STDIN_FILENO, buffer.data(), buffer.size())) > 0;) {
    const auto done = write(std::span(buffer).first(static_cast<std::size_t>(got)));
    if (!done) return done.error();
  }
  for (int line = 1; written.bytes < 1'000'000; ++line) {  // too little input to show anything
    const std::string text = "line " + std::to_string(line) + "\n";
    const auto done = write(std::as_bytes(std::span(text)));
    if (!done) return done.error();
  }
  const auto done = writer.seal();  // the file gets its name, and the readers their end
  if (!done) return done.error();
  return written;
}

void print(const char* who, const Seen& seen) {
  std::printf("%-22s %10ju bytes  hash %016jx  %s\n", who, std::uintmax_t{seen.bytes},
              std::uintmax_t{seen.hash}, seen.error ? seen.error.message().c_str() : "to the end");
}

}  // namespace

int main(int argc, char** argv) {
  auto writer = midstream::Writer::create(argc > 1 ? argv[1] : "tee.out");
  if (!writer) {
    std::fprintf(stderr, "tee: %s\n", writer.error().message().c_str());
    return 1;
  }

  Seen small, large, async;
  std::thread first(read_blocking, writer->file(), 100, std::ref(small));
  std::thread second(read_blocking, writer->file(), 64 * 1024, std::ref(large));
  asio::io_context io{1};
  AsioReader asio_reader(io, writer->file(), async);
  asio_reader.read();
  std::thread third([&] { io.run(); });  // until the last reader has finished

  const auto written = write_all(*writer);
  writer->abort("the input could not be stored");  // after a seal: nothing
  for (std::thread* thread : {&first, &second, &third})
    thread->join();

  if (!written) {
    std::fprintf(stderr, "tee: %s\n", written.error().message().c_str());
    return 1;
  }
  print("written", *written);
  print("reader, small buffer", small);
  print("reader, large buffer", large);
  print("reader, Asio", async);
  return small == *written && large == *written && async == *written ? 0 : 1;
}
