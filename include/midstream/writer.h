// Writer: the one who appends to a LiveFile.
//
//   auto writer = midstream::Writer::create("/srv/files/build.log");   // readers see it at once
//   writer->write("hello\n");
//   writer->seal();                                                    // now it has its name
//
// Threads: one thread at a time. abort() and the stall timeout may come from any thread.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include <boost/asio/any_io_executor.hpp>

#include <midstream/error.h>
#include <midstream/live_file.h>

namespace midstream {

namespace detail {
class WriterCore;
}

/// What has reached the disk when seal() returns.
enum class SyncPolicy : std::uint8_t {
  kNone,              ///< whatever the kernel has written by then
  kFile,              ///< fsync of the file (fsync(2))
  kFileAndDirectory,  ///< and of its directory, so that the name survives a power cut too
};

struct WriterOptions {
  std::optional<std::uint64_t> declared_size = {};  ///< bytes; a promise that seal() checks
  mode_t mode = 0644;  ///< of a file that create() makes; the umask applies
  SyncPolicy sync = SyncPolicy::kNone;
};

class Writer {
 public:
  /// A new file that gets the name `path` when it is sealed, in one atomic step; until then an
  /// older file of that name stays as it is. Nothing is left behind by an abort or a crash
  /// (`O_TMPFILE`, open(2); a hidden temporary beside the target where the file system has none).
  /// Errors: those of open(2); `is_a_directory` where `path` is one.
  [[nodiscard]] static result<Writer> create(const std::filesystem::path& path,
                                             WriterOptions options = {});

  /// Goes on with a file that the caller has open for writing, and takes over `owned_fd` (it is
  /// closed also when this fails). What the file holds already is readable at once. Its name is the
  /// caller's matter.
  [[nodiscard]] static result<Writer> attach(int owned_fd, WriterOptions options = {});

  Writer(Writer&&) noexcept;
  Writer& operator=(Writer&&) noexcept;
  /// A file that is still growing fails.
  ~Writer();

  /// What readers read from. Lives as long as anybody holds it.
  [[nodiscard]] const std::shared_ptr<LiveFile>& file() const noexcept;

  /// Appends and publishes all of `bytes`, or fails. A failed write aborts the file, except
  /// `kBeyondDeclaredSize` (nothing is written, the file goes on growing). After the end:
  /// `kNotGrowing` where the file was sealed, and why it failed where it failed.
  result<void> write(std::span<const std::byte> bytes);
  result<void> write(std::string_view bytes);

  /// The descriptor, for callers that write by other means (`splice`, `pwrite`) and then publish().
  /// Owned by the writer; -1 once the file is final.
  [[nodiscard]] int fd() const noexcept;

  /// Makes the bytes [0, watermark) readable. They must be in the file. Lower than before: ignored.
  /// Errors: `kBeyondDeclaredSize`; after the end as write().
  result<void> publish(std::uint64_t watermark);

  /// Finishes the file: sync as configured, close, name, and only then the readers' end. A failure
  /// on the way, or fewer bytes than declared, aborts it, and the name stays as it was (only when
  /// the very last step fails, the fsync of the directory, it is the new file's already). Sealing a
  /// sealed file is fine.
  result<void> seal();

  /// Gives up: readers get what was written and then `kWriterFailed`. After an end, or once seal()
  /// is about to give the file its name: nothing. Never waits for an operation that is under way in
  /// another thread.
  void abort(std::string_view reason = {}) noexcept;

  /// From now on, a pause of more than `timeout` between two publishes fails the file with
  /// `kWriterStalled` (after one to two times `timeout`). The timer runs on `executor`, whose
  /// context must outlive the writer, and ends with the file.
  void fail_when_stalled(const boost::asio::any_io_executor& executor,
                         std::chrono::milliseconds timeout);

 private:
  friend class detail::WriterCore;
  explicit Writer(std::unique_ptr<detail::WriterCore> core) noexcept;
  std::unique_ptr<detail::WriterCore> core_;
};

}  // namespace midstream
