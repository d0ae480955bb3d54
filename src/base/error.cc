#include <cerrno>
#include <string>

#include <boost/asio/error.hpp>

#include <midstream/error.h>

namespace midstream {
namespace {

const char* text_of(Errc value) noexcept {
  switch (value) {
    case Errc::kWriterFailed: return "the writer failed before the end of the file";
    case Errc::kWriterStalled: return "the writer stalled";
    case Errc::kIncomplete: return "the file ended before its declared size";
    case Errc::kBeyondDeclaredSize: return "write beyond the declared size";
    case Errc::kNotGrowing: return "the file is no longer growing";
    case Errc::kTruncated: return "the file was truncated";
    case Errc::kReplaced: return "the file was unlinked or replaced while it was growing";
    case Errc::kPeerGone: return "the client is gone";
    case Errc::kPeerStalled: return "the client stalled";
  }
  return "unknown error";
}

class Category final : public boost::system::error_category {
 public:
  const char* name() const noexcept override { return "midstream"; }
  std::string message(int value) const override { return text_of(static_cast<Errc>(value)); }
};

}  // namespace

const boost::system::error_category& error_category() noexcept {
  static const Category category;
  return category;
}

error_code make_error_code(Errc value) noexcept {
  return {static_cast<int>(value), error_category()};
}

Side side_of(const error_code& error) noexcept {
  if (error.category() == error_category()) {
    switch (static_cast<Errc>(error.value())) {
      case Errc::kWriterFailed:
      case Errc::kWriterStalled:
      case Errc::kIncomplete:
      case Errc::kTruncated:
      case Errc::kReplaced: return Side::kFile;
      case Errc::kPeerGone:
      case Errc::kPeerStalled: return Side::kClient;
      case Errc::kBeyondDeclaredSize:
      case Errc::kNotGrowing: return Side::kSelf;
    }
  }
  if (error.category() == boost::system::system_category()) {
    switch (error.value()) {
      case EPIPE:
      case ECONNRESET:
      case ETIMEDOUT: return Side::kClient;
      case EIO:
      case ENOENT:
      case EACCES:
      case ENOSPC:
      case ESTALE: return Side::kFile;
      default: break;
    }
  }
  return Side::kSelf;
}

}  // namespace midstream
