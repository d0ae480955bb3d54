#include "site/listing.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>

#include "base/unique_fd.h"
#include "site/listing_fixture.h"

namespace midstream::site {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

TEST_F(Listing, F4JsonSaysWhatIsThere) {
  put("a.log", 3);
  put("b \"c\".txt", 0, 0);
  make_directory("sub");
  EXPECT_EQ(json(), R"({"path":"/pub/","entries":[
{"name":"sub","href":"sub/","type":"directory","modified":"2026-11-21T18:18:16Z"},
{"name":"a.log","href":"a.log","type":"file","size":3,"modified":"2026-11-21T18:18:16Z","growing":false},
{"name":"b \"c\".txt","href":"b%20%22c%22.txt","type":"file","size":0,"modified":"1970-01-01T00:00:00Z","growing":false}
]}
)");
}

TEST_F(Listing, F4JsonOfAnEmptyDirectoryHasNoEntries) {
  EXPECT_EQ(json(), "{\"path\":\"/pub/\",\"entries\":[\n]}\n");
}

TEST_F(Listing, F4JsonKeepsNamesThatAreNotUtf8InTheLink) {
  put("gr\xfc\xdf", 1);
  EXPECT_THAT(json(), HasSubstr("\"name\":\"gr\xef\xbf\xbd\xef\xbf\xbd\",\"href\":\"gr%FC%DF\""));
}

struct OrderCase {
  const char* name;
  const char* query;
  std::vector<std::string> expected;
};

class ListingOrders : public Listing, public testing::WithParamInterface<OrderCase> {};

TEST_P(ListingOrders, F4DirectoriesComeFirstAndTheQueryDecides) {
  make_directory("dir9", kThen + 5);
  make_directory("dir10", kThen + 1);
  put("B2", 10, kThen + 3);
  put("a10", 300, kThen + 1);
  put("a9", 20, kThen + 2);
  put("c", 20, kThen + 2);
  EXPECT_EQ(names(GetParam().query), GetParam().expected);
}

const std::vector<std::string> kByName = {"dir9/", "dir10/", "a9", "a10", "B2", "c"};
const std::vector<std::string> kBySizeDescending = {"dir9/", "dir10/", "a10", "a9", "c", "B2"};
const std::vector<std::string> kBySizeAscending = {"dir9/", "dir10/", "B2", "a9", "c", "a10"};

INSTANTIATE_TEST_SUITE_P(
    All, ListingOrders,
    testing::Values(
        OrderCase{"Default", "", kByName}, OrderCase{"Name", "sort=name", kByName},
        OrderCase{
            "NameDescending", "sort=name&order=desc", {"dir10/", "dir9/", "c", "B2", "a10", "a9"}},
        OrderCase{"SizeBeginsWithTheLargest", "sort=size", kBySizeDescending},
        OrderCase{"SizeDescending", "order=desc&sort=size", kBySizeDescending},
        OrderCase{"SizeAscending", "sort=size&order=asc", kBySizeAscending},
        OrderCase{
            "TimeBeginsWithTheLatest", "sort=time", {"dir9/", "dir10/", "B2", "a9", "c", "a10"}},
        OrderCase{
            "TimeAscending", "sort=time&order=asc", {"dir10/", "dir9/", "a10", "a9", "c", "B2"}},
        OrderCase{"UnknownValues", "sort=colour&order=up", kByName},
        OrderCase{"UnknownParameters", "x=1&&sort&=&live", kByName},
        OrderCase{"TheLastOneCounts", "sort=time&sort=size&order=desc&order=asc",
                  kBySizeAscending}),
    [](const auto& one) { return std::string(one.param.name); });

TEST_F(Listing, F4LeavesOutWhatAClientCouldNotGet) {
  put("shown", 1);
  put(".hidden", 1);
  make_directory(".git");
  put("control\ncharacter", 1);
  put("delete\x7f", 1);
  ASSERT_EQ(::mkfifo((dir_ / "fifo").c_str(), 0600), 0);
  EXPECT_THAT(names(), ElementsAre("shown"));
}

TEST_F(Listing, F4LeavesOutWhatAPatternHides) {
  for (const char* name : {"a.txt", "b.key", "backup~", "c.keys"})
    put(name, 1);
  make_directory("d.key");
  const std::vector<std::string> hide = {"*.key", "*~"};
  ListingRequest request = json_request();
  request.hide = &hide;
  EXPECT_THAT(names(request), ElementsAre("a.txt", "c.keys"));
}

TEST_F(Listing, L12AFileThatSomebodyWritesIsMarkedUntilItIsClosed) {
  dir_.file("done", "done");
  std::ofstream writer(dir_ / "live", std::ios::binary);
  writer.write("12345", 5).flush();
  EXPECT_THAT(json(), HasSubstr(R"("href":"live","type":"file","size":5)"));
  EXPECT_THAT(json(), testing::ContainsRegex("\"live\"[^}]*\"growing\":true"));
  EXPECT_THAT(json(), testing::ContainsRegex("\"done\"[^}]*\"growing\":false"));
  EXPECT_THAT(page(), HasSubstr(">live</a><span class=\"growing\"> growing</span>"));
  EXPECT_THAT(page(), Not(HasSubstr(">done</a><span")));
  writer.close();
  EXPECT_THAT(json(), Not(HasSubstr("true")));
  EXPECT_THAT(page(), Not(HasSubstr("<span class=\"growing\">")));
}

