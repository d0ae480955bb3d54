#include "http/sniff.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include "http/chars.h"
#include "http/media_type.h"

namespace midstream::http {
namespace {

using std::string_view_literals::operator""sv;

constexpr std::string_view kText = "text/plain; charset=utf-8";
constexpr std::string_view kHtml = "text/html; charset=utf-8";

// A tag, in any case, with a blank or ">" behind it.
constexpr std::string_view kHtmlTags[] = {
    "<!doctype html", "<html", "<head",  "<script", "<iframe", "<h1",   "<div", "<font",
    "<table",         "<a",    "<style", "<title",  "<b",      "<body", "<br",  "<p",
    "<!--",
};

// `bytes` at `offset`; where it is not 0, `before` at the start too.
struct Signature {
  std::string_view bytes;
  std::string_view type;
  std::size_t offset = 0;
  std::string_view before = {};
};

// Asked in front of the difference between text and binary data. No charset for XML: it says so
// itself, and a parameter would stand above that (RFC 7303 section 3.2).
constexpr Signature kDocuments[] = {
    {"%PDF-", "application/pdf"},
    {"%!PS-Adobe-", "application/postscript"},
    {"\xfe\xff", "text/plain; charset=utf-16be"},
    {"\xff\xfe", "text/plain; charset=utf-16le"},
    {"\xef\xbb\xbf", kText},
};

// The standard's, and others that are as certain.
constexpr Signature kBinaries[] = {
    // Images
    {"\x89PNG\r\n\x1a\n", "image/png"},
    {"\xff\xd8\xff", "image/jpeg"},
    {"GIF87a", "image/gif"},
    {"GIF89a", "image/gif"},
    {"WEBPVP", "image/webp", 8, "RIFF"},
    {"BM", "image/bmp"},
    {"\0\0\1\0"sv, "image/vnd.microsoft.icon"},
    {"\0\0\2\0"sv, "image/vnd.microsoft.icon"},
    {"II*\0"sv, "image/tiff"},
    {"MM\0*"sv, "image/tiff"},
    {"\0\0\0\x0cJXL \r\n\x87\n"sv, "image/jxl"},
    // Audio and video
    {"WAVE", "audio/wav", 8, "RIFF"},
    {"AVI ", "video/x-msvideo", 8, "RIFF"},
    {"AIFF", "audio/aiff", 8, "FORM"},
    {"AIFC", "audio/aiff", 8, "FORM"},
    {"ID3", "audio/mpeg"},
    {"fLaC", "audio/flac"},
    {"OggS\0"sv, "application/ogg"},
    {"MThd\0\0\0\6"sv, "audio/midi"},
    {".snd", "audio/basic"},
    {"FLV\1", "video/x-flv"},
    // Fonts
    {"wOFF", "font/woff"},
    {"wOF2", "font/woff2"},
    {"OTTO", "font/otf"},
    {"ttcf", "font/collection"},
    {"\0\1\0\0"sv, "font/ttf"},
    // Archives
    {"PK\3\4", "application/zip"},
    {"PK\5\6", "application/zip"},  // an empty one
    {"\x1f\x8b\x08", "application/gzip"},
    {"Rar!\x1a\7", "application/vnd.rar"},
    {"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"},
    {"\xfd"
     "7zXZ\0"sv,
     "application/x-xz"},
    {"\x28\xb5\x2f\xfd", "application/zstd"},
    {"BZh", "application/x-bzip2"},
    {"ustar", "application/x-tar", 257},
    // Programs
    {"\0asm"sv, "application/wasm"},
};

// Brands of the ISO base media file format (ISO/IEC 14496-12 section 4.3).
struct Brand {
  std::string_view name;
  std::string_view type;
};
constexpr Brand kBrands[] = {
    {"avif", "image/avif"},      {"avis", "image/avif"}, {"heic", "image/heic"},
    {"heix", "image/heic"},      {"M4A ", "audio/mp4"},  {"M4B ", "audio/mp4"},
    {"qt  ", "video/quicktime"}, {"M4V ", "video/mp4"},  {"isom", "video/mp4"},
    {"iso2", "video/mp4"},       {"iso5", "video/mp4"},  {"iso6", "video/mp4"},
    {"avc1", "video/mp4"},       {"dash", "video/mp4"},
};

unsigned byte_at(std::string_view bytes, std::size_t index) {
  return static_cast<std::uint8_t>(bytes[index]);
}

bool is_at(std::string_view bytes, std::size_t offset, std::string_view wanted) {
  return offset <= bytes.size() && bytes.substr(offset).starts_with(wanted);
}

// "Whitespace byte" of the standard; not the blank of HTTP.
bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f'; }

// "Binary data byte": a control byte that no text has; ESC is one that some have.
bool is_binary(char c) {
  const auto byte = static_cast<std::uint8_t>(c);
  return byte < 0x20 && !is_space(c) && byte != 0x1b;
}

bool begins_with_tag(std::string_view bytes, std::string_view tag) {
  if (bytes.size() <= tag.size()) return false;
  const bool same = std::equal(tag.begin(), tag.end(), bytes.begin(),
                               [](char a, char b) { return a == to_lower(b); });
  return same && (bytes[tag.size()] == ' ' || bytes[tag.size()] == '>');
}

// Empty when it is no markup.
std::string_view markup_type(std::string_view bytes) {
  while (!bytes.empty() && is_space(bytes.front()))
    bytes.remove_prefix(1);
  if (!bytes.starts_with('<')) return {};
  const bool html = std::any_of(std::begin(kHtmlTags), std::end(kHtmlTags),
                                [&](std::string_view tag) { return begins_with_tag(bytes, tag); });
  if (html) return kHtml;
  return bytes.starts_with("<?xml") ? "application/xml" : std::string_view();
}

template <std::size_t Count>
std::string_view signature_type(const Signature (&table)[Count], std::string_view bytes) {
  const auto found = std::find_if(std::begin(table), std::end(table), [&](const Signature& row) {
    return is_at(bytes, row.offset, row.bytes) && bytes.starts_with(row.before);
  });
  return found == std::end(table) ? std::string_view() : found->type;
}

// A file type box first: the major brand, or else "mp4" among the compatible ones.
std::string_view mp4_type(std::string_view bytes) {
  constexpr std::size_t kMajorBrandAt = 8;
  constexpr std::size_t kCompatibleAt = 16;
  if (bytes.size() < 12 || !is_at(bytes, 4, "ftyp")) return {};
  const std::size_t box_size = byte_at(bytes, 0) << 24 | byte_at(bytes, 1) << 16 |
                               byte_at(bytes, 2) << 8 | byte_at(bytes, 3);
  if (box_size > bytes.size() || box_size % 4 != 0) return {};
  for (const Brand& brand : kBrands) {
    if (is_at(bytes, kMajorBrandAt, brand.name)) return brand.type;
  }
  if (is_at(bytes, kMajorBrandAt, "mp4")) return "video/mp4";
  for (std::size_t at = kCompatibleAt; at < box_size; at += 4) {
    if (is_at(bytes, at, "mp4")) return "video/mp4";
  }
  return {};
}

// An EBML header whose DocType is known (RFC 8794 section 11.2.6, RFC 9559).
std::string_view matroska_type(std::string_view bytes) {
  constexpr std::size_t kHeaderBytesMax = 64;  // the element is among the first ones
  if (!bytes.starts_with("\x1a\x45\xdf\xa3")) return {};
  bytes = bytes.substr(0, kHeaderBytesMax);
  const std::size_t found = bytes.find("\x42\x82");
  if (found == std::string_view::npos || bytes.size() - found < 3) return {};
  const unsigned size = byte_at(bytes, found + 2) ^ 0x80U;  // one byte, as for all short texts
  const std::string_view name = bytes.substr(found + 3, size);
  if (name == "webm") return "video/webm";
  return name == "matroska" ? "video/x-matroska" : std::string_view();
}

// Of a frame of MPEG audio layer III (ISO/IEC 11172-3 section 2.4.2.3); 0 when none begins here.
std::size_t mp3_frame_size(std::string_view bytes) {
  constexpr std::size_t kHeaderBytes = 4;
  constexpr unsigned kVersion1 = 3;
  constexpr unsigned kVersionReserved = 1;
  constexpr unsigned kLayer3 = 1;
  constexpr std::array<std::uint16_t, 16> kKilobits1 = {0,   32,  40,  48,  56,  64,  80,  96,
                                                        112, 128, 160, 192, 224, 256, 320, 0};
  constexpr std::array<std::uint16_t, 16> kKilobits2 = {0,  8,  16, 24,  32,  40,  48,  56,
                                                        64, 80, 96, 112, 128, 144, 160, 0};
  constexpr std::array<std::uint32_t, 4> kHertz1 = {44100, 48000, 32000, 0};
  if (bytes.size() < kHeaderBytes || byte_at(bytes, 0) != 0xff) return 0;
  const unsigned version = byte_at(bytes, 1) >> 3 & 3;
  const bool synchronous = byte_at(bytes, 1) >> 5 == 7;
  if (!synchronous || version == kVersionReserved || (byte_at(bytes, 1) >> 1 & 3) != kLayer3) {
    return 0;
  }
  const unsigned rate_index = byte_at(bytes, 2) >> 4;
  const unsigned kilobits = version == kVersion1 ? kKilobits1[rate_index] : kKilobits2[rate_index];
  // Half of it in version 2, a quarter in 2.5.
  const unsigned hertz = kHertz1[byte_at(bytes, 2) >> 2 & 3] >> (version == kVersion1 ? 0
                                                                 : version == 2       ? 1
                                                                                      : 2);
  if (kilobits == 0 || hertz == 0) return 0;
  const unsigned padding = byte_at(bytes, 2) >> 1 & 1;
  return (version == kVersion1 ? 144'000U : 72'000U) * kilobits / hertz + padding;
}

// Two frames in a row, because one alone is eleven bits that may be anything.
bool is_mp3(std::string_view bytes) {
  const std::size_t size = mp3_frame_size(bytes);
  return size != 0 && size < bytes.size() && mp3_frame_size(bytes.substr(size)) != 0;
}

}  // namespace

std::string_view sniff_media_type(std::string_view first_bytes) {
  const std::string_view bytes = first_bytes.substr(0, kSniffBytes);
  if (const auto type = markup_type(bytes); !type.empty()) return type;
  if (const auto type = signature_type(kDocuments, bytes); !type.empty()) return type;
  if (std::none_of(bytes.begin(), bytes.end(), is_binary)) return kText;
  if (const auto type = signature_type(kBinaries, bytes); !type.empty()) return type;
  if (const auto type = mp4_type(bytes); !type.empty()) return type;
  if (const auto type = matroska_type(bytes); !type.empty()) return type;
  return is_mp3(bytes) ? "audio/mpeg" : kDefaultMediaType;
}

}  // namespace midstream::http
