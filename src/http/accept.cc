#include "http/accept.h"

#include <algorithm>
#include <cstddef>

#include "http/chars.h"

namespace midstream::http {
namespace {

constexpr int kBest = 1000;
constexpr int kUnlisted = -1;

// qvalue, RFC 9110 12.4.2: "0", "0.5", "0.123", "1", "1.000".
int read_weight(std::string_view text) {
  if (text.empty() || text.size() > 5 || (text[0] != '0' && text[0] != '1')) return 0;
  if (text.size() > 1 && text[1] != '.') return 0;
  int weight = (text[0] - '0') * kBest;
  int place = kBest / 10;
  for (char c : text.substr(std::min<std::size_t>(2, text.size()))) {
    if (!is_digit(c)) return 0;
    weight += (c - '0') * place;
    place /= 10;
  }
  return weight <= kBest ? weight : 0;
}

// What a member names, and its weight. A semicolon inside a quoted parameter is not looked for: no
// parameter but the weight matters, and it comes last.
struct Member {
  std::string_view name;
  int quality = kBest;
};

Member read_member(std::string_view text) {
  Member member;
  std::size_t semicolon = std::min(text.find(';'), text.size());
  member.name = trim_blanks(text.substr(0, semicolon));
  while (semicolon < text.size()) {
    text.remove_prefix(semicolon + 1);
    semicolon = std::min(text.find(';'), text.size());
    const std::string_view parameter = trim_blanks(text.substr(0, semicolon));
    if (parameter.size() >= 2 && to_lower(parameter[0]) == 'q' && parameter[1] == '=') {
      member.quality = read_weight(parameter.substr(2));
    }
  }
  return member;
}

// Calls `visit(const Member&)` for all members on all lines of a field.
template <typename Visit>
void for_each_member(const RequestHead& head, KnownField field, std::string_view name,
                     std::string_view first_line, Visit&& visit) {
  const auto walk = [&](std::string_view line) {
    for_each_list_member(line, [&](std::string_view text) { visit(read_member(text)); });
  };
  if (head.is_repeated(field)) {
    head.for_each_line(name, walk);
  } else {
    walk(first_line);
  }
}

}  // namespace

std::optional<int> listed_coding_quality(const RequestHead& head, std::string_view coding) {
  int listed = kUnlisted;
  int any = kUnlisted;
  for_each_member(head, KnownField::kAcceptEncoding, "Accept-Encoding", head.accept_encoding,
                  [&](const Member& member) {
                    const std::string_view name =
                        iequals(member.name, "x-gzip") ? "gzip" : member.name;
                    if (name == "*") any = member.quality;
                    if (iequals(name, coding)) listed = std::max(listed, member.quality);
                  });
  if (listed != kUnlisted) return listed;
  if (any != kUnlisted) return any;
  return std::nullopt;
}

int coding_quality(const RequestHead& head, std::string_view coding) {
  return listed_coding_quality(head, coding).value_or(iequals(coding, "identity") ? kBest : 0);
}

int media_quality(const RequestHead& head, std::string_view type) {
  if (!is_present(head.accept)) return kBest;
  const std::string_view group = type.substr(0, type.find('/'));
  int exact = kUnlisted;
  int in_group = kUnlisted;
  int any = kUnlisted;
  for_each_member(head, KnownField::kAccept, "Accept", head.accept, [&](const Member& member) {
    if (iequals(member.name, type)) {
      exact = std::max(exact, member.quality);
    } else if (member.name == "*/*") {
      any = std::max(any, member.quality);
    } else if (member.name.ends_with("/*") &&
               iequals(member.name.substr(0, member.name.size() - 2), group)) {
      in_group = std::max(in_group, member.quality);
    }
  });
  if (exact != kUnlisted) return exact;
  if (in_group != kUnlisted) return in_group;
  return std::max(any, 0);
}

}  // namespace midstream::http
