#include "http/etag.h"

#include <array>
#include <charconv>
#include <cstddef>

#include "http/chars.h"

namespace midstream::http {
namespace {

// The tag at the front of `rest`, which is moved behind it.
std::optional<EntityTag> read_tag(std::string_view& rest) {
  EntityTag tag;
  std::size_t at = 0;
  if (rest.starts_with("W/")) {  // case-sensitive, RFC 9110 8.8.3
    tag.weak = true;
    at = 2;
  }
  if (at >= rest.size() || rest[at] != '"') return std::nullopt;
  const std::size_t begin = ++at;
  while (at < rest.size() && is_tag_char(rest[at]))
    ++at;
  if (at >= rest.size() || rest[at] != '"') return std::nullopt;
  tag.opaque = rest.substr(begin, at - begin);
  rest.remove_prefix(at + 1);
  return tag;
}

// The finalizer of SplitMix64: one to one, and every bit depends on every bit.
std::uint64_t mix(std::uint64_t value) {
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
  value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
  return value ^ (value >> 31);
}

void append_hex(std::string& text, std::uint64_t number) {
  std::array<char, 16> digits;
  const auto end = std::to_chars(digits.begin(), digits.end(), number, 16).ptr;
  text.append(digits.begin(), end);
}

}  // namespace

std::optional<EntityTag> parse_etag(std::string_view text) {
  const std::optional<EntityTag> tag = read_tag(text);
  return text.empty() ? tag : std::nullopt;
}

bool strong_equal(const EntityTag& a, const EntityTag& b) {
  return !a.weak && !b.weak && a.opaque == b.opaque;
}

bool weak_equal(const EntityTag& a, const EntityTag& b) { return a.opaque == b.opaque; }

std::optional<EntityTag> take_etag(std::string_view& rest) {
  while (!rest.empty() && (rest.front() == ',' || is_blank(rest.front())))
    rest.remove_prefix(1);
  std::optional<EntityTag> tag = read_tag(rest);
  if (tag) {
    // Only a comma may follow.
    while (!rest.empty() && is_blank(rest.front()))
      rest.remove_prefix(1);
    if (!rest.empty() && rest.front() != ',') tag = std::nullopt;
  }
  if (!tag) rest = {};
  return tag;
}

std::string make_etag(std::uint64_t inode, std::uint64_t size, std::int64_t mtime_ns) {
  // Mixing is one to one in the time for a given inode and the other way round.
  const std::uint64_t version = mix(mix(inode) ^ static_cast<std::uint64_t>(mtime_ns));
  std::string text = "\"";
  append_hex(text, size);
  text += '-';
  append_hex(text, version);
  text += '"';
  return text;
}

}  // namespace midstream::http
