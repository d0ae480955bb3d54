#pragma once

#include <string>
#include <string_view>

#include "serve/exchange.h"

namespace midstream::serve {

/// A small answer that says what the status means: HTML where the client prefers it, else plain
/// text. It carries no validator, and none of the fields that the handler may have set for the
/// content before.
void respond_error(Exchange& exchange, int status);

/// The text of such an answer. `accept`: the request's Accept, may be empty.
struct ErrorText {
  std::string_view media_type;
  std::string text;
};
[[nodiscard]] ErrorText error_text(int status, std::string_view accept);

}  // namespace midstream::serve
