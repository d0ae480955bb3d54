#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include <gmock/gmock.h>

#include "site/listing_assets.h"
#include "site/listing_fixture.h"

namespace midstream::site {
namespace {

using testing::HasSubstr;
using testing::Not;

using ListingPage = Listing;

TEST_F(ListingPage, F4AHostileNameStaysText) {
  put("<img src=x onerror=alert(1)>", 1);
  put("\"><script>alert(1)<", 1);
  put("'&amp;", 1);
  make_directory("javascript:alert(1)");
  ListingRequest request = page_request();
  request.url_path = "/<script>alert(2)/\"'&\xff/";
  const std::string page = list(request).body;
  EXPECT_THAT(page, Not(HasSubstr("<img")));
  EXPECT_THAT(page, Not(HasSubstr("<script>alert")));
  EXPECT_THAT(page, Not(HasSubstr("href=\"javascript:")));
  EXPECT_THAT(page, HasSubstr("&#39;&amp;amp;</a>"));
  EXPECT_THAT(page,
              HasSubstr("<title>Index of /&lt;script&gt;alert(2)/&quot;&#39;&amp;\xef\xbf\xbd/<"));
  const auto count = [&page](std::string_view tag) {
    std::size_t found = 0;
    for (auto at = page.find(tag); at != page.npos; at = page.find(tag, at + 1))
      ++found;
    return found;
  };
  EXPECT_EQ(count("<script>"), 1U);
  EXPECT_EQ(count("<style>"), 1U);
}

TEST_F(ListingPage, F4ThePageCarriesItsOwnStyleAndScriptAndNothingElse) {
  const std::string page = this->page();
  EXPECT_THAT(page, HasSubstr("<style>" + std::string(kListingStyle.text) + "</style>"));
  EXPECT_THAT(page, HasSubstr("<script>" + std::string(kListingScript.text) + "</script>"));
  // What would end the element early, and what would not be the same bytes after parsing.
  for (const std::string_view text : {kListingStyle.text, kListingScript.text}) {
    EXPECT_EQ(text.find("</"), text.npos);
    EXPECT_EQ(text.find('\r'), text.npos);
    EXPECT_TRUE(std::all_of(text.begin(), text.end(), [](char c) { return c > 0; }));
  }
  EXPECT_THAT(page, Not(HasSubstr("https:")));
  EXPECT_THAT(page, Not(HasSubstr("src=")));
  for (auto at = page.find("http:"); at != page.npos; at = page.find("http:", at + 1)) {
    EXPECT_EQ(page.substr(at, 26), "http://www.w3.org/2000/svg") << "only the name of SVG";
  }
}

TEST_F(ListingPage, F4ThePathLeadsUpStepByStep) {
  ListingRequest request = page_request();
  request.url_path = "/a/b c/d/";
  EXPECT_THAT(list(request).body,
              HasSubstr("<ol>\n<li><a href=\"../../../\" class=\"top\">Top</a></li>\n"
                        "<li><a href=\"../../\">a</a></li>\n<li><a href=\"../\">b c</a></li>\n"
                        "<li><a href=\"./\" aria-current=\"page\">d</a></li>\n</ol>"));
  EXPECT_THAT(list(request).body, HasSubstr("<a href=\"../\">Parent folder</a>"));
  request.url_path = "/";
  EXPECT_THAT(list(request).body, HasSubstr("<ol>\n<li><a href=\"./\" aria-current=\"page\" "
                                            "class=\"top\">Top</a></li>\n</ol>"));
  EXPECT_THAT(list(request).body, Not(HasSubstr("Parent folder")));
}

TEST_F(ListingPage, F4TheHeadingsAreLinksThatSortTheOtherWay) {
  const auto headings = [&](std::string query) {
    ListingRequest request = page_request();
    request.query = std::move(query);
    const std::string page = list(request).body;
    const std::size_t begin = page.find("<thead>");
    return page.substr(begin, page.find("<tbody") - begin);
  };
  EXPECT_EQ(headings(""),
            "<thead><tr>\n"
            "<th scope=\"col\" aria-sort=\"ascending\"><a href=\"?sort=name&amp;order=desc\">Name"
            "</a></th>\n<th scope=\"col\"><a href=\"?sort=size&amp;order=desc\">Size</a></th>\n"
            "<th scope=\"col\"><a href=\"?sort=time&amp;order=desc\">Modified</a> "
            "<small>UTC</small></th>\n</tr></thead>\n");
  EXPECT_THAT(headings("sort=size"), HasSubstr("aria-sort=\"descending\"><a href=\"?sort=size&amp;"
                                               "order=asc\">Size"));
  EXPECT_THAT(headings("sort=size"), HasSubstr("<a href=\"?sort=name&amp;order=asc\">Name"));
}

TEST_F(ListingPage, F4ARowShowsNameSizeAndTime) {
  put("a.iso", 1536);
  make_directory("sub");
  EXPECT_THAT(page(), HasSubstr("<tr class=\"folder\"><th scope=\"row\"><a href=\"sub/\">sub/</a>"
                                "</th><td></td><td><time datetime=\"2026-11-21T18:18:16Z\">"
                                "2026-11-21 18:18</time></td></tr>\n"
                                "<tr><th scope=\"row\"><a href=\"a.iso\">a.iso</a></th><td>"
                                "<data value=\"1536\">1.5 KiB</data></td><td>"));
  EXPECT_THAT(page(), HasSubstr("<p id=\"summary\">1 folder, 1 file, 1.5 KiB</p>"));
  EXPECT_THAT(page(), HasSubstr("<p id=\"empty\" hidden>"));
}

TEST_F(ListingPage, F4AnEmptyDirectorySaysSo) {
  EXPECT_THAT(page(), HasSubstr("<p id=\"summary\">0 files</p>"));
  EXPECT_THAT(page(), HasSubstr("<p id=\"empty\">This folder is empty.</p>"));
}

}  // namespace
}  // namespace midstream::site
