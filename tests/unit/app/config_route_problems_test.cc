// What is wrong with routes, their handlers and header rules, and with the file as such.
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "app/config_file.h"
#include "support/temp_dir.h"

namespace midstream::app {
namespace {

struct ProblemCase {
  const char* name;
  const char* text;      // the third line of a file
  const char* problems;  // "line:column: text", one per line
};

std::string text_of(const LoadedConfig& loaded) {
  std::string out;
  for (const ConfigProblem& problem : loaded.problems)
    out += print_problem("f", problem).substr(2) + "\n";
  return out;
}

void check(const ProblemCase& row) {
  const std::string text = "[[site]]\n[[site.route]]\n" + std::string(row.text) + "\n";
  EXPECT_EQ(text_of(parse_config(text, {.check_files = false})), row.problems) << row.name;
}

constexpr ProblemCase kRoutes[] = {
    {"PathWithoutSlash", "path = \"img\"\nanswer = {}",
     "3:8: \"path\" is \"img\", expected a path that begins with \"/\", did you mean \"/img\"?\n"},
    {"EmptyPath", "path = \"\"\nanswer = {}",
     "3:8: \"path\" is \"\", expected a path that begins with \"/\", did you mean \"/\"?\n"},
    {"DotSegments", "path = \"/a/../b\"\nanswer = {}",
     "3:8: \"path\" is \"/a/../b\", expected a decoded path without empty, \".\" and \"..\" "
     "components\n"},
    {"DoubledSlash", "path = \"/a//b\"\nanswer = {}",
     "3:8: \"path\" is \"/a//b\", expected a decoded path without empty, \".\" and \"..\" "
     "components\n"},
    {"EncodedPath", "path = \"/a%20b\"\nanswer = {}",
     "3:8: \"path\" is \"/a%20b\", expected a decoded path without empty, \".\" and \"..\" "
     "components\n"},
    {"Query", "path = \"/a?b\"\nanswer = {}",
     "3:8: \"path\" is \"/a?b\", expected a path without a query\n"},
    {"NameIsAPath", "names = [\"*.css\", \"a/b\"]\nanswer = {}",
     "3:19: \"names\" is \"a/b\", expected a pattern for one component of a path, such as "
     "\"*.css\" or \".*\"\n"},
    {"HeaderName", "answer = {}\nheaders = {set = {\"X Y\" = \"a\"}}",
     "4:19: the key \"X Y\" is wrong, expected the name of a header field\n"},
    {"HeaderOfTheConnection", "answer = {}\nheaders = {remove = [\"content-length\"]}",
     "4:22: \"remove\" is \"content-length\", expected another field: this one belongs to the "
     "connection\n"},
    {"HeaderValueWithLineBreak", "answer = {}\nheaders = {add = {X = \"a\\r\\nb\"}}",
     "4:23: \"X\" is \"a\\r\\nb\", expected a field value: no line breaks, no control bytes\n"},
    {"HeaderValueIsANumber", "answer = {}\nheaders = {add = {X = [\"a\", 1]}}",
     "4:29: \"X\" is an integer, expected a string or a list of strings\n"},
    {"HeaderWithoutValues", "answer = {}\nheaders = {set = {X = []}}",
     "4:23: \"X\" is a list, expected at least one value\n"},
    {"HeaderTwice", "answer = {}\nheaders = {set = {ETag = \"a\", Etag = \"b\"}}",
     "4:31: the field \"Etag\" is there as \"ETag\" too, expected it only once\n"},
    {"HeadersAreAList", "answer = {}\nheaders = {set = [\"X: y\"]}",
     "4:18: \"set\" is a list, expected a table such as {Cache-Control = \"no-cache\"}\n"},
    {"BooleanIsAString", "answer = {}\nheaders = {on_errors = \"yes\"}",
     "4:24: \"on_errors\" is \"yes\", expected true or false\n"},
    {"RedirectWithoutTo", "redirect = {status = 301}",
     "3:12: \"redirect\" has no \"to\", expected \"to\" = string\n"},
    {"RedirectStatus", "redirect = {to = \"/\", status = 200}",
     "3:32: \"status\" is 200, expected 301, 302, 303, 307 or 308\n"},
    {"RedirectToNowhere", "redirect = {to = \"example.org\"}",
     "3:18: \"to\" is \"example.org\", expected a URL in ASCII such as "
     "\"https://{host}{path}{query}\" or \"/new{rest}\"\n"},
    {"RedirectPlaceholder", "redirect = {to = \"/new{pth}\"}",
     "3:18: \"to\" is \"/new{pth}\", expected in braces only {host}, {path}, {rest} or {query}, "
     "did you mean \"{path}\"?\n"},
    {"AnswerStatus", "answer = {status = 99}", "3:20: \"status\" is 99, expected 200 to 599\n"},
    {"AnswerWithoutContent", "answer = {status = 204, body = \"x\"}",
     "3:32: there is a body, expected none with the status 204\n"},
    {"AnswerType", "answer = {type = \"text\"}",
     "3:18: \"type\" is \"text\", expected a media type such as \"text/html\" or \"text/plain; "
     "charset=utf-8\"\n"},
};

TEST(ConfigRouteProblems, Routes) {
  for (const ProblemCase& row : kRoutes)
    check(row);
}

constexpr ProblemCase kFiles[] = {
    {"NoRoot", "files = {listing = true}",
     "3:9: \"files\" has no \"root\", expected \"root\" = path\n"},
    {"EmptyRoot", "files = {root = \"\"}", "3:17: \"root\" is \"\", expected the path of a file\n"},
    {"RootWithNul", "files = {root = \"/a\\u0000b\"}",
     "3:17: \"root\" is \"/a\\u0000b\", expected the path of a file\n"},
    {"UnknownCoding", "files = {root = \"/\", precompressed = [\"gz\"]}",
     "3:39: \"precompressed\" is \"gz\", expected \"br\", \"zstd\" or \"gzip\", did you mean "
     "\"gzip\"?\n"},
    {"CodingTwice", "files = {root = \"/\", compress = {codings = [\"br\", \"br\"]}}",
     "3:51: \"codings\" is \"br\", expected it only once\n"},
    {"ListIsAString", "files = {root = \"/\", index = \"a.html\"}",
     "3:30: \"index\" is a string, expected a list of strings, in brackets\n"},
    {"Symlinks", "files = {root = \"/\", symlinks = \"folow\"}",
     "3:33: \"symlinks\" is \"folow\", expected \"never\", \"within\" or \"follow\", did you mean "
     "\"follow\"?\n"},
    {"FollowMistyped", "files = {root = \"/\", follow = \"nevr\"}",
     "3:31: \"follow\" is \"nevr\", expected \"auto\", \"never\" or a pattern, did you mean "
     "\"never\"?\n"},
    {"StatusNotLast", "files = {root = \"/\", try_files = [\"=404\", \"{path}\"]}",
     "3:35: \"=404\" is not the last one, expected it at the end\n"},
    {"TryNothing", "files = {root = \"/\", try_files = [\"index.html\"]}",
     "3:35: \"try_files\" is \"index.html\", expected \"{path}\", \"{path}.html\", \"{path}/\", "
     "\"/index.html\" or \"=404\"\n"},
    {"TryUri", "files = {root = \"/\", try_files = [\"/{uri}\"]}",
     "3:35: \"try_files\" is \"/{uri}\", expected in braces only {path}\n"},
    {"TryStatus", "files = {root = \"/\", try_files = [\"{path}\", \"=200\"]}",
     "3:45: \"try_files\" is \"=200\", expected a status from \"=400\" to \"=599\"\n"},
    {"CompressType", "files = {root = \"/\", compress = {types = [\"*/*\"]}}",
     "3:43: \"types\" is \"*/*\", expected a media type such as \"text/css\" or \"text/*\"\n"},
    {"OpenFiles", "files = {root = \"/\", open_files_max = 0}",
     "3:39: \"open_files_max\" is 0, expected 1 to 1000000\n"},
    {"Several", "files = {rot = 1, sniff = 0, hide = [7]}",
     "3:9: \"files\" has no \"root\", expected \"root\" = path\n"
     "3:10: unknown key \"rot\" in \"files\", did you mean \"root\"?\n"
     "3:27: \"sniff\" is 0, expected true or false\n"
     "3:38: \"hide\" is an integer, expected a string\n"},
};

TEST(ConfigRouteProblems, Files) {
  for (const ProblemCase& row : kFiles)
    check(row);
}

struct SyntaxCase {
  const char* text;
  const char* begins;
};

TEST(ConfigRouteProblems, WhatIsNotTomlHasAPlaceToo) {
  constexpr SyntaxCase kCases[] = {
      {"threads = \n", "1:11: not TOML: "}, {"threads = 1\nthreads = 2\n", "2:"},
      {"[[site]\n", "1:8: not TOML: "},     {"a = \"x\n", "1:"},
      {"a = [1, 2\n", "1:11: not TOML: "},  {"\xff", "1:1: not TOML: "},
      {"a = 99999999999999999999\n", "1:"},
  };
  for (const auto& [text, begins] : kCases) {
    const LoadedConfig loaded = parse_config(text, {.check_files = false});
    ASSERT_EQ(loaded.problems.size(), 1U) << text;
    const std::string problem = text_of(loaded);
    EXPECT_EQ(problem.substr(0, std::string_view(begins).size()), begins) << problem;
    EXPECT_EQ(problem.find('\n'), problem.size() - 1) << problem;
    EXPECT_NE(problem.find("not TOML: "), std::string::npos) << problem;
  }
}

TEST(ConfigRouteProblems, DeeplyNestedKeysAreOneUnknownKey) {
  std::string dotted = "a";
  for (int i = 0; i < 1000; ++i)
    dotted += ".a";
  const std::string rest = " = 1\n[[site]]\n[[site.route]]\nanswer = {}\n";
  EXPECT_EQ(parse_config(dotted + rest, {.check_files = false}).problems.size(), 1U);
  const std::string lists = "a = " + std::string(1000, '[') + "\n";
  EXPECT_EQ(parse_config(lists, {.check_files = false}).problems.size(), 1U);
}

// What only the system knows.
TEST(ConfigRouteProblems, MissingFilesUsersAndGroups) {
  const test::TempDir dir;
  dir.file("page.html", "x");
  const std::string file = dir.file("f", R"(user = "no-such-user-here"
group = "no-such-group-here"
access_log = {file = "gone/access.log"}
[[listen]]
address = "unix:gone/socket"
[[site]]
error_pages = {404 = "page.html", 500 = "missing.html", 5xx = "."}
[[site.route]]
files = {root = "missing"}
[[site.route]]
path = "/a"
files = {root = "page.html"}
error_pages = {404 = "missing.html"}
[[site.route]]
path = "/b"
files = {root = "."}
)")
                               .string();
  const std::string base = dir.path().string();
  const auto quoted = [&](const std::string& name) { return "\"" + base + "/" + name + "\""; };
  const std::string gone = ": No such file or directory, expected a directory\n";
  EXPECT_EQ(text_of(load_config(file)),
            "1:8: \"no-such-user-here\" is no user of this system\n"
            "2:9: \"no-such-group-here\" is no group of this system\n"
            "3:22: " +
                quoted("gone") + gone + "5:11: " + quoted("gone") + gone +
                "7:41: " + quoted("missing.html") +
                " cannot be read: No such file or directory, expected a file\n"
                "7:63: \"" +
                base +
                "\" cannot be read: not a regular file, expected a file\n"
                "9:17: " +
                quoted("missing") + gone + "12:17: " + quoted("page.html") +
                " is not a directory, expected one\n"
                "13:22: " +
                quoted("missing.html") +
                " cannot be read: No such file or directory, expected a file\n");
}

TEST(ConfigRouteProblems, TheFileItselfMayBeMissingOrTooLarge) {
  const test::TempDir dir;
  EXPECT_EQ(text_of(load_config(dir / "missing")), " cannot be read: No such file or directory\n");
  EXPECT_EQ(text_of(load_config(dir.path())), " cannot be read: Is a directory\n");
  dir.file("large", std::string((1 << 20) + 1, '#'));
  EXPECT_EQ(text_of(load_config(dir / "large")), " cannot be read: File too large\n");
}

}  // namespace
}  // namespace midstream::app
