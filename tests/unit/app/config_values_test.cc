// What a configuration that is right means.
#include <string>
#include <string_view>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "app/config_file.h"

namespace midstream::app {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::Pair;

Config read(std::string_view text) {
  LoadedConfig loaded = parse_config(text, {.base_directory = "/etc/site", .check_files = false});
  for (const ConfigProblem& problem : loaded.problems)
    ADD_FAILURE() << print_problem("f", problem);
  return std::move(loaded.config);
}

constexpr std::string_view kSite = "\n[[site]]\n[[site.route]]\nanswer = {}\n";

TEST(ConfigValues, WhatIsNotSaidHasItsDefault) {
  Config expected;
  expected.sites.emplace_back().routes.emplace_back().handler = site::AnswerOptions{};
  EXPECT_EQ(read(kSite), expected);
}

TEST(ConfigValues, TopLevel) {
  const Config config = read(R"(threads = 3
user = "www-data"
group = "adm"
log_level = "error"
access_log = {file = "/log/access", format = "json"}
[media_types]
md = "text/markdown"
"TAR.GZ" = "application/gzip"
)" + std::string(kSite));
  EXPECT_EQ(config.threads, 3U);
  EXPECT_EQ(config.user, "www-data");
  EXPECT_EQ(config.group, "adm");
  EXPECT_EQ(config.log_level, "error");
  EXPECT_EQ(config.access_log, (AccessLogOptions{"/log/access", serve::LogFormat::kJson}));
  EXPECT_THAT(config.media_types,
              ElementsAre(Pair("md", "text/markdown"), Pair("tar.gz", "application/gzip")));
}

TEST(ConfigValues, Limits) {
  const Config config = read(R"([limits]
header_timeout = "1s"
idle_timeout = "2s"
body_timeout = "3s"
stall_timeout = "4s"
linger_timeout = "5s"
grace = "6s"
head_bytes = "7KiB"
target_bytes = 800
fields = 9
request_body_bytes = "10GB"
unwanted_body_bytes = "11KB"
linger_bytes = "12MiB"
turn_bytes = 13000
)" + std::string(kSite));
  serve::Limits limits;
  limits.header_timeout = milliseconds(1000);
  limits.idle_timeout = milliseconds(2000);
  limits.body_timeout = milliseconds(3000);
  limits.stall_timeout = milliseconds(4000);
  limits.linger_timeout = milliseconds(5000);
  limits.grace = milliseconds(6000);
  limits.head.head_bytes_max = 7 * 1024;
  limits.head.target_bytes_max = 800;
  limits.head.fields_max = 9;
  limits.request_body_bytes_max = 10'000'000'000;
  limits.unwanted_body_bytes_max = 11'000;
  limits.linger_bytes_max = 12 << 20;
  limits.turn_bytes = 13'000;
  EXPECT_EQ(config.limits, limits);
}

TEST(ConfigValues, Listen) {
  const Config config = read(R"([[listen]]
address = "127.0.0.1:8080"
[[listen]]
address = "unix:run/socket"
mode = 0o600
[[listen]]
address = "systemd:web"
)" + std::string(kSite));
  ASSERT_EQ(config.listen.size(), 3U);
  EXPECT_EQ(config.listen[0], (ListenOptions{"127.0.0.1:8080", 0666}));
  EXPECT_EQ(config.listen[1], (ListenOptions{"unix:/etc/site/run/socket", 0600}));
  EXPECT_EQ(config.listen[2], (ListenOptions{"systemd:web", 0666}));
}

TEST(ConfigValues, RelativePathsBeginAtTheFile) {
  const Config config = read(R"(access_log = {file = "./a.log"}
[[site]]
error_pages = {404 = "errors/404.html", 5xx = "/srv/50x.html", 4xx = "../4xx.html"}
[[site.route]]
files = {root = "."}
[[site.route]]
path = "/b"
files = {root = "./././www"}
)");
  EXPECT_EQ(config.access_log.file, "/etc/site/a.log");
  const site::SiteOptions& site = config.sites.at(0);
  EXPECT_THAT(site.error_pages,
              ElementsAre(Pair(4, "/etc/site/../4xx.html"), Pair(5, "/srv/50x.html"),
                          Pair(404, "/etc/site/errors/404.html")));
  EXPECT_EQ(std::get<site::FileOptions>(site.routes.at(0).handler).root, "/etc/site");
  EXPECT_EQ(std::get<site::FileOptions>(site.routes.at(1).handler).root, "/etc/site/www");
}

TEST(ConfigValues, WordsOfTheAccessLogAreNoPaths) {
  EXPECT_EQ(read("access_log = {file = '-'}" + std::string(kSite)).access_log.file, "-");
  EXPECT_EQ(read("access_log = {file = 'off'}" + std::string(kSite)).access_log.file, "off");
  EXPECT_EQ(read("access_log = {file = './off'}" + std::string(kSite)).access_log.file,
            "/etc/site/off");
}

TEST(ConfigValues, Files) {
  const Config config = read(R"([[site]]
[[site.route]]
[site.route.files]
root = "/srv"
index = ["a.html", "b.html"]
listing = true
symlinks = "follow"
follow = "*.log"
hide = [".*", "*~"]
try_files = ["{path}", "{path}/", "/index.html", "=404"]
precompressed = ["zstd", "gzip"]
sniff = false
default_type = "text/plain; charset=utf-8"
open_files_max = 7
[site.route.files.compress]
codings = ["br"]
types = ["text/*", "font/ttf"]
min_bytes = 0
growing = true
)");
  site::FileOptions files;
  files.root = "/srv";
  files.index = {"a.html", "b.html"};
  files.listing = true;
  files.symlinks = site::Symlinks::kFollow;
  files.follow = site::Follow::kMatching;
  files.follow_pattern = "*.log";
  files.hide = {".*", "*~"};
  files.try_files = {"{path}", "{path}/", "/index.html", "=404"};
  files.precompressed = {site::Coding::kZstd, site::Coding::kGzip};
  files.sniff = false;
  files.default_type = "text/plain; charset=utf-8";
  files.open_files_max = 7;
  files.compress.codings = {site::Coding::kBrotli};
  files.compress.types = {"text/*", "font/ttf"};
  files.compress.min_bytes = 0;
  files.compress.growing = true;
  EXPECT_EQ(std::get<site::FileOptions>(config.sites.at(0).routes.at(0).handler), files);
}

TEST(ConfigValues, RoutesAndHandlers) {
  const Config config = read(R"([[site]]
hosts = ["Example.ORG", "*.example.org"]
[[site.route]]
path = "/a b/"
names = ["*.css"]
redirect = {to = "https://{host}/x{rest}{query}", status = 302}
[[site.route]]
answer = {status = 503, body = "später\n", type = "text/plain"}
)");
  const site::SiteOptions& site = config.sites.at(0);
  EXPECT_THAT(site.hosts, ElementsAre("example.org", "*.example.org"));
  ASSERT_EQ(site.routes.size(), 2U);
  EXPECT_EQ(site.routes[0].path, "/a b");
  EXPECT_THAT(site.routes[0].names, ElementsAre("*.css"));
  EXPECT_EQ(std::get<site::RedirectOptions>(site.routes[0].handler),
            (site::RedirectOptions{"https://{host}/x{rest}{query}", 302}));
  EXPECT_EQ(site.routes[1].path, "/");
  EXPECT_EQ(std::get<site::AnswerOptions>(site.routes[1].handler),
            (site::AnswerOptions{503, "sp\u00e4ter\n", "text/plain"}));
}

TEST(ConfigValues, HeaderRulesKeepTheOrderOfTheFile) {
  const Config config = read(R"([[site]]
headers.set = {Z = "1", A = ["2", "3"], "M" = ""}
headers.remove = ["ETag"]
[[site.route]]
answer = {}
[site.route.headers]
on_errors = true
[site.route.headers.add]
Link = ["a", "b"]
Cache-Control = "  no-cache "
)");
  const site::HeaderRules& rules = config.sites.at(0).headers;
  EXPECT_THAT(rules.set,
              ElementsAre(Pair("Z", "1"), Pair("A", "2"), Pair("A", "3"), Pair("M", "")));
  EXPECT_THAT(rules.remove, ElementsAre("ETag"));
  EXPECT_FALSE(rules.on_errors);
  const site::HeaderRules& more = config.sites.at(0).routes.at(0).headers;
  EXPECT_THAT(more.add,
              ElementsAre(Pair("Link", "a"), Pair("Link", "b"), Pair("Cache-Control", "no-cache")));
  EXPECT_TRUE(more.on_errors);
}

TEST(ConfigValues, ListsOfTablesMayBeInOneLine) {
  const Config config =
      read("site = [{hosts = ['a.org'], route = [{answer = {}}, {path = '/b', answer = {}}]}]\n");
  ASSERT_EQ(config.sites.size(), 1U);
  EXPECT_EQ(config.sites[0].routes.size(), 2U);
}

}  // namespace
}  // namespace midstream::app
