#include "serve/error_response.h"

#include <utility>

#include "http/accept.h"
#include "http/chars.h"
#include "http/fields.h"
#include "http/status.h"

namespace midstream::serve {
namespace {

enum class Form : std::uint8_t { kPlain, kHtml, kProblem };

struct Choice {
  std::string_view name;        // as in Accept
  std::string_view media_type;  // as in Content-Type
  Form form;
};

constexpr Choice kPlain = {"text/plain", "text/plain; charset=utf-8", Form::kPlain};
constexpr Choice kOthers[] = {
    {"text/html", "text/html; charset=utf-8", Form::kHtml},
    {"application/problem+json", "application/problem+json", Form::kProblem},
    {"application/json", "application/json", Form::kProblem},
};

// By itself, not only by "*/*" or "text/*".
bool is_named(const http::RequestHead& head, std::string_view type) {
  bool named = false;
  const auto look = [&](std::string_view line) {
    http::for_each_list_member(line, [&](std::string_view member) {
      named = named || http::iequals(http::trim_blanks(member.substr(0, member.find(';'))), type);
    });
  };
  if (head.is_repeated(http::KnownField::kAccept)) {
    head.for_each_line("Accept", look);
  } else {
    look(head.accept);
  }
  return named;
}

// RFC 9110 section 12.5.1. Where nothing is acceptable, plain text is better than nothing.
Choice choose(const http::RequestHead& head) {
  Choice best = kPlain;
  if (!http::is_present(head.accept)) return best;
  int best_quality = http::media_quality(head, kPlain.name);
  for (const Choice& other : kOthers) {
    const int quality = http::media_quality(head, other.name);
    const bool wins_a_tie = quality > 0 && best.form == Form::kPlain && is_named(head, other.name);
    if (quality > best_quality || (quality == best_quality && wins_a_tie)) {
      best = other;
      best_quality = quality;
    }
  }
  return best;
}

std::string html_page(std::string_view title) {
  std::string page =
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
      "<meta name=\"color-scheme\" content=\"light dark\"><title>";
  page.append(title).append("</title></head>\n<body><h1>").append(title);
  return page.append("</h1></body></html>\n");
}

// RFC 9457 section 4.2.1: about:blank says no more than the status. Reason phrases need no escapes.
std::string problem_details(std::string_view status, std::string_view reason) {
  std::string text = "{\"type\":\"about:blank\",\"title\":\"";
  return text.append(reason).append("\",\"status\":").append(status).append("}\n");
}

// `head`: only its Accept counts.
ErrorText text_for(int status, const http::RequestHead& head) {
  const Choice choice = choose(head);
  const std::string number = std::to_string(status);
  const std::string_view reason = http::reason_phrase(status);
  if (choice.form == Form::kProblem) return {choice.media_type, problem_details(number, reason)};
  std::string title = number;
  title.append(" ").append(reason);
  if (choice.form == Form::kHtml) return {choice.media_type, html_page(title)};
  return {choice.media_type, title + "\n"};
}

}  // namespace

ErrorText error_text(int status, std::string_view accept) {
  http::RequestHead head;
  head.accept = accept;
  return text_for(status, head);
}

void respond_error(Exchange& exchange, int status) {
  ErrorText error = text_for(status, exchange.head());
  http::FieldList& fields = exchange.fields();
  std::string allow(fields.find("Allow").value_or(""));
  fields.clear();
  fields.append("Content-Type", error.media_type);
  fields.append("X-Content-Type-Options", "nosniff");
  fields.append("Vary", "Accept");
  if (!allow.empty()) fields.append("Allow", allow);
  exchange.respond<TextSource>(status, std::move(error.text));
}

}  // namespace midstream::serve
