#include <algorithm>
#include <array>

#include "http/chars.h"
#include "site/listing_assets.h"
#include "site/listing_render.h"
#include "site/listing_text.h"

namespace midstream::site {
namespace {

constexpr std::string_view kHeadBegin = R"(<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Cpath fill='%23d9962b' d='M1 3h5l2 2h7v9H1z'/%3E%3C/svg%3E">
<title>)";

constexpr std::string_view kAfterSummary = R"(</p>
<input id="filter" type="search" placeholder="Filter" title="Press / to filter" hidden
 aria-label="Filter by name" aria-keyshortcuts="/" autocomplete="off" spellcheck="false">
</header>
<main>
)";

struct Column {
  ListingOrder::By by;
  std::string_view title;
  std::string_view parameter;
};

constexpr std::array kColumns = {Column{ListingOrder::By::kName, "Name", "name"},
                                 Column{ListingOrder::By::kSize, "Size", "size"},
                                 Column{ListingOrder::By::kTime, "Modified", "time"}};

void append_title(std::string& out, std::string_view utf8_path) {
  out.append("Index of ");
  append_html(out, utf8_path);
}

// "1 file", "2 files".
std::string count_text(std::size_t count, std::string_view noun) {
  return std::to_string(count).append(1, ' ').append(noun).append(count == 1 ? "" : "s");
}

// listing.js has the same.
void append_summary(std::string& out, std::span<const ListingEntry> entries) {
  const auto directories = static_cast<std::size_t>(
      std::count_if(entries.begin(), entries.end(), [](const auto& one) { return one.directory; }));
  std::uint64_t bytes = 0;
  for (const ListingEntry& entry : entries)
    bytes += entry.size_bytes;
  const std::size_t files = entries.size() - directories;
  if (directories > 0) out.append(count_text(directories, "folder"));
  if (directories > 0 && files > 0) out.append(", ");
  if (directories == 0 || files > 0) out.append(count_text(files, "file"));
  if (bytes > 0) out.append(", ").append(size_text(bytes));
}

// The way from the top to here. Links are relative, so that they also lead right behind a proxy
// that cuts a prefix off the path.
void append_path(std::string& out, std::string_view utf8_path) {
  auto depth = std::count(utf8_path.begin(), utf8_path.end(), '/') - 1;
  out.append("<nav aria-label=\"Path\"><ol>\n");
  std::string_view rest = utf8_path;
  for (bool top = true; !rest.empty(); top = false, --depth) {
    const std::string_view name = rest.substr(0, rest.find('/'));
    rest.remove_prefix(name.size() + 1);
    out.append("<li><a href=\"");
    if (depth == 0) out.append("./\" aria-current=\"page");
    for (auto up = depth; up > 0; --up)
      out.append("../");
    out.append(top ? "\" class=\"top\">" : "\">");
    append_html(out, top ? "Top" : name);
    out.append("</a></li>\n");
  }
  out.append("</ol></nav>\n");
}

// Without the script the headings are links that let the server sort.
void append_headings(std::string& out, ListingOrder order) {
  out.append("<thead><tr>\n");
  for (const Column& column : kColumns) {
    const bool current = column.by == order.by;
    const bool descends = current ? !order.descending : natural_order(column.by).descending;
    out.append("<th scope=\"col\"");
    if (current) {
      out.append(order.descending ? " aria-sort=\"descending\"" : " aria-sort=\"ascending\"");
    }
    out.append("><a href=\"?sort=").append(column.parameter);
    out.append(descends ? "&amp;order=desc\">" : "&amp;order=asc\">").append(column.title);
    out.append(column.by == ListingOrder::By::kTime ? "</a> <small>UTC</small></th>\n"
                                                    : "</a></th>\n");
  }
  out.append("</tr></thead>\n");
}

// "2026-11-21 18:18" of "2026-11-21T18:18:16Z".
std::string minutes_text(std::string_view time) {
  return std::string(time.substr(0, 10)).append(1, ' ').append(time.substr(11, 5));
}

