#include "http/sniff.h"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "http/media_type.h"

namespace midstream::http {
namespace {

using namespace std::string_view_literals;

constexpr std::string_view kText = "text/plain; charset=utf-8";
constexpr std::string_view kHtml = "text/html; charset=utf-8";
constexpr std::string_view kXml = "application/xml";

struct SniffCase {
  const char* name;
  std::string_view bytes;
  std::string_view type;
};

template <std::size_t Count>
void expect_types(const SniffCase (&cases)[Count]) {
  for (const SniffCase& row : cases)
    EXPECT_EQ(sniff_media_type(row.bytes), row.type) << row.name;
}

TEST(Sniff, F9Markup) {
  constexpr SniffCase kCases[] = {
      {"Doctype", "<!DOCTYPE html>", kHtml},
      {"DoctypeInAnyCase", "<!docTYPE HtmL>\n", kHtml},
      {"DoctypeWithPublicId", "<!DOCTYPE HTML PUBLIC \"-//W3C//DTD HTML 4.01//EN\">", kHtml},
      {"Html", "<html>", kHtml},
      {"HtmlWithAttribute", "<HTML lang=en>", kHtml},
      {"AfterBlanks", "\r\n\t \f <html>", kHtml},
      {"Head", "<head>", kHtml},
      {"Script", "<script>alert(1)</script>", kHtml},
      {"Iframe", "<iframe src=x>", kHtml},
      {"H1", "<h1>x", kHtml},
      {"Div", "<div class=x>", kHtml},
      {"Font", "<font size=1>", kHtml},
      {"Table", "<table>", kHtml},
      {"A", "<a href=x>", kHtml},
      {"Style", "<style>", kHtml},
      {"Title", "<title>x", kHtml},
      {"B", "<b>x", kHtml},
      {"Body", "<body>", kHtml},
      {"Br", "<br>", kHtml},
      {"P", "<p>x", kHtml},
      {"Comment", "<!-- x -->", kHtml},
      {"Xml", "<?xml version=\"1.0\"?>", kXml},
      {"XmlAfterBlanks", "\n <?xml version=\"1.0\"?>", kXml},
      {"SvgWithDeclaration", "<?xml version=\"1.0\"?><svg/>", kXml},
  };
  expect_types(kCases);
}

// What browsers run must not come out of what is none of it: that is how an upload becomes a page.
TEST(Sniff, F9TextIsNotTakenForMarkup) {
  constexpr SniffCase kCases[] = {
      {"Empty", "", kText},
      {"Words", "plain words\n", kText},
      {"MarkupLater", "words <html><script>alert(1)</script>", kText},
      {"OneByteBefore", "x<html>", kText},
      {"NoEndOfTheTag", "<html", kText},
      {"LineEndBehindTheTag", "<html\n>", kText},
      {"TabBehindTheTag", "<script\tsrc=x>", kText},
      {"SlashBehindTheTag", "<br/>", kText},
      {"LongerName", "<bodyguard>", kText},
      {"LongerShortName", "<address>", kText},
      {"DoctypeOfAnother", "<!DOCTYPE svg>", kText},
      {"TwoBlanksInTheDoctype", "<!DOCTYPE  html>", kText},
      {"Svg", "<svg onload=alert(1)>", kText},
      {"Img", "<img src=x onerror=alert(1)>", kText},
      {"CommentWithoutBlank", "<!--x-->", kText},
      {"BehindAByteOrderMark", "\xef\xbb\xbf<html>", kText},
      {"BehindAVerticalTab", "\v<html>", kDefaultMediaType},
      {"BehindANul", "\0<html>"sv, kDefaultMediaType},
      {"XmlInCapitals", "<?XML version=\"1.0\"?>", kText},
      {"XmlBehindAByteOrderMark", "\xef\xbb\xbf<?xml version=\"1.0\"?>", kText},
      {"OnlyBlanks", " \r\n\t\f", kText},
      {"OnlyAngle", "<", kText},
  };
  expect_types(kCases);
}

TEST(Sniff, F9TextAndBinaryData) {
  constexpr SniffCase kCases[] = {
      {"Utf8",
       "gr\xc3\xbc\xc3\x9f"
       "e",
       kText},
      {"Latin1",
       "gr\xfc\xdf"
       "e",
       kText},
      {"Escape", "\x1b[1mbold\x1b[0m", kText},
      {"Delete", "\x7f", kText},
      {"Utf16BigEndian", "\xfe\xff\0h"sv, "text/plain; charset=utf-16be"},
      {"Utf16LittleEndian", "\xff\xfeh\0"sv, "text/plain; charset=utf-16le"},
      {"Utf8Mark", "\xef\xbb\xbfhello", kText},
      {"Utf16WithoutMark", "h\0e\0"sv, kDefaultMediaType},
      {"Nul", "a\0b"sv, kDefaultMediaType},
      {"Backspace", "a\bb", kDefaultMediaType},
      {"Elf",
       "\x7f"
       "ELF\2\1\1\0"sv,
       kDefaultMediaType},
      {"Json", "{\"a\": 1}", kText},
      {"ShellScript", "#!/bin/sh\n", kText},
      {"TextThatBeginsLikeATag", "ID3 tags\n", kText},
  };
  expect_types(kCases);
  for (int byte = 0; byte < 0x20; ++byte) {
    const char c = static_cast<char>(byte);
    const bool text = c == '\t' || c == '\n' || c == '\f' || c == '\r' || c == '\x1b';
    EXPECT_EQ(sniff_media_type(std::string_view(&c, 1)), text ? kText : kDefaultMediaType) << byte;
  }
}

TEST(Sniff, F9DocumentsAndImages) {
  constexpr SniffCase kCases[] = {
      {"Pdf", "%PDF-1.7\n", "application/pdf"},
      {"PdfAfterABlank", " %PDF-1.7\n", kText},
      {"PostScript", "%!PS-Adobe-3.0\n", "application/postscript"},
      {"Png", "\x89PNG\r\n\x1a\n\0\0\0\rIHDR"sv, "image/png"},
      {"PngThroughATextModeCopy", "\x89PNG\n\x1a\n\0\0\0\nIHDR"sv, kDefaultMediaType},
      {"Jpeg", "\xff\xd8\xff\xe0\0\x10JFIF\0"sv, "image/jpeg"},
      {"Gif87", "GIF87a\1\0\1\0"sv, "image/gif"},
      {"Gif89", "GIF89a\1\0\1\0"sv, "image/gif"},
      {"Webp", "RIFF\x24\0\0\0WEBPVP8 "sv, "image/webp"},
      {"Bmp", "BM\x36\0\0\0\0\0\0\0"sv, "image/bmp"},
      {"Icon", "\0\0\1\0\1\0"sv, "image/vnd.microsoft.icon"},
      {"Cursor", "\0\0\2\0\1\0"sv, "image/vnd.microsoft.icon"},
      {"TiffLittleEndian", "II*\0\x08\0\0\0"sv, "image/tiff"},
      {"TiffBigEndian", "MM\0*\0\0\0\x08"sv, "image/tiff"},
      {"JpegXl", "\0\0\0\x0cJXL \r\n\x87\n"sv, "image/jxl"},
      {"Avif",
       "\0\0\0\x1c"
       "ftypavif\0\0\0\0mif1miafMA1B"sv,
       "image/avif"},
      {"Heic",
       "\0\0\0\x18"
       "ftypheic\0\0\0\0mif1heic"sv,
       "image/heic"},
      {"TextThatBeginsLikeABmp", "BMW is a car\n", kText},
      {"TextThatBeginsLikeAGif", "GIF89a is a format\n", kText},
  };
  expect_types(kCases);
}

TEST(Sniff, F9AudioAndVideo) {
  constexpr SniffCase kCases[] = {
      {"Wav", "RIFF\x24\0\0\0WAVEfmt "sv, "audio/wav"},
      {"Avi", "RIFF\x24\0\0\0AVI LIST"sv, "video/x-msvideo"},
      {"WavWithoutItsBeginning", "RIFX\x24\0\0\0WAVEfmt "sv, kDefaultMediaType},
      {"RiffOfAnother", "RIFF\x24\0\0\0ACONLIST"sv, kDefaultMediaType},
      {"Aiff",
       "FORM\0\0\0\x24"
       "AIFFCOMM"sv,
       "audio/aiff"},
      {"FormOfAnother", "FORM\0\0\0\x24ILBMBMHD"sv, kDefaultMediaType},
      {"Mp3WithTag", "ID3\4\0\0\0\0\0\0"sv, "audio/mpeg"},
      {"Ogg", "OggS\0\2\0\0"sv, "application/ogg"},
      {"Flac", "fLaC\0\0\0\x22"sv, "audio/flac"},
      {"Midi", "MThd\0\0\0\6\0\1"sv, "audio/midi"},
      {"Au", ".snd\0\0\0\x18"sv, "audio/basic"},
      {"Mp4",
       "\0\0\0\x18"
       "ftypmp42\0\0\0\0isommp42"sv,
       "video/mp4"},
      {"Mp4Isom",
       "\0\0\0\x18"
       "ftypisom\0\0\2\0isommp41"sv,
       "video/mp4"},
      {"Mp4ByACompatibleBrand",
       "\0\0\0\x1c"
       "ftypXXXX\0\0\2\0iso8abcdmp41"sv,
       "video/mp4"},
      {"NoBrandThatIsKnown",
       "\0\0\0\x1c"
       "ftypXXXX\0\0\2\0iso8abcdefgh"sv,
       kDefaultMediaType},
      {"BrandBehindTheBox",
       "\0\0\0\x14"
       "ftypXXXX\0\0\2\0iso8mp41"sv,
       kDefaultMediaType},
      {"MinorVersionIsNoBrand",
       "\0\0\0\x14"
       "ftypXXXXmp41iso8"sv,
       kDefaultMediaType},
      {"BoxNotOfFours",
       "\0\0\0\x19"
       "ftypmp42\0\0\0\0isommp42."sv,
       kDefaultMediaType},
      {"BoxLongerThanTheFile",
       "\0\0\0\x20"
       "ftypmp42\0\0\0\0isom"sv,
       kDefaultMediaType},
      {"BoxOfNothing", "\0\0\0\0ftypXXXX\0\0\0\0mp41"sv, kDefaultMediaType},
      {"LargestBox",
       "\xff\xff\xff\xfc"
       "ftypmp42\0\0\0\0mp41"sv,
       kDefaultMediaType},
      {"M4a",
       "\0\0\0\x18"
       "ftypM4A \0\0\0\0isommp42"sv,
       "audio/mp4"},
      {"QuickTime",
       "\0\0\0\x14"
       "ftypqt  \0\0\2\0qt  "sv,
       "video/quicktime"},
      {"Webm", "\x1a\x45\xdf\xa3\x9f\x42\x86\x81\1\x42\x82\x84webm\x42\x87\x81\4"sv, "video/webm"},
      {"Matroska", "\x1a\x45\xdf\xa3\xa3\x42\x86\x81\1\x42\x82\x88matroska\x42\x87"sv,
       "video/x-matroska"},
      {"EbmlOfAnother", "\x1a\x45\xdf\xa3\x9f\x42\x86\x81\1\x42\x82\x84nope"sv, kDefaultMediaType},
      {"EbmlCut", "\x1a\x45\xdf\xa3\x9f\x42\x86\x81\1\x42\x82"sv, kDefaultMediaType},
      {"EbmlNameCut", "\x1a\x45\xdf\xa3\x9f\x42\x86\x81\1\x42\x82\x84web"sv, kDefaultMediaType},
  };
  expect_types(kCases);
}

// 128 kbit/s at 44.1 kHz: frames of 417 bytes, 418 with padding.
TEST(Sniff, F9Mp3WithoutTag) {
  const auto frames = [](std::string_view header, std::size_t size) {
    std::string bytes(header);
    bytes.resize(size);
    return bytes.append(header).append(60, '\0');
  };
  EXPECT_EQ(sniff_media_type(frames("\xff\xfb\x90\x64"sv, 417)), "audio/mpeg");
  EXPECT_EQ(sniff_media_type(frames("\xff\xfb\x92\x64"sv, 418)), "audio/mpeg");
  // Version 2: 32 kbit/s at 22.05 kHz. Version 2.5: 16 kbit/s at 11.025 kHz.
  EXPECT_EQ(sniff_media_type(frames("\xff\xf3\x40\xc0"sv, 104)), "audio/mpeg");
  EXPECT_EQ(sniff_media_type(frames("\xff\xe3\x20\xc0"sv, 104)), "audio/mpeg");
  EXPECT_EQ(sniff_media_type(frames("\xff\xfb\x90\x64"sv, 416)), kDefaultMediaType);
  EXPECT_EQ(sniff_media_type("\xff\xfb\x90\x64\0\0"sv), kDefaultMediaType);  // one frame, and cut
  // Layer II, a reserved version, a free and a forbidden bit rate, a reserved sample rate.
  for (const std::string_view header :
       {"\xff\xfd\x90\x64"sv, "\xff\xeb\x90\x64"sv, "\xff\xfb\x00\x64"sv, "\xff\xfb\xf0\x64"sv,
        "\xff\xfb\x9c\x64"sv}) {
    EXPECT_EQ(sniff_media_type(frames(header, 417)), kDefaultMediaType);
  }
}

TEST(Sniff, F9FontsArchivesAndPrograms) {
  constexpr SniffCase kCases[] = {
      {"Woff", "wOFF\0\1\0\0"sv, "font/woff"},
      {"Woff2", "wOF2\0\1\0\0"sv, "font/woff2"},
      {"OpenType", "OTTO\0\x0b"sv, "font/otf"},
      {"TrueType", "\0\1\0\0\0\x0f"sv, "font/ttf"},
      {"Collection", "ttcf\0\1\0\0"sv, "font/collection"},
      {"Zip", "PK\3\4\x14\0"sv, "application/zip"},
      {"ZipWithNothing", "PK\5\6\0\0"sv, "application/zip"},
      {"Gzip", "\x1f\x8b\x08\0"sv, "application/gzip"},
      {"GzipOfAnotherMethod", "\x1f\x8b\x07\0"sv, kDefaultMediaType},
      {"Rar4", "Rar!\x1a\7\0"sv, "application/vnd.rar"},
      {"Rar5", "Rar!\x1a\7\1\0"sv, "application/vnd.rar"},
      {"SevenZip", "7z\xbc\xaf\x27\x1c\0\4"sv, "application/x-7z-compressed"},
      {"Xz",
       "\xfd"
       "7zXZ\0\0\4"sv,
       "application/x-xz"},
      {"Zstd", "\x28\xb5\x2f\xfd\x04\0"sv, "application/zstd"},
      {"Bzip2", "BZh91AY&SY\0"sv, "application/x-bzip2"},
      {"Wasm", "\0asm\1\0\0\0"sv, "application/wasm"},
  };
  expect_types(kCases);
  std::string tar(512, '\0');
  tar.replace(0, 5, "a.txt").replace(257, 5, "ustar");
  EXPECT_EQ(sniff_media_type(tar), "application/x-tar");
  EXPECT_EQ(sniff_media_type(tar.substr(0, 261)), kDefaultMediaType);
}

TEST(Sniff, F9OnlyTheFirstBytesCount) {
  const std::string blanks(kSniffBytes - 6, ' ');
  EXPECT_EQ(sniff_media_type(blanks + "<html>"), kHtml);
  EXPECT_EQ(sniff_media_type(blanks + " <html>"), kText);
  const std::string text(kSniffBytes, 'x');
  EXPECT_EQ(sniff_media_type(text + '\0'), kText);
  EXPECT_EQ(sniff_media_type(text.substr(1) + '\0'), kDefaultMediaType);
}

// A signature that is cut anywhere is not the whole of it.
TEST(Sniff, F9NoPrefixOfASignatureIsEnough) {
  for (const std::string_view whole :
       {"\x89PNG\r\n\x1a\n"sv,
        "\xfd"
        "7zXZ\0"sv,
        "\0asm"sv, "7z\xbc\xaf\x27\x1c"sv, "RIFF\0\0\0\0WEBPVP"sv, "MThd\0\0\0\6"sv, "%PDF-"sv}) {
    const std::string_view type = sniff_media_type(whole);
    for (std::size_t size = 0; size < whole.size(); ++size)
      EXPECT_NE(sniff_media_type(whole.substr(0, size)), type) << type << " " << size;
  }
}

}  // namespace
}  // namespace midstream::http
