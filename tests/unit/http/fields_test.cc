#include "http/fields.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace midstream::http {
namespace {

using namespace std::string_view_literals;
using ::testing::ElementsAre;
using ::testing::ElementsAreArray;

std::vector<std::string> lines_of(const FieldList& list) {
  std::vector<std::string> lines;
  for (const FieldView field : list) {
    lines.push_back(std::string(field.name) + "=" + std::string(field.value));
  }
  return lines;
}

TEST(FieldList, IsTheTextOfTheHead) {
  FieldList list;
  EXPECT_TRUE(list.empty());
  EXPECT_EQ(list.begin(), list.end());
  list.append("Content-Type", "text/html");
  list.append("X-Empty", "");
  list.append("X-Blanks", " \ta b\t ");
  list.append_raw("Date: now: 12:00\r\nServer: midstream\r\n");
  list.append_raw("");
  EXPECT_EQ(list.text(),
            "Content-Type: text/html\r\nX-Empty: \r\nX-Blanks: a b\r\n"
            "Date: now: 12:00\r\nServer: midstream\r\n");
  EXPECT_THAT(lines_of(list), ElementsAre("Content-Type=text/html", "X-Empty=", "X-Blanks=a b",
                                          "Date=now: 12:00", "Server=midstream"));
}

TEST(FieldList, FindsTheFirstInAnyCase) {
  FieldList list;
  list.append("Vary", "a");
  list.append("vary", "b");
  list.append("X", "");
  EXPECT_EQ(list.find("VARY"), "a");
  EXPECT_EQ(list.find("x"), "");
  EXPECT_EQ(list.find("var"), std::nullopt);
  EXPECT_EQ(list.find("Vary-"), std::nullopt);
}

TEST(FieldList, RemovesEveryLineOfAName) {
  FieldList list;
  list.append("A", "1");
  list.append("B", "2");
  list.append("a", "3");
  list.append("AB", "4");
  list.append("A", "5");
  EXPECT_EQ(list.remove("a"), 3U);
  EXPECT_EQ(list.remove("a"), 0U);
  EXPECT_EQ(list.text(), "B: 2\r\nAB: 4\r\n");
}

TEST(FieldList, RefusesWhatWouldSplitTheMessage) {
  struct Case {
    const char* name;
    std::string_view field_name;
    std::string_view value;
  };
  constexpr Case kCases[] = {
      {"CrLfInValue", "X", "a\r\nSet-Cookie: b"sv},
      {"CrInValue", "X", "a\rb"sv},
      {"LfInValue", "X", "a\nb"sv},
      {"NulInValue", "X", "a\0b"sv},
      {"EscapeInValue", "X", "\x1b"sv},
      {"DelInValue", "X", "\x7f"sv},
      {"EmptyName", "", "a"sv},
      {"BlankInName", "X Y", "a"sv},
      {"ColonInName", "X:", "a"sv},
      {"CrLfInName", "X\r\nY", "a"sv},
      {"ByteInName", "X\xff", "a"sv},
  };
  for (const Case& row : kCases) {
    SCOPED_TRACE(row.name);
    FieldList list;
    list.append("A", "1");
    EXPECT_FALSE(list.try_append(row.field_name, row.value));
    EXPECT_EQ(list.text(), "A: 1\r\n");
  }
  FieldList list;
  EXPECT_TRUE(list.try_append("X", "tab\tand \xc3\xa9"));
  EXPECT_EQ(list.find("X"), "tab\tand \xc3\xa9");
}

TEST(FieldListDeathTest, AbortsWhenOurOwnTextIsNoField) {
  FieldList list;
  EXPECT_DEATH(list.append("X", "a\r\nY: b"), "check failed");
  EXPECT_DEATH(list.append_raw("X: a"), "check failed");
}

TEST(FieldList, ClearKeepsTheMemory) {
  FieldList list;
  list.append("X", std::string(1000, 'a'));
  const char* const memory = list.text().data();
  list.clear();
  EXPECT_TRUE(list.empty());
  list.append("Y", std::string(1000, 'b'));
  EXPECT_EQ(list.text().data(), memory);
}

struct ListCase {
  const char* name;
  std::string_view list;
  std::vector<std::string_view> members;
};

TEST(ListMembers, AreSplitAtCommasOutsideQuotes) {
  const ListCase cases[] = {
      {"Empty", "", {}},
      {"OnlyCommas", " , ,\t,", {}},
      {"One", "a", {"a"}},
      {"Blanks", " a ,\tb\t", {"a", "b"}},
      {"EmptyMembers", ",a,,b,", {"a", "b"}},
      {"CommaInQuotes", "a;x=\"1,2\", b", {"a;x=\"1,2\"", "b"}},
      {"EscapedQuote", "\"a\\\",b\", c", {"\"a\\\",b\"", "c"}},
      {"EscapedBackslash", "\"a\\\\\",b", {"\"a\\\\\"", "b"}},
      {"QuoteWithoutEnd", "a, \"b, c", {"a", "\"b, c"}},
      {"EscapeAtTheEnd", "\"a\\", {"\"a\\"}},
      {"BackslashOutsideQuotes", "a\\,b", {"a\\", "b"}},
      {"InnerBlanksStay", "a b,c", {"a b", "c"}},
  };
  for (const ListCase& row : cases) {
    SCOPED_TRACE(row.name);
    std::vector<std::string_view> members;
    for_each_list_member(row.list, [&](std::string_view member) { members.push_back(member); });
    EXPECT_THAT(members, ElementsAreArray(row.members));
  }
}

TEST(ListMembers, AWalkCanEndEarly) {
  std::string seen;
  for_each_list_member("a, b, c", [&](std::string_view member) {
    seen += member;
    return member != "b";
  });
  EXPECT_EQ(seen, "ab");
}

TEST(ListMembers, AreFoundInAnyCase) {
  EXPECT_TRUE(list_contains("gzip, Close", "close"));
  EXPECT_FALSE(list_contains("gzip, closed", "close"));
  EXPECT_FALSE(list_contains("\"close\"", "close"));
  EXPECT_FALSE(list_contains("", "close"));
}

TEST(CaseInsensitiveEquality, KnowsOnlyAsciiLetters) {
  EXPECT_TRUE(iequals("Content-Length", "cONTENT-lENGTH"));
  EXPECT_TRUE(iequals("", ""));
  EXPECT_FALSE(iequals("a", "ab"));
  EXPECT_FALSE(iequals("@", "`"));
  EXPECT_FALSE(iequals("[", "{"));
  EXPECT_FALSE(iequals("\xc9", "\xe9"));
}

}  // namespace
}  // namespace midstream::http
