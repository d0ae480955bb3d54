#include "site/encoder.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <malloc.h>

#include "base/errno_error.h"
#include "site/decoder.h"
#include "support/payload.h"

// A malloc that gives so many pieces and then none: what a library does without memory. Not with a
// sanitizer, which has a malloc of its own.
#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__)
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define MIDSTREAM_TEST_NO_MALLOC 1
#endif
#endif
#else
#define MIDSTREAM_TEST_NO_MALLOC 1
#endif

namespace {
thread_local long allocations_left = -1;  // of this thread; negative: any number
thread_local bool was_refused = false;

[[maybe_unused]] bool is_refused() {
  if (allocations_left > 0) {
    --allocations_left;
    return false;
  }
  was_refused = was_refused || allocations_left == 0;
  return allocations_left == 0;
}
}  // namespace

#ifndef MIDSTREAM_TEST_NO_MALLOC
constexpr bool kCanRefuse = true;
extern "C" {
void* __libc_malloc(std::size_t size);                     // NOLINT: glibc's name
void* __libc_calloc(std::size_t count, std::size_t size);  // NOLINT
void* malloc(std::size_t size) { return is_refused() ? nullptr : __libc_malloc(size); }
void* calloc(std::size_t count, std::size_t size) {
  return is_refused() ? nullptr : __libc_calloc(count, size);
}
}
#else
constexpr bool kCanRefuse = false;
#endif

