#include "site/listing.h"

#include <array>

#include <xxhash.h>

#include "site/listing_entries.h"
#include "site/listing_render.h"

namespace midstream::site {
namespace {

// Strong: of all the bytes. A collision made on purpose would only keep an old listing alive.
std::string tag_of(std::string_view body) {
  constexpr std::string_view kHex = "0123456789abcdef";
  XXH128_canonical_t hash;
  XXH128_canonicalFromHash(&hash, XXH3_128bits(body.data(), body.size()));
  std::string tag = "\"";
  for (const unsigned char byte : hash.digest) {
    tag.push_back(kHex[byte >> 4]);
    tag.push_back(kHex[byte & 15]);
  }
  return tag.append(1, '"');
}

}  // namespace

result<ListingAnswer> make_listing(int directory_fd, const ListingRequest& request) {
  auto entries = read_entries(directory_fd, request);
  if (!entries) return entries.error();
  const ListingOrder order = parse_order(request.query);
  sort_entries(*entries, order);
  ListingAnswer answer;
  answer.fields = "Vary: Accept\r\nCache-Control: no-cache\r\nX-Content-Type-Options: nosniff\r\n";
  if (request.json) {
    answer.media_type = "application/json";
    answer.body = render_json(request.url_path, *entries);
  } else {
    answer.media_type = "text/html; charset=utf-8";
    answer.body = render_page(request.url_path, *entries, order);
    answer.fields.append("Content-Security-Policy: ").append(page_policy()).append("\r\n");
  }
  answer.etag = tag_of(answer.body);
  return answer;
}

}  // namespace midstream::site
