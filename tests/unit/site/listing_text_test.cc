#include "site/listing_text.h"

#include <cstdint>
#include <limits>

#include <gtest/gtest.h>

namespace midstream::site {
namespace {

struct EscapeCase {
  const char* name;
  std::string_view bytes;
  std::string_view html;
  std::string_view href;
  std::string_view json;
};

constexpr EscapeCase kEscapeCases[] = {
    {"Plain", "a-b_c.D~9", "a-b_c.D~9", "a-b_c.D~9", R"("a-b_c.D~9")"},
    {"Markup", "<b>&'\"", "&lt;b&gt;&amp;&#39;&quot;", "%3Cb%3E%26%27%22", R"("<b>&'\"")"},
    {"Scheme", "javascript:alert(1)", "javascript:alert(1)", "javascript%3Aalert%281%29",
     "\"javascript:alert(1)\""},
    {"QueryAndFragment", "a?b#c%41", "a?b#c%41", "a%3Fb%23c%2541", R"("a?b#c%41")"},
    {"Backslash", "a\\b", "a\\b", "a%5Cb", R"("a\\b")"},
    {"Blank", " a ", " a ", "%20a%20", R"(" a ")"},
    {"Umlaut", "\xc3\xa4", "\xc3\xa4", "%C3%A4", "\"\xc3\xa4\""},
    {"BeyondTheBasicPlane", "\xf0\x9f\x93\xa6", "\xf0\x9f\x93\xa6", "%F0%9F%93%A6",
     "\"\xf0\x9f\x93\xa6\""},
    {"Latin1", "\xe4.txt", "\xef\xbf\xbd.txt", "%E4.txt", "\"\xef\xbf\xbd.txt\""},
    {"LoneContinuation", "a\x80", "a\xef\xbf\xbd", "a%80", "\"a\xef\xbf\xbd\""},
    {"BrokenInTheMiddle", "a\xe2\x82<b", "a\xef\xbf\xbd&lt;b", "a%E2%82%3Cb",
     "\"a\xef\xbf\xbd<b\""},
    {"CutShort", "a\xe2\x82", "a\xef\xbf\xbd", "a%E2%82", "\"a\xef\xbf\xbd\""},
    {"EndOfScriptElement", "</script>", "&lt;/script&gt;", "%3C%2Fscript%3E", R"("</script>")"},
    {"Control", "a\n\x1f", "a\n\x1f", "a%0A%1F", R"("a\u000A\u001F")"},
    {"Empty", "", "", "", R"("")"},
};

class ListingText : public testing::TestWithParam<EscapeCase> {};

TEST_P(ListingText, F4NamesAreEscapedForWhereTheyGo) {
  const EscapeCase& one = GetParam();
  std::string html;
  append_html(html, to_utf8(one.bytes));
  EXPECT_EQ(html, one.html);
  std::string href;
  append_href(href, one.bytes);
  EXPECT_EQ(href, one.href);
  std::string json;
  append_json_string(json, to_utf8(one.bytes));
  EXPECT_EQ(json, one.json);
}

INSTANTIATE_TEST_SUITE_P(All, ListingText, testing::ValuesIn(kEscapeCases),
                         [](const auto& one) { return std::string(one.param.name); });

// Not UTF-8, though a loose reader would take them: an overlong "/", a surrogate, beyond U+10FFFF.
TEST(ListingUtf8, HasNoOverlongFormsAndNoSurrogates) {
  for (const std::string_view bytes : {"\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xff"}) {
    const std::string text = to_utf8(bytes);
    EXPECT_TRUE(text.starts_with("\xef\xbf\xbd")) << text;
    EXPECT_EQ(text.find('/'), std::string::npos);
    EXPECT_EQ(to_utf8(text), text);
  }
}

TEST(ListingHref, LetsNothingThroughThatAReferenceGivesAMeaning) {
  for (int byte = 1; byte < 256; ++byte) {
    std::string href;
    append_href(href, std::string(1, static_cast<char>(byte)));
    const std::string_view text = href;
    EXPECT_EQ(text.find_first_of(":/?#[]@!$&'()*+,;= \"<>\\^`{|}"), text.npos) << byte;
    EXPECT_TRUE(text.size() == 1 || (text.size() == 3 && text[0] == '%')) << byte;
  }
}

struct SizeCase {
  std::uint64_t bytes;
  const char* text;
};

constexpr std::uint64_t kKiB = 1024;
constexpr std::uint64_t kGiB = kKiB * kKiB * kKiB;

constexpr SizeCase kSizeCases[] = {
    {0, "0 B"},
    {1, "1 B"},
    {1023, "1023 B"},
    {1024, "1.0 KiB"},
    {1075, "1.0 KiB"},
    {1076, "1.1 KiB"},
    {1536, "1.5 KiB"},
    {1280, "1.3 KiB"},  // half way: up, here as in the script
    {102348, "99.9 KiB"},
    {102349, "100 KiB"},
    {1023 * kKiB, "1023 KiB"},
    {1023 * kKiB + 511, "1023 KiB"},
    {1023 * kKiB + 512, "1.0 MiB"},
    {5 * kGiB / 2, "2.5 GiB"},
    {842 * kGiB, "842 GiB"},
    {kGiB * kGiB, "1.0 EiB"},
    {std::numeric_limits<std::int64_t>::max(), "8.0 EiB"},
    {std::numeric_limits<std::uint64_t>::max(), "16.0 EiB"},
};

TEST(ListingSize, F4IsReadable) {
  for (const SizeCase& one : kSizeCases)
    EXPECT_EQ(size_text(one.bytes), one.text) << one.bytes;
}

TEST(ListingTime, IsRfc3339AndStaysInsideTheYearsThatItKnows) {
  EXPECT_EQ(rfc3339(0), "1970-01-01T00:00:00Z");
  EXPECT_EQ(rfc3339(1795285096), "2026-11-21T18:18:16Z");
  EXPECT_EQ(rfc3339(951782400), "2000-02-29T00:00:00Z");
  EXPECT_EQ(rfc3339(-1), "1969-12-31T23:59:59Z");
  EXPECT_EQ(rfc3339(std::numeric_limits<std::int64_t>::min()), "0001-01-01T00:00:00Z");
  EXPECT_EQ(rfc3339(std::numeric_limits<std::int64_t>::max()), "9999-12-31T23:59:59Z");
}

TEST(ListingOrder, F4NamesCompareAsTheyAreRead) {
  constexpr std::string_view kInOrder[] = {
      "",
      "-1",
      "0",
      "1",
      "2",
      "09",
      "10",
      "99",
      "100",
      "a",
      "A1",
      "a2",
      "a10",
      "A10.b",
      "ab",
      "linux-6.9",
      "linux-6.10",
      "v1234567",
      "v12345678",
      "v123456789",
      "v1234567890",
      "v9999999999999999999",
      "v10000000000000000000",
      "z",
  };
  for (std::size_t at = 1; at < std::size(kInOrder); ++at) {
    EXPECT_LT(natural_key(kInOrder[at - 1]), natural_key(kInOrder[at])) << kInOrder[at];
  }
  EXPECT_EQ(natural_key("README"), natural_key("readme"));
  EXPECT_EQ(natural_key("v01"), natural_key("v1"));
}

}  // namespace
}  // namespace midstream::site
