#include <unistd.h>

#include <algorithm>

#include <midstream/reader.h>

#include "base/errno_error.h"

namespace midstream {

namespace detail {

result<std::size_t> read_published(const LiveFile& file, std::uint64_t offset,
                                   std::span<std::byte> out) {
  const std::uint64_t watermark = file.watermark();
  if (offset >= watermark) return std::size_t{0};
  const auto wanted =
      static_cast<std::size_t>(std::min<std::uint64_t>(out.size(), watermark - offset));
  for (;;) {
    const ssize_t got = ::pread(file.fd(), out.data(), wanted, static_cast<off_t>(offset));
    if (got > 0) return static_cast<std::size_t>(got);
    if (got == 0) return error_code(Errc::kTruncated);  // published bytes are gone
    if (errno != EINTR) return errno_error();
  }
}

}  // namespace detail

result<std::size_t> Reader::read(std::span<std::byte> out, std::stop_token stop,
                                 std::optional<LiveFile::Deadline> deadline) {
  if (out.empty()) return std::size_t{0};
  const auto watermark = file_->wait_beyond(offset_, std::move(stop), deadline);
  if (!watermark) return watermark.error();
  if (*watermark <= offset_) return std::size_t{0};
  const auto count = detail::read_published(*file_, offset_, out);
  if (count) offset_ += *count;
  return count;
}

}  // namespace midstream
