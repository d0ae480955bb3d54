#include "site/open_file.h"

#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/errno_error.h"
#include "http/date.h"
#include "http/etag.h"
#include "http/sniff.h"

namespace midstream::site {
namespace {

// Fewer bytes than asked for: it is changing, or at its end.
result<std::string> read_first(int fd, std::size_t count, Wait wait) {
  std::string bytes(count, '\0');
  const iovec whole{bytes.data(), count};
  ssize_t got = ::preadv2(fd, &whole, 1, 0, RWF_NOWAIT);
  if (got < 0 && errno == EOPNOTSUPP && wait == Wait::kNever) errno = EAGAIN;
  const bool all = got >= 0 && static_cast<std::size_t>(got) == count;
  if (!all && wait == Wait::kAllowed) got = ::pread(fd, bytes.data(), count, 0);
  if (got < 0) return errno_error();
  if (!all && wait == Wait::kNever) return error_code(EAGAIN, boost::system::system_category());
  bytes.resize(static_cast<std::size_t>(got));
  return bytes;
}

std::string last_modified(std::int64_t seconds) {
  const auto date = http::format_http_date(seconds);
  return std::string("Last-Modified: ").append(date.data(), date.size()).append("\r\n");
}

}  // namespace

std::string_view TypeRules::type_of(std::string_view name, std::string_view first_bytes) const {
  const std::string_view known = types.find(name);
  if (!known.empty()) return known;
  if (!sniff || first_bytes.empty()) return default_type;
  const std::string_view sniffed = http::sniff_media_type(first_bytes);
  return sniffed == http::kDefaultMediaType ? default_type : sniffed;
}

result<std::shared_ptr<const OpenFile>> OpenFile::from(UniqueFd fd, std::string_view name,
                                                       const TypeRules& rules, Wait wait) {
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) return errno_error();
  auto file = std::make_shared<OpenFile>();
  file->size_bytes = static_cast<std::uint64_t>(status.st_size);
  // Unsigned, so that it wraps: a file system's time may be centuries beyond 64 bit nanoseconds.
  file->mtime_ns =
      static_cast<std::int64_t>(static_cast<std::uint64_t>(status.st_mtim.tv_sec) * 1'000'000'000 +
                                static_cast<std::uint64_t>(status.st_mtim.tv_nsec));
  const bool small = file->size_bytes <= kInMemoryBytesMax;
  std::size_t wanted = 0;
  if (small) {
    wanted = static_cast<std::size_t>(file->size_bytes);
  } else if (rules.sniff && rules.types.find(name).empty()) {
    wanted = http::kSniffBytes;
  }
  if (wanted > 0) {
    auto first = read_first(fd.get(), wanted, wait);
    if (!first) return first.error();
    file->media_type = rules.type_of(name, *first);
    if (small && first->size() == wanted) file->content = std::move(*first);
  } else {
    file->media_type = rules.type_of(name, {});
  }
  file->etag = http::make_etag(status.st_ino, file->size_bytes, file->mtime_ns);
  if (status.st_mtim.tv_sec != 0) {
    file->mtime_seconds = status.st_mtim.tv_sec;
    file->validators = last_modified(status.st_mtim.tv_sec);
  }
  file->validators.append("ETag: ").append(file->etag).append("\r\n").append(rules.vary);
  file->fields.append("Content-Type: ").append(file->media_type).append("\r\n");
  file->fields.append(file->validators).append("Accept-Ranges: bytes\r\n");
  file->reads = small ? Reads::kMemory : how_it_reads(fd.get());
  file->fd = std::move(fd);
  return std::shared_ptr<const OpenFile>(std::move(file));
}

}  // namespace midstream::site
