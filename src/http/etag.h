#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

// Entity tags (RFC 9110 8.8.3).
namespace midstream::http {

/// Borrowed. `opaque` is without the quotes.
struct EntityTag {
  bool weak = false;
  std::string_view opaque;
};

/// "abc" or W/"abc", the whole text. nullopt for anything else, also for a tag without quotes.
[[nodiscard]] std::optional<EntityTag> parse_etag(std::string_view text);

/// Both strong, and the same.
[[nodiscard]] bool strong_equal(const EntityTag& a, const EntityTag& b);

/// The same, weak or not.
[[nodiscard]] bool weak_equal(const EntityTag& a, const EntityTag& b);

/// Takes the next tag off a list of If-Match or If-None-Match. nullopt at the end and at the first
/// thing that is no tag: what comes after it cannot be told apart.
[[nodiscard]] std::optional<EntityTag> take_etag(std::string_view& rest);

/// Calls `visit(const EntityTag&)` for the tags of a list until it returns true; gives whether it
/// did.
template <typename Visit>
[[nodiscard]] bool any_etag(std::string_view list, Visit&& visit) {
  while (const std::optional<EntityTag> tag = take_etag(list)) {
    if (visit(*tag)) return true;
  }
  return false;
}

/// The strong tag of a file's content, with its quotes. Two versions of one file with the same size
/// differ in it unless inode and time both changed and 64 bits collide. It does not show the inode
/// number.
[[nodiscard]] std::string make_etag(std::uint64_t inode, std::uint64_t size, std::int64_t mtime_ns);

}  // namespace midstream::http
