// An inner source and a reader for the tests of CompressedSource.
#pragma once

#include <fcntl.h>

#include <algorithm>
#include <deque>
#include <exception>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

#include "base/unique_fd.h"
#include "site/compressed_source.h"
#include "site/decoder.h"
#include "support/io.h"
#include "support/no_fd_left.h"

namespace midstream::site::test {

inline constexpr std::size_t kKiB = 1024;
inline constexpr std::uint64_t kNoLimit = std::uint64_t{1} << 30;

using serve::Piece;
using Kind = Piece::Kind;

// An inner source that says what it is told to.
class Script final : public serve::BodySource {
 public:
  struct Entry {
    Kind kind = Kind::kMemory;
    std::string memory = {};
    FileRange file = {};
    error_code error = {};
  };

  struct Log {
    std::deque<Entry> entries;  // the last one stays
    int waits = 0;
    int calls = 0;
    bool live = false;
    bool tells_the_end = false;  // the last bytes come with After::kEnd
    asio::cancellation_slot slot;
  };

  explicit Script(Log& log) : log_(log) {}

  [[nodiscard]] std::optional<std::uint64_t> size() const override { return 1; }
  [[nodiscard]] bool is_live() const override { return log_.live; }

  [[nodiscard]] Piece next(std::uint64_t limit_bytes) override {
    ++log_.calls;
    last_.clear();  // what was given before is no longer valid
    last_.shrink_to_fit();
    if (log_.entries.empty()) return {};
    Entry& entry = log_.entries.front();
    Piece piece{.kind = entry.kind, .after = Piece::After::kCaughtUp, .error = entry.error};
    if (entry.kind == Kind::kMemory) {
      last_ = entry.memory.substr(0, limit_bytes);
      piece.memory = last_;
      entry.memory.erase(0, last_.size());
    } else if (entry.kind == Kind::kFile) {
      piece.file = entry.file;
      piece.file.count = std::min(entry.file.count, limit_bytes);
      entry.file.offset += piece.file.count;
      entry.file.count -= piece.file.count;
    }
    const bool used_up = entry.memory.empty() && entry.file.count == 0;
    if (entry.kind == Kind::kMemory || entry.kind == Kind::kFile) {
      if (used_up) log_.entries.pop_front();
      if (log_.entries.empty() && log_.tells_the_end) piece.after = Piece::After::kEnd;
    }
    return piece;
  }

  [[nodiscard]] net::Awaitable<void> wait(asio::cancellation_slot cancel) override {
    ++log_.waits;
    log_.slot = cancel;
    if (!log_.entries.empty()) log_.entries.pop_front();
    co_return;
  }

 private:
  Log& log_;
  std::string last_;
};

struct Collected {
  std::string coded;
  Kind ended = Kind::kMemory;  // kPending, kEnd or kFailed
  error_code error;
};

// Pulls until there is nothing to pull.
inline Collected collect(serve::BodySource& source, std::uint64_t limit_bytes = kNoLimit) {
  Collected out;
  for (;;) {
    const Piece piece = source.next(limit_bytes);
    if (piece.kind != Kind::kMemory) {
      out.ended = piece.kind;
      out.error = piece.error;
      return out;
    }
    EXPECT_FALSE(piece.memory.empty());
    EXPECT_LE(piece.memory.size(), limit_bytes);
    EXPECT_LE(piece.memory.size(), CompressedSource::kBlockBytes);
    out.coded += piece.memory;
    if (piece.after == Piece::After::kEnd) {
      out.ended = Kind::kEnd;
      return out;
    }
  }
}

inline UniqueFd open_file(const std::filesystem::path& path) {
  return UniqueFd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
}

class CompressedSources : public midstream::test::NoFdLeft {
 protected:
  void wait(CompressedSource& source) {
    bool done = false;
    asio::co_spawn(io_, source.wait(cancel_.slot()), [&](std::exception_ptr) { done = true; });
    ASSERT_TRUE(midstream::test::run_until(io_, [&] { return done; }));
  }

  // Pulls and waits, as a connection does, until the end or the failure.
  Collected collect_all(CompressedSource& source, std::uint64_t limit_bytes = kNoLimit) {
    Collected all;
    do {
      Collected some = collect(source, limit_bytes);
      all.coded += some.coded;
      all.ended = some.ended;
      all.error = some.error;
      if (all.ended == Kind::kPending) wait(source);
    } while (all.ended == Kind::kPending);
    return all;
  }

  CompressedSource make(http::Coding coding) {
    return {std::make_unique<Script>(log_), make_encoder(coding, std::nullopt)};
  }
  void say(std::string bytes) { log_.entries.push_back({.memory = std::move(bytes)}); }
  void say(Kind kind, error_code error = {}) {
    log_.entries.push_back({.kind = kind, .error = error});
  }
  void say(const FileRange& range) { log_.entries.push_back({.kind = Kind::kFile, .file = range}); }

  asio::io_context io_{1};
  asio::cancellation_signal cancel_;
  Script::Log log_;
};

}  // namespace midstream::site::test
