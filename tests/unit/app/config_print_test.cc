// A Config as TOML: what it looks like, and that it means the same when it is read again.
#include <algorithm>
#include <array>
#include <random>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "app/config_file.h"

namespace midstream::app {
namespace {

using std::chrono::milliseconds;

// Makes any Config that can be written down.
class Maker {
 public:
  explicit Maker(unsigned seed) : random_(seed) {}

  Config config() {
    Config config;
    if (chance()) config.threads = 1 + below(1024);
    if (chance()) config.user = text();
    if (!config.user.empty() && chance()) config.group = text();
    if (chance()) config.log_level = pick<std::string>({"trace", "warn", "off"});
    if (chance()) config.access_log.file = pick<std::string>({"-", "/a/off", "/log"});
    if (chance()) config.access_log.format = serve::LogFormat::kJson;
    if (chance()) config.limits = limits();
    if (chance()) config.media_types = {{"md", "text/markdown"}, {"tar.gz", "a/b; c=\"d\""}};
    const unsigned listeners = below(3);
    for (unsigned i = 0; i < listeners; ++i)
      config.listen.push_back(listener(i));
    const unsigned sites = 1 + below(3);
    for (unsigned i = 0; i < sites; ++i)
      config.sites.push_back(site(i));
    return config;
  }

 private:
  unsigned below(unsigned bound) {
    return std::uniform_int_distribution<unsigned>(0, bound - 1)(random_);
  }
  bool chance() { return below(2) == 0; }

  template <typename T>
  T pick(std::initializer_list<T> values) {
    return *(values.begin() + below(static_cast<unsigned>(values.size())));
  }

  std::string text() {
    return pick<std::string>({"plain", "with \"quotes\" and \\", "${HOME} $${x} $$${",
                              "\u00e4\u20ac\U0001f600", "# no comment", "'", " blanks ", "[x]",
                              "a = 1", std::string(200, 'x')});
  }
  std::string body() {
    return pick<std::string>({"", "a\nb\r\n\tc", std::string("\0\x01\x7f\x1b", 4), text()});
  }
  std::string field_value() {
    return pick<std::string>({"", "no-cache", "a \"b\", c", "${x}", "\u00e4"});
  }

