#include "serve/access_log.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <utility>

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "base/errno_error.h"

namespace midstream::serve {
namespace {

constexpr std::string_view kStandardOutput = "-";
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
constexpr std::array<bool, 256> kPlain = [] {
  std::array<bool, 256> plain{};
  for (std::size_t byte = 0x20; byte < 0x7f; ++byte)
    plain[byte] = byte != '"' && byte != '\\';
  return plain;
}();

bool is_plain(char c) { return kPlain[static_cast<unsigned char>(c)]; }

void append_escape(std::string& out, char c, LogFormat format) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  if (c == '"' || c == '\\') {
    out.push_back('\\');
    out.push_back(c);
    return;
  }
  const auto byte = static_cast<unsigned char>(c);
  out.append(format == LogFormat::kJson ? "\\u00" : "\\x");
  out.push_back(kDigits[byte >> 4]);
  out.push_back(kDigits[byte & 15]);
}

// Run by run: nearly always the whole text is plain.
void append_escaped(std::string& out, std::string_view text, LogFormat format) {
  for (;;) {
    const auto end = std::find_if_not(text.begin(), text.end(), is_plain);
    const auto count = static_cast<std::size_t>(end - text.begin());
    out.append(text.substr(0, count));
    if (count == text.size()) return;
    append_escape(out, *end, format);
    text.remove_prefix(count + 1);
  }
}

void append_or_dash(std::string& out, std::string_view text) {
  if (text.empty()) {
    out.push_back('-');
  } else {
    append_escaped(out, text, LogFormat::kCombined);
  }
}

void append_number(std::string& out, std::uint64_t number) {
  std::array<char, 20> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
  out.append(digits.data(), end);
}

// ".000042": below a second.
void append_fraction(std::string& out, std::uint64_t microseconds) {
  std::array<char, 7> digits;
  digits.fill('0');
  digits[0] = '.';
  for (std::size_t at = digits.size() - 1; microseconds > 0 && at > 0; --at, microseconds /= 10) {
    digits[at] = static_cast<char>('0' + microseconds % 10);
  }
  out.append(digits.data(), digits.size());
}

void append_seconds(std::string& out, std::chrono::microseconds duration) {
  const auto count = static_cast<std::uint64_t>(std::max<std::int64_t>(duration.count(), 0));
  append_number(out, count / 1'000'000);
  append_fraction(out, count % 1'000'000);
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
  out.append(record.client).append(" - - [");
  out.append(time_text(record.time, LogFormat::kCombined)).append("] \"");
  append_or_dash(out, record.method);
  out.push_back(' ');
  append_or_dash(out, record.target);
  out.append(" ").append(version_text(record.version)).append("\" ");
  append_number(out, static_cast<std::uint64_t>(record.status));
  out.push_back(' ');
  append_number(out, record.body_bytes);
  out.append(" \"");
  append_or_dash(out, record.referer);
  out.append("\" \"");
  append_or_dash(out, record.user_agent);
  out.append("\" ");
  append_seconds(out, record.duration);
  out.append(" ").append(text_of(record.end)).append(record.growing ? " growing\n" : "\n");
}

void append_json_text(std::string& out, std::string_view key, std::string_view value) {
  out.append(key);
  append_escaped(out, value, LogFormat::kJson);
}

void format_json(const AccessRecord& record, std::string& out) {
  const auto micros = std::chrono::duration_cast<std::chrono::microseconds>(
      record.time.time_since_epoch() % std::chrono::seconds(1));
  out.append("{\"time\":\"").append(time_text(record.time, LogFormat::kJson));
  append_fraction(out, static_cast<std::uint64_t>(micros.count()));
  out.append("Z\",\"client\":\"").append(record.client);
  append_json_text(out, "\",\"host\":\"", record.host);
  append_json_text(out, "\",\"method\":\"", record.method);
  append_json_text(out, "\",\"target\":\"", record.target);
  out.append("\",\"protocol\":\"").append(version_text(record.version));
  out.append("\",\"status\":");
  append_number(out, static_cast<std::uint64_t>(record.status));
  out.append(",\"bytes\":");
  append_number(out, record.body_bytes);
  out.append(",\"duration\":");
  append_seconds(out, record.duration);
  append_json_text(out, ",\"referer\":\"", record.referer);
  append_json_text(out, "\",\"user_agent\":\"", record.user_agent);
  out.append("\",\"end\":\"").append(text_of(record.end));
  out.append(record.growing ? "\",\"growing\":true}\n" : "\",\"growing\":false}\n");
}

result<UniqueFd> open_file(const std::string& path) {
  UniqueFd fd(path == kStandardOutput
                  ? ::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0)
                  : ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644));
  if (!fd.valid()) return errno_error();
  return fd;
}

}  // namespace

