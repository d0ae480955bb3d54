#pragma once

#include <string>
#include <string_view>

#include "serve/exchange.h"

namespace midstream::serve {

/// A small answer that says what the status means, in the form that the client wants (see
/// error_text). It carries no validator, and none of the fields that the handler may have set for
/// the content before, but for Allow. `Vary: Accept`, because caches store some of these answers
/// without being asked to (404, 405, 414, 501 and redirects: RFC 9110 sections 15.1 and 12.5.5).
void respond_error(Exchange& exchange, int status);

struct ErrorText {
  std::string_view media_type;  ///< static
  std::string text;
};

/// The text of such an answer, by what the client accepts (`accept`: the value of the field, may be
/// empty: requests that are refused have no head):
///  - plain text, unless something else is wanted more; so for no Accept and for "*/*", which is
///    what command line tools send;
///  - HTML or problem details (RFC 9457, as application/problem+json or application/json) where
///    they have a higher weight than plain text, or the same and are named. HTML stands first.
[[nodiscard]] ErrorText error_text(int status, std::string_view accept);

}  // namespace midstream::serve
