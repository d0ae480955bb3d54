#include "http/coding.h"

#include "http/accept.h"
#include "http/chars.h"

namespace midstream::http {

std::string_view name_of(Coding coding) {
  switch (coding) {
    case Coding::kBrotli: return "br";
    case Coding::kZstd: return "zstd";
    case Coding::kGzip: return "gzip";
  }
  return {};
}

std::string_view suffix_of(Coding coding) {
  switch (coding) {
    case Coding::kBrotli: return ".br";
    case Coding::kZstd: return ".zst";
    case Coding::kGzip: return ".gz";
  }
  return {};
}

std::optional<Coding> choose_coding(const RequestHead& head, std::span<const Coding> available) {
  if (!is_present(head.accept_encoding)) return std::nullopt;
  constexpr int kBest = 1000;
  std::optional<Coding> chosen;
  int quality = 0;
  for (const Coding coding : available) {
    const int wanted = coding_quality(head, name_of(coding));
    if (wanted <= quality) continue;
    chosen = coding;
    quality = wanted;
    if (quality == kBest) return chosen;
  }
  // Unlisted, identity is acceptable but not asked for: "gzip;q=0.5" wants gzip.
  if (chosen && listed_coding_quality(head, "identity").value_or(0) > quality) return std::nullopt;
  return chosen;
}

bool is_compressible(std::string_view media_type, std::span<const std::string> patterns) {
  const std::string_view type = trim_blanks(media_type.substr(0, media_type.find(';')));
  for (const std::string_view pattern : patterns) {
    if (iequals(type, pattern)) return true;
    const bool group = pattern.ends_with("/*");
    // Up to the slash, and something behind it.
    if (group && type.size() >= pattern.size() &&
        iequals(type.substr(0, pattern.size() - 1), pattern.substr(0, pattern.size() - 1))) {
      return true;
    }
  }
  return false;
}

std::string coded_etag(std::string_view etag, Coding coding) {
  std::string tag(etag.starts_with("W/") ? "" : "W/");
  tag.append(etag.substr(0, etag.rfind('"'))).append("-").append(name_of(coding)).append("\"");
  return tag;
}

}  // namespace midstream::http
