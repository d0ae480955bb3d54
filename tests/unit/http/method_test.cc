#include "http/method.h"

#include <gtest/gtest.h>

#include "http/status.h"

namespace midstream::http {
namespace {

TEST(Method, H3NamesAndMethodsGoBothWays) {
  for (int i = 0; i < static_cast<int>(Method::kOther); ++i) {
    const auto method = static_cast<Method>(i);
    EXPECT_FALSE(name_of(method).empty());
    EXPECT_EQ(method_from(name_of(method)), method);
  }
  EXPECT_EQ(name_of(Method::kGet), "GET");
  EXPECT_EQ(name_of(Method::kConnect), "CONNECT");
  EXPECT_EQ(name_of(Method::kOther), "");
}

TEST(Method, H3OthersAreOther) {
  for (std::string_view token : {"get", "Get", "GETS", "GE", "PROPFIND", "", "PRI"}) {
    EXPECT_EQ(method_from(token), Method::kOther) << token;
  }
}

TEST(Method, KnowsWhatMayBeSentTwice) {
  EXPECT_TRUE(is_safe(Method::kGet));
  EXPECT_TRUE(is_idempotent(Method::kPut));
  EXPECT_FALSE(is_safe(Method::kPut));
  EXPECT_FALSE(is_idempotent(Method::kPost));
  EXPECT_FALSE(is_idempotent(Method::kPatch));
  EXPECT_FALSE(is_idempotent(Method::kOther));
}

TEST(Status, EveryNumberHasAPhrase) {
  EXPECT_EQ(reason_phrase(200), "OK");
  EXPECT_EQ(reason_phrase(206), "Partial Content");
  EXPECT_EQ(reason_phrase(416), "Range Not Satisfiable");
  EXPECT_EQ(reason_phrase(431), "Request Header Fields Too Large");
  EXPECT_EQ(reason_phrase(499), "Client Error");
  EXPECT_EQ(reason_phrase(599), "Server Error");
  for (int status = -1000; status < 2000; ++status)
    EXPECT_FALSE(reason_phrase(status).empty());
}

TEST(Status, H6KnowsAnswersWithoutContent) {
  for (int status : {100, 103, 204, 304})
    EXPECT_TRUE(is_bodiless(status)) << status;
  for (int status : {200, 201, 206, 301, 404, 500})
    EXPECT_FALSE(is_bodiless(status)) << status;
}

}  // namespace
}  // namespace midstream::http