void append_row(std::string& out, const ListingEntry& entry) {
  out.append(entry.directory ? "<tr class=\"folder\">"
             : entry.growing ? "<tr class=\"live\">"
                             : "<tr>");
  out.append("<th scope=\"row\"><a href=\"");
  append_href(out, entry.name);
  out.append(entry.directory ? "/\">" : "\">");
  append_html(out, to_utf8(entry.name));
  out.append(entry.directory ? "/</a>" : "</a>");
  if (entry.growing) out.append("<span class=\"growing\"> growing</span>");
  out.append("</th><td>");
  if (!entry.directory) {
    out.append("<data value=\"").append(std::to_string(entry.size_bytes)).append("\">");
    out.append(size_text(entry.size_bytes)).append("</data>");
  }
  const std::string time = rfc3339(entry.modified_seconds);
  out.append("</td><td><time datetime=\"").append(time).append("\">");
  out.append(minutes_text(time)).append("</time></td></tr>\n");
}

void append_table(std::string& out, std::string_view utf8_path,
                  std::span<const ListingEntry> entries, ListingOrder order) {
  out.append("<table>\n");
  append_headings(out, order);
  if (utf8_path != "/") {
    out.append(
        "<tbody><tr class=\"up\"><th scope=\"row\"><a href=\"../\">Parent folder</a></th>"
        "<td></td><td></td></tr></tbody>\n");
  }
  out.append("<tbody id=\"entries\">\n");
  for (const ListingEntry& entry : entries)
    append_row(out, entry);
  out.append("</tbody>\n</table>\n");
  out.append(entries.empty() ? "<p id=\"empty\">" : "<p id=\"empty\" hidden>");
  out.append("This folder is empty.</p>\n");
}

// RFC 4648 section 4.
std::string base64_of_sha256(std::string_view hexadecimal) {
  constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  // Three hexadecimal digits are two of base64; 64 of them leave one, whose bits want padding.
  std::string text;
  for (std::size_t at = 0; at < hexadecimal.size(); at += 3) {
    unsigned bits = 0;
    for (std::size_t digit = at; digit < at + 3; ++digit) {
      const int value = digit < hexadecimal.size() ? http::hex_value(hexadecimal[digit]) : 0;
      bits = bits << 4 | static_cast<unsigned>(value);
    }
    text.push_back(kAlphabet[bits >> 6]);
    if (at + 1 < hexadecimal.size()) text.push_back(kAlphabet[bits & 63]);
  }
  return text.append((4 - text.size() % 4) % 4, '=');
}

}  // namespace

std::string render_page(std::string_view url_path, std::span<const ListingEntry> entries,
                        ListingOrder order) {
  constexpr std::size_t kRowBytes = 240;  // about
  const std::string utf8_path = to_utf8(url_path);
  std::string page;
  page.reserve(2048 + kListingStyle.text.size() + kListingScript.text.size() +
               entries.size() * kRowBytes);
  page.append(kHeadBegin);
  append_title(page, utf8_path);
  page.append("</title>\n<style>").append(kListingStyle.text);
  page.append("</style>\n</head>\n<body>\n<header>\n<h1 class=\"unseen\">");
  append_title(page, utf8_path);
  page.append("</h1>\n");
  append_path(page, utf8_path);
  page.append("<p id=\"summary\">");
  append_summary(page, entries);
  page.append(kAfterSummary);
  append_table(page, utf8_path, entries, order);
  page.append(
      "<p id=\"status\" class=\"unseen\" role=\"status\" aria-live=\"polite\"></p>\n"
      "</main>\n<script>");
  return page.append(kListingScript.text).append("</script>\n</body>\n</html>\n");
}

const std::string& page_policy() {
  // img-src: the icons, which are data in the style sheet.
  static const std::string policy =
      "default-src 'none'; style-src 'sha256-" + base64_of_sha256(kListingStyle.sha256) +
      "'; script-src 'sha256-" + base64_of_sha256(kListingScript.sha256) +
      "'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; "
      "frame-ancestors 'self'; require-trusted-types-for 'script'; trusted-types 'none'";
  return policy;
}

}  // namespace midstream::site
