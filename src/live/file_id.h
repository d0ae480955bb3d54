// FileId: which file a descriptor is, whatever its name.
#pragma once

#include <sys/stat.h>

#include <cstddef>
#include <functional>

namespace midstream {

struct FileId {
  dev_t device = 0;
  ino_t inode = 0;
  bool operator==(const FileId&) const = default;
};

inline FileId id_of(const struct stat& status) noexcept { return {status.st_dev, status.st_ino}; }

}  // namespace midstream

template <>
struct std::hash<midstream::FileId> {
  std::size_t operator()(const midstream::FileId& id) const noexcept {
    return std::hash<ino_t>()(id.inode) ^ (std::hash<dev_t>()(id.device) << 1);
  }
};
