#include "http/precondition.h"

#include "http/etag.h"

namespace midstream::http {
namespace {

// What is there now, to compare with.
struct Current {
  std::optional<EntityTag> tag;
  bool exists = true;
};

using Equal = bool (*)(const EntityTag&, const EntityTag&);

bool line_matches(std::string_view line, const Current& current, Equal equal) {
  if (line == "*") return current.exists;
  if (!current.tag) return false;
  return any_etag(line, [&](const EntityTag& tag) { return equal(tag, *current.tag); });
}

// If-Match or If-None-Match over all its lines. "*" counts only as a whole line: inside a list it
// is no tag.
bool field_matches(const RequestHead& head, KnownField field, std::string_view name,
                   std::string_view first_line, const Current& current, Equal equal) {
  if (!head.is_repeated(field)) return line_matches(first_line, current, equal);
  bool matches = false;
  head.for_each_line(name, [&](std::string_view line) {
    matches = matches || line_matches(line, current, equal);
  });
  return matches;
}

}  // namespace

Verdict evaluate(const RequestHead& head, std::string_view etag,
                 std::optional<std::int64_t> mtime_seconds, bool exists, std::int64_t now_seconds) {
  if (!head.is_conditional()) return Verdict::kProceed;
  // RFC 9110 13.2.1: no effect on methods that neither select nor change a representation.
  if (head.method == Method::kConnect || head.method == Method::kOptions ||
      head.method == Method::kTrace) {
    return Verdict::kProceed;
  }
  const bool reads = head.method == Method::kGet || head.method == Method::kHead;
  const Current current{parse_etag(etag), exists};

  if (is_present(head.if_match)) {
    if (!field_matches(head, KnownField::kIfMatch, "If-Match", head.if_match, current,
                       strong_equal)) {
      return Verdict::kPreconditionFailed;
    }
  } else if (is_present(head.if_unmodified_since) && mtime_seconds) {
    const std::optional<std::int64_t> date = parse_http_date(head.if_unmodified_since, now_seconds);
    if (date && *mtime_seconds > *date) return Verdict::kPreconditionFailed;
  }

  if (is_present(head.if_none_match)) {
    if (field_matches(head, KnownField::kIfNoneMatch, "If-None-Match", head.if_none_match, current,
                      weak_equal)) {
      return reads ? Verdict::kNotModified : Verdict::kPreconditionFailed;
    }
  } else if (reads && is_present(head.if_modified_since) && mtime_seconds) {
    const std::optional<std::int64_t> date = parse_http_date(head.if_modified_since, now_seconds);
    if (date && *mtime_seconds <= *date) return Verdict::kNotModified;
  }
  return Verdict::kProceed;
}

bool if_range_matches(std::string_view if_range, std::string_view etag,
                      std::optional<std::int64_t> mtime_seconds, std::int64_t now_seconds) {
  if (const std::optional<EntityTag> wanted = parse_etag(if_range)) {
    const std::optional<EntityTag> current = parse_etag(etag);
    return current && strong_equal(*wanted, *current);
  }
  if (!mtime_seconds) return false;
  return parse_http_date(if_range, now_seconds) == mtime_seconds;
}

}  // namespace midstream::http
