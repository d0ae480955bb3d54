#include "http/etag.h"

#include <set>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace midstream::http {
namespace {

using namespace std::string_view_literals;

TEST(EntityTag, F11ReadsStrongAndWeakTags) {
  struct Case {
    std::string_view text;
    bool weak;
    std::string_view opaque;
  };
  constexpr Case kCases[] = {
      {"\"abc\"", false, "abc"}, {"\"\"", false, ""},         {"W/\"abc\"", true, "abc"},
      {"W/\"\"", true, ""},      {"\"a\\b\"", false, "a\\b"}, {"\"a,b\"", false, "a,b"},
      {"\"W/\"", false, "W/"},   {"\"\x80\"", false, "\x80"},
  };
  for (const Case& row : kCases) {
    SCOPED_TRACE(row.text);
    const std::optional<EntityTag> tag = parse_etag(row.text);
    ASSERT_TRUE(tag.has_value());
    EXPECT_EQ(tag->weak, row.weak);
    EXPECT_EQ(tag->opaque, row.opaque);
  }
}

TEST(EntityTag, F11RefusesWhatIsNoTag) {
  for (std::string_view text :
       {""sv, "abc"sv, "\""sv, "\"abc"sv, "abc\""sv, "w/\"abc\""sv, "W\"abc\""sv, "W/ \"abc\""sv,
        "W/"sv, "W"sv, "\"a b\""sv, "\"a\"b\""sv, "\"a\" "sv, " \"a\""sv, "\"a\x7f\""sv,
        "\"a\0\""sv, "*"sv, "'abc'"sv, "\"a\"\"b\""sv}) {
    EXPECT_FALSE(parse_etag(text).has_value()) << text;
  }
}

// The table of RFC 9110 8.8.3.2.
TEST(EntityTag, F11ComparesStrongAndWeak) {
  struct Case {
    EntityTag a;
    EntityTag b;
    bool strong;
    bool weak;
  };
  constexpr Case kCases[] = {
      {{true, "1"}, {true, "1"}, false, true},    {{true, "1"}, {true, "2"}, false, false},
      {{true, "1"}, {false, "1"}, false, true},   {{false, "1"}, {true, "1"}, false, true},
      {{false, "1"}, {false, "1"}, true, true},   {{false, "1"}, {false, "2"}, false, false},
      {{false, "a"}, {false, "A"}, false, false},
  };
  for (const Case& row : kCases) {
    EXPECT_EQ(strong_equal(row.a, row.b), row.strong);
    EXPECT_EQ(weak_equal(row.a, row.b), row.weak);
  }
}

std::string tags_of(std::string_view list) {
  std::string text;
  while (const std::optional<EntityTag> tag = take_etag(list)) {
    text.append(tag->weak ? "w" : "s").append(tag->opaque).append(";");
  }
  EXPECT_TRUE(list.empty());
  return text;
}

TEST(EntityTag, F11WalksAList) {
  EXPECT_EQ(tags_of(""), "");
  EXPECT_EQ(tags_of(" , ,"), "");
  EXPECT_EQ(tags_of("\"a\""), "sa;");
  EXPECT_EQ(tags_of("\"a\", W/\"b\",\t\"c\" , "), "sa;wb;sc;");
  EXPECT_EQ(tags_of("\"a,b\",,\"c\\\",\"d\""), "sa,b;sc\\;sd;");
  // A list ends at the first thing that is no tag.
  EXPECT_EQ(tags_of("\"a\", b, \"c\""), "sa;");
  EXPECT_EQ(tags_of("\"a\", \"b"), "sa;");
  EXPECT_EQ(tags_of("\"a\" \"b\""), "");
  EXPECT_EQ(tags_of("*, \"a\""), "");
}

TEST(EntityTag, F8OfAFileIsStrongAndQuoted) {
  const std::string text = make_etag(42, 4096, 1700000000123456789);
  const std::optional<EntityTag> tag = parse_etag(text);
  ASSERT_TRUE(tag.has_value());
  EXPECT_FALSE(tag->weak);
  EXPECT_EQ(text, make_etag(42, 4096, 1700000000123456789));
  EXPECT_TRUE(parse_etag(make_etag(UINT64_MAX, UINT64_MAX, INT64_MIN)).has_value());
  EXPECT_TRUE(parse_etag(make_etag(0, 0, 0)).has_value());
}

TEST(EntityTag, F8ChangesWithInodeSizeAndNanosecond) {
  std::set<std::string> tags;
  std::size_t count = 0;
  for (std::uint64_t inode = 1; inode <= 20; ++inode) {
    for (std::uint64_t size = 0; size < 20; ++size) {
      for (std::int64_t time = -10; time < 10; ++time) {
        tags.insert(make_etag(inode, size, time));
        ++count;
      }
    }
  }
  EXPECT_EQ(tags.size(), count);
}

}  // namespace
}  // namespace midstream::http
