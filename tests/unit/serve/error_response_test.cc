#include "serve/error_response.h"

#include <algorithm>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace midstream::serve {
namespace {

constexpr std::string_view kPlain = "text/plain; charset=utf-8";
constexpr std::string_view kHtml = "text/html; charset=utf-8";
constexpr std::string_view kProblem = "application/problem+json";
constexpr std::string_view kJson = "application/json";

struct AcceptCase {
  const char* name;
  std::string_view accept;
  std::string_view media_type;
};

constexpr AcceptCase kAcceptCases[] = {
    {"Curl", "*/*", kPlain},
    {"Empty", "", kPlain},
    {"AnyText", "text/*", kPlain},
    {"Plain", "text/plain", kPlain},
    {"NothingWeHave", "image/png", kPlain},
    {"Nonsense", "nonsense;;;", kPlain},
    {"EverythingRefused", "*/*;q=0", kPlain},
    {"Browser", "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8",
     kHtml},
    {"Html", "text/html", kHtml},
    {"HtmlInAnyCase", "TEXT/HTML", kHtml},
    {"HtmlWithParameter", "text/html;level=1;q=0.3", kHtml},
    {"HtmlNamedBesideAnything", "text/html, */*", kHtml},
    {"HtmlNamedBesidePlain", "text/plain, text/html", kHtml},
    {"HtmlLess", "text/html;q=0.5, */*", kPlain},
    {"HtmlRefused", "text/html;q=0, */*;q=0.1", kPlain},
    {"OnlyHtmlRefused", "text/html;q=0", kPlain},
    {"PlainRefused", "text/plain;q=0, text/*", kHtml},
    {"PlainMore", "text/html;q=0.8, text/plain", kPlain},
    {"HtmlIsNoPartOfAnotherName", "text/html5", kPlain},
    {"HtmlInAParameter", "text/plain;x=\"text/html\"", kPlain},
    {"Problem", "application/problem+json", kProblem},
    {"ProblemBesideJson", "application/problem+json, application/json", kProblem},
    {"ProblemLessThanJson", "application/problem+json;q=0.5, application/json", kJson},
    {"Json", "application/json", kJson},
    {"JsonWithParameter", "application/json;charset=utf-8", kJson},
    {"JsonNamedBesideAnything", "application/json, text/plain, */*", kJson},
    {"JsonFirstAnythingElseLess", "application/json, text/javascript, */*; q=0.01", kJson},
    {"AnyApplication", "application/*", kProblem},
    {"HtmlBeforeJson", "application/json, text/html", kHtml},
    {"JsonMoreThanHtml", "application/json, text/html;q=0.9", kJson},
    {"JsonLess", "application/json;q=0.1, */*", kPlain},
};

TEST(ErrorText, F6TheFormFollowsAccept) {
  for (const AcceptCase& row : kAcceptCases)
    EXPECT_EQ(error_text(404, row.accept).media_type, row.media_type) << row.name;
  EXPECT_EQ(error_text(404, std::string_view()).media_type, kPlain);
}

TEST(ErrorText, F6TheTexts) {
  EXPECT_EQ(error_text(404, "*/*").text, "404 Not Found\n");
  EXPECT_EQ(error_text(404, kProblem).text,
            "{\"type\":\"about:blank\",\"title\":\"Not Found\",\"status\":404}\n");
  EXPECT_EQ(error_text(404, kJson).text, error_text(404, kProblem).text);
  EXPECT_EQ(error_text(416, "text/html").text,
            "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
            "<meta name=\"color-scheme\" content=\"light dark\">"
            "<title>416 Range Not Satisfiable</title></head>\n"
            "<body><h1>416 Range Not Satisfiable</h1></body></html>\n");
}

// A status without a phrase of its own must not give broken JSON or markup.
TEST(ErrorText, F6EveryStatusGivesAText) {
  for (int status = 300; status < 600; ++status) {
    const std::string number = std::to_string(status);
    EXPECT_TRUE(error_text(status, "*/*").text.starts_with(number));
    const std::string json = error_text(status, kJson).text;
    EXPECT_TRUE(json.ends_with(",\"status\":" + number + "}\n")) << json;
    EXPECT_EQ(std::count(json.begin(), json.end(), '"'), 10) << json;
    EXPECT_EQ(json.find('\\'), std::string::npos) << json;
  }
}

}  // namespace
}  // namespace midstream::serve