// A page asks until nothing grows. What it is told then is what it keeps.
TEST_F(Listing, L12WithoutTheMarkTheSizeIsTheLast) {
  constexpr int kRounds = 300;
  for (int round = 0; round < kRounds; ++round) {
    std::ofstream file(dir_ / "live", std::ios::binary);
    file.write("12345", 5).flush();
    std::thread writer([&file] {
      file.write("67", 2);
      file.close();
    });
    std::string body = json();
    while (body.find("\"growing\":true") != body.npos)
      body = json();
    writer.join();
    if (body.find("\"size\":7,") != body.npos) continue;
    FAIL() << "round " << round << ": " << body;
  }
}

TEST_F(Listing, L12NothingIsMarkedWhereNothingIsFollowed) {
  const std::ofstream writer(dir_ / "live");
  ListingRequest request = json_request();
  request.follow = false;
  EXPECT_THAT(list(request).body, HasSubstr("\"growing\":false"));
}

TEST_F(Listing, L12AFileThatRestedForLongIsNotAsked) {
  const std::ofstream writer(dir_ / "resting");
  set_time(dir_ / "resting", kThen - 86400);
  EXPECT_THAT(json(), HasSubstr("\"growing\":false"));
}

TEST_F(Listing, F4TheTagChangesExactlyWithTheContent) {
  put("a", 1);
  put("b", 2);
  const ListingAnswer before = list(page_request());
  EXPECT_EQ(before.etag.size(), 34U);
  EXPECT_THAT(before.etag, testing::MatchesRegex("\"[0-9a-f]+\""));
  std::set<std::string> tags = {before.etag};
  const auto changed = [&] { return tags.insert(list(page_request()).etag).second; };
  EXPECT_FALSE(changed());
  put("a", 1, kThen + 60);
  EXPECT_TRUE(changed());
  put("a", 2);
  EXPECT_TRUE(changed());
  put("a", 1);
  EXPECT_EQ(list(page_request()).etag, before.etag);
  std::filesystem::rename(dir_ / "a", dir_ / "c");
  EXPECT_TRUE(changed());
  make_directory("d");
  EXPECT_TRUE(changed());
  put(".hidden", 1);
  EXPECT_FALSE(changed());
  tags.insert(list(json_request()).etag);
  EXPECT_EQ(tags.size(), 6U);
}

TEST_F(Listing, F4TheFieldsKeepCachesAndScriptsInBounds) {
  const ListingAnswer json = list(json_request());
  EXPECT_EQ(json.media_type, "application/json");
  EXPECT_EQ(json.fields,
            "Vary: Accept\r\nCache-Control: no-cache\r\nX-Content-Type-Options: nosniff\r\n");
  const ListingAnswer page = list(page_request());
  EXPECT_EQ(page.media_type, "text/html; charset=utf-8");
  EXPECT_TRUE(page.fields.starts_with(json.fields));
  EXPECT_THAT(page.fields,
              testing::ContainsRegex("Content-Security-Policy: default-src 'none'; "
                                     "style-src 'sha256-[0-9A-Za-z+/]{43}='; "
                                     "script-src 'sha256-[0-9A-Za-z+/]{43}='; .*\r\n$"));
  EXPECT_THAT(page.fields, Not(HasSubstr("unsafe")));
}

TEST_F(Listing, F4ALargeDirectoryIsAllThere) {
  constexpr int kCount = 2000;
  for (int number = 0; number < kCount; ++number) {
    std::ofstream(dir_ / std::to_string(number)).put('x');
  }
  const std::vector<std::string> found = names();
  ASSERT_EQ(found.size(), static_cast<std::size_t>(kCount));
  for (int number = 0; number < kCount; ++number) {
    ASSERT_EQ(found[static_cast<std::size_t>(number)], std::to_string(number));
  }
}

TEST_F(Listing, F4TheDescriptorKeepsItsPosition) {
  put("a", 1);
  const UniqueFd fd(::open(dir_.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  const auto first = make_listing(fd.get(), json_request());
  const auto second = make_listing(fd.get(), json_request());
  ASSERT_TRUE(first && second);
  EXPECT_EQ(first->body, second->body);
}

TEST_F(Listing, F4WhatIsNoDirectoryIsAnError) {
  const UniqueFd fd(::open(dir_.file("file", "").c_str(), O_RDONLY | O_CLOEXEC));
  const auto answer = make_listing(fd.get(), json_request());
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error(), boost::system::errc::not_a_directory);
}

}  // namespace
}  // namespace midstream::site
