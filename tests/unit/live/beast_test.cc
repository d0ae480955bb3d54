// <midstream/beast.h>: answers of a server that is built on Boost.Beast.
#include <optional>
#include <string>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_future.hpp>
#include <gtest/gtest.h>

#include <midstream/beast.h>

#include "support/growing.h"
#include "support/io.h"
#include "support/no_fd_left.h"
#include "support/payload.h"
#include "support/sockets.h"

namespace midstream {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::ip::tcp;
using test::Growing;

// What a client of version `version` gets.
std::string answer_of(Growing& growing, unsigned version, std::string_view rest) {
  test::IoThread io;
  test::SocketPair pair = test::tcp_pair();
  std::optional<boost::beast::tcp_stream> stream;
  stream.emplace(tcp::socket(io.io(), tcp::v4(), pair.near.release()));
  http::response<http::empty_body> head(http::status::ok, version);
  head.set(http::field::content_type, "text/plain");
  auto sent = async_write_file(*stream, head, growing.file(), {}, asio::use_future);
  growing.append(rest);
  growing.seal();
  EXPECT_EQ(sent.get(), growing->watermark());
  EXPECT_EQ(head.keep_alive(), version >= 11);
  io.stop();
  stream.reset();
  return test::receive_to_end(pair.far.get()).bytes;
}

using Beast = test::NoFdLeft;

TEST_F(Beast, L3_FramesByLengthWhereItIsKnownElseByChunksElseByTheEnd) {
  Growing declared("first ", 12);
  EXPECT_EQ(answer_of(declared, 11, "second"),
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 12\r\n\r\n"
            "first second");
  Growing unknown("first ");
  const std::string chunked = answer_of(unknown, 11, "second");
  const std::size_t body = chunked.find("\r\n\r\n") + 4;
  EXPECT_EQ(chunked.substr(0, body),
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n");
  EXPECT_EQ(test::unchunk(chunked.substr(body)).body, "first second");
  EXPECT_TRUE(test::unchunk(chunked.substr(body)).complete);
  Growing old("first ");
  EXPECT_EQ(answer_of(old, 10, "second"),
            "HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nfirst second");
}

}  // namespace
}  // namespace midstream