namespace midstream::site {
namespace {

using http::Coding;
using http::name_of;
using test::Decoder;
using test::kCodings;
using test::words;
using Flush = Encoder::Flush;

constexpr std::size_t kKiB = 1024;

// Encodes `plain` in pieces and adds what comes out to `coded`.
error_code encode_all(Encoder& encoder, std::string_view plain, Flush last, std::string& coded,
                      std::size_t in_bytes = SIZE_MAX, std::size_t out_bytes = 64 * kKiB) {
  std::vector<char> out(out_bytes);
  for (;;) {
    std::string_view in = plain.substr(0, in_bytes);
    plain.remove_prefix(in.size());
    const Flush flush = plain.empty() ? last : Flush::kNone;
    for (;;) {
      const std::size_t before = in.size();
      const auto step = encoder.encode(in, flush, out);
      if (!step) return step.error();
      coded.append(out.data(), step->given);
      if (step->done) break;
      if (step->given == 0 && in.size() == before) return Errc::kIncomplete;  // no progress
    }
    EXPECT_TRUE(in.empty());
    if (plain.empty()) return {};
  }
}

void expect_round_trip(Coding coding, const std::string& plain, std::size_t in_bytes,
                       std::size_t out_bytes, bool known) {
  const auto encoder =
      make_encoder(coding, known ? std::optional<std::uint64_t>(plain.size()) : std::nullopt);
  std::string coded;
  ASSERT_FALSE(encode_all(*encoder, plain, Flush::kEnd, coded, in_bytes, out_bytes));
  Decoder decoder(coding);
  decoder.feed(coded);
  ASSERT_TRUE(decoder.complete());
  ASSERT_TRUE(decoder.plain() == plain);
}

TEST(Encoder, F10RoundTripsEverySizeInEveryFragmentSize) {
  constexpr std::size_t kSizes[] = {0, 1, 64 * kKiB - 1, 64 * kKiB, 64 * kKiB + 1, 1024 * kKiB};
  constexpr std::size_t kIn[] = {1, 7, 4096, 64 * kKiB, SIZE_MAX};
  constexpr std::size_t kOut[] = {Encoder::kRoomBytesMin, 4096, 64 * kKiB};
  bool known = false;
  for (const std::size_t size : kSizes) {
    for (const std::string& plain : {words(size), midstream::test::payload(size)}) {
      for (const std::size_t in_bytes : kIn) {
        if (in_bytes < 10 && size > 100'000) continue;  // takes long and shows nothing new
        for (const std::size_t out_bytes : kOut) {
          for (const Coding coding : kCodings) {
            SCOPED_TRACE(std::string(name_of(coding)) + " " + std::to_string(size) + " by " +
                         std::to_string(in_bytes) + " and " + std::to_string(out_bytes));
            expect_round_trip(coding, plain, in_bytes, out_bytes, known);
          }
          known = !known;
        }
      }
    }
  }
}

TEST(Encoder, F10MakesTextSmaller) {
  const std::string plain = words(256 * kKiB);
  for (const Coding coding : kCodings) {
    std::string coded;
    ASSERT_FALSE(encode_all(*make_encoder(coding, plain.size()), plain, Flush::kEnd, coded));
    EXPECT_LT(coded.size(), plain.size() / 2) << name_of(coding);
  }
}

TEST(Encoder, L1FlushMakesAllSoFarDecodable) {
  constexpr std::size_t kAppends[] = {1, 2, 100, 0, 5000, 70'000, 1, 200'000, 3};
  for (const Coding coding : kCodings) {
    for (const std::size_t out_bytes : {Encoder::kRoomBytesMin, 64 * kKiB}) {
      SCOPED_TRACE(name_of(coding));
      const auto encoder = make_encoder(coding, std::nullopt);
      Decoder decoder(coding);
      std::string plain;
      for (const std::size_t size : kAppends) {
        const std::string more = words(size, size);
        plain += more;
        std::string coded;
        ASSERT_FALSE(encode_all(*encoder, more, Flush::kSync, coded, SIZE_MAX, out_bytes));
        decoder.feed(coded);
        ASSERT_TRUE(decoder.plain() == plain) << "after " << size;
        ASSERT_FALSE(decoder.complete());
      }
      std::string coded;
      ASSERT_FALSE(encode_all(*encoder, {}, Flush::kEnd, coded, SIZE_MAX, out_bytes));
      decoder.feed(coded);
      ASSERT_TRUE(decoder.complete());
      ASSERT_TRUE(decoder.plain() == plain);
    }
  }
}

TEST(Encoder, WithoutItsEndItIsNotComplete) {
  for (const Coding coding : kCodings) {
    SCOPED_TRACE(name_of(coding));
    std::string coded;
    ASSERT_FALSE(
        encode_all(*make_encoder(coding, std::nullopt), words(10'000), Flush::kEnd, coded));
    Decoder decoder(coding);
    decoder.feed(std::string_view(coded).substr(0, coded.size() - 1));
    EXPECT_FALSE(decoder.complete());
    EXPECT_FALSE(decoder.malformed());
  }
}

TEST(Encoder, FailsWhenTheBodyHasAnotherLengthThanAnnounced) {
  // The only format of the three that says the length in front.
  for (const std::size_t announced : {std::size_t{10}, std::size_t{100'000}}) {
    std::string coded;
    const error_code error =
        encode_all(*make_encoder(Coding::kZstd, announced), words(5000), Flush::kEnd, coded, 1000);
    EXPECT_EQ(error, errno_error(EINVAL)) << announced;
  }
}

TEST(Encoder, ItsWindowIs512KiBAtMost) {
  const std::string plain = midstream::test::payload(2048 * kKiB);
  for (const bool known : {false, true}) {
    const auto size = known ? std::optional<std::uint64_t>(plain.size()) : std::nullopt;
    std::string zstd;
    ASSERT_FALSE(encode_all(*make_encoder(Coding::kZstd, size), plain, Flush::kEnd, zstd));
    Decoder decoder(Coding::kZstd);  // takes no more
    decoder.feed(zstd);
    EXPECT_TRUE(decoder.complete());
    std::string brotli;
    ASSERT_FALSE(encode_all(*make_encoder(Coding::kBrotli, size), plain, Flush::kEnd, brotli));
    EXPECT_EQ(brotli[0] & 0x01, 0) << "WBITS is not 16 (RFC 7932 section 9.1)";
  }
}

TEST(Encoder, NeverTakesMoreThan2MiB) {
  if (!kCanRefuse) GTEST_SKIP() << "another malloc";
  const auto in_use = [] {
    const struct mallinfo2 now = ::mallinfo2();
    return now.uordblks + now.hblkhd;
  };
  const std::string plains[] = {words(8192 * kKiB), midstream::test::payload(8192 * kKiB)};
  for (const Coding coding : kCodings) {
    for (const std::string& plain : plains) {
      std::string coded;
      coded.reserve(plain.size() * 2);
      std::vector<char> out(64 * kKiB);
      const std::size_t before = in_use();
      const auto encoder = make_encoder(coding, std::nullopt);
      std::size_t most = 0;
      for (std::string_view rest = plain; !rest.empty();) {
        std::string_view in = rest.substr(0, 64 * kKiB);
        const std::size_t size = in.size();
        ASSERT_TRUE(encoder->encode(in, Flush::kNone, out));
        rest.remove_prefix(size - in.size());
        most = std::max(most, in_use() - before);
      }
      RecordProperty(std::string(name_of(coding)), static_cast<int>(most / kKiB));
      EXPECT_LE(most, 2048 * kKiB) << name_of(coding);
      EXPECT_GT(most, 100 * kKiB) << "nothing was measured";
    }
  }
}

// Encodes until the end or an error, while malloc gives the library `allocations` and then none.
error_code encode_with_allocations(Coding coding, std::string_view in, long allocations,
                                   bool& refused) {
  const auto encoder = make_encoder(coding, std::nullopt);
  std::vector<char> out(64 * kKiB);
  error_code error;
  was_refused = false;
  allocations_left = allocations;
  for (bool done = false; !done && !error;) {
    const auto step = encoder->encode(in, Flush::kEnd, out);
    if (step) done = step->done;
    if (!step) error = step.error();
  }
  allocations_left = -1;
  refused = was_refused;
  return error;
}

TEST(Encoder, WithoutMemoryItFailsAndNothingElseHappens) {
  if (!kCanRefuse) GTEST_SKIP() << "another malloc";
  const std::string plains[] = {words(300 * kKiB), midstream::test::payload(300 * kKiB)};
  for (const Coding coding : kCodings) {
    for (const std::string& plain : plains) {
      bool refused = false;
      for (long allocations = 0;; ++allocations) {
        SCOPED_TRACE(std::string(name_of(coding)) + " " + std::to_string(allocations));
        ASSERT_LT(allocations, 10'000);
        const error_code error = encode_with_allocations(coding, plain, allocations, refused);
        if (!refused) {
          EXPECT_FALSE(error);
          EXPECT_GE(allocations, 2) << "the library was never refused anything";
          break;
        }
        ASSERT_EQ(error, errno_error(ENOMEM));
      }
    }
  }
}

// Brotli's reserve is one for all threads.
TEST(Encoder, WithoutMemoryOnSeveralThreadsAllOfThemFail) {
  if (!kCanRefuse) GTEST_SKIP() << "another malloc";
  const std::string plain = words(300 * kKiB);
  std::array<std::thread, 4> threads;
  for (std::thread& thread : threads) {
    thread = std::thread([&] {
      for (long allocations = 0; allocations < 8; ++allocations) {
        bool refused = false;
        const error_code error =
            encode_with_allocations(Coding::kBrotli, plain, allocations, refused);
        EXPECT_EQ(error, errno_error(ENOMEM));
      }
    });
  }
  for (std::thread& thread : threads)
    thread.join();
}

}  // namespace
}  // namespace midstream::site
