#include "http/media_type.h"

#include <algorithm>
#include <array>
#include <utility>

#include "http/chars.h"

namespace midstream::http {
namespace {

constexpr std::size_t kExtensionSizeMax = 63;

using Entry = std::pair<std::string_view, std::string_view>;

// Enough for sites, streams and downloads where there is no mime.types, and what older ones lack.
constexpr std::array kBuiltIn = {
    Entry{"7z", "application/x-7z-compressed"},
    Entry{"aac", "audio/aac"},
    Entry{"apng", "image/apng"},
    Entry{"avif", "image/avif"},
    Entry{"bmp", "image/bmp"},
    Entry{"bz2", "application/x-bzip2"},
    Entry{"cmfa", "audio/mp4"},
    Entry{"cmfv", "video/mp4"},
    Entry{"css", "text/css"},
    Entry{"csv", "text/csv"},
    Entry{"flac", "audio/flac"},
    Entry{"gif", "image/gif"},
    Entry{"gz", "application/gzip"},
    Entry{"htm", "text/html"},
    Entry{"html", "text/html"},
    Entry{"ico", "image/vnd.microsoft.icon"},
    Entry{"ics", "text/calendar"},
    Entry{"jpeg", "image/jpeg"},
    Entry{"jpg", "image/jpeg"},
    Entry{"js", "text/javascript"},
    Entry{"json", "application/json"},
    Entry{"jsonld", "application/ld+json"},
    Entry{"jxl", "image/jxl"},
    Entry{"log", "text/plain"},
    Entry{"m3u8", "application/vnd.apple.mpegurl"},
    Entry{"m4a", "audio/mp4"},
    Entry{"m4s", "video/iso.segment"},
    Entry{"m4v", "video/mp4"},
    Entry{"map", "application/json"},
    Entry{"md", "text/markdown"},
    Entry{"mjs", "text/javascript"},
    Entry{"mkv", "video/x-matroska"},
    Entry{"mov", "video/quicktime"},
    Entry{"mp3", "audio/mpeg"},
    Entry{"mp4", "video/mp4"},
    Entry{"mpd", "application/dash+xml"},
    Entry{"mpeg", "video/mpeg"},
    Entry{"oga", "audio/ogg"},
    Entry{"ogg", "audio/ogg"},
    Entry{"ogv", "video/ogg"},
    Entry{"opus", "audio/ogg"},
    Entry{"otf", "font/otf"},
    Entry{"pdf", "application/pdf"},
    Entry{"png", "image/png"},
    Entry{"svg", "image/svg+xml"},
    Entry{"tar", "application/x-tar"},
    Entry{"tif", "image/tiff"},
    Entry{"tiff", "image/tiff"},
    Entry{"ts", "video/mp2t"},
    Entry{"ttf", "font/ttf"},
    Entry{"txt", "text/plain"},
    Entry{"vtt", "text/vtt"},
    Entry{"wasm", "application/wasm"},
    Entry{"wav", "audio/wav"},
    Entry{"weba", "audio/webm"},
    Entry{"webm", "video/webm"},
    Entry{"webmanifest", "application/manifest+json"},
    Entry{"webp", "image/webp"},
    Entry{"woff", "font/woff"},
    Entry{"woff2", "font/woff2"},
    Entry{"xhtml", "application/xhtml+xml"},
    Entry{"xml", "application/xml"},
    Entry{"xz", "application/x-xz"},
    Entry{"zip", "application/zip"},
    Entry{"zst", "application/zstd"},
};

bool is_media_type(std::string_view text) {
  const std::size_t slash = text.find('/');
  return slash != std::string_view::npos && is_token(text.substr(0, slash)) &&
         is_token(text.substr(slash + 1));
}

// Takes the next word off a line; empty at its end.
std::string_view take_word(std::string_view& line) {
  while (!line.empty() && is_blank(line.front()))
    line.remove_prefix(1);
  const std::size_t size = std::min(line.find_first_of(" \t"), line.size());
  const std::string_view word = line.substr(0, size);
  line.remove_prefix(size);
  return word;
}

std::string lower_case(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(), to_lower);
  return lower;
}

}  // namespace

MediaTypes::MediaTypes(std::string_view mime_types_text) {
  while (!mime_types_text.empty()) {
    const std::size_t end = std::min(mime_types_text.find('\n'), mime_types_text.size());
    std::string_view line = mime_types_text.substr(0, end);
    mime_types_text.remove_prefix(std::min(end + 1, mime_types_text.size()));
    line = line.substr(0, line.find('#'));
    if (line.ends_with('\r')) line.remove_suffix(1);
    const std::string_view type = take_word(line);
    if (!is_media_type(type)) continue;
    for (std::string_view word = take_word(line); !word.empty(); word = take_word(line)) {
      add(word, type);
    }
  }
  for (const auto& [extension, type] : kBuiltIn)
    add(extension, type);
}

void MediaTypes::add(std::string_view extension, std::string_view type) {
  if (extension.size() > kExtensionSizeMax) return;
  std::string key = lower_case(extension);
  if (types_.contains(key)) return;
  const std::string_view value = intern(type);
  types_.emplace(texts_.emplace_back(std::move(key)), value);
}

// Each type is kept once, as it is sent.
std::string_view MediaTypes::intern(std::string_view type) {
  std::string text = lower_case(type);
  if (text.starts_with("text/") || text == "application/javascript") text += "; charset=utf-8";
  const auto known = interned_.find(text);
  if (known != interned_.end()) return *known;
  return *interned_.insert(texts_.emplace_back(std::move(text))).first;
}

std::string_view MediaTypes::find(std::string_view file_name) const {
  const std::size_t slash = file_name.rfind('/');
  if (slash != std::string_view::npos) file_name.remove_prefix(slash + 1);
  std::array<char, kExtensionSizeMax> lower;
  // From the left, so that the longest extension is tried first.
  for (std::size_t dot = file_name.find('.'); dot != std::string_view::npos;
       dot = file_name.find('.', dot + 1)) {
    const std::string_view extension = file_name.substr(dot + 1);
    if (extension.size() > lower.size()) continue;
    std::transform(extension.begin(), extension.end(), lower.begin(), to_lower);
    const auto known = types_.find(std::string_view(lower.data(), extension.size()));
    if (known != types_.end()) return known->second;
  }
  return {};
}

}  // namespace midstream::http
