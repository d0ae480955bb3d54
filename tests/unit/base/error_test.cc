#include <cerrno>
#include <set>
#include <string>

#include <boost/asio/error.hpp>
#include <gtest/gtest.h>

#include <midstream/error.h>

#include "base/errno_error.h"

namespace midstream {
namespace {

struct SideCase {
  const char* name;
  error_code error;
  Side side;
};

const SideCase kSideCases[] = {
    {"WriterFailed", Errc::kWriterFailed, Side::kFile},
    {"WriterStalled", Errc::kWriterStalled, Side::kFile},
    {"Incomplete", Errc::kIncomplete, Side::kFile},
    {"BeyondDeclaredSize", Errc::kBeyondDeclaredSize, Side::kSelf},
    {"NotGrowing", Errc::kNotGrowing, Side::kSelf},
    {"Truncated", Errc::kTruncated, Side::kFile},
    {"Replaced", Errc::kReplaced, Side::kFile},
    {"PeerGone", Errc::kPeerGone, Side::kClient},
    {"PeerStalled", Errc::kPeerStalled, Side::kClient},
    {"BrokenPipe", errno_error(EPIPE), Side::kClient},
    {"ConnectionReset", errno_error(ECONNRESET), Side::kClient},
    {"InputOutput", errno_error(EIO), Side::kFile},
    {"NoSpace", errno_error(ENOSPC), Side::kFile},
    {"TooManyFiles", errno_error(EMFILE), Side::kSelf},
    {"Cancelled", boost::asio::error::operation_aborted, Side::kSelf},
    {"EndOfFile", boost::asio::error::eof, Side::kSelf},
    {"CodeNobodyKnows", error_code(999, error_category()), Side::kSelf},
};

TEST(Error, SaysWhoseFaultItIs) {
  for (const SideCase& row : kSideCases)
    EXPECT_EQ(side_of(row.error), row.side) << row.name;
}

TEST(Error, EveryCodeHasItsOwnText) {
  std::set<std::string> texts;
  for (int value = 1; value <= static_cast<int>(Errc::kPeerStalled); ++value) {
    const std::string text = error_code(static_cast<Errc>(value)).message();
    EXPECT_NE(text, "unknown error") << value;
    EXPECT_TRUE(texts.insert(text).second) << text;
  }
  EXPECT_EQ(error_code(999, error_category()).message(), "unknown error");
  EXPECT_STREQ(error_category().name(), "midstream");
}

TEST(Error, CodesConvertAndCompare) {
  const error_code error = Errc::kTruncated;
  EXPECT_EQ(error, Errc::kTruncated);
  EXPECT_NE(error, Errc::kReplaced);
  EXPECT_NE(error, errno_error(static_cast<int>(Errc::kTruncated)));
}

TEST(Error, ErrnoIsTakenAtOnce) {
  errno = ENOSPC;
  const error_code error = errno_error();
  errno = 0;
  EXPECT_EQ(error.value(), ENOSPC);
  EXPECT_EQ(error.category(), boost::system::system_category());
}

}  // namespace
}  // namespace midstream
