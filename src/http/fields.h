#pragma once

#include <cstddef>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>

#include "http/chars.h"

// Header fields: one borrowed field, an owned list of response fields, and comma lists (RFC 9110
// 5).
namespace midstream::http {

/// Equal but for the case of ASCII letters.
[[nodiscard]] bool iequals(std::string_view a, std::string_view b);

/// No control byte but HTAB: no CR, LF or NUL can split the message (RFC 9110 5.5).
[[nodiscard]] bool is_field_value(std::string_view value);

/// Borrowed. The value has no blanks at its ends; it may be empty.
struct FieldView {
  std::string_view name;
  std::string_view value;
};

/// An ordered list of fields, kept as the text "Name: value\r\n" in one string, so that HTTP/1
/// writes it as it is. Views and iterators are valid until the next change of the list. Invariant:
/// every line has a token, ": ", a field value without blanks at its ends, and CRLF.
class FieldList {
 public:
  class Iterator {
   public:
    using iterator_category = std::input_iterator_tag;
    using value_type = FieldView;
    using difference_type = std::ptrdiff_t;
    using pointer = const FieldView*;
    using reference = FieldView;

    Iterator() = default;
    explicit Iterator(std::string_view rest) : rest_(rest) {}

    FieldView operator*() const;
    Iterator& operator++();
    void operator++(int) { ++*this; }
    friend bool operator==(const Iterator& a, const Iterator& b) {
      return a.rest_.size() == b.rest_.size();
    }

   private:
    std::string_view rest_;
  };

  /// Adds a field at the end; a name may occur often. Blanks around the value are dropped.
  /// Aborts unless `name` is a token and `value` a field value: for our own text, never for a
  /// peer's.
  void append(std::string_view name, std::string_view value);

  /// append for text that somebody else wrote. False, and nothing added, when it is not a field.
  [[nodiscard]] bool try_append(std::string_view name, std::string_view value);

  /// Adds lines that already have the shape of the invariant: what `text` gave, or a constant.
  /// Aborts when a non-empty block does not end in CRLF; the rest of the shape is trusted.
  void append_raw(std::string_view pre_rendered_block);

  /// The value of the first field of that name, without regard to case.
  [[nodiscard]] std::optional<std::string_view> find(std::string_view name) const;

  /// Removes every field of that name; gives how many there were.
  std::size_t remove(std::string_view name);

  /// Keeps the memory.
  void clear() { text_.clear(); }
  void reserve(std::size_t size_bytes) { text_.reserve(size_bytes); }

  [[nodiscard]] bool empty() const { return text_.empty(); }
  [[nodiscard]] std::string_view text() const { return text_; }
  [[nodiscard]] Iterator begin() const { return Iterator(text_); }
  [[nodiscard]] Iterator end() const { return Iterator(); }

 private:
  void append_line(std::string_view name, std::string_view value);

  std::string text_;
};

/// Takes the next member off a comma list (RFC 9110 5.6.1): empty members are skipped, blanks
/// dropped, commas inside a quoted string (with `\` escapes) do not separate. nullopt when nothing
/// is left. A quote that never ends takes the rest. Not for entity tags, where `\` is an ordinary
/// byte: etag.h.
[[nodiscard]] std::optional<std::string_view> take_list_member(std::string_view& rest);

/// Calls `visit(std::string_view member)` for every member. A visit that returns false ends the
/// walk; one that returns nothing does not.
template <typename Visit>
void for_each_list_member(std::string_view list, Visit&& visit) {
  while (const std::optional<std::string_view> member = take_list_member(list)) {
    if constexpr (requires { static_cast<bool>(visit(*member)); }) {
      if (!visit(*member)) return;
    } else {
      visit(*member);
    }
  }
}

/// Whether a comma list has this member, without regard to case.
[[nodiscard]] bool list_contains(std::string_view list, std::string_view member);

}  // namespace midstream::http
