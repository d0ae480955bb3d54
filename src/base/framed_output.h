// FramedOutput: a message on its way into a socket: header text, then pieces (memory or file
// ranges), each framed as the message asks. It owns the order and the framing; the caller owns
// waiting.
//
//   put_head()  ->  { put_memory() | put_file() }*  ->  put_end()      flush() after any of them
//
// Invariants
//  1. At most one piece is on its way; put the next one only when pending() is false or flush gave
//     kFlushed.
//  2. With chunked framing a chunk is announced only when all of its bytes are there.
//  3. After an error nothing more is sent: an incomplete message never gets its final chunk.
//
// One thread at a time. Source of the framing: RFC 9112 section 7.1.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/socket_io.h"

namespace midstream {

class FramedOutput {
 public:
  enum class Framing : std::uint8_t { kRaw, kChunked };
  enum class Status : std::uint8_t {
    kFlushed,     ///< everything put so far is in the socket
    kSocketFull,  ///< wait for writability, then flush again
    kTurnOver,    ///< the turn's share is used up; let others go first, then flush again
    kFileEnded,   ///< the file is shorter than its range: the message cannot be completed
    kFailed,      ///< see error()
  };

  FramedOutput() = default;

  /// Text that goes out as it is, before the first piece. Copied.
  void put_head(std::string_view text) { text_.append(text); }
  void set_framing(Framing framing) noexcept { framing_ = framing; }

  /// Borrowed until it is flushed.
  void put_memory(std::string_view bytes);
  /// `same_bytes`: the range's bytes, where the caller has them at hand. The first attempt sends
  /// them from memory together with their framing, in one call; what does not fit goes on from the
  /// file. They need to live only until the next flush returns. For small pieces this beats
  /// sendfile (docs/decisions).
  void put_file(const FileRange& range, std::string_view same_bytes = {});
  /// The end of the body: with chunked framing, the final chunk. May be put behind a piece on its
  /// way.
  void put_end();

  /// Sends what is there, at most `turn_bytes` of it by sendfile. `more`: the caller has the next
  /// piece ready, so the last segment may wait for it. After put_end() nothing waits.
  Status flush(int socket, std::size_t turn_bytes, bool more);

  /// Nothing waits to be sent (a chunk's closing CRLF may wait for the next piece after
  /// flush(more)).
  [[nodiscard]] bool pending() const noexcept {
    return !text_.empty() || !between_pieces() || !tail_.empty();
  }
  /// No piece is on its way: the next one may be put, in front of what is still to be framed.
  [[nodiscard]] bool between_pieces() const noexcept { return memory_.empty() && file_.count == 0; }
  [[nodiscard]] const error_code& error() const noexcept { return error_; }
  /// Bytes of bodies sent so far, without any framing.
  [[nodiscard]] std::uint64_t body_bytes() const noexcept { return body_bytes_; }

  /// The text buffer, to be kept or reused by the caller. Give only while nothing is pending.
  [[nodiscard]] std::string take_text_buffer() noexcept;
  void give_text_buffer(std::string buffer) noexcept;

 private:
  [[nodiscard]] std::string_view text_left() const noexcept {
    return std::string_view(text_).substr(text_sent_);
  }
  void frame_piece(std::uint64_t size);
  IoOutcome send_from_memory(int socket, bool more);
  void account(std::size_t sent, bool with_tail);

  std::string text_;           // header, chunk heads and chunk ends, in front of the piece
  std::size_t text_sent_ = 0;  // of text_
  std::string_view memory_;
  FileRange file_;
  std::string_view
      tail_;  // behind the piece: the end of its chunk, perhaps of the body; static text
  error_code error_;
  std::uint64_t body_bytes_ = 0;
  Framing framing_ = Framing::kRaw;
  bool memory_mirrors_file_ = false;  // memory_ holds the first bytes of file_
  bool ended_ = false;                // put_end() came: no more can follow
};

}  // namespace midstream
