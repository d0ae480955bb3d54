#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <string_view>

#include "http/head_parser.h"

namespace midstream::http::test {

/// Feeds a head to a parser as a connection would: the buffer grows by `fragment_size` and moves
/// each time. Every buffer is an allocation of exactly its size, so that a sanitizer sees a stale
/// view and a byte too far.
class HeadFeeder {
 public:
  explicit HeadFeeder(HeadLimits limits = {}) : parser(limits) {}

  HeadParser::Outcome feed(std::string_view text, std::size_t fragment_size) {
    std::size_t size = 0;
    do {
      size = std::min(size + fragment_size, text.size());
      const HeadParser::Outcome outcome = grow_to(text, size);
      if (outcome.state != HeadParser::State::kNeedMore) return outcome;
    } while (size < text.size());
    return {};
  }

  HeadParser::Outcome feed_split(std::string_view text, std::size_t split) {
    const HeadParser::Outcome outcome = grow_to(text, split);
    return outcome.state == HeadParser::State::kNeedMore ? grow_to(text, text.size()) : outcome;
  }

  HeadParser::Outcome feed_whole(std::string_view text) { return grow_to(text, text.size()); }

  HeadParser parser;
  RequestHead head;

 private:
  HeadParser::Outcome grow_to(std::string_view text, std::size_t size) {
    auto buffer = std::make_unique<char[]>(size);
    std::copy_n(text.begin(), size, buffer.get());
    const HeadParser::Outcome outcome = parser.parse({buffer.get(), size}, head);
    buffer_ = std::move(buffer);
    return outcome;
  }

  std::unique_ptr<char[]> buffer_;
};

}  // namespace midstream::http::test
