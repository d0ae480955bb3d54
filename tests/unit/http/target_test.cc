#include "http/target.h"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace midstream::http {
namespace {

using namespace std::string_view_literals;

struct TargetCase {
  const char* name;
  Method method;
  std::string_view text;
  std::string_view path_raw;
  std::string_view query;
  bool has_query;
  bool asterisk;
  bool absolute;
  std::string_view authority;
};

constexpr TargetCase kTargetCases[] = {
    {"Root", Method::kGet, "/", "/", "", false, false, false, ""},
    {"Path", Method::kGet, "/a%2Fb/../c", "/a%2Fb/../c", "", false, false, false, ""},
    {"Query", Method::kGet, "/a?b=c", "/a", "b=c", true, false, false, ""},
    {"EmptyQuery", Method::kGet, "/a?", "/a", "", true, false, false, ""},
    {"SecondMarkBelongsToTheQuery", Method::kGet, "/a?b?c", "/a", "b?c", true, false, false, ""},
    {"TwoSlashesAreAPath", Method::kGet, "//host/a", "//host/a", "", false, false, false, ""},
    {"UrlInAPath", Method::kGet, "/http://h/", "/http://h/", "", false, false, false, ""},
    {"RawUtf8", Method::kGet, "/\xc3\xa9", "/\xc3\xa9", "", false, false, false, ""},
    {"Asterisk", Method::kOptions, "*", "", "", false, true, false, ""},
    {"Absolute", Method::kGet, "http://h:80/a?b", "/a", "b", true, false, true, "h:80"},
    {"AbsoluteHttps", Method::kGet, "HTTPS://h/a", "/a", "", false, false, true, "h"},
    {"AbsoluteWithoutPath", Method::kGet, "http://h", "/", "", false, false, true, "h"},
    {"AbsoluteOnlyQuery", Method::kGet, "http://h?a=/b", "/", "a=/b", true, false, true, "h"},
    {"AbsoluteIpv6", Method::kGet, "http://[::1]:8080/", "/", "", false, false, true, "[::1]:8080"},
    {"AbsoluteOptions", Method::kOptions, "http://h", "", "", false, true, true, "h"},
    {"AbsoluteOptionsPath", Method::kOptions, "http://h/", "/", "", false, false, true, "h"},
    {"AbsoluteOptionsQuery", Method::kOptions, "http://h?a", "/", "a", true, false, true, "h"},
    {"Connect", Method::kConnect, "h:443", "", "", false, false, false, "h:443"},
};

TEST(Target, H8TakesEveryFormApart) {
  for (const TargetCase& row : kTargetCases) {
    SCOPED_TRACE(row.name);
    const std::optional<Target> target = parse_target(row.method, row.text);
    ASSERT_TRUE(target.has_value());
    EXPECT_EQ(target->path_raw, row.path_raw);
    EXPECT_EQ(target->query, row.query);
    EXPECT_EQ(target->has_query, row.has_query);
    EXPECT_EQ(target->asterisk, row.asterisk);
    EXPECT_EQ(target->absolute, row.absolute);
    EXPECT_EQ(target->authority, row.authority);
  }
}

struct BadTargetCase {
  const char* name;
  Method method;
  std::string_view text;
};

constexpr BadTargetCase kBadTargetCases[] = {
    {"Empty", Method::kGet, ""sv},
    {"Relative", Method::kGet, "a/b"sv},
    {"OnlyQuery", Method::kGet, "?a"sv},
    {"Fragment", Method::kGet, "/a#b"sv},
    {"FragmentInQuery", Method::kGet, "/a?b#c"sv},
    {"Blank", Method::kGet, "/a b"sv},
    {"Tab", Method::kGet, "/a\tb"sv},
    {"Nul", Method::kGet, "/a\0b"sv},
    {"Del", Method::kGet, "/a\x7f"sv},
    {"CrLf", Method::kGet, "/a\r\nb"sv},
    {"AsteriskWithGet", Method::kGet, "*"sv},
    {"AsteriskWithMore", Method::kOptions, "*a"sv},
    {"OtherScheme", Method::kGet, "ftp://h/"sv},
    {"SchemeAlone", Method::kGet, "http:"sv},
    {"SchemeWithOneSlash", Method::kGet, "http:/h/"sv},
    {"EmptyHost", Method::kGet, "http:///a"sv},
    {"OnlyPort", Method::kGet, "http://:80/"sv},
    {"UserInformation", Method::kGet, "http://u:p@h/"sv},
    {"BadPort", Method::kGet, "http://h:8a/"sv},
    {"ConnectWithPath", Method::kConnect, "/a"sv},
    {"AuthorityWithGet", Method::kGet, "h:443"sv},
};

TEST(Target, H8RefusesTheRest) {
  for (const BadTargetCase& row : kBadTargetCases) {
    SCOPED_TRACE(row.name);
    EXPECT_FALSE(parse_target(row.method, row.text).has_value());
  }
}

TEST(Authority, IsAHostAndPerhapsAPort) {
  for (std::string_view good :
       {"h", "example.com", "example.com.", "h:", "h:80", "127.0.0.1:8080", "[::1]", "[::1]:80",
        "[::ffff:1.2.3.4]", "a_b-c~d", "a%20b", "xn--bcher-kva.example"}) {
    EXPECT_TRUE(is_authority(good)) << good;
  }
  for (std::string_view bad :
       {"",     ":80",    "h:x",   "h:80:80", "h/",   "u@h",       "h h",   "[::1",
        "[]",   "[::1]x", "[::g]", "[1]",     "[12]", "[1.2.3.4]", "::1",   "a%2",
        "a%zz", "h?",     "h#",    "h\\",     "a\"b", "<h>",       "h\x80", "[fe80::1%25eth0]"}) {
    EXPECT_FALSE(is_authority(bad)) << bad;
  }
}

struct PathCase {
  const char* name;
  std::string_view raw;
  std::string_view relative;
  bool trailing_slash;
};

constexpr PathCase kPathCases[] = {
    {"Root", "/", "", true},
    {"Empty", "", "", true},
    {"File", "/a/b.txt", "a/b.txt", false},
    {"Directory", "/a/b/", "a/b", true},
    {"DoubledSlashes", "//a///b//", "a/b", true},
    {"OneDot", "/a/./b", "a/b", false},
    {"DotAtTheEnd", "/a/.", "a", true},
    {"TwoDots", "/a/b/../c", "a/c", false},
    {"TwoDotsAtTheEnd", "/a/b/..", "a", true},
    {"ClampedAtTheRoot", "/../../etc/passwd", "etc/passwd", false},
    {"MoreUpThanDown", "/a/../../b", "b", false},
    {"BackToTheRoot", "/a/..", "", true},
    {"EncodedDots", "/a/%2e%2E/b", "b", false},
    {"MixedDots", "/a/.%2e/b", "b", false},
    {"EncodedSlash", "/a%2fb%2F..%2fc", "a/c", false},
    {"EncodedSlashAtTheEnd", "/a%2f", "a", true},
    {"EncodedDotDotSlash", "/..%2f..%2fetc%2fpasswd", "etc/passwd", false},
    {"DecodedOnce", "/%252e%252e/a", "%2e%2e/a", false},
    {"DecodedOncePercent", "/100%25", "100%", false},
    {"Backslash", "/a\\..\\b", "a\\..\\b", false},
    {"EncodedBackslash", "/..%5c..%5ca", "..\\..\\a", false},
    {"ThreeDots", "/.../a", ".../a", false},
    {"HiddenFile", "/.a/..b", ".a/..b", false},
    {"NameWithDots", "/a..", "a..", false},
    {"Utf8", "/caf%C3%A9/\xc3\xa9", "caf\xc3\xa9/\xc3\xa9", false},
    {"OverlongDots", "/%c0%ae%c0%ae/a", "\xc0\xae\xc0\xae/a", false},
    {"PlusIsAPlus", "/a+b", "a+b", false},
    {"EncodedMark", "/a%3fb%23c", "a?b#c", false},
    {"EncodedBlank", "/a%20b", "a b", false},
};

TEST(DecodedPath, F1IsCleanAndInsideTheRoot) {
  std::string storage;
  for (const PathCase& row : kPathCases) {
    SCOPED_TRACE(row.name);
    const auto path = decode_path(row.raw, storage);
    ASSERT_TRUE(path.has_value());
    EXPECT_EQ(path->relative, row.relative);
    EXPECT_EQ(path->trailing_slash, row.trailing_slash);
    EXPECT_EQ(path->relative.data(), storage.data());
    EXPECT_EQ(storage.size(), row.relative.size());
  }
}

struct BadPathCase {
  const char* name;
  std::string_view raw;
  PathError error;
};

constexpr BadPathCase kBadPathCases[] = {
    {"EncodedNul", "/a%00b"sv, PathError::kControlByte},
    {"EncodedLf", "/a%0ab"sv, PathError::kControlByte},
    {"EncodedUnitSeparator", "/%1F"sv, PathError::kControlByte},
    {"EncodedDel", "/%7f"sv, PathError::kControlByte},
    {"RawNul", "/a\0b"sv, PathError::kControlByte},
    {"RawDel", "/\x7f"sv, PathError::kControlByte},
    {"PercentAtTheEnd", "/a%"sv, PathError::kBadEscape},
    {"OneDigit", "/a%2"sv, PathError::kBadEscape},
    {"NotHex", "/a%g0"sv, PathError::kBadEscape},
    {"NotHexSecond", "/a%0g"sv, PathError::kBadEscape},
    {"UnicodeEscape", "/a%u0041"sv, PathError::kBadEscape},
    {"TwoPercents", "/a%%41"sv, PathError::kBadEscape},
};

TEST(DecodedPath, H8RefusesBrokenEscapesAndControlBytes) {
  std::string storage;
  for (const BadPathCase& row : kBadPathCases) {
    SCOPED_TRACE(row.name);
    const auto path = decode_path(row.raw, storage);
    ASSERT_TRUE(path.has_error());
    EXPECT_EQ(path.error(), row.error);
  }
}

// Cleaning is a projection: a clean path stays as it is.
TEST(DecodedPath, F1CleaningTwiceChangesNothing) {
  std::string first;
  std::string second;
  for (const PathCase& row : kPathCases) {
    if (row.relative.find('%') != std::string_view::npos) continue;
    SCOPED_TRACE(row.name);
    const auto once = decode_path(row.raw, first);
    const auto twice = decode_path(once->relative, second);
    ASSERT_TRUE(twice.has_value());
    EXPECT_EQ(twice->relative, once->relative);
  }
}

}  // namespace
}  // namespace midstream::http
