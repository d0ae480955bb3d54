#include <fcntl.h>

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>

#include "site/listing_entries.h"
#include "site/listing_fixture.h"

namespace midstream::site {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// The root decides, also about links from one directory below it to another.
class ListingLinks : public Listing {
 protected:
  void SetUp() override {
    std::filesystem::create_directory(outer_ / "root");
    std::filesystem::create_directory(outer_ / "root/dir");
    std::filesystem::create_directory(outer_ / "root/other");
    outer_.file("root/other/file", "four");
    outer_.file("outside", "");
    for (const auto& [link, target] :
         std::vector<std::pair<const char*, const char*>>{{"near", "../other/file"},
                                                          {"folder", "../other"},
                                                          {"away", "../../outside"},
                                                          {"absolute", "/etc/passwd"},
                                                          {"nowhere", "missing"},
                                                          {"loop", "loop"}}) {
      std::filesystem::create_symlink(target, outer_ / "root/dir" / link);
    }
  }

  std::vector<std::string> names_under(Symlinks symlinks) {
    const auto root = Root::open((outer_ / "root").string(), symlinks);
    EXPECT_TRUE(root);
    ListingRequest request = json_request();
    request.root = &*root;
    request.below_root = "dir";
    return names_in_directory(request);
  }
  std::vector<std::string> names_in_directory(const ListingRequest& request) {
    const UniqueFd fd(::open((outer_ / "root/dir").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    auto entries = read_entries(fd.get(), request);
    EXPECT_TRUE(entries);
    sort_entries(*entries, {});
    std::vector<std::string> found;
    for (const ListingEntry& entry : *entries) {
      found.push_back(entry.name + (entry.directory ? "/" : ""));
    }
    return found;
  }

  test::TempDir outer_;
};

TEST_F(ListingLinks, F4AreLeftOutWhereNoneMayBeFollowed) {
  EXPECT_THAT(names_under(Symlinks::kNever), ElementsAre());
}

TEST_F(ListingLinks, F4AreShownWhereTheyStayBelowTheRoot) {
  EXPECT_THAT(names_under(Symlinks::kWithin), ElementsAre("folder/", "near"));
}

TEST_F(ListingLinks, F4AreShownWhereverTheyLeadIfTheyMay) {
  EXPECT_THAT(names_under(Symlinks::kFollow), ElementsAre("folder/", "absolute", "away", "near"));
}

TEST_F(ListingLinks, F4AreLeftOutWithoutARootToAsk) {
  EXPECT_THAT(names_in_directory(json_request()), ElementsAre());
}

TEST_F(ListingLinks, F4HaveTheSizeOfWhatTheyLeadTo) {
  const auto root = Root::open((outer_ / "root").string(), Symlinks::kWithin);
  ASSERT_TRUE(root);
  ListingRequest request = json_request();
  request.root = &*root;
  request.below_root = "dir";
  const UniqueFd fd(::open((outer_ / "root/dir").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  const auto answer = make_listing(fd.get(), request);
  ASSERT_TRUE(answer);
  EXPECT_THAT(answer->body, HasSubstr(R"("href":"near","type":"file","size":4)"));
}

}  // namespace
}  // namespace midstream::site
