// WriteTarget: where a Writer's bytes go, as the few operations that can fail. Tests fail each.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>

#include <midstream/error.h>
#include <midstream/writer.h>

#include "base/unique_fd.h"

namespace midstream::detail {

/// Order of calls: write_at()*, then sync(), close(), commit(), sync_directory(). A failure of any
/// of them, or an abort, is followed by one discard() and nothing else.
class WriteTarget {
 public:
  virtual ~WriteTarget() = default;
  [[nodiscard]] virtual int fd() const noexcept = 0;
  /// Some of the bytes, at least one.
  [[nodiscard]] virtual result<std::size_t> write_at(std::span<const std::byte> bytes,
                                                     std::uint64_t offset) = 0;
  [[nodiscard]] virtual error_code sync() = 0;
  [[nodiscard]] virtual error_code close() = 0;
  /// Gives the file its name. `read_fd` is another descriptor of it.
  [[nodiscard]] virtual error_code commit(int read_fd) = 0;
  [[nodiscard]] virtual error_code sync_directory() = 0;
  /// Nothing of it may be left under a temporary name. Comes from any thread, also during a
  /// write_at(), sync() or close() of the owner, which go on undisturbed: the descriptor is closed
  /// by the destructor.
  virtual void discard() noexcept = 0;
};

struct OpenedTarget {
  std::unique_ptr<WriteTarget> target;
  UniqueFd read_fd;
  std::uint64_t size_bytes = 0;
};

[[nodiscard]] result<OpenedTarget> open_named_target(const std::filesystem::path& path,
                                                     mode_t mode);
[[nodiscard]] result<OpenedTarget> open_attached_target(UniqueFd fd);

/// A writer over any target.
[[nodiscard]] Writer make_writer(OpenedTarget opened, const WriterOptions& options);

}  // namespace midstream::detail
