// OpenFile: a regular file ready to be sent: descriptor, validators and the fields that follow from
// them. All from one fstat(2) of the descriptor that is sent. Never changes; shared by the cache
// and transfers.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <midstream/error.h>

#include "base/unique_fd.h"
#include "http/media_type.h"
#include "site/page_cache.h"
#include "site/root.h"

namespace midstream::site {

/// What the files of one route are.
struct TypeRules {
  const http::MediaTypes& types;
  bool sniff = true;              ///< FileOptions::sniff
  std::string_view default_type;  ///< where nothing else tells
  std::string_view vary;          ///< a line for all files of the route, or empty

  /// `first_bytes`: empty, or what the file begins with.
  [[nodiscard]] std::string_view type_of(std::string_view name, std::string_view first_bytes) const;
};

struct OpenFile {
  /// Files up to this size are kept in memory and leave with their header in one system call.
  static constexpr std::uint64_t kInMemoryBytesMax = 8 * 1024;

  UniqueFd fd;
  Reads reads = Reads::kUnknown;
  std::uint64_t size_bytes = 0;
  std::int64_t mtime_ns = 0;
  std::optional<std::int64_t>
      mtime_seconds;  ///< none for an epoch time, which means that nobody knows
  std::string_view media_type;
  std::string etag;
  std::string validators;  ///< "Last-Modified: ...\r\nETag: ...\r\n", and Vary where it has one
  std::string fields;      ///< Content-Type, the validators, Accept-Ranges, ready for the header
  std::string content;     ///< the whole file, if it is small and not empty

  /// Errors: those of fstat(2) and pread(2); EAGAIN with Wait::kNever where its first bytes are
  /// needed and not in memory. `rules` must outlive the file's use: media_type may point into it.
  [[nodiscard]] static result<std::shared_ptr<const OpenFile>> from(UniqueFd fd,
                                                                    std::string_view name,
                                                                    const TypeRules& rules,
                                                                    Wait wait);
};

}  // namespace midstream::site
