// The listing of a directory as a small HTML page.
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "base/errno_error.h"
#include "site/file_handler.h"

namespace midstream::site {
namespace {

struct Row {
  std::string name;
  bool directory;
  std::uint64_t size_bytes;
};

void append_escaped_text(std::string& out, std::string_view text) {
  for (const char c : text) {
    switch (c) {
      case '&': out.append("&amp;"); break;
      case '<': out.append("&lt;"); break;
      case '>': out.append("&gt;"); break;
      case '"': out.append("&quot;"); break;
      case '\'': out.append("&#39;"); break;
      default: out.push_back(c);
    }
  }
}

// Everything but unreserved characters (RFC 3986 section 2.3) is percent-encoded.
void append_href(std::string& out, std::string_view name) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  out.append("./");
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '.' || c == '_' || c == '~';
    if (plain) {
      out.push_back(c);
    } else {
      out.push_back('%');
      out.push_back(kHex[byte >> 4]);
      out.push_back(kHex[byte & 15]);
    }
  }
}

result<std::vector<Row>> read_rows(int directory_fd) {
  const int own = ::openat(directory_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (own < 0) return errno_error();
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(::fdopendir(own), &::closedir);
  if (!stream) {
    const error_code failed = errno_error();
    ::close(own);
    return failed;
  }
  std::vector<Row> rows;
  while (const dirent* entry = ::readdir(stream.get())) {
    const std::string_view name = entry->d_name;
    if (name.starts_with(".")) continue;
    struct stat status {};
    if (::fstatat(directory_fd, entry->d_name, &status, 0) != 0) continue;
    if (!S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode)) continue;
    rows.push_back(
        {std::string(name), S_ISDIR(status.st_mode), static_cast<std::uint64_t>(status.st_size)});
  }
  std::sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) {
    return a.directory != b.directory ? a.directory : a.name < b.name;
  });
  return rows;
}

}  // namespace

result<std::string> listing_page(int directory_fd, std::string_view title) {
  const auto rows = read_rows(directory_fd);
  if (!rows) return rows.error();
  std::string page = "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>";
  append_escaped_text(page, title);
  page.append("</title></head>\n<body><h1>");
  append_escaped_text(page, title);
  page.append("</h1>\n<table>\n");
  for (const Row& row : *rows) {
    page.append("<tr><td><a href=\"");
    append_href(page, row.name);
    page.append(row.directory ? "/\">" : "\">");
    append_escaped_text(page, row.name);
    page.append(row.directory ? "/</a></td><td></td></tr>\n" : "</a></td><td>");
    if (!row.directory) page.append(std::to_string(row.size_bytes)).append("</td></tr>\n");
  }
  return page.append("</table></body></html>\n");
}

}  // namespace midstream::site
