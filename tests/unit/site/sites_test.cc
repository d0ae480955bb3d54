// Hosts to sites and paths to routes.
#include "site/sites.h"

#include <cerrno>
#include <filesystem>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include <gtest/gtest.h>

#include "support/temp_dir.h"

namespace midstream::site {
namespace {

using test::TempDir;

std::shared_ptr<const http::MediaTypes> types() { return std::make_shared<http::MediaTypes>(); }

RouteOptions answer(std::string path, std::string body, std::vector<std::string> names = {}) {
  RouteOptions route;
  route.path = std::move(path);
  route.names = std::move(names);
  route.handler = AnswerOptions{.status = 200, .body = std::move(body), .type = "text/plain"};
  return route;
}

SiteOptions site(std::vector<std::string> hosts, std::vector<RouteOptions> routes) {
  SiteOptions options;
  options.hosts = std::move(hosts);
  options.routes = std::move(routes);
  return options;
}

std::string body_of(const Route* route) {
  if (route == nullptr) return "none";
  return std::get<std::shared_ptr<const FixedAnswer>>(route->handler)->body;
}

struct HostCase {
  const char* name;
  const char* authority;
  const char* expected;  // the body of the site's only route
};

constexpr HostCase kHostCases[] = {
    {"ByName", "a.example", "a"},
    {"WithPort", "a.example:8080", "a"},
    {"AnyCase", "A.Example", "a"},
    {"NameInFull", "a.example.", "a"},
    {"NameInFullWithPort", "a.example.:80", "a"},
    {"SecondName", "b.example", "a"},
    {"Wildcard", "x.wild.example", "wild"},
    {"WildcardTakesDeeperNames", "y.x.wild.example", "wild"},
    {"LongestWildcard", "x.deep.wild.example", "deep"},
    {"NameBeforeWildcard", "www.wild.example", "www"},
    {"WildcardNeedsALabel", "wild.example", "default"},
    {"Unknown", "c.example", "default"},
    {"None", "", "default"},
    {"Address", "[::1]:8080", "v6"},
    {"AddressWithoutPort", "[::1]", "v6"},
    {"ADotAlone", ".", "default"},
};

class SitesHost : public testing::TestWithParam<HostCase> {};

TEST_P(SitesHost, IsFound) {
  const auto sites =
      Sites::build({site({"a.example", "B.example"}, {answer("/", "a")}),
                    site({"*.wild.example"}, {answer("/", "wild")}),
                    site({"*.deep.wild.example"}, {answer("/", "deep")}),
                    site({"www.wild.example"}, {answer("/", "www")}),
                    site({"[::1]"}, {answer("/", "v6")}), site({}, {answer("/", "default")})},
                   types());
  ASSERT_TRUE(sites);
  const Site* found = (*sites)->find(GetParam().authority);
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(body_of(found->find("")), GetParam().expected);
}

INSTANTIATE_TEST_SUITE_P(Hosts, SitesHost, testing::ValuesIn(kHostCases),
                         [](const auto& one) { return std::string(one.param.name); });

TEST(Sites, WithoutADefaultOtherHostsHaveNone) {
  const auto sites = Sites::build({site({"a.example"}, {answer("/", "a")})}, types());
  ASSERT_TRUE(sites);
  EXPECT_EQ((*sites)->find("b.example"), nullptr);
  EXPECT_NE((*sites)->find("a.example"), nullptr);
}

struct RouteCase {
  const char* name;
  const char* path;  // relative, as http::decode_path gives it
  const char* expected;
};

constexpr RouteCase kRouteCases[] = {
    {"Root", "", "root"},
    {"Else", "x/y", "root"},
    {"ThePathItself", "a", "a"},
    {"BelowThePath", "a/x", "a"},
    {"NotASiblingThatBeginsLikeIt", "ab", "root"},
    {"TheLongestPath", "a/b/c", "a/b"},
    {"NamesFirst", "a/style.css", "a css"},
    {"NamesBelow", "a/x/style.css", "a css"},
    {"NamesOfALongerPathStayThere", "a/b/style.css", "a/b"},
    {"TheFirstOfTwoThatMatch", "a/two.min.css", "a css"},
    {"NamesMatchTheLastComponentOnly", "a/x.css/y", "a"},
    {"DecodedPath", "ä/x", "umlaut"},
};

class SitesRoute : public testing::TestWithParam<RouteCase> {};

TEST_P(SitesRoute, IsFound) {
  const auto sites =
      Sites::build({site({}, {answer("/", "root"), answer("/a", "a"), answer("/a/b/", "a/b"),
                              answer("/a", "a css", {"*.css", "*.js"}),
                              answer("/a", "a min", {"*.min.css"}), answer("/%C3%A4", "umlaut")})},
                   types());
  ASSERT_TRUE(sites);
  EXPECT_EQ(body_of((*sites)->find("any")->find(GetParam().path)), GetParam().expected);
}

INSTANTIATE_TEST_SUITE_P(Routes, SitesRoute, testing::ValuesIn(kRouteCases),
                         [](const auto& one) { return std::string(one.param.name); });

TEST(Sites, ARootThatIsNotThereIsNamed) {
  SiteOptions options;
  FileOptions files;
  files.root = "/nonexistent/root";
  options.routes.emplace_back().handler = files;
  const auto sites = Sites::build({options}, types());
  ASSERT_FALSE(sites);
  EXPECT_EQ(sites.error().what, "cannot serve /nonexistent/root");
  EXPECT_EQ(sites.error().why.value(), ENOENT);
}

TEST(Sites, AnErrorPageIsReadWhenTheConfigurationIs) {
  const TempDir dir;
  dir.file("404.html", "<h1>gone</h1>");
  SiteOptions options = site({}, {answer("/", "root")});
  options.error_pages[404] = (dir / "404.html").string();
  const auto sites = Sites::build({options}, types());
  ASSERT_TRUE(sites);
  std::filesystem::remove(dir / "404.html");
  const Route* route = (*sites)->find("any")->find("");
  ASSERT_NE(route->error_page(404), nullptr);
  EXPECT_EQ(route->error_page(403), nullptr);
  const FixedAnswer& page = **route->error_page(404);
  EXPECT_EQ(page.body, "<h1>gone</h1>");
  EXPECT_EQ(page.media_type, "text/html; charset=utf-8");

  EXPECT_FALSE(Sites::build({options}, types()));
  options.error_pages[404] = dir.path().string();
  EXPECT_FALSE(Sites::build({options}, types()));
}

TEST(Sites, ErrorPagesOfARouteComeBeforeThoseOfTheSiteAndAStatusBeforeItsClass) {
  const TempDir dir;
  for (const char* name : {"route404", "route4xx", "site403", "site5xx", "site503"})
    dir.file(name, name);
  const auto path = [&](const char* name) { return (dir / name).string(); };
  SiteOptions options = site({}, {answer("/", "root")});
  options.error_pages = {{403, path("site403")}, {5, path("site5xx")}, {503, path("site503")}};
  options.routes.front().error_pages = {{404, path("route404")}, {4, path("route4xx")}};
  const auto sites = Sites::build({options}, types());
  ASSERT_TRUE(sites);
  const Route* route = (*sites)->find("any")->find("");
  const auto page = [&](int status) { return (*route->error_page(status))->body; };
  EXPECT_EQ(page(404), "route404");
  EXPECT_EQ(page(403), "route4xx");
  EXPECT_EQ(page(500), "site5xx");
  EXPECT_EQ(page(503), "site503");
}

TEST(HeaderEdit, RemovesThenSetsThenAdds) {
  SiteOptions options = site({}, {answer("/", "root")});
  options.headers.set = {{"X-One", "site"}, {"X-Two", "site"}};
  RouteOptions& route_options = options.routes.front();
  route_options.headers.remove = {"ETag"};
  route_options.headers.set = {{"X-One", "route"}};
  route_options.headers.add = {{"Link", "</a>"}, {"Link", "</b>"}};
  const auto sites = Sites::build({options}, types());
  ASSERT_TRUE(sites);
  http::FieldList fields;
  fields.append("ETag", "\"x\"");
  fields.append("Link", "</c>");
  fields.append("x-one", "handler");
  for (const HeaderEdit& edit : (*sites)->find("any")->find("")->edits)
    edit.apply(fields, 200);
  EXPECT_EQ(fields.text(),
            "Link: </c>\r\nX-Two: site\r\nX-One: route\r\nLink: </a>\r\nLink: </b>\r\n");
}

TEST(HeaderEdit, LeavesErrorsAloneUnlessTold) {
  HeaderEdit edit{.removed = {}, .added = "X-One: 1\r\n", .on_errors = false};
  http::FieldList fields;
  edit.apply(fields, 404);
  EXPECT_TRUE(fields.empty());
  edit.apply(fields, 304);
  EXPECT_EQ(fields.text(), "X-One: 1\r\n");
  fields.clear();
  edit.on_errors = true;
  edit.apply(fields, 500);
  EXPECT_EQ(fields.text(), "X-One: 1\r\n");
}

}  // namespace
}  // namespace midstream::site