  serve::Limits limits() {
    serve::Limits limits;
    const auto duration = [&] {
      return milliseconds(pick({1, 1500, 60'000, 3'600'000, 86'400'001}));
    };
    const auto size = [&] { return pick<unsigned>({4096, 65'537, 1'000'000, 16 << 20}); };
    limits.header_timeout = duration();
    limits.idle_timeout = duration();
    limits.body_timeout = duration();
    limits.stall_timeout = duration();
    limits.linger_timeout = duration();
    limits.grace = duration();
    limits.head.head_bytes_max = size();
    limits.head.target_bytes_max = size();
    limits.head.fields_max = 1 + below(10'000);
    limits.request_body_bytes_max = std::uint64_t{size()} << 20;
    limits.unwanted_body_bytes_max = size();
    limits.linger_bytes_max = size();
    limits.turn_bytes = size();
    return limits;
  }

  ListenOptions listener(unsigned i) {
    const std::string n = std::to_string(i);
    if (chance()) return {"unix:/run/" + n, pick<unsigned>({0666, 0600, 0, 0777})};
    return {pick<std::string>({"127.0.0.1:" + n, "[::1]:" + n, "systemd:" + n}), 0666};
  }

  std::vector<site::Coding> codings() {
    using site::Coding;
    return pick<std::vector<Coding>>({{}, {Coding::kGzip}, {Coding::kZstd, Coding::kBrotli}});
  }

  site::HandlerOptions handler() {
    switch (below(3)) {
      case 0:
        return site::RedirectOptions{pick<std::string>({"/a{rest}", "{path}/{query}"}),
                                     pick({301, 308})};
      case 1:
        return site::AnswerOptions{pick({200, 404, 599}), body(),
                                   pick<std::string>({"a/b", "text/html"})};
      default: break;
    }
    site::FileOptions files;
    files.root = "/" + text();
    if (chance()) files.index = {"a", "b ${c}"};
    if (chance()) files.index.clear();
    files.listing = chance();
    files.symlinks =
        pick({site::Symlinks::kNever, site::Symlinks::kWithin, site::Symlinks::kFollow});
    files.follow = pick({site::Follow::kAuto, site::Follow::kNever, site::Follow::kMatching});
    if (files.follow == site::Follow::kMatching)
      files.follow_pattern = pick<std::string>({"*.log", "x/*"});
    if (chance()) files.hide = {".*", "[a-z]\\*"};
    if (chance()) files.try_files = {"{path}", "{path}.html", "=404"};
    files.precompressed = codings();
    files.compress.codings = codings();
    if (chance()) files.compress.types = pick<std::vector<std::string>>({{}, {"text/*"}});
    if (chance()) files.compress.min_bytes = pick<std::uint64_t>({0, 7, 1000, 1 << 30});
    files.compress.growing = chance();
    files.sniff = chance();
    if (chance()) files.default_type = "text/plain; charset=\"utf-8\"";
    if (chance()) files.open_files_max = 1 + below(1'000'000);
    return files;
  }

  site::HeaderRules headers() {
    site::HeaderRules rules;
    if (chance()) rules.remove = {"ETag", "X-A.b"};
    if (chance())
      rules.set = {{"Zz", field_value()}, {"a.b", field_value()}, {"a.b", field_value()}};
    if (chance()) rules.add = {{"Link", field_value()}};
    rules.on_errors = chance();
    return rules;
  }

  site::ErrorPages pages() {
    return pick<site::ErrorPages>(
        {{}, {{404, "/e/404"}}, {{4, "/e/4"}, {5, "/" + text()}, {503, "/x"}}});
  }

  site::SiteOptions site(unsigned i) {
    site::SiteOptions site;
    if (i > 0 || chance())
      site.hosts = {"h" + std::to_string(i) + ".org", "*.h" + std::to_string(i)};
    site.headers = headers();
    site.error_pages = pages();
    const unsigned routes = 1 + below(3);
    for (unsigned k = 0; k < routes; ++k) {
      site::RouteOptions& route = site.routes.emplace_back();
      if (k > 0)
        route.path = "/" + std::to_string(k) + pick<std::string>({"", "/a b", "/\u00e4\"\\"});
      if (chance()) route.names = {"*.css", "?\"x\""};
      route.handler = handler();
      route.headers = headers();
      route.error_pages = pages();
    }
    return site;
  }

  std::mt19937 random_;
};

TEST(ConfigPrint, WhatIsPrintedMeansTheSame) {
  for (unsigned seed = 0; seed < 2000; ++seed) {
    const Config config = Maker(seed).config();
    const std::string text = print_config(config);
    const LoadedConfig loaded = parse_config(text, {.check_files = false});
    ASSERT_TRUE(loaded.problems.empty())
        << "seed " << seed << ": " << print_problem("", loaded.problems.front()) << "\n"
        << text;
    ASSERT_TRUE(loaded.config == config) << "seed " << seed << "\n" << text;
    ASSERT_EQ(print_config(loaded.config), text);
  }
}

TEST(ConfigPrint, WhatIsTheDefaultIsNotPrinted) {
  Config config;
  site::FileOptions files;
  files.root = "/srv";
  config.sites.emplace_back().routes.emplace_back().handler = files;
  EXPECT_EQ(print_config(config), R"([[site]]

[[site.route]]
path = "/"  # and all below it
files = {root = "/srv"}
)");
}

TEST(ConfigPrint, LooksLikeWhatSomebodyWouldWrite) {
  Config config;
  config.threads = 2;
  config.limits.grace = milliseconds(5000);
  config.access_log.file = "-";
  config.media_types = {{"md", "text/markdown"}};
  config.listen.push_back({"unix:/run/a", 0600});
  site::SiteOptions& site = config.sites.emplace_back();
  site.hosts = {"example.org"};
  site.headers.set = {{"X-A", "1"}, {"X-A", "2"}};
  site.error_pages = {{404, "/404.html"}, {5, "/5xx.html"}};
  site::FileOptions files;
  files.root = "/srv/www";
  files.try_files = {"{path}", "{path}.html", "{path}/", "/index.html"};
  files.compress.codings = {site::Coding::kZstd, site::Coding::kGzip};
  files.hide = {".*"};
  site.routes.emplace_back().handler = files;
  EXPECT_EQ(print_config(config), R"(threads = 2  # workers

[access_log]
file = "-"  # "-": standard output

[limits]
grace = "5s"  # for running transfers at the stop

[media_types]
md = "text/markdown"

[[listen]]
address = "unix:/run/a"
mode = 0o600  # of a Unix socket's file

[[site]]
hosts = ["example.org"]
headers = {set = {X-A = ["1", "2"]}}
error_pages = {5xx = "/5xx.html", 404 = "/404.html"}

[[site.route]]
path = "/"  # and all below it

[site.route.files]
root = "/srv/www"  # the directory
hide = [".*"]  # not there for clients
try_files = ["{path}", "{path}.html", "{path}/", "/index.html"]  # the first that exists
compress = {codings = ["zstd", "gzip"]}
)");
}

}  // namespace
}  // namespace midstream::app
