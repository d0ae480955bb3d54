// PieceCopy: the newest bytes of a growing file, read once for all readers of a thread that are at
// the same offset. Small chunks leave from it, in one call with their framing
// (docs/decisions/0004-chunked-pieces.md).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include <midstream/live_file.h>

namespace midstream {

class PieceCopy {
 public:
  static constexpr std::size_t kBytesMax = 16 * 1024;

  /// The bytes [offset, offset + count) of `file`, which must be readable, or nothing where they
  /// cannot be read or are too many. Valid until the next call.
  [[nodiscard]] std::string_view get(const std::shared_ptr<LiveFile>& file, std::uint64_t offset,
                                     std::uint64_t count);

 private:
  std::uint64_t file_id_ =
      0;  // 0: nothing read. Not a weak_ptr: a copy outlives execution contexts
  std::uint64_t offset_ = 0;
  std::size_t count_ = 0;
  std::array<std::byte, kBytesMax> bytes_;
};

}  // namespace midstream
