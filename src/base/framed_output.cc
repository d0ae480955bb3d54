#include "base/framed_output.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "base/check.h"

namespace midstream {
namespace {

constexpr std::string_view kChunkEnd = "\r\n";
constexpr std::string_view kLastChunk = "0\r\n\r\n";
constexpr std::string_view kChunkEndAndLast = "\r\n0\r\n\r\n";

}  // namespace

void FramedOutput::frame_piece(std::uint64_t size) {
  MIDSTREAM_CHECK(between_pieces());
  if (framing_ == Framing::kRaw) return;
  text_.append(tail_);  // the end of the chunk before
  std::array<char, 18> head;
  const auto digits = std::to_chars(head.data(), head.data() + head.size(), size, 16);
  text_.append(head.data(), digits.ptr).append(kChunkEnd);
  tail_ = kChunkEnd;
}

void FramedOutput::put_memory(std::string_view bytes) {
  if (bytes.empty()) return;
  frame_piece(bytes.size());
  memory_ = bytes;
}

void FramedOutput::put_file(const FileRange& range, std::string_view same_bytes) {
  if (range.count == 0) return;
  MIDSTREAM_CHECK(same_bytes.empty() || same_bytes.size() == range.count);
  frame_piece(range.count);
  file_ = range;
  memory_ = same_bytes;
  memory_mirrors_file_ = !same_bytes.empty();
}

void FramedOutput::put_end() {
  ended_ = true;
  if (framing_ == Framing::kRaw) return;
  if (tail_ == kChunkEnd) {
    tail_ = kChunkEndAndLast;
    return;
  }
  text_.append(tail_);
  tail_ = kLastChunk;
}

IoOutcome FramedOutput::send_from_memory(int socket, bool more) {
  std::array<iovec, 3> parts;
  std::size_t count = 0;
  const auto add = [&](std::string_view bytes) {
    if (!bytes.empty()) parts[count++] = {const_cast<char*>(bytes.data()), bytes.size()};
  };
  add(text_left());
  add(memory_);
  const bool file_follows = file_.count > 0 && !memory_mirrors_file_;
  const bool with_tail = !file_follows && !more;
  if (with_tail) add(tail_);
  const IoOutcome outcome = send_some(socket, std::span(parts).first(count), more || file_follows);
  account(outcome.bytes, with_tail);
  return outcome;
}

// What sendmsg took, in the order it took it: text, memory, tail.
void FramedOutput::account(std::size_t sent, bool with_tail) {
  const std::size_t of_text = std::min(sent, text_.size() - text_sent_);
  text_sent_ += of_text;
  sent -= of_text;
  if (text_sent_ == text_.size()) {
    text_.clear();
    text_sent_ = 0;
  }
  const std::size_t of_memory = std::min(sent, memory_.size());
  memory_.remove_prefix(of_memory);
  body_bytes_ += of_memory;
  sent -= of_memory;
  if (std::exchange(memory_mirrors_file_, false)) {
    memory_ = {};  // from here on the file serves
    file_.offset += of_memory;
    file_.count -= of_memory;
  }
  if (with_tail) tail_.remove_prefix(sent);
}

FramedOutput::Status FramedOutput::flush(int socket, std::size_t turn_bytes, bool more) {
  if (error_) return Status::kFailed;
  if (ended_) more = false;
  std::size_t turn_left = turn_bytes;
  for (;;) {
    const bool in_memory = !text_.empty() || !memory_.empty();
    if (!in_memory && file_.count == 0 && (tail_.empty() || more)) return Status::kFlushed;
    IoOutcome outcome;
    if (in_memory || file_.count == 0) {
      outcome = send_from_memory(socket, more);
    } else {
      if (turn_left == 0) return Status::kTurnOver;
      outcome = send_file_some(socket, file_, turn_left);
      file_.offset += outcome.bytes;
      file_.count -= outcome.bytes;
      body_bytes_ += outcome.bytes;
      turn_left -= outcome.bytes;
    }
    switch (outcome.status) {
      case IoOutcome::Status::kMoved: break;
      case IoOutcome::Status::kWouldBlock: return Status::kSocketFull;
      case IoOutcome::Status::kEnd: return Status::kFileEnded;
      case IoOutcome::Status::kError: error_ = outcome.error; return Status::kFailed;
    }
  }
}

std::string FramedOutput::take_text_buffer() noexcept {
  text_.clear();
  text_sent_ = 0;
  return std::exchange(text_, {});
}

void FramedOutput::give_text_buffer(std::string buffer) noexcept {
  MIDSTREAM_CHECK(text_.empty());
  text_ = std::move(buffer);
  text_.clear();
}

}  // namespace midstream
