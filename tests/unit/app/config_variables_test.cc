// Variables of the environment in values.
#include <map>
#include <string>

#include <gtest/gtest.h>

#include "app/config_file.h"

namespace midstream::app {
namespace {

std::optional<std::string> variable(const std::string& name) {
  static const std::map<std::string, std::string> kVariables = {
      {"HOST", "example.org"},      {"EMPTY", ""},      {"PORT", "8080"}, {"YES", "true"},
      {"TRICKY", "${HOST}\"\n[x]"}, {"BROKEN", "\xff"}, {"_A1", "x"},
  };
  const auto found = kVariables.find(name);
  return found == kVariables.end() ? std::nullopt : std::optional(found->second);
}

// The body of the fixed answer, or the problem.
std::string body_of(const std::string& literal) {
  const std::string text = "[[site]]\n[[site.route]]\nanswer = {body = " + literal + "}\n";
  const LoadedConfig loaded = parse_config(text, {.environment = &variable, .check_files = false});
  if (!loaded.problems.empty()) return print_problem("f", loaded.problems.front());
  return std::get<site::AnswerOptions>(loaded.config.sites.at(0).routes.at(0).handler).body;
}

TEST(ConfigVariables, TakeTheirPlaceInAString) {
  EXPECT_EQ(body_of(R"("http://${HOST}:${PORT}/")"), "http://example.org:8080/");
  EXPECT_EQ(body_of(R"('${_A1}')"), "x");
  EXPECT_EQ(body_of(R"("""${HOST}""")"), "example.org");
  EXPECT_EQ(body_of(R"("${EMPTY}")"), "");
}

TEST(ConfigVariables, ADefaultIsTakenWhereNothingIsSet) {
  EXPECT_EQ(body_of(R"("${NOBODY:-here}")"), "here");
  EXPECT_EQ(body_of(R"("${EMPTY:-here}")"), "here");
  EXPECT_EQ(body_of(R"("${HOST:-here}")"), "example.org");
  EXPECT_EQ(body_of(R"("${NOBODY:-}")"), "");
  EXPECT_EQ(body_of(R"("${NOBODY:-a:-b$c}")"), "a:-b$c");
}

TEST(ConfigVariables, DollarsOfOtherKindsStay) {
  EXPECT_EQ(body_of(R"("$HOST $ {HOST} $$ a$")"), "$HOST $ {HOST} $$ a$");
  EXPECT_EQ(body_of(R"("$${HOST}")"), "${HOST}");
  EXPECT_EQ(body_of(R"("$$${HOST}")"), "$${HOST}");
  EXPECT_EQ(body_of(R"("$${${HOST}}")"), "${example.org}");
}

TEST(ConfigVariables, TheirValuesAreNeitherTomlNorExpandedAgain) {
  EXPECT_EQ(body_of(R"("${TRICKY}")"), "${HOST}\"\n[x]");
}

TEST(ConfigVariables, WhatIsWrongIsToldAtTheValue) {
  EXPECT_EQ(body_of(R"("${NOBODY}")"),
            "f:3:18: the environment has no NOBODY, expected it to be set, or a default as in "
            "${NOBODY:-default}");
  EXPECT_EQ(body_of(R"("${HOST")"),
            R"(f:3:18: "${" has no "}"; "$${" stands for the two characters)");
  EXPECT_EQ(body_of(R"("${}")"),
            "f:3:18: \"\" is not the name of a variable, expected ${NAME} or ${NAME:-default}");
  EXPECT_EQ(body_of(R"("${A-B}")"),
            "f:3:18: \"A-B\" is not the name of a variable, expected ${NAME} or ${NAME:-default}");
  EXPECT_EQ(body_of(R"("${1A}")"),
            "f:3:18: \"1A\" is not the name of a variable, expected ${NAME} or ${NAME:-default}");
  EXPECT_EQ(body_of(R"("${BROKEN}")"),
            "f:3:18: the value of BROKEN in the environment is not UTF-8");
}

TEST(ConfigVariables, AreIntegersAndBooleansToo) {
  const LoadedConfig loaded = parse_config(
      "threads = '${THREADS:-3}'\n"
      "[limits]\nhead_bytes = '${HEAD:-16KiB}'\n"
      "[[site]]\n[[site.route]]\nfiles = {root = '/', listing = '${YES}', sniff = "
      "'${NO:-false}'}\n",
      {.environment = &variable, .check_files = false});
  ASSERT_TRUE(loaded.problems.empty()) << loaded.problems.front().text;
  EXPECT_EQ(loaded.config.threads, 3U);
  EXPECT_EQ(loaded.config.limits.head.head_bytes_max, 16'384U);
  const auto& files = std::get<site::FileOptions>(loaded.config.sites.at(0).routes.at(0).handler);
  EXPECT_TRUE(files.listing);
  EXPECT_FALSE(files.sniff);
}

TEST(ConfigVariables, AStringWithoutOneIsNoInteger) {
  const LoadedConfig loaded = parse_config("threads = '3'\n[[site]]\n[[site.route]]\nanswer = {}\n",
                                           {.check_files = false});
  ASSERT_EQ(loaded.problems.size(), 1U);
  EXPECT_EQ(loaded.problems.front().text,
            "\"threads\" is a string, expected an integer, 1 to 1024");
}

TEST(ConfigVariables, Utf8IsRecognised) {
  for (const std::string_view text :
       {"", "a", "\x7f", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xef\xbf\xbd",
        "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf"})
    EXPECT_TRUE(is_utf8(text)) << text;
  for (const std::string_view text :
       {"\x80", "\xc1\xbf", "\xc2", "\xc2 ", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xe2\x82",
        "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "a\xff"})
    EXPECT_FALSE(is_utf8(text)) << text;
}

}  // namespace
}  // namespace midstream::app
