// Names that are known not to exist, and what is kept twice.
#include "site/open_file_cache_fixture.h"

namespace midstream::site {
namespace {

TEST_F(OpenFileCacheTest, F10_AMissingFileIsKnownUntilItComes) {
  ASSERT_TRUE(site_->visit_missing("a/one.br"));
  EXPECT_TRUE(site_->known_missing("a/one.br"));
  dir_.file("a/other.br", "x");
  EXPECT_TRUE(site_->known_missing("a/one.br"));
  dir_.file("a/one.br", "x");
  EXPECT_FALSE(site_->known_missing("a/one.br"));
  EXPECT_TRUE(site_->visit("a/one.br"));
  EXPECT_EQ(site_->find("a/one.br"), "x");
  fs::remove(dir_ / "a/one.br");
  EXPECT_EQ(site_->find("a/one.br"), std::nullopt);
}

TEST_F(OpenFileCacheTest, F10_AMissingFileComesByRenameOrWithItsDirectory) {
  ASSERT_TRUE(site_->visit_missing("a/one.br"));
  rename("top", "a/one.br");
  EXPECT_FALSE(site_->known_missing("a/one.br"));
  ASSERT_TRUE(site_->visit_missing("a/b/one.br"));
  rename("a/b", "away");
  EXPECT_FALSE(site_->known_missing("a/b/one.br"));
}

TEST_F(OpenFileCacheTest, WhatIsBelowNoDirectoryIsNotKeptAsMissing) {
  EXPECT_FALSE(site_->visit_missing("nowhere/one.br"));
  EXPECT_EQ(site_->size(), 0U);
}

// Two requests waited for the disk, and then both keep what they found.
TEST_F(OpenFileCacheTest, WhatIsKeptTwiceIsThereOnceAndGoesOnce) {
  ASSERT_TRUE(site_->visit("a/one"));
  ASSERT_TRUE(site_->visit("a/one"));
  EXPECT_EQ(site_->size(), 1U);
  EXPECT_EQ(site_->find("a/one"), "one");
  fs::remove(dir_ / "a/one");
  EXPECT_EQ(site_->find("a/one"), std::nullopt);
  EXPECT_EQ(site_->size(), 0U);
  ASSERT_TRUE(site_->visit_missing("a/one"));
  ASSERT_TRUE(site_->visit_missing("a/one"));
  EXPECT_EQ(site_->size(), 1U);
  site_->cache().forget_all();
  EXPECT_EQ(site_->size(), 0U);
}

}  // namespace
}  // namespace midstream::site
