#include "serve/error_response.h"

#include "http/status.h"

namespace midstream::serve {

ErrorText error_text(int status, std::string_view accept) {
  std::string title = std::to_string(status);
  title.append(" ").append(http::reason_phrase(status));
  if (accept.find("text/html") == std::string_view::npos) {
    return {"text/plain; charset=utf-8", title + "\n"};
  }
  return {"text/html; charset=utf-8",
          "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>" + title +
              "</title></head>\n<body><h1>" + title + "</h1></body></html>\n"};
}

void respond_error(Exchange& exchange, int status) {
  ErrorText error = error_text(status, exchange.head().accept);
  http::FieldList& fields = exchange.fields();
  std::string allow(fields.find("Allow").value_or(""));
  fields.clear();
  fields.append("Content-Type", error.media_type);
  fields.append("X-Content-Type-Options", "nosniff");
  if (!allow.empty()) fields.append("Allow", allow);
  exchange.respond<TextSource>(status, std::move(error.text));
}

}  // namespace midstream::serve
