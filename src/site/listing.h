// The listing of a directory: a page for people, JSON for programs. docs/listing.md shows both.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <midstream/error.h>

#include "site/root.h"

namespace midstream::site {

struct ListingRequest {
  std::string url_path;  ///< decoded; begins and ends with "/"
  std::string query;     ///< what follows the "?": sort=name|size|time, order=asc|desc
  bool json = false;
  /// Says which symbolic links may be followed. Null: links are left out.
  const Root* root = nullptr;
  std::string below_root;  ///< the directory as `root` knows it; empty is the root itself
  /// Patterns (fnmatch(3)) of names that are left out. May be null.
  const std::vector<std::string>* hide = nullptr;
  bool follow = true;  ///< mark what somebody is writing
};

struct ListingAnswer {
  std::string body;
  std::string etag;  ///< strong, with its quotes: the same bytes, the same tag
  std::string_view media_type;
  /// Lines beside Content-Type and ETag, for a 304 as well: "Name: value\r\n" each.
  std::string fields;
};

/// Blocks: it reads the directory, asks for the status of every entry, and whether somebody is
/// writing the youngest of them. Runs on any thread.
/// Left out is what a client could not get: names that begin with "." or hold a control byte
/// (http::decode_path refuses them), what `hide` matches, symbolic links that `root` does not
/// follow, and what is neither a file nor a directory.
/// Errors: those of reading the directory.
[[nodiscard]] result<ListingAnswer> make_listing(int directory_fd, const ListingRequest& request);

}  // namespace midstream::site
