#include "site/compressed_source.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <deque>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <gtest/gtest.h>

#include "base/errno_error.h"
#include "base/unique_fd.h"
#include "site/decoder.h"
#include "support/io.h"
#include "support/no_fd_left.h"
#include "support/payload.h"
#include "support/temp_dir.h"

namespace midstream::site {
namespace {

using http::Coding;
using http::name_of;
using midstream::test::payload;
using midstream::test::TempDir;
using serve::Piece;
using test::Decoder;
using test::kCodings;
using test::words;
using Kind = Piece::Kind;

constexpr std::size_t kKiB = 1024;
constexpr std::uint64_t kNoLimit = std::uint64_t{1} << 30;

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
Collected collect(serve::BodySource& source, std::uint64_t limit_bytes = kNoLimit) {
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

  CompressedSource make(Coding coding) {
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

UniqueFd open_file(const std::filesystem::path& path) {
  return UniqueFd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
}

TEST_F(CompressedSources, F10GiveWhatTheInnerSourceGives) {
  const TempDir dir;
  constexpr std::size_t kSizes[] = {0, 1, 64 * kKiB - 1, 64 * kKiB, 64 * kKiB + 1, 1024 * kKiB};
  for (const Coding coding : kCodings) {
    for (const std::size_t size : kSizes) {
      for (const std::string& plain : {words(size), payload(size)}) {
        const UniqueFd fd = open_file(dir.file("plain", plain));
        for (const bool from_file : {false, true}) {
          for (const std::uint64_t limit : {kNoLimit, std::uint64_t{1000}, std::uint64_t{1}}) {
            SCOPED_TRACE(std::string(name_of(coding)) + " " + std::to_string(size));
            log_.tells_the_end = limit == 1000;
            if (from_file && size > 0) {
              say(FileRange{fd.get(), 0, size});
            } else if (size > 0) {
              say(plain);
            }
            CompressedSource source = make(coding);
            const Collected got = collect_all(source, limit);
            ASSERT_EQ(got.ended, Kind::kEnd);
            EXPECT_EQ(source.next(limit).kind, Kind::kEnd);
            Decoder decoder(coding);
            decoder.feed(got.coded);
            ASSERT_TRUE(decoder.complete());
            ASSERT_TRUE(decoder.plain() == plain);
          }
        }
      }
    }
  }
}

TEST_F(CompressedSources, HaveNoSizeAndAreAsLiveAsTheInnerSource) {
  const CompressedSource source = make(Coding::kZstd);
  EXPECT_EQ(source.size(), std::nullopt);
  EXPECT_FALSE(source.is_live());
  log_.live = true;
  EXPECT_TRUE(source.is_live());
}

TEST_F(CompressedSources, L1OfAGrowingFileShowAllOfItWheneverTheWriterPauses) {
  log_.live = true;
  constexpr std::size_t kAppends[] = {1, 100, 70'000, 3, 200'000};
  for (const Coding coding : kCodings) {
    SCOPED_TRACE(name_of(coding));
    log_.entries.clear();
    CompressedSource source = make(coding);
    Decoder decoder(coding);
    std::string plain;
    for (const std::size_t size : kAppends) {
      const std::string more = words(size, size);
      plain += more;
      say(more);
      say(Kind::kPending);
      Collected got;
      do {  // a turn may be over in between
        got = collect(source);
        ASSERT_EQ(got.ended, Kind::kPending);
        decoder.feed(got.coded);
        if (log_.entries.front().kind == Kind::kMemory) wait(source);
      } while (log_.entries.front().kind == Kind::kMemory);
      decoder.feed(collect(source).coded);
      ASSERT_TRUE(decoder.plain() == plain) << "after " << size;
      EXPECT_TRUE(collect(source).coded.empty()) << "flushed twice";
      wait(source);
    }
    EXPECT_EQ(collect_all(source).ended, Kind::kEnd);
  }
}

TEST_F(CompressedSources, FlushOnlyWhereALiveSourceHasNothing) {
  const std::string plain = words(100'000);
  for (const Coding coding : kCodings) {
    say(plain);
    CompressedSource whole = make(coding);
    const std::string expected = collect_all(whole).coded;
    // Pages that are not in memory: the inner source waits for them, too.
    for (std::size_t at = 0; at < plain.size(); at += 10'000) {
      say(plain.substr(at, 10'000));
      say(Kind::kPending);
    }
    CompressedSource source = make(coding);
    EXPECT_TRUE(collect_all(source).coded == expected) << name_of(coding);
  }
}

TEST_F(CompressedSources, LetOthersRunAfterEachTurn) {
  say(words(1024 * kKiB));
  CompressedSource source = make(Coding::kGzip);
  int turns = 0;
  Collected got;
  for (;;) {
    const int before = log_.calls;
    got = collect(source);
    EXPECT_LE(log_.calls - before, 3);
    if (got.ended != Kind::kPending) break;
    bool other_ran = false;
    asio::post(io_, [&] { other_ran = true; });
    bool resumed = false;
    asio::co_spawn(io_, source.wait(cancel_.slot()), [&](std::exception_ptr) {
      EXPECT_TRUE(other_ran);
      resumed = true;
    });
    ASSERT_TRUE(midstream::test::run_until(io_, [&] { return resumed; }));
    ++turns;
  }
  EXPECT_EQ(got.ended, Kind::kEnd);
  EXPECT_EQ(turns, 1024 * kKiB / CompressedSource::kTurnBytes);
  EXPECT_EQ(log_.waits, 0);
}

TEST_F(CompressedSources, WaitForTheInnerSourceAndPassACancellationOn) {
  log_.live = true;
  say(Kind::kPending);
  CompressedSource source = make(Coding::kZstd);
  EXPECT_EQ(collect(source).ended, Kind::kPending);
  wait(source);
  EXPECT_EQ(log_.waits, 1);
  bool cancelled = false;
  log_.slot.assign([&](asio::cancellation_type) { cancelled = true; });
  cancel_.emit(asio::cancellation_type::terminal);
  EXPECT_TRUE(cancelled);
}

TEST_F(CompressedSources, L4AfterAFailureTheBytesBeforeItAndNoEnd) {
  constexpr std::size_t kPieceBytes = 30'000;
  for (const Coding coding : kCodings) {
    for (const bool live : {false, true}) {
      for (std::size_t pieces = 0; pieces < 8; ++pieces) {
        SCOPED_TRACE(std::string(name_of(coding)) + " after " + std::to_string(pieces));
        log_.entries.clear();
        log_.live = live;
        std::string plain;
        for (std::size_t i = 0; i < pieces; ++i) {
          const std::string more = words(kPieceBytes, i + 1);
          plain += more;
          say(more);
        }
        say(Kind::kFailed, Errc::kWriterFailed);
        CompressedSource source = make(coding);
        const Collected got = collect_all(source);
        ASSERT_EQ(got.ended, Kind::kFailed);
        EXPECT_EQ(got.error, Errc::kWriterFailed);
        Decoder decoder(coding);
        decoder.feed(got.coded);
        EXPECT_TRUE(decoder.plain() == plain);
        EXPECT_FALSE(decoder.complete());
        EXPECT_FALSE(decoder.malformed());
        EXPECT_EQ(source.next(kNoLimit).kind, Kind::kFailed) << "a failure is final";
      }
    }
  }
}

TEST_F(CompressedSources, F15FailWhereTheFileWasTruncated) {
  const TempDir dir;
  const std::string plain = words(300'000);
  for (const Coding coding : kCodings) {
    const auto path = dir.file("plain", plain);
    const UniqueFd fd = open_file(path);
    say(FileRange{fd.get(), 0, plain.size()});
    ASSERT_EQ(::truncate(path.c_str(), 200'000), 0);
    CompressedSource source = make(coding);
    const Collected got = collect_all(source);
    EXPECT_EQ(got.ended, Kind::kFailed);
    EXPECT_EQ(got.error, Errc::kTruncated);
    Decoder decoder(coding);
    decoder.feed(got.coded);
    EXPECT_FALSE(decoder.complete());
    EXPECT_TRUE(plain.starts_with(decoder.plain()));
    EXPECT_GT(decoder.plain().size(), 100'000U);
    log_.entries.clear();
  }
}

TEST_F(CompressedSources, S6FailWithTheErrorOfReading) {
  say(words(1000));
  say(FileRange{-1, 0, 1000});
  CompressedSource source = make(Coding::kGzip);
  const Collected got = collect_all(source);
  EXPECT_EQ(got.ended, Kind::kFailed);
  EXPECT_EQ(got.error, errno_error(EBADF));
}

// Fails at one call, and says whether it was asked again.
class Failing final : public Encoder {
 public:
  Failing(std::unique_ptr<Encoder> inner, int calls, bool& asked_again)
      : inner_(std::move(inner)), calls_(calls), asked_again_(asked_again) {}
  [[nodiscard]] result<Step> encode(std::string_view& in, Flush flush,
                                    std::span<char> out) override {
    asked_again_ = calls_ < 0;
    if (calls_-- <= 0) return errno_error(ENOMEM);
    return inner_->encode(in, flush, out);
  }

 private:
  std::unique_ptr<Encoder> inner_;
  int calls_;
  bool& asked_again_;
};

TEST_F(CompressedSources, FailWhenTheEncoderDoesAtWhateverCall) {
  log_.live = true;
  for (int calls = 0;; ++calls) {
    ASSERT_LT(calls, 1000);
    SCOPED_TRACE(calls);
    log_.entries.clear();
    for (std::uint64_t i = 1; i <= 5; ++i) {
      say(payload(50'000, i));
      say(Kind::kPending);
    }
    bool asked_again = false;
    CompressedSource source(
        std::make_unique<Script>(log_),
        std::make_unique<Failing>(make_encoder(Coding::kZstd, std::nullopt), calls, asked_again));
    const Collected got = collect_all(source);
    EXPECT_FALSE(asked_again);
    if (got.ended == Kind::kEnd) {
      EXPECT_GT(calls, 5);
      break;
    }
    EXPECT_EQ(got.ended, Kind::kFailed);
    EXPECT_EQ(got.error, errno_error(ENOMEM));
    Decoder decoder(Coding::kZstd);
    decoder.feed(got.coded);
    EXPECT_FALSE(decoder.complete());
    EXPECT_FALSE(decoder.malformed());
  }
}

// The reason why a failing encoder does not hide why the source failed.
TEST_F(CompressedSources, TellTheFirstOfTwoFailures) {
  say(words(1000));
  say(Kind::kFailed, Errc::kReplaced);
  bool asked_again = false;
  CompressedSource source(
      std::make_unique<Script>(log_),
      std::make_unique<Failing>(make_encoder(Coding::kGzip, std::nullopt), 1, asked_again));
  EXPECT_EQ(collect_all(source).error, Errc::kReplaced);
  EXPECT_FALSE(asked_again);
}

}  // namespace
}  // namespace midstream::site
