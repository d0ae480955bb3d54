#include "http/coding.h"

#include <array>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "http/etag.h"
#include "http/head_feeder.h"
#include "http/precondition.h"

namespace midstream::http {
namespace {

using test::HeadFeeder;

// The head that these field lines belong to.
struct Request {
  explicit Request(std::string_view fields) {
    const std::string text = "GET / HTTP/1.1\r\nHost: h\r\n" + std::string(fields) + "\r\n";
    const HeadParser::Outcome outcome = feeder.feed_whole(text);
    EXPECT_EQ(outcome.state, HeadParser::State::kDone) << outcome.why;
  }
  HeadFeeder feeder;
};

constexpr std::array kAll{Coding::kZstd, Coding::kBrotli, Coding::kGzip};
constexpr std::array kGzipOnly{Coding::kGzip};
constexpr std::span<const Coding> kNone;
constexpr std::optional<Coding> kIdentity = std::nullopt;

struct ChoiceCase {
  const char* name;
  const char* fields;
  std::span<const Coding> available;
  std::optional<Coding> chosen;
};

const ChoiceCase kChoiceCases[] = {
    {"NoField", "", kAll, kIdentity},
    {"EmptyField", "Accept-Encoding:\r\n", kAll, kIdentity},
    {"Browser", "Accept-Encoding: gzip, deflate, br, zstd\r\n", kAll, Coding::kZstd},
    {"OlderBrowser", "Accept-Encoding: gzip, deflate, br\r\n", kAll, Coding::kBrotli},
    {"OnlyOne", "Accept-Encoding: gzip\r\n", kAll, Coding::kGzip},
    {"NoneOfOurs", "Accept-Encoding: deflate, compress\r\n", kAll, kIdentity},
    {"NothingAvailable", "Accept-Encoding: gzip\r\n", kNone, kIdentity},
    {"NotAvailable", "Accept-Encoding: br\r\n", kGzipOnly, kIdentity},
    {"AnyCase", "Accept-Encoding: BR\r\n", kAll, Coding::kBrotli},
    {"OldName", "Accept-Encoding: x-gzip\r\n", kAll, Coding::kGzip},
    {"HighestWeight", "Accept-Encoding: zstd;q=0.5, br;q=0.7, gzip;q=0.6\r\n", kAll,
     Coding::kBrotli},
    {"HighestWeightIsTheLast", "Accept-Encoding: zstd;q=0.5, br;q=0.6, gzip;q=0.601\r\n", kAll,
     Coding::kGzip},
    {"EqualWeights", "Accept-Encoding: gzip;q=0.5, br;q=0.5, zstd;q=0.5\r\n", kAll, Coding::kZstd},
    {"ZeroExcludes", "Accept-Encoding: zstd;q=0, br;q=0.0, gzip;q=0.001\r\n", kAll, Coding::kGzip},
    {"AllExcluded", "Accept-Encoding: zstd;q=0, br;q=0, gzip;q=0\r\n", kAll, kIdentity},
    {"Asterisk", "Accept-Encoding: *\r\n", kAll, Coding::kZstd},
    {"AsteriskAndExclusion", "Accept-Encoding: *, zstd;q=0\r\n", kAll, Coding::kBrotli},
    {"AsteriskZero", "Accept-Encoding: *;q=0\r\n", kAll, kIdentity},
    {"ListedBeatsTheAsterisk", "Accept-Encoding: gzip, *;q=0.5\r\n", kAll, Coding::kGzip},
    {"IdentityIsNotListed", "Accept-Encoding: gzip;q=0.1\r\n", kAll, Coding::kGzip},
    {"IdentityIsHigher", "Accept-Encoding: gzip;q=0.5, identity\r\n", kAll, kIdentity},
    {"IdentityIsLower", "Accept-Encoding: gzip;q=0.5, identity;q=0.4\r\n", kAll, Coding::kGzip},
    {"IdentityIsEqual", "Accept-Encoding: identity, gzip\r\n", kAll, Coding::kGzip},
    {"IdentityIsHigherByTheAsterisk", "Accept-Encoding: gzip;q=0.5, *;q=0.6\r\n", kGzipOnly,
     kIdentity},
    {"IdentityExcluded", "Accept-Encoding: identity;q=0, gzip;q=0.5\r\n", kAll, Coding::kGzip},
    {"NothingLeft", "Accept-Encoding: identity;q=0\r\n", kAll, kIdentity},
    {"MalformedWeight", "Accept-Encoding: zstd;q=high, gzip\r\n", kAll, Coding::kGzip},
    {"TwoLines", "Accept-Encoding: gzip\r\nAccept-Encoding: br\r\n", kAll, Coding::kBrotli},
    {"ExcludedOnTheSecondLine", "Accept-Encoding: *\r\nAccept-Encoding: zstd;q=0, br;q=0\r\n", kAll,
     Coding::kGzip},
};

TEST(ChooseCoding, F10FollowsTheWeightsAndThenTheServersOrder) {
  for (const ChoiceCase& row : kChoiceCases) {
    SCOPED_TRACE(row.name);
    const Request request(row.fields);
    EXPECT_EQ(choose_coding(request.feeder.head, row.available), row.chosen);
  }
}

TEST(Coding, F10NamesAndSuffixes) {
  EXPECT_EQ(name_of(Coding::kBrotli), "br");
  EXPECT_EQ(name_of(Coding::kZstd), "zstd");
  EXPECT_EQ(name_of(Coding::kGzip), "gzip");
  EXPECT_EQ(suffix_of(Coding::kBrotli), ".br");
  EXPECT_EQ(suffix_of(Coding::kZstd), ".zst");
  EXPECT_EQ(suffix_of(Coding::kGzip), ".gz");
}

struct TypeCase {
  const char* name;
  const char* type;
  bool compressible;
};

constexpr TypeCase kTypeCases[] = {
    {"Group", "text/html", true},
    {"GroupWithParameters", "text/html; charset=utf-8", true},
    {"ParametersWithoutBlank", "text/html;charset=utf-8", true},
    {"GroupInAnyCase", "TEXT/CSS", true},
    {"Exact", "application/json", true},
    {"ExactWithParameters", "application/json ; charset=utf-8", true},
    {"ExactInAnyCase", "Application/JSON", true},
    {"Longer", "application/jsonp", false},
    {"Shorter", "application/jso", false},
    {"OtherGroup", "image/png", false},
    {"GroupAsPrefix", "textual/html", false},
    {"GroupWithoutSubtype", "text/", false},
    {"GroupAlone", "text", false},
    {"Empty", "", false},
    {"InAParameter", "image/png; x=text/html", false},
};

TEST(IsCompressible, ComparesTypesWithoutParametersAndCase) {
  const std::vector<std::string> patterns = {"text/*", "application/json"};
  for (const TypeCase& row : kTypeCases) {
    SCOPED_TRACE(row.name);
    EXPECT_EQ(is_compressible(row.type, patterns), row.compressible);
  }
  EXPECT_FALSE(is_compressible("text/html", {}));
}

TEST(CodedEtag, F10IsWeakAndAnotherForEachCoding) {
  EXPECT_EQ(coded_etag("\"a-1\"", Coding::kZstd), "W/\"a-1-zstd\"");
  EXPECT_EQ(coded_etag("\"a-1\"", Coding::kBrotli), "W/\"a-1-br\"");
  EXPECT_EQ(coded_etag("W/\"a-1\"", Coding::kGzip), "W/\"a-1-gzip\"");
}

TEST(CodedEtag, F10WorksForIfNoneMatchOnly) {
  const std::string tag = coded_etag("\"a\"", Coding::kBrotli);
  const Request same("If-None-Match: W/\"a-br\"\r\n");
  EXPECT_EQ(evaluate(same.feeder.head, tag, std::nullopt), Verdict::kNotModified);
  const Request plain("If-None-Match: \"a\"\r\n");
  EXPECT_EQ(evaluate(plain.feeder.head, tag, std::nullopt), Verdict::kProceed);
  const Request must("If-Match: W/\"a-br\"\r\n");
  EXPECT_EQ(evaluate(must.feeder.head, tag, std::nullopt), Verdict::kPreconditionFailed);
  EXPECT_FALSE(if_range_matches(tag, tag, std::nullopt));
}

}  // namespace
}  // namespace midstream::http
