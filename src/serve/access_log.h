// AccessLog: one line per exchange, formatted by the worker, written by a thread of its own.
// Workers only append to a buffer; the thread collects for a moment and writes once. Only the
// thread uses the descriptor once it runs.
#pragma once

#include <array>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

#include <midstream/error.h>

#include "base/unique_fd.h"
#include "net/listen_address.h"

namespace midstream::serve {

enum class LogFormat : std::uint8_t { kCombined, kJson };

/// How a body ended.
enum class BodyEnd : std::uint8_t {
  kComplete,
  kClientGone,
  kStalled,
  kSourceFailed,
  kServerStopped
};

struct AccessRecord {
  std::chrono::system_clock::time_point time;
  std::chrono::microseconds duration{};
  std::string_view client;  ///< address without port; "unix:" where there is none
  std::string_view host;    ///< as the client named it, in its target or in Host; not in kCombined
  std::string_view method;
  std::string_view target;
  int version = 11;
  int status = 0;
  std::uint64_t body_bytes = 0;
  std::string_view referer;
  std::string_view user_agent;
  BodyEnd end = BodyEnd::kComplete;
  bool growing = false;
};

using ClientText = std::array<char, 46>;  // INET6_ADDRSTRLEN

/// `AccessRecord::client` for a client at `peer`. The text is in `buffer`, or a constant.
[[nodiscard]] std::string_view client_text(const net::Endpoint& peer, ClientText& buffer);

/// Adds the line of `record`, with its line feed. Control bytes, quotes and backslashes are
/// escaped.
void format_record(const AccessRecord& record, LogFormat format, std::string& out);

class AccessLog {
 public:
  /// `path`: a file that is appended to, or "-" for standard output. Errors: those of open(2).
  [[nodiscard]] static result<std::unique_ptr<AccessLog>> open(const std::string& path,
                                                               LogFormat format);

  AccessLog(UniqueFd fd, LogFormat format, std::string path);
  AccessLog(const AccessLog&) = delete;
  AccessLog& operator=(const AccessLog&) = delete;
  /// Writes what is left.
  ~AccessLog();

  /// From any thread. Never waits for the disk; lines that come faster than the disk takes them are
  /// dropped beyond 16 MiB, and counted.
  void append(const AccessRecord& record);

  /// From any thread, at once: what is appended from now on goes to the file that has the path then
  /// (made if need be), what was appended before to the old one. If it cannot be opened, the old
  /// one is kept and the operator told. Standard output stays what it is.
  void reopen();

 private:
  void write_loop();
  void write_all(std::string_view text) noexcept;
  void open_again();

  UniqueFd fd_;
  LogFormat format_;
  std::string path_;  // "-": standard output
  std::mutex mutex_;
  std::condition_variable filled_;
  std::string buffer_;         // guarded by mutex_
  std::uint64_t dropped_ = 0;  // guarded by mutex_
  std::optional<std::size_t>
      before_reopen_;      // so much of buffer_ is for the old file; guarded by mutex_
  bool stopping_ = false;  // guarded by mutex_
  std::thread writer_;
};

}  // namespace midstream::serve
