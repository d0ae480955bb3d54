#pragma once

#include <cstddef>
#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

namespace midstream::http {

inline constexpr std::string_view kDefaultMediaType = "application/octet-stream";

/// Content-Type by file name. Read-only after construction, so any thread may look up; look-ups
/// allocate nothing. Not copyable: the views it gives live as long as it does.
class MediaTypes {
 public:
  /// Only the built-in table: what a web site and a video stream need.
  MediaTypes() : MediaTypes(std::string_view{}) {}

  /// The built-in table and then the text of a mime.types file: lines of a type and its extensions,
  /// "#" starts a comment. The file wins over the table, the first line of the file over later
  /// ones; what is not a type or an extension is skipped.
  explicit MediaTypes(std::string_view mime_types_text);

  MediaTypes(const MediaTypes&) = delete;
  MediaTypes& operator=(const MediaTypes&) = delete;

  /// By the longest known extension of the last path component ("a.tar.gz": "tar.gz", then "gz"),
  /// without regard to case. text/* and application/javascript come with "; charset=utf-8".
  [[nodiscard]] std::string_view by_name(std::string_view file_name) const {
    const std::string_view known = find(file_name);
    return known.empty() ? kDefaultMediaType : known;
  }

  /// by_name that says empty when it does not know.
  [[nodiscard]] std::string_view find(std::string_view file_name) const;

 private:
  void add(std::string_view extension, std::string_view type);
  [[nodiscard]] std::string_view intern(std::string_view type);

  std::deque<std::string> texts_;  // owns extensions and types; a deque does not move its strings
  std::unordered_map<std::string_view, std::string_view> types_;
  std::unordered_set<std::string_view> interned_;
};

}  // namespace midstream::http
