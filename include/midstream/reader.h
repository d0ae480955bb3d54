// Readers of a LiveFile: a blocking one and one for Asio, with the same meaning.
// Each has its own offset; any number of them may read one file, before, during and after it grows.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <utility>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/compose.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>

#include <midstream/error.h>
#include <midstream/live_file.h>

namespace midstream {

namespace detail {
/// pread(2) of bytes that are known to be readable. Errors: those of pread(2), `kTruncated`.
result<std::size_t> read_published(const LiveFile& file, std::uint64_t offset,
                                   std::span<std::byte> out);
}  // namespace detail

/// Threads: one at a time per reader.
class Reader {
 public:
  explicit Reader(std::shared_ptr<LiveFile> file, std::uint64_t offset = 0) noexcept
      : file_(std::move(file)), offset_(offset) {}

  /// Reads what is there, at least one byte; waits for it if need be. 0 = the end of a sealed file
  /// (or an empty `out`). A failed file gives all its bytes first and then its error, each time.
  /// Errors also: `operation_aborted` (stop), `timed_out` (deadline); both leave the offset alone.
  [[nodiscard]] result<std::size_t> read(std::span<std::byte> out, std::stop_token stop = {},
                                         std::optional<LiveFile::Deadline> deadline = std::nullopt);

  [[nodiscard]] std::uint64_t offset() const noexcept { return offset_; }  ///< bytes from the start
  void seek(std::uint64_t offset) noexcept { offset_ = offset; }
  [[nodiscard]] const std::shared_ptr<LiveFile>& file() const noexcept { return file_; }

 private:
  std::shared_ptr<LiveFile> file_;
  std::uint64_t offset_;
};

/// An AsyncReadStream (asio::async_read works on it). One operation at a time. It reads published
/// bytes with pread(2) on the executor, so a file that left the page cache costs a disk read there.
class AsyncReader {
 public:
  using executor_type = boost::asio::any_io_executor;

  AsyncReader(executor_type executor, std::shared_ptr<LiveFile> file, std::uint64_t offset = 0)
      : executor_(std::move(executor)), file_(std::move(file)), offset_(offset) {}

  [[nodiscard]] executor_type get_executor() const noexcept { return executor_; }
  [[nodiscard]] std::uint64_t offset() const noexcept { return offset_; }
  void seek(std::uint64_t offset) noexcept { offset_ = offset; }
  [[nodiscard]] const std::shared_ptr<LiveFile>& file() const noexcept { return file_; }

  /// Completes with `void(error_code, std::uint64_t watermark)` when there is something to read at
  /// offset(), or at the end.
  template <class CompletionToken>
  auto async_wait_beyond(CompletionToken&& token) {
    return file_->async_wait_beyond(executor_, offset_, std::forward<CompletionToken>(token));
  }

  /// Completes with `void(error_code, std::size_t count)`: at least one byte, or `asio::error::eof`
  /// at the end of a sealed file, or the failure of the file. Without room in `buffers`: at once
  /// with 0 bytes. The reader and the buffers must outlive it.
  template <class MutableBuffers, class CompletionToken>
  auto async_read_some(const MutableBuffers& buffers, CompletionToken&& token) {
    return boost::asio::async_compose<CompletionToken, void(error_code, std::size_t)>(
        ReadOp<MutableBuffers>{this, buffers}, token, executor_);
  }

 private:
  template <class MutableBuffers>
  struct ReadOp {
    AsyncReader* reader;
    MutableBuffers buffers;
    bool started = false;

    template <class Self>
    void operator()(Self& self) {
      if (std::exchange(started, true)) return self.complete(error_code(), 0);
      self.reset_cancellation_state(boost::asio::enable_total_cancellation());
      if (boost::asio::buffer_size(buffers) == 0) {  // nothing was asked for
        return boost::asio::post(reader->executor_, std::move(self));
      }
      const std::uint64_t from = reader->offset_;
      reader->file_->async_wait_beyond(reader->executor_, from, std::move(self));
    }

    template <class Self>
    void operator()(Self& self, error_code error, std::uint64_t watermark) {
      if (error) return self.complete(error, 0);
      std::size_t count = 0;
      for (auto it = boost::asio::buffer_sequence_begin(buffers);
           it != boost::asio::buffer_sequence_end(buffers) && reader->offset_ < watermark; ++it) {
        const boost::asio::mutable_buffer buffer(*it);
        const std::span<std::byte> out(static_cast<std::byte*>(buffer.data()), buffer.size());
        if (out.empty()) continue;
        const auto read = detail::read_published(*reader->file_, reader->offset_, out);
        if (!read) return self.complete(count == 0 ? read.error() : error_code(), count);
        count += *read;
        reader->offset_ += *read;
        if (*read < out.size()) break;
      }
      self.complete(count == 0 ? boost::asio::error::eof : error_code(), count);
    }
  };

  executor_type executor_;
  std::shared_ptr<LiveFile> file_;
  std::uint64_t offset_;
};

}  // namespace midstream
