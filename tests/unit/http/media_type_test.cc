#include "http/media_type.h"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace midstream::http {
namespace {

TEST(MediaTypes, F9KnowsTheUsualOnesWithoutAFile) {
  const MediaTypes types;
  struct Case {
    std::string_view name;
    std::string_view type;
  };
  constexpr Case kCases[] = {
      {"index.html", "text/html; charset=utf-8"},
      {"INDEX.HTML", "text/html; charset=utf-8"},
      {"/a.b/c/style.css", "text/css; charset=utf-8"},
      {"app.js", "text/javascript; charset=utf-8"},
      {"data.json", "application/json"},
      {"logo.svg", "image/svg+xml"},
      {"live.m3u8", "application/vnd.apple.mpegurl"},
      {"live.mpd", "application/dash+xml"},
      {"segment.m4s", "video/iso.segment"},
      {"segment.ts", "video/mp2t"},
      {"module.wasm", "application/wasm"},
      {"a.tar.gz", "application/gzip"},
      {"build.log", "text/plain; charset=utf-8"},
      {"", "application/octet-stream"},
      {"README", "application/octet-stream"},
      {"a.", "application/octet-stream"},
      {"a.unknown", "application/octet-stream"},
      {"html", "application/octet-stream"},
      {"dir.html/file", "application/octet-stream"},
  };
  for (const Case& row : kCases)
    EXPECT_EQ(types.by_name(row.name), row.type) << row.name;
  EXPECT_EQ(types.find("README"), "");
}

constexpr std::string_view kFile =
    "# a comment\n"
    "\n"
    "text/x-own\t\t\town OWN2  # and a comment\n"
    "application/x-first first\r\n"
    "application/x-second first second\n"
    "Application/X-Mixed mixed\n"
    "application/javascript js2\n"
    "application/x-two two tar.two\n"
    "video/x-override html\n"
    "application/x-nothing\n"
    "not-a-type bad1\n"
    "also/not/one bad2\n"
    " bad/type; bad3\n"
    "\x01/\x02 bad4\n"
    "application/x-last last";

TEST(MediaTypes, F9ReadsAMimeTypesFile) {
  const MediaTypes types(kFile);
  struct Case {
    std::string_view name;
    std::string_view type;
  };
  constexpr Case kCases[] = {
      {"a.own", "text/x-own; charset=utf-8"},
      {"a.own2", "text/x-own; charset=utf-8"},
      {"a.Own2", "text/x-own; charset=utf-8"},
      {"a.first", "application/x-first"},
      {"a.second", "application/x-second"},
      {"a.mixed", "application/x-mixed"},
      {"a.js2", "application/javascript; charset=utf-8"},
      {"a.two", "application/x-two"},
      {"a.tar.two", "application/x-two"},
      {"a.html", "video/x-override"},
      {"a.htm", "text/html; charset=utf-8"},
      {"a.bad1", ""},
      {"a.bad2", ""},
      {"a.bad3", ""},
      {"a.bad4", ""},
      {"a.comment", ""},
      {"a.last", "application/x-last"},
  };
  for (const Case& row : kCases)
    EXPECT_EQ(types.find(row.name), row.type) << row.name;
}

TEST(MediaTypes, F9TakesTheLongestKnownExtension) {
  const MediaTypes types("a/long x.y\na/short y\n");
  EXPECT_EQ(types.find("f.x.y"), "a/long");
  EXPECT_EQ(types.find("f.z.y"), "a/short");
  EXPECT_EQ(types.find("f.x.y.z"), "");
  EXPECT_EQ(types.find("f.1.2.X.Y"), "a/long");
  EXPECT_EQ(types.find(".y"), "a/short");
  std::string long_name(300, 'a');
  EXPECT_EQ(types.find("f.y" + long_name), "");
  long_name.append(".y");
  EXPECT_EQ(types.find(long_name), "a/short");
  long_name.insert(0, "f.");
  EXPECT_EQ(types.find(long_name), "a/short");
}

}  // namespace
}  // namespace midstream::http
