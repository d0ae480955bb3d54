// The body of a multi-range response by itself: byte for byte, whatever the pieces.
#include "site/multipart_source.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

#include "net/disk_pool.h"
#include "site/file_source.h"
#include "site/open_file.h"
#include "support/io.h"
#include "support/no_fd_left.h"
#include "support/payload.h"
#include "support/temp_dir.h"

namespace midstream::site {
namespace {

using http::ByteRange;
using serve::Piece;

constexpr Boundary::Bits kBits = {0x0123456789abcdef, 0xfedcba9876543210};
constexpr std::string_view kBoundary = "0123456789abcdeffedcba9876543210";

// What RFC 9110 section 14.6 wants on the wire, written down a second time.
std::string expected_body(std::string_view content, std::string_view media_type,
                          const std::vector<ByteRange>& ranges) {
  std::string body;
  for (const ByteRange& range : ranges) {
    if (!body.empty()) body += "\r\n";
    body.append("--").append(kBoundary).append("\r\n");
    if (!media_type.empty()) body.append("Content-Type: ").append(media_type).append("\r\n");
    body += "Content-Range: bytes " + std::to_string(range.offset) + "-" +
            std::to_string(range.offset + range.count - 1) + "/" + std::to_string(content.size());
    body.append("\r\n\r\n").append(content.substr(range.offset, range.count));
  }
  return body.append("\r\n--").append(kBoundary).append("--\r\n");
}

// What the sources of the parts are told, and what they saw.
struct Script {
  std::string content;
  std::size_t piece_bytes = SIZE_MAX;
  bool end_by_itself = false;  // the end comes in a call of its own, not with the last bytes
  bool pending_first = false;  // before each piece there is nothing for a while
  std::uint64_t fail_at = UINT64_MAX;
  int open = 0;
  int opened = 0;
  int waits = 0;
};

class ScriptedPart final : public serve::BodySource {
 public:
  ScriptedPart(Script& script, const ByteRange& range)
      : script_(script), offset_(range.offset), end_(range.offset + range.count) {
    EXPECT_EQ(++script_.open, 1) << "more than one part is open";
    ++script_.opened;
  }
  ~ScriptedPart() override { --script_.open; }

  [[nodiscard]] std::optional<std::uint64_t> size() const override { return end_ - offset_; }

  [[nodiscard]] Piece next(std::uint64_t limit_bytes) override {
    piece_.reset();  // what was given before is void
    if (offset_ == end_) return {};
    if (script_.pending_first && !waited_) return {.kind = Piece::Kind::kPending};
    waited_ = false;
    if (offset_ >= script_.fail_at)
      return {.kind = Piece::Kind::kFailed, .error = Errc::kTruncated};
    const std::uint64_t count =
        std::min({limit_bytes, end_ - offset_, std::uint64_t{script_.piece_bytes}});
    // In memory of its own, so that a use after the next call shows under AddressSanitizer.
    piece_ = std::make_unique<std::vector<char>>(
        script_.content.begin() + static_cast<std::ptrdiff_t>(offset_),
        script_.content.begin() + static_cast<std::ptrdiff_t>(offset_ + count));
    offset_ += count;
    const bool last = offset_ == end_ && !script_.end_by_itself;
    return {.kind = Piece::Kind::kMemory,
            .after = last ? Piece::After::kEnd : Piece::After::kCaughtUp,
            .memory = {piece_->data(), piece_->size()}};
  }

  [[nodiscard]] net::Awaitable<void> wait(asio::cancellation_slot) override {
    waited_ = true;
    ++script_.waits;
    co_return;
  }

