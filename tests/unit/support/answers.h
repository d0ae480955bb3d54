// Takes what a client got apart: the answers, one by one, and how the last one ended.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace midstream::test {

struct Answer {
  enum class End : std::uint8_t {
    kComplete,  ///< the message says so itself: its length, its last chunk, no body
    kCut,       ///< the bytes are over before the message is
    kByClose,   ///< a body that goes on to the end of the connection: look at how that ended
    kMalformed
  };

  int status = 0;
  std::string head;  ///< status line and fields, with their line ends
  std::string body;  ///< without its framing
  End end = End::kCut;

  /// The value of a field that comes at most once, without regard to case.
  [[nodiscard]] std::optional<std::string> field(std::string_view name) const;
  [[nodiscard]] bool complete() const { return end == End::kComplete; }
};

/// Takes the first answer off `wire`; what is left of it belongs to the next one. nullopt: nothing
/// is there.
std::optional<Answer> take_answer(std::string_view& wire, bool to_head = false);

/// All answers to requests of one kind.
std::vector<Answer> take_answers(std::string_view wire, bool to_head = false);

}  // namespace midstream::test
