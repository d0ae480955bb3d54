#include "site/compressed_source.h"

#include <string>

#include <boost/asio/post.hpp>
#include <gtest/gtest.h>

#include "site/compressed_source_fixture.h"
#include "support/payload.h"
#include "support/temp_dir.h"

namespace midstream::site {
namespace {

using http::Coding;
using http::name_of;
using midstream::test::payload;
using midstream::test::TempDir;
using test::collect;
using test::Collected;
using test::CompressedSources;
using test::Decoder;
using test::kCodings;
using test::Kind;
using test::kKiB;
using test::kNoLimit;
using test::open_file;
using test::words;

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

}  // namespace
}  // namespace midstream::site
