#include <unistd.h>

#include <cerrno>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "base/errno_error.h"
#include "site/compressed_source.h"
#include "site/compressed_source_fixture.h"
#include "support/payload.h"
#include "support/temp_dir.h"

namespace midstream::site {
namespace {

using http::Coding;
using http::name_of;
using midstream::test::payload;
using midstream::test::TempDir;
using test::Collected;
using test::CompressedSources;
using test::Decoder;
using test::kCodings;
using test::Kind;
using test::kNoLimit;
using test::open_file;
using test::Script;
using test::words;

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
