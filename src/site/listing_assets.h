// The style sheet and the script of the listing, as the build took them from listing.css and
// listing.js (cmake/MidstreamEmbed.cmake).
#pragma once

#include <string_view>

namespace midstream::site {

struct EmbeddedText {
  std::string_view text;
  std::string_view sha256;  ///< of the text, in hexadecimal
};

extern const EmbeddedText kListingStyle;
extern const EmbeddedText kListingScript;

}  // namespace midstream::site
