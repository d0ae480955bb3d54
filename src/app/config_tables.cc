// The kinds of tables whose keys are free: media types, error pages, header fields.
#include <charconv>
#include <system_error>

#include "app/config_kinds.h"
#include "http/chars.h"
#include "http/fields.h"

namespace midstream::app {
namespace {

using Type = ConfigNode::Type;

// Notes the place; false, and said so, when it is no table.
bool is_table(const ConfigNode& node, const std::string& path, std::string_view expected,
              ConfigReading& reading) {
  reading.places[path] = node.at;
  if (node.type == Type::kTable) return true;
  reading.wrong_type(node, expected);
  return false;
}

// The key of an entry is wrong.
void wrong_key(const ConfigNode& entry, std::string_view expected, std::string_view meant,
               ConfigReading& reading) {
  reading.complain(entry.key_at, "the key " + quote_toml(entry.key) + " is wrong, expected " +
                                     std::string(expected) + did_you_mean(meant));
}

std::optional<std::string> checked_key(const ConfigNode& entry, Checked (*check)(std::string&),
                                       ConfigReading& reading) {
  std::string key = entry.key;
  const Checked refused = check(key);
  if (!refused) return key;
  wrong_key(entry, refused->expected, refused->meant, reading);
  return std::nullopt;
}

// "404" as 404, "4xx" as 4 (site::ErrorPages).
std::optional<int> parse_error_status(std::string_view text) {
  if (text == "4xx" || text == "5xx") return text.front() - '0';
  int status = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), status);
  const bool whole = failed == std::errc() && end == text.data() + text.size();
  return whole && status >= 400 && status <= 599 ? std::optional(status) : std::nullopt;
}

}  // namespace

ConfigEntries MediaTypeTable::entries(const std::map<std::string, std::string>& types) {
  ConfigEntries entries;
  for (const auto& [extension, type] : types)
    entries.emplace_back(extension, quote_toml(type));
  return entries;
}

void MediaTypeTable::read(const ConfigNode& node, const std::string& path,
                          std::map<std::string, std::string>& types, ConfigReading& reading) {
  if (!is_table(node, path, R"(a table such as {md = "text/markdown"})", reading)) return;
  for (const ConfigNode& entry : node.items) {
    const auto extension = checked_key(entry, &check_extension, reading);
    const auto type =
        read_text(entry, path + "." + entry.key, &check_media_type, "a media type", reading);
    if (!extension || !type) continue;
    if (!types.emplace(*extension, *type).second)
      reading.complain(entry.key_at, "the extension " + quote_toml(entry.key) +
                                         " is there twice, expected it only once");
  }
}

ConfigEntries ErrorPageTable::entries(const site::ErrorPages& pages) {
  ConfigEntries entries;
  for (const auto& [status, file] : pages)
    entries.emplace_back(std::to_string(status) + (status < 10 ? "xx" : ""), quote_toml(file));
  return entries;
}

void ErrorPageTable::read(const ConfigNode& node, const std::string& path, site::ErrorPages& pages,
                          ConfigReading& reading) {
  if (!is_table(node, path, R"(a table such as {404 = "/srv/errors/404.html"})", reading)) return;
  for (const ConfigNode& entry : node.items) {
    const auto status = parse_error_status(entry.key);
    const bool in_dots = entry.type == Type::kTable;  // 404.html = ... in TOML: a table "404"
    if (!status) wrong_key(entry, R"(a status from 400 to 599, "4xx" or "5xx")", {}, reading);
    const auto file = read_text(entry, path + "." + entry.key, &check_file_path,
                                in_dots ? "a path in quotes" : "a path", reading);
    if (status && file) pages[*status] = reading.resolve(*file);
  }
}

ConfigEntries FieldTable::entries(const site::HeaderRules::Fields& fields) {
  ConfigEntries entries;
  for (std::size_t i = 0; i < fields.size();) {
    const std::string& name = fields[i].first;
    std::string values;
    std::size_t count = 0;
    for (; i < fields.size() && fields[i].first == name; ++i, ++count)
      values.append(count > 0 ? ", " : "").append(quote_toml(fields[i].second));
    entries.emplace_back(name, count > 1 ? "[" + values + "]" : values);
  }
  return entries;
}

void FieldTable::read(const ConfigNode& node, const std::string& path,
                      site::HeaderRules::Fields& fields, ConfigReading& reading) {
  if (!is_table(node, path, R"(a table such as {Cache-Control = "no-cache"})", reading)) return;
  for (const ConfigNode& entry : node.items) {
    const auto name = checked_key(entry, &check_field_name, reading);
    if (!name) continue;
    for (const auto& [known, value] : fields) {
      if (!http::iequals(known, *name)) continue;
      reading.complain(entry.key_at, "the field " + quote_toml(*name) + " is there as " +
                                         quote_toml(known) + " too, expected it only once");
      break;
    }
    const std::string place = path + "." + entry.key;
    const auto take = [&](const ConfigNode& value) {
      auto text =
          read_text(value, place, &check_field_value, "a string or a list of strings", reading);
      if (text) fields.emplace_back(*name, *std::move(text));
    };
    if (entry.type != Type::kList) {
      take(entry);
    } else if (entry.items.empty()) {
      reading.wrong_type(entry, "at least one value");
    } else {
      for (const ConfigNode& value : entry.items)
        take(value);
    }
  }
}

}  // namespace midstream::app
