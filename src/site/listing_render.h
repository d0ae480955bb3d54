// The two forms of a listing, made of the same entries.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "site/listing_entries.h"

namespace midstream::site {

/// The page. `url_path` as in ListingRequest. `entries` are in `order`.
[[nodiscard]] std::string render_page(std::string_view url_path,
                                      std::span<const ListingEntry> entries, ListingOrder order);

/// The Content-Security-Policy of the page: its own style and script, told by their hashes, and
/// requests to its own origin. So a name that got through the escaping could still do nothing.
[[nodiscard]] const std::string& page_policy();

/// {"path":"/x/","entries":[{"name":"a.log","href":"a.log","type":"file","size":3,
/// "modified":"2026-11-21T18:18:16Z","growing":true}, ...]}. Directories have no size and no
/// growing. "href" is relative to the path and keeps names that are not UTF-8.
[[nodiscard]] std::string render_json(std::string_view url_path,
                                      std::span<const ListingEntry> entries);

}  // namespace midstream::site
