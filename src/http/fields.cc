#include "http/fields.h"

#include "base/check.h"

namespace midstream::http {

bool iequals(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (to_lower(a[i]) != to_lower(b[i])) return false;
  }
  return true;
}

bool is_field_value(std::string_view value) {
  for (char c : value) {
    if (!is_value_char(c)) return false;
  }
  return true;
}

FieldView FieldList::Iterator::operator*() const {
  const std::size_t colon = rest_.find(':');
  const std::size_t value = colon + 2;
  return {rest_.substr(0, colon), rest_.substr(value, rest_.find('\r', value) - value)};
}

FieldList::Iterator& FieldList::Iterator::operator++() {
  rest_.remove_prefix(rest_.find('\n') + 1);
  return *this;
}

void FieldList::append(std::string_view name, std::string_view value) {
  const bool is_field = try_append(name, value);
  MIDSTREAM_CHECK(is_field);
}

bool FieldList::try_append(std::string_view name, std::string_view value) {
  if (!is_token(name) || !is_field_value(value)) return false;
  append_line(name, trim_blanks(value));
  return true;
}

void FieldList::append_raw(std::string_view pre_rendered_block) {
  MIDSTREAM_CHECK(pre_rendered_block.empty() || pre_rendered_block.ends_with("\r\n"));
  text_ += pre_rendered_block;
}

void FieldList::append_line(std::string_view name, std::string_view value) {
  text_.append(name).append(": ").append(value).append("\r\n");
}

std::optional<std::string_view> FieldList::find(std::string_view name) const {
  for (const FieldView field : *this) {
    if (iequals(field.name, name)) return field.value;
  }
  return std::nullopt;
}

std::size_t FieldList::remove(std::string_view name) {
  std::size_t removed = 0;
  std::size_t line = 0;
  while (line < text_.size()) {
    const std::size_t next = text_.find('\n', line) + 1;
    const std::string_view line_name(text_.data() + line, text_.find(':', line) - line);
    if (iequals(line_name, name)) {
      text_.erase(line, next - line);
      ++removed;
    } else {
      line = next;
    }
  }
  return removed;
}

std::optional<std::string_view> take_list_member(std::string_view& rest) {
  while (!rest.empty()) {
    bool quoted = false;
    std::size_t end = 0;
    for (; end < rest.size(); ++end) {
      const char c = rest[end];
      if (quoted && c == '\\') {
        ++end;  // RFC 9110 5.6.4: quoted-pair
      } else if (c == '"') {
        quoted = !quoted;
      } else if (c == ',' && !quoted) {
        break;
      }
    }
    if (end > rest.size()) end = rest.size();  // the text ends in the middle of a quoted-pair
    const std::string_view member = trim_blanks(rest.substr(0, end));
    rest.remove_prefix(end == rest.size() ? end : end + 1);
    if (!member.empty()) return member;
  }
  return std::nullopt;
}

bool list_contains(std::string_view list, std::string_view member) {
  while (const std::optional<std::string_view> next = take_list_member(list)) {
    if (iequals(*next, member)) return true;
  }
  return false;
}

}  // namespace midstream::http
