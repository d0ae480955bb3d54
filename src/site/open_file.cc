#include "site/open_file.h"

#include <unistd.h>

#include <algorithm>

#include "base/errno_error.h"
#include "http/date.h"
#include "http/etag.h"

namespace midstream::site {

result<std::shared_ptr<const OpenFile>> OpenFile::from(UniqueFd fd, std::string_view name,
                                                       const http::MediaTypes& types) {
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) return errno_error();
  auto file = std::make_shared<OpenFile>();
  file->size_bytes = static_cast<std::uint64_t>(status.st_size);
  // Unsigned, so that it wraps: a file system's time may be centuries beyond 64 bit nanoseconds.
  const auto mtime_ns =
      static_cast<std::int64_t>(static_cast<std::uint64_t>(status.st_mtim.tv_sec) * 1'000'000'000 +
                                static_cast<std::uint64_t>(status.st_mtim.tv_nsec));
  file->etag = http::make_etag(status.st_ino, file->size_bytes, mtime_ns);
  if (status.st_mtim.tv_sec != 0) {
    file->mtime_seconds = status.st_mtim.tv_sec;
    const auto date = http::format_http_date(status.st_mtim.tv_sec);
    file->validators.append("Last-Modified: ").append(date.data(), date.size()).append("\r\n");
  }
  file->validators.append("ETag: ").append(file->etag).append("\r\n");
  file->fields.append("Content-Type: ").append(types.by_name(name)).append("\r\n");
  file->fields.append(file->validators).append("Accept-Ranges: bytes\r\n");
  if (file->size_bytes <= kInMemoryBytesMax) {
    file->content.resize(static_cast<std::size_t>(file->size_bytes));
    const ssize_t got = ::pread(fd.get(), file->content.data(), file->content.size(), 0);
    if (got < 0) return errno_error();
    if (static_cast<std::size_t>(got) != file->content.size())
      file->content.clear();  // it is changing
  }
  file->fd = std::move(fd);
  return std::shared_ptr<const OpenFile>(std::move(file));
}

serve::Piece FileSource::next(std::uint64_t limit_bytes) {
  using serve::Piece;
  if (left_ == 0) return {};
  const std::uint64_t count = std::min(left_, limit_bytes);
  const std::uint64_t offset = offset_;
  offset_ += count;
  left_ -= count;
  const auto after = left_ == 0 ? Piece::After::kEnd : Piece::After::kMore;
  if (!file_->content.empty()) {
    const auto bytes =
        std::string_view(file_->content)
            .substr(static_cast<std::size_t>(offset), static_cast<std::size_t>(count));
    return {.kind = Piece::Kind::kMemory, .after = after, .memory = bytes};
  }
  return {.kind = Piece::Kind::kFile, .after = after, .file = {file_->fd.get(), offset, count}};
}

}  // namespace midstream::site
