#include "support/answers.h"

#include <algorithm>
#include <cctype>
#include <charconv>

#include <gtest/gtest.h>

namespace midstream::test {
namespace {

using End = Answer::End;

bool same_name(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
    return std::tolower(static_cast<unsigned char>(x)) ==
           std::tolower(static_cast<unsigned char>(y));
  });
}

std::optional<std::size_t> number(std::string_view text, int base) {
  std::size_t value = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (failed != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// A line without its end; nullopt: its end is not there.
std::optional<std::string_view> take_line(std::string_view& wire) {
  const std::size_t at = wire.find("\r\n");
  if (at == std::string_view::npos) return std::nullopt;
  const std::string_view line = wire.substr(0, at);
  wire.remove_prefix(at + 2);
  return line;
}

// False: there were fewer.
bool take_bytes(std::string_view& wire, std::size_t count, std::string& out) {
  const std::string_view bytes = wire.substr(0, count);
  out += bytes;
  wire.remove_prefix(bytes.size());
  return bytes.size() == count;
}

// RFC 9112 section 7.1, without trailers.
End take_chunks(std::string_view& wire, std::string& body) {
  for (;;) {
    const auto line = take_line(wire);
    if (!line) return End::kCut;
    const auto size = number(*line, 16);
    if (!size) return End::kMalformed;
    if (!take_bytes(wire, *size, body)) return End::kCut;
    const std::string_view end = wire.substr(0, 2);
    if (end != std::string_view("\r\n").substr(0, end.size())) return End::kMalformed;
    if (end.size() < 2) return End::kCut;
    wire.remove_prefix(2);
    if (*size == 0) return End::kComplete;
  }
}

End take_body(Answer& answer, std::string_view& wire, bool to_head) {
  const auto length = answer.field("Content-Length");
  const auto coding = answer.field("Transfer-Encoding");
  if (length && coding) return End::kMalformed;
  if (to_head || answer.status < 200 || answer.status == 204 || answer.status == 304) {
    return End::kComplete;
  }
  if (coding) return *coding == "chunked" ? take_chunks(wire, answer.body) : End::kMalformed;
  if (!length) {
    (void)take_bytes(wire, wire.size(), answer.body);
    return End::kByClose;
  }
  const auto count = number(*length, 10);
  if (!count) return End::kMalformed;
  return take_bytes(wire, *count, answer.body) ? End::kComplete : End::kCut;
}

}  // namespace

std::optional<std::string> Answer::field(std::string_view name) const {
  std::optional<std::string> found;
  std::string_view rest = head;
  while (const auto line = take_line(rest)) {
    const std::size_t colon = line->find(": ");
    if (colon == std::string_view::npos || !same_name(line->substr(0, colon), name)) continue;
    EXPECT_FALSE(found) << name << " comes twice: " << head;
    found = line->substr(colon + 2);
  }
  return found;
}

std::optional<Answer> take_answer(std::string_view& wire, bool to_head) {
  if (wire.empty()) return std::nullopt;
  Answer answer;
  const std::size_t end = wire.find("\r\n\r\n");
  if (end == std::string_view::npos) {
    answer.head = wire;
    wire = {};
    return answer;
  }
  answer.head = wire.substr(0, end + 2);
  wire.remove_prefix(end + 4);
  const bool is_http = answer.head.starts_with("HTTP/1.1 ");
  answer.status = is_http ? static_cast<int>(number(answer.head.substr(9, 3), 10).value_or(0)) : 0;
  answer.end = answer.status == 0 ? End::kMalformed : take_body(answer, wire, to_head);
  return answer;
}

std::vector<Answer> take_answers(std::string_view wire, bool to_head) {
  std::vector<Answer> answers;
  while (auto answer = take_answer(wire, to_head)) {
    answers.push_back(std::move(*answer));
    if (answers.back().end == End::kMalformed) break;
  }
  return answers;
}

}  // namespace midstream::test
