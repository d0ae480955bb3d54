#include "http/chunked.h"

#include <algorithm>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace midstream::http {
namespace {

using namespace std::string_view_literals;
using State = ChunkedDecoder::State;

struct Decoded {
  State state = State::kNeedMore;
  std::string body;
  std::string why;
  std::size_t consumed = 0;
  std::string trailers;
};

Decoded decode(std::string_view input, std::size_t fragment_size, ChunkedLimits limits = {}) {
  ChunkedDecoder decoder(limits);
  Decoded decoded;
  while (decoded.consumed < input.size()) {
    // A copy of exactly this size, so that a sanitizer sees a byte too far.
    const std::string fragment(input.substr(decoded.consumed, fragment_size));
    const ChunkedDecoder::Outcome outcome = decoder.decode(fragment);
    EXPECT_LE(outcome.consumed, fragment.size());
    decoded.consumed += outcome.consumed;
    decoded.state = outcome.state;
    if (outcome.state == State::kBody) {
      EXPECT_FALSE(outcome.body.empty());
      decoded.body += outcome.body;
      continue;
    }
    if (outcome.state == State::kNeedMore) {
      EXPECT_EQ(outcome.consumed, fragment.size());
      continue;
    }
    decoded.why = outcome.why;
    break;
  }
  EXPECT_EQ(decoder.body_bytes(), decoded.body.size());
  decoded.trailers = decoder.trailers().text();
  return decoded;
}

struct BodyCase {
  const char* name;
  std::string_view input;
  std::string_view body;
  std::string_view trailers;
};

constexpr BodyCase kBodyCases[] = {
    {"Empty", "0\r\n\r\n", "", ""},
    {"ManyZeros", "0000\r\n\r\n", "", ""},
    {"OneChunk", "5\r\nhello\r\n0\r\n\r\n", "hello", ""},
    {"TwoChunks", "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n", "hello world", ""},
    {"HexBothCases", "a\r\n0123456789\r\nB\r\n0123456789a\r\n0\r\n\r\n", "01234567890123456789a",
     ""},
    {"LeadingZeros", "0000000000000005\r\nhello\r\n0\r\n\r\n", "hello", ""},
    {"FramingInTheBody", "7\r\n\r\n0\r\n\r\n\r\n0\r\n\r\n", "\r\n0\r\n\r\n", ""},
    {"Extension", "5;a=b;c=\"d;e\"\r\nhello\r\n0;last\r\n\r\n", "hello", ""},
    {"ExtensionWithBlanks", "5 \t; a = b\r\nhello\r\n0\r\n\r\n", "hello", ""},
    {"Trailers", "5\r\nhello\r\n0\r\nA: 1\r\nB:2 \r\n\r\n", "hello", "A: 1\r\nB: 2\r\n"},
};

TEST(ChunkedDecoder, I1ReadsBodiesInEveryFragmentSize) {
  for (const BodyCase& row : kBodyCases) {
    SCOPED_TRACE(row.name);
    const std::string input = std::string(row.input) + "GET / HTTP/1.1\r\n";
    for (std::size_t size = 1; size <= input.size(); ++size) {
      const Decoded decoded = decode(input, size);
      EXPECT_EQ(decoded.state, State::kDone) << decoded.why;
      EXPECT_EQ(decoded.body, row.body);
      EXPECT_EQ(decoded.trailers, row.trailers);
      EXPECT_EQ(decoded.consumed, row.input.size());
    }
  }
}

TEST(ChunkedDecoder, I1IsNotDoneBeforeTheLastByte) {
  for (const BodyCase& row : kBodyCases) {
    SCOPED_TRACE(row.name);
    for (std::size_t size = 1; size < row.input.size(); ++size) {
      const Decoded decoded = decode(row.input.substr(0, size), size);
      EXPECT_TRUE(decoded.state == State::kNeedMore || decoded.state == State::kBody) << size;
    }
  }
}

struct BadCase {
  const char* name;
  std::string_view input;
};

constexpr BadCase kBadCases[] = {
    {"NoSize", "\r\nhello\r\n0\r\n\r\n"sv},
    {"Prefix0x", "0x5\r\nhello\r\n0\r\n\r\n"sv},
    {"Plus", "+5\r\nhello\r\n0\r\n\r\n"sv},
    {"Minus", "-1\r\nhello\r\n0\r\n\r\n"sv},
    {"NotHex", "g\r\nhello\r\n0\r\n\r\n"sv},
    {"BlankBeforeSize", " 5\r\nhello\r\n0\r\n\r\n"sv},
    {"BlankAfterSize", "5 \r\nhello\r\n0\r\n\r\n"sv},
    {"TwoSizes", "5 5\r\nhello\r\n0\r\n\r\n"sv},
    {"Underscore", "1_0\r\n0123456789abcdef\r\n0\r\n\r\n"sv},
    {"SeventeenDigits", "00000000000000005\r\nhello\r\n0\r\n\r\n"sv},
    {"SizeOverflow", "10000000000000005\r\nhello\r\n0\r\n\r\n"sv},
    {"BareLfAfterSize", "5\nhello\r\n0\r\n\r\n"sv},
    {"BareCrAfterSize", "5\rhello\r\n0\r\n\r\n"sv},
    {"BareLfAfterData", "5\r\nhello\n0\r\n\r\n"sv},
    {"BareCrAfterData", "5\r\nhello\r0\r\n\r\n"sv},
    {"ByteInsteadOfCrAfterData", "5\r\nhelloX\n0\r\n\r\n"sv},
    {"NothingAfterData", "5\r\nhello0\r\n\r\n"sv},
    {"ChunkLongerThanItsSize", "4\r\nhello\r\n0\r\n\r\n"sv},
    {"ChunkShorterThanItsSize", "6\r\nhello\r\n0\r\n\r\n"sv},
    {"BareLfAfterTheLastSize", "0\n\r\n"sv},
    {"BareLfAtTheEnd", "0\r\n\n"sv},
    {"CrWithoutLfAtTheEnd", "0\r\n\rX"sv},
    {"BareLfInExtension", "5;a\nb\r\nhello\r\n0\r\n\r\n"sv},
    {"BareCrInExtension", "5;a\rb\r\nhello\r\n0\r\n\r\n"sv},
    {"NulInExtension", "5;a\0b\r\nhello\r\n0\r\n\r\n"sv},
    {"TrailerWithoutColon", "0\r\ngarbage\r\n\r\n"sv},
    {"TrailerWithBlankBeforeColon", "0\r\nA : b\r\n\r\n"sv},
    {"TrailerFolded", "0\r\nA: b\r\n c\r\n\r\n"sv},
    {"TrailerWithNul", "0\r\nA: \0\r\n\r\n"sv},
    {"TrailerWithBareCr", "0\r\nA: b\rC: d\r\n\r\n"sv},
    {"TrailerWithBareLf", "0\r\nA: b\nC: d\r\n\r\n"sv},
    {"TrailerWithTwoCr", "0\r\nA: b\r\r\n\r\n"sv},
};

TEST(ChunkedDecoder, H2RefusesBadChunksInEveryFragmentSize) {
  for (const BadCase& row : kBadCases) {
    SCOPED_TRACE(row.name);
    const Decoded whole = decode(row.input, row.input.size());
    EXPECT_EQ(whole.state, State::kError);
    EXPECT_FALSE(whole.why.empty());
    for (std::size_t size = 1; size < row.input.size(); ++size) {
      const Decoded fed = decode(row.input, size);
      EXPECT_EQ(fed.state, State::kError);
      EXPECT_EQ(fed.why, whole.why);
      EXPECT_EQ(fed.consumed, whole.consumed);
      EXPECT_EQ(fed.body, whole.body);
    }
  }
}

TEST(ChunkedDecoder, H2ReadsTheLargestSize) {
  ChunkedDecoder decoder;
  const ChunkedDecoder::Outcome outcome = decoder.decode("ffffffffffffffff\r\nabc");
  EXPECT_EQ(outcome.state, State::kBody);
  EXPECT_EQ(outcome.body, "abc");
}

TEST(ChunkedDecoder, StaysDoneAndStaysWrong) {
  ChunkedDecoder decoder;
  EXPECT_EQ(decoder.decode("0\r\n\r\n").state, State::kDone);
  EXPECT_EQ(decoder.decode("5\r\n").state, State::kDone);
  EXPECT_EQ(decoder.decode("5\r\n").consumed, 0U);
  decoder.reset();
  EXPECT_EQ(decoder.decode("x").state, State::kError);
  EXPECT_EQ(decoder.decode("0\r\n\r\n").state, State::kError);
  EXPECT_EQ(decoder.decode("").why, "malformed chunk size");
  decoder.reset();
  EXPECT_EQ(decoder.decode("").state, State::kNeedMore);
  EXPECT_EQ(decoder.decode("0\r\nA: b\r\n\r\n").state, State::kDone);
  EXPECT_EQ(decoder.trailers().find("a"), "b");
  decoder.reset();
  EXPECT_EQ(decoder.decode("0\r\n\r\n").state, State::kDone);
  EXPECT_TRUE(decoder.trailers().empty());
}

std::string repeat(std::string_view text, std::size_t count) {
  std::string repeated;
  for (std::size_t i = 0; i < count; ++i)
    repeated += text;
  return repeated;
}

TEST(ChunkedDecoder, H2BoundsWhatFramingMayCost) {
  constexpr ChunkedLimits kSmall{
      .extension_bytes_max = 50, .overhead_bytes_max = 200, .trailer_bytes_max = 20};
  struct Case {
    const char* name;
    std::string input;
    bool accepted;
  };
  const std::string extension = ";" + std::string(39, 'e');
  const Case cases[] = {
      {"ExtensionAtItsLimit", "0;" + std::string(49, 'e') + "\r\n\r\n", true},
      {"ExtensionOverItsLimit", "0;" + std::string(50, 'e') + "\r\n\r\n", false},
      {"BlanksOverTheLimit", "0" + std::string(60, ' ') + ";\r\n\r\n", false},
      {"ManySmallChunks", repeat("1\r\na\r\n", 10000) + "0\r\n\r\n", true},
      {"FewExtensions", repeat("1" + extension + "\r\na\r\n", 5) + "0\r\n\r\n", true},
      {"ManyExtensionsOnSmallChunks", repeat("1" + extension + "\r\na\r\n", 20) + "0\r\n\r\n",
       false},
      {"ManyExtensionsOnLargeChunks",
       repeat("40" + extension + "\r\n" + std::string(64, 'a') + "\r\n", 1000) + "0\r\n\r\n", true},
      {"LargeChunksMakeUpForSmallOnes",
       repeat("1" + extension + "\r\na\r\n100\r\n" + std::string(256, 'a') + "\r\n", 100) +
           "0\r\n\r\n",
       true},
      {"TrailersAtTheirLimit", "0\r\nA: " + std::string(13, 'b') + "\r\n\r\n", true},
      {"TrailersOverTheirLimit", "0\r\nA: " + std::string(14, 'b') + "\r\n\r\n", false},
  };
  for (const Case& row : cases) {
    SCOPED_TRACE(row.name);
    for (std::size_t size : {std::size_t{1}, std::size_t{7}, row.input.size()}) {
      EXPECT_EQ(decode(row.input, size, kSmall).state, row.accepted ? State::kDone : State::kError);
    }
  }
}

}  // namespace
}  // namespace midstream::http
