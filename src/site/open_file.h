// OpenFile: a regular file ready to be sent: descriptor, validators and the fields that follow from
// them. All from one fstat(2) of the descriptor that is sent. Never changes; shared by the cache
// and transfers.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <midstream/error.h>

#include "base/unique_fd.h"
#include "http/media_type.h"
#include "serve/body_source.h"

namespace midstream::site {

struct OpenFile {
  /// Files up to this size are kept in memory and leave with their header in one system call.
  static constexpr std::uint64_t kInMemoryBytesMax = 8 * 1024;

  UniqueFd fd;
  std::uint64_t size_bytes = 0;
  std::optional<std::int64_t>
      mtime_seconds;  ///< none for an epoch time, which means that nobody knows
  std::string etag;
  std::string validators;  ///< "Last-Modified: ...\r\nETag: ...\r\n"
  std::string fields;      ///< Content-Type, the validators, Accept-Ranges, ready for the header
  std::string content;     ///< the whole file, if it is small and not empty

  /// Errors: those of fstat(2) and pread(2).
  [[nodiscard]] static result<std::shared_ptr<const OpenFile>> from(UniqueFd fd,
                                                                    std::string_view name,
                                                                    const http::MediaTypes& types);
};

/// Bytes [offset, offset + count) of an OpenFile.
class FileSource final : public serve::BodySource {
 public:
  FileSource(std::shared_ptr<const OpenFile> file, std::uint64_t offset,
             std::uint64_t count) noexcept
      : file_(std::move(file)), offset_(offset), count_(count), left_(count) {}

  [[nodiscard]] std::optional<std::uint64_t> size() const override { return count_; }
  [[nodiscard]] serve::Piece next(std::uint64_t limit_bytes) override;

 private:
  std::shared_ptr<const OpenFile> file_;
  std::uint64_t offset_;
  std::uint64_t count_;
  std::uint64_t left_;
};

}  // namespace midstream::site