std::string_view client_text(const net::Endpoint& peer, ClientText& buffer) {
  if (peer.port() == 0) return "unix:";
  const sockaddr* address = peer.data();
  if (address->sa_family != AF_INET) {
    const auto* v6 = reinterpret_cast<const sockaddr_in6*>(address);
    const char* text =
        ::inet_ntop(AF_INET6, &v6->sin6_addr, buffer.data(), static_cast<socklen_t>(buffer.size()));
    return text == nullptr ? "?" : text;
  }
  // inet_ntop(3) would cost as much as the rest of the line.
  const std::uint32_t bits = ntohl(reinterpret_cast<const sockaddr_in*>(address)->sin_addr.s_addr);
  char* at = buffer.data();
  for (int shift = 24; shift >= 0; shift -= 8) {
    if (shift < 24) *at++ = '.';
    at = std::to_chars(at, buffer.data() + buffer.size(), (bits >> shift) & 255).ptr;
  }
  return {buffer.data(), static_cast<std::size_t>(at - buffer.data())};
}

void format_record(const AccessRecord& record, LogFormat format, std::string& out) {
  if (format == LogFormat::kJson) {
    format_json(record, out);
  } else {
    format_combined(record, out);
  }
}

result<std::unique_ptr<AccessLog>> AccessLog::open(const std::string& path, LogFormat format) {
  auto fd = open_file(path);
  if (!fd) return fd.error();
  return std::make_unique<AccessLog>(std::move(*fd), format, path);
}

AccessLog::AccessLog(UniqueFd fd, LogFormat format, std::string path)
    : fd_(std::move(fd)),
      format_(format),
      path_(std::move(path)),
      writer_([this] { write_loop(); }) {}

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

void AccessLog::reopen() {
  if (path_ == kStandardOutput) return;
  {
    const std::lock_guard lock(mutex_);
    if (!before_reopen_) before_reopen_ = buffer_.size();
  }
  filled_.notify_one();
}

void AccessLog::write_loop() {
  std::string taken;
  std::unique_lock lock(mutex_);
  for (;;) {
    const auto at_once = [this] { return stopping_ || before_reopen_; };
    filled_.wait(lock, [&] { return at_once() || !buffer_.empty() || dropped_ > 0; });
    filled_.wait_for(lock, kCollect, [&] { return at_once() || buffer_.size() >= kWriteBytes; });
    taken.swap(buffer_);
    const auto before_reopen = std::exchange(before_reopen_, std::nullopt);
    if (const auto dropped = std::exchange(dropped_, 0); dropped > 0) {
      taken.append(fmt::format("# {} lines dropped: the log could not be written quickly enough\n",
                               dropped));
    }
    if (taken.empty() && !before_reopen && stopping_) return;
    lock.unlock();
    std::string_view text = taken;
    if (before_reopen) {
      write_all(text.substr(0, *before_reopen));
      open_again();
      text.remove_prefix(*before_reopen);
    }
    write_all(text);
    taken.clear();
    lock.lock();
  }
}

void AccessLog::open_again() {
  auto fd = open_file(path_);
  if (!fd) {
    return spdlog::error("cannot open {} again: {}; the log goes on in the old file", path_,
                         fd.error().message());
  }
  fd_ = std::move(*fd);
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