 private:
  Script& script_;
  std::uint64_t offset_;
  std::uint64_t end_;
  bool waited_ = false;
  std::unique_ptr<std::vector<char>> piece_;
};

MultipartSource::OpenPart part_of(Script& script) {
  return [&script](serve::Body& place, const ByteRange& range) {
    place.emplace<ScriptedPart>(script, range);
  };
}

void wait_for(serve::BodySource& source) {
  asio::io_context io(1);
  bool done = false;
  asio::co_spawn(io, source.wait({}), [&](const std::exception_ptr&) { done = true; });
  ASSERT_TRUE(test::run_until(io, [&] { return done; }));
}

struct Read {
  std::string body;
  Piece::Kind end = Piece::Kind::kPending;
  error_code error;
  std::size_t pieces = 0;
};

// Pulls everything, as a connection does.
Read read_all(serve::BodySource& source, std::uint64_t limit_bytes = UINT64_MAX) {
  Read read;
  for (;;) {
    const Piece piece = source.next(limit_bytes);
    if (piece.kind == Piece::Kind::kPending) {
      wait_for(source);
      continue;
    }
    read.end = piece.kind;
    read.error = piece.error;
    if (piece.kind == Piece::Kind::kEnd || piece.kind == Piece::Kind::kFailed) return read;
    ++read.pieces;
    if (piece.kind == Piece::Kind::kMemory) {
      EXPECT_LE(piece.memory.size(), limit_bytes);
      EXPECT_FALSE(piece.memory.empty());
      read.body += piece.memory;
    } else {
      EXPECT_LE(piece.file.count, limit_bytes);
      std::string bytes(piece.file.count, '\0');
      EXPECT_EQ(
          ::pread(piece.file.fd, bytes.data(), bytes.size(), static_cast<off_t>(piece.file.offset)),
          static_cast<ssize_t>(bytes.size()));
      read.body += bytes;
    }
    if (piece.after == Piece::After::kEnd) {
      read.end = Piece::Kind::kEnd;
      EXPECT_EQ(source.next(limit_bytes).kind, Piece::Kind::kEnd);
      return read;
    }
  }
}

// As many ranges as wanted, overlapping, backwards, of any size.
std::vector<ByteRange> some_ranges(std::size_t count, std::size_t size_bytes) {
  std::vector<ByteRange> ranges;
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint64_t offset = (i * 7919 + 3) % size_bytes;
    ranges.push_back({offset, 1 + (i * 31) % (size_bytes - offset)});
  }
  return ranges;
}

TEST(Multipart, F13TheBoundaryIsItsBitsInHexadecimal) {
  EXPECT_EQ(Boundary(kBits).text(), kBoundary);
  EXPECT_EQ(Boundary({0, 1}).text(), "00000000000000000000000000000001");
  EXPECT_EQ(multipart_media_type(Boundary(kBits)),
            "multipart/byteranges; boundary=0123456789abcdeffedcba9876543210");
  EXPECT_NE(Boundary::random().text(), Boundary::random().text());
}

TEST(Multipart, F13AnExampleInFull) {
  Script script{.content = "0123456789"};
  const std::vector<ByteRange> ranges = {{7, 3}, {0, 2}};
  MultipartSource source({"text/plain", 10, ranges}, Boundary(kBits), part_of(script));
  const std::string_view expected =
      "--0123456789abcdeffedcba9876543210\r\n"
      "Content-Type: text/plain\r\n"
      "Content-Range: bytes 7-9/10\r\n"
      "\r\n"
      "789\r\n"
      "--0123456789abcdeffedcba9876543210\r\n"
      "Content-Type: text/plain\r\n"
      "Content-Range: bytes 0-1/10\r\n"
      "\r\n"
      "01\r\n"
      "--0123456789abcdeffedcba9876543210--\r\n";
  EXPECT_EQ(source.size(), expected.size());
  EXPECT_EQ(read_all(source).body, expected);
}

TEST(Multipart, F13TwoToSixteenRanges) {
  for (std::size_t count = 2; count <= http::kRangesMax; ++count) {
    Script script{.content = test::payload(5000)};
    const auto ranges = some_ranges(count, script.content.size());
    for (const std::string_view type : {"", "application/octet-stream"}) {
      MultipartSource source({type, script.content.size(), ranges}, Boundary(kBits),
                             part_of(script));
      const std::string expected = expected_body(script.content, type, ranges);
      EXPECT_EQ(source.size(), expected.size()) << count;
      const Read read = read_all(source);
      EXPECT_EQ(read.end, Piece::Kind::kEnd);
      EXPECT_TRUE(read.body == expected) << count;
    }
    EXPECT_EQ(script.open, 0);
    EXPECT_EQ(script.opened, static_cast<int>(2 * count));
  }
}

TEST(Multipart, F13EveryLimitAndEveryPieceSize) {
  Script script{.content = test::payload(300)};
  const auto ranges = some_ranges(4, script.content.size());
  const std::string expected = expected_body(script.content, "a/b", ranges);
  for (std::uint64_t limit = 1; limit <= 150; ++limit) {
    for (const std::size_t piece : {std::size_t{1}, std::size_t{2}, std::size_t{17}, SIZE_MAX}) {
      for (const bool end_by_itself : {false, true}) {
        script.piece_bytes = piece;
        script.end_by_itself = end_by_itself;
        MultipartSource source({"a/b", 300, ranges}, Boundary(kBits), part_of(script));
        EXPECT_TRUE(read_all(source, limit).body == expected) << limit << " " << piece;
      }
    }
  }
  EXPECT_EQ(script.open, 0);
}

TEST(Multipart, S8WhatWaitsIsThePart) {
  Script script{.content = test::payload(100), .piece_bytes = 10, .pending_first = true};
  const std::vector<ByteRange> ranges = {{0, 30}, {50, 20}};
  MultipartSource source({"a/b", 100, ranges}, Boundary(kBits), part_of(script));
  EXPECT_EQ(read_all(source).body, expected_body(script.content, "a/b", ranges));
  EXPECT_EQ(script.waits, 5);
}

TEST(Multipart, WaitingOutsideOfAPartReturnsAtOnce) {
  Script script{.content = "0123456789"};
  const std::vector<ByteRange> ranges = {{0, 1}, {5, 1}};
  MultipartSource source({"a/b", 10, ranges}, Boundary(kBits), part_of(script));
  wait_for(source);
  EXPECT_EQ(script.waits, 0);
}

// Wherever a part fails, the body fails, and nothing comes after it that could look like an end.
TEST(Multipart, F15AFailureOfAPartIsTheBodys) {
  const std::vector<ByteRange> ranges = {{0, 10}, {20, 10}, {40, 10}};
  for (std::uint64_t at = 0; at < 50; ++at) {
    Script script{.content = test::payload(50), .piece_bytes = 1, .fail_at = at};
    MultipartSource source({"a/b", 50, ranges}, Boundary(kBits), part_of(script));
    const std::string expected = expected_body(script.content, "a/b", ranges);
    const Read read = read_all(source);
    EXPECT_EQ(read.end, Piece::Kind::kFailed) << at;
    EXPECT_EQ(read.error, Errc::kTruncated);
    EXPECT_TRUE(expected.starts_with(read.body));
    EXPECT_LT(read.body.size(), expected.size());
    EXPECT_EQ(source.next(100).kind, Piece::Kind::kFailed) << "it says it again";
  }
}

// -- Of files ------------------------------------------------------------------------------------

class MultipartOfFile : public test::NoFdLeft {
 protected:
  [[nodiscard]] std::shared_ptr<const OpenFile> open(const std::string& content, Reads reads) {
    const auto path = directory_.file("file", content);
    auto file = std::make_shared<OpenFile>();
    file->fd.reset(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    EXPECT_TRUE(file->fd.valid());
    file->size_bytes = content.size();
    file->media_type = "video/mp4";
    file->reads = reads;
    if (content.size() <= OpenFile::kInMemoryBytesMax) file->content = content;
    return file;
  }

  [[nodiscard]] MultipartSource source_of(const std::shared_ptr<const OpenFile>& file,
                                          const std::vector<ByteRange>& ranges) {
    return {{file->media_type, file->size_bytes, ranges},
            Boundary(kBits),
            [this, file](serve::Body& place, const ByteRange& range) {
              place.emplace<FileSource>(file, range.offset, range.count, pool_);
            }};
  }

  test::TempDir directory_;
  net::DiskPool pool_{1};
};

TEST_F(MultipartOfFile, F13SmallAndLargeOnes) {
  for (const std::size_t size : {std::size_t{100}, std::size_t{8192}, std::size_t{3'000'000}}) {
    const std::string content = test::payload(size);
    for (const Reads reads : {Reads::kMemory, Reads::kProbed, Reads::kUnknown}) {
      const auto file = open(content, reads);
      const auto ranges = some_ranges(16, size);
      MultipartSource source = source_of(file, ranges);
      const std::string expected = expected_body(content, "video/mp4", ranges);
      EXPECT_EQ(source.size(), expected.size());
      EXPECT_TRUE(read_all(source).body == expected) << size;
    }
  }
}

TEST_F(MultipartOfFile, F13RangesFarApartInAHugeFile) {
  const auto file = open("", Reads::kProbed);
  auto huge = std::make_shared<OpenFile>();
  huge->fd.reset(::dup(file->fd.get()));
  huge->size_bytes = std::uint64_t{5} << 40;
  huge->media_type = "a/b";
  const std::uint64_t half = std::uint64_t{2} << 40;
  const std::vector<ByteRange> ranges = {{0, half}, {half, half}};
  MultipartSource source = source_of(huge, ranges);
  const std::string heads =
      "--" + std::string(kBoundary) +
      "\r\nContent-Type: a/b\r\nContent-Range: bytes 0-2199023255551/5497558138880\r\n\r\n\r\n--" +
      std::string(kBoundary) +
      "\r\nContent-Type: a/b\r\nContent-Range: bytes "
      "2199023255552-4398046511103/5497558138880\r\n\r\n\r\n--" +
      std::string(kBoundary) + "--\r\n";
  EXPECT_EQ(source.size(), 2 * half + heads.size());
}

TEST_F(MultipartOfFile, TheFileIsClosedWithTheSource) {
  const std::string content = test::payload(20'000);
  auto file = open(content, Reads::kMemory);
  const std::weak_ptr<const OpenFile> seen = file;
  const std::vector<ByteRange> ranges = {{0, 1}, {5, 1}};
  {
    MultipartSource source = source_of(file, ranges);
    file.reset();
    (void)source.next(1);
    EXPECT_FALSE(seen.expired());
  }
  EXPECT_TRUE(seen.expired());
}

}  // namespace
}  // namespace midstream::site
