#include "serve/access_log.h"

#include <fcntl.h>
#include <unistd.h>

#include <iterator>
#include <utility>

#include <fmt/chrono.h>
#include <fmt/format.h>

#include "base/errno_error.h"

namespace midstream::serve {
namespace {

constexpr std::size_t kBufferBytesMax = std::size_t{16} << 20;
constexpr std::size_t kWriteBytes = 64 * 1024;      // write at once when so much is there
constexpr std::chrono::milliseconds kCollect{100};  // else collect for so long

std::string_view text_of(BodyEnd end) {
  switch (end) {
    case BodyEnd::kComplete: return "complete";
    case BodyEnd::kClientGone: return "client_gone";
    case BodyEnd::kStalled: return "stalled";
    case BodyEnd::kSourceFailed: return "source_failed";
    case BodyEnd::kServerStopped: return "server_stopped";
  }
  return "?";
}

// JSON is UTF-8, which a target need not be: everything but ASCII is escaped, in both formats.
bool is_plain(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte >= 0x20 && byte < 0x7f && c != '"' && c != '\\';
}

void append_escaped(std::string& out, std::string_view text, LogFormat format) {
  for (const char c : text) {
    if (is_plain(c)) {
      out.push_back(c);
    } else if (c == '"' || c == '\\') {
      out.push_back('\\');
      out.push_back(c);
    } else {
      out.append(format == LogFormat::kJson ? "\\u00" : "\\x");
      fmt::format_to(std::back_inserter(out), "{:02x}", static_cast<unsigned char>(c));
    }
  }
}

void append_or_dash(std::string& out, std::string_view text) {
  if (text.empty()) {
    out.push_back('-');
  } else {
    append_escaped(out, text, LogFormat::kCombined);
  }
}

// The text of a second is made once per thread and second.
std::string_view time_text(std::chrono::system_clock::time_point time, LogFormat format) {
  struct Cache {
    std::time_t second = -1;
    std::string text;
  };
  thread_local Cache caches[2];
  Cache& cache = caches[format == LogFormat::kJson ? 1 : 0];
  const std::time_t second = std::chrono::system_clock::to_time_t(time);
  if (cache.second != second) {
    cache.second = second;
    const std::tm utc = fmt::gmtime(second);
    cache.text = format == LogFormat::kJson ? fmt::format("{:%Y-%m-%dT%H:%M:%S}", utc)
                                            : fmt::format("{:%d/%b/%Y:%H:%M:%S +0000}", utc);
  }
  return cache.text;
}

std::string_view version_text(int version) { return version == 10 ? "HTTP/1.0" : "HTTP/1.1"; }

void format_combined(const AccessRecord& record, std::string& out) {
  const auto to = std::back_inserter(out);
  fmt::format_to(to, "{} - - [{}] \"", record.client, time_text(record.time, LogFormat::kCombined));
  append_or_dash(out, record.method);
  out.push_back(' ');
  append_or_dash(out, record.target);
  fmt::format_to(to, " {}\" {} {} \"", version_text(record.version), record.status,
                 record.body_bytes);
  append_or_dash(out, record.referer);
  out.append("\" \"");
  append_or_dash(out, record.user_agent);
  fmt::format_to(to, "\" {:.6f} {}{}\n", std::chrono::duration<double>(record.duration).count(),
                 text_of(record.end), record.growing ? " growing" : "");
}

void append_json_text(std::string& out, std::string_view key, std::string_view value) {
  fmt::format_to(std::back_inserter(out), ",\"{}\":\"", key);
  append_escaped(out, value, LogFormat::kJson);
  out.push_back('"');
}

void format_json(const AccessRecord& record, std::string& out) {
  const auto to = std::back_inserter(out);
  const auto micros = std::chrono::duration_cast<std::chrono::microseconds>(
                          record.time.time_since_epoch() % std::chrono::seconds(1))
                          .count();
  fmt::format_to(to, "{{\"time\":\"{}.{:06}Z\",\"client\":\"{}\"",
                 time_text(record.time, LogFormat::kJson), micros, record.client);
  append_json_text(out, "method", record.method);
  append_json_text(out, "target", record.target);
  fmt::format_to(to, ",\"protocol\":\"{}\",\"status\":{},\"bytes\":{},\"duration\":{:.6f}",
                 version_text(record.version), record.status, record.body_bytes,
                 std::chrono::duration<double>(record.duration).count());
  append_json_text(out, "referer", record.referer);
  append_json_text(out, "user_agent", record.user_agent);
  fmt::format_to(to, ",\"end\":\"{}\",\"growing\":{}}}\n", text_of(record.end), record.growing);
}

}  // namespace

void format_record(const AccessRecord& record, LogFormat format, std::string& out) {
  if (format == LogFormat::kJson) {
    format_json(record, out);
  } else {
    format_combined(record, out);
  }
}

result<std::unique_ptr<AccessLog>> AccessLog::open(const std::string& path, LogFormat format) {
  UniqueFd fd(path == "-" ? ::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0)
                          : ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644));
  if (!fd.valid()) return errno_error();
  return std::make_unique<AccessLog>(std::move(fd), format);
}

AccessLog::AccessLog(UniqueFd fd, LogFormat format)
    : fd_(std::move(fd)), format_(format), writer_([this] { write_loop(); }) {}

AccessLog::~AccessLog() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  filled_.notify_one();
  writer_.join();
}

void AccessLog::append(const AccessRecord& record) {
  thread_local std::string line;
  line.clear();
  format_record(record, format_, line);
  bool wake = false;
  {
    const std::lock_guard lock(mutex_);
    if (buffer_.size() + line.size() > kBufferBytesMax) {
      ++dropped_;
      return;
    }
    const std::size_t before = buffer_.size();
    buffer_.append(line);
    wake = before == 0 || (before < kWriteBytes && buffer_.size() >= kWriteBytes);
  }
  if (wake) filled_.notify_one();
}

void AccessLog::write_loop() {
  std::string taken;
  std::unique_lock lock(mutex_);
  for (;;) {
    filled_.wait(lock, [this] { return stopping_ || !buffer_.empty() || dropped_ > 0; });
    filled_.wait_for(lock, kCollect, [this] { return stopping_ || buffer_.size() >= kWriteBytes; });
    taken.swap(buffer_);
    if (const auto dropped = std::exchange(dropped_, 0); dropped > 0) {
      taken.append(fmt::format("# {} lines dropped: the log could not be written quickly enough\n",
                               dropped));
    }
    if (taken.empty() && stopping_) return;
    lock.unlock();
    write_all(taken);
    taken.clear();
    lock.lock();
  }
}

// A log that cannot be written (disk full) loses lines; it never stops the server.
void AccessLog::write_all(std::string_view text) noexcept {
  while (!text.empty()) {
    const ssize_t written = ::write(fd_.get(), text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

}  // namespace midstream::serve
