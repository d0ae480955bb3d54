// An incremental reader of HTTP/1.1 responses. A load tool must cost less than the server that it
// measures: nothing here allocates per read.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

namespace load {

/// One HTTP/1.1 response, fed with whatever a read gave. kBody -> kDone only at a proper end: the
/// final chunk, or the declared length. Responses without either are broken: their end cannot be
/// told from a failure.
class Response {
 public:
  enum class State : std::uint8_t { kHead, kBody, kDone, kBroken };

  State state() const { return state_; }
  int status() const { return status_; }
  bool chunked() const { return chunked_; }
  std::uint64_t body_bytes() const { return body_bytes_; }
  /// Of a body with a declared length; of a chunked one, what is left of the chunk.
  std::uint64_t bytes_left() const { return left_; }

  /// Ready for the next response on the same connection.
  void restart() { *this = Response(); }

  /// For bytes of a body with declared length that the caller took from the socket itself.
  void skip_body(std::uint64_t count) {
    left_ -= count;
    body_bytes_ += count;
    if (left_ == 0) state_ = State::kDone;
  }

  /// Calls sink(data, size) for every stretch of the body. Gives the new state. Bytes after the end
  /// of the response make it broken: nobody asked for them.
  template <class Sink>
  State feed(const char* data, std::size_t size, Sink&& sink) {
    const char* const end = data + size;
    while (data != end && state_ != State::kBroken) {
      if (state_ == State::kDone) {
        state_ = State::kBroken;
      } else if (state_ == State::kHead || line_expected_) {
        take_line_byte(*data++);
      } else {
        const auto count = std::min<std::uint64_t>(left_, static_cast<std::uint64_t>(end - data));
        sink(data, static_cast<std::size_t>(count));
        data += count;
        body_bytes_ += count;
        left_ -= count;
        if (left_ == 0) {
          if (chunked_)
            line_expected_ = true;
          else
            state_ = State::kDone;
        }
      }
    }
    return state_;
  }

 private:
  // Lines: the head's, and in a chunked body the chunk heads, the empty line after each chunk,
  // trailers.
  void take_line_byte(char c) {
    if (c != '\n') {
      if (line_size_ < sizeof line_) line_[line_size_++] = c;
      return;
    }
    std::size_t size = line_size_;
    if (size > 0 && line_[size - 1] == '\r') --size;
    line_size_ = 0;
    const std::string_view line(line_, size);
    if (state_ == State::kHead)
      take_head_line(line);
    else
      take_framing_line(line);
  }

  void take_head_line(std::string_view line) {
    if (status_ == 0) {
      if (!line.starts_with("HTTP/1.1 ") || line.size() < 12) return void(state_ = State::kBroken);
      status_ = std::atoi(std::string(line.substr(9, 3)).c_str());
    } else if (value_of(line, "transfer-encoding:") == "chunked") {
      chunked_ = true;
    } else if (const auto length = value_of(line, "content-length:"); !length.empty()) {
      left_ = std::strtoull(std::string(length).c_str(), nullptr, 10);
      length_known_ = true;
    } else if (line.empty()) {
      if (!chunked_ && !length_known_) return void(state_ = State::kBroken);
      line_expected_ = chunked_;
      state_ = !chunked_ && left_ == 0 ? State::kDone : State::kBody;
    }
  }

  void take_framing_line(std::string_view line) {
    if (after_last_chunk_) {
      if (line.empty()) state_ = State::kDone;
    } else if (line.empty()) {
      if (chunk_begins_) state_ = State::kBroken;
      chunk_begins_ = true;
    } else {
      char* end;
      const std::string text(line);
      left_ = std::strtoull(text.c_str(), &end, 16);
      if (!chunk_begins_ || end == text.c_str()) return void(state_ = State::kBroken);
      chunk_begins_ = false;
      after_last_chunk_ = left_ == 0;
      line_expected_ = left_ == 0;
    }
  }

  static std::string_view value_of(std::string_view line, std::string_view lower_name) {
    if (line.size() < lower_name.size() ||
        !std::equal(lower_name.begin(), lower_name.end(), line.begin(), [](char a, char b) {
          return a == (b >= 'A' && b <= 'Z' ? static_cast<char>(b + 32) : b);
        })) {
      return {};
    }
    line.remove_prefix(lower_name.size());
    while (!line.empty() && line.front() == ' ')
      line.remove_prefix(1);
    return line;
  }

  State state_ = State::kHead;
  bool chunked_ = false;
  bool length_known_ = false;
  bool line_expected_ = false;     // of a chunked body
  bool chunk_begins_ = true;       // the next line must be a chunk head
  bool after_last_chunk_ = false;  // trailers follow
  int status_ = 0;
  std::uint64_t left_ = 0;
  std::uint64_t body_bytes_ = 0;
  std::size_t line_size_ = 0;
  char line_[96];  // longer lines are cut: none that matters is
};

}  // namespace load
