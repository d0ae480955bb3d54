#include "site/listing_render.h"
#include "site/listing_text.h"

namespace midstream::site {
namespace {

void append_entry(std::string& out, const ListingEntry& entry) {
  out.append("{\"name\":");
  append_json_string(out, to_utf8(entry.name));
  out.append(",\"href\":\"");
  append_href(out, entry.name);
  if (entry.directory) {
    out.append("/\",\"type\":\"directory\"");
  } else {
    out.append("\",\"type\":\"file\",\"size\":").append(std::to_string(entry.size_bytes));
  }
  out.append(",\"modified\":\"").append(rfc3339(entry.modified_seconds)).push_back('"');
  if (!entry.directory) out.append(entry.growing ? ",\"growing\":true" : ",\"growing\":false");
  out.push_back('}');
}

}  // namespace

std::string render_json(std::string_view url_path, std::span<const ListingEntry> entries) {
  constexpr std::size_t kEntryBytes = 160;  // about
  std::string json;
  json.reserve(url_path.size() + (entries.size() + 1) * kEntryBytes);
  json.append("{\"path\":");
  append_json_string(json, to_utf8(url_path));
  json.append(",\"entries\":[");
  for (std::size_t index = 0; index < entries.size(); ++index) {
    json.append(index == 0 ? "\n" : ",\n");
    append_entry(json, entries[index]);
  }
  return json.append("\n]}\n");
}

}  // namespace midstream::site
