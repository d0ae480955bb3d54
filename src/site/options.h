// What a configuration says about sites: plain values, checked by app/config, compiled by
// site/sites.
//
// docs/configuration.md is the manual; the names here are the names there.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "http/coding.h"

namespace midstream::site {

using http::Coding;

enum class Follow : std::uint8_t {
  kAuto,     ///< every file that the kernel says somebody has open for writing
  kNever,    ///< the size at open
  kMatching  ///< as kAuto, for paths that match the pattern (fnmatch(3))
};

enum class Symlinks : std::uint8_t {
  kNever,   ///< 403
  kWithin,  ///< as long as they stay below the root
  kFollow   ///< wherever they lead
};

/// Compression of files while they are sent.
struct CompressOptions {
  std::vector<Coding> codings;  ///< in order of preference; empty: off
  /// Media types without parameters; "text/*" means all of them.
  std::vector<std::string> types = {
      "text/*",          "application/javascript",    "application/json",
      "application/xml", "application/manifest+json", "application/wasm",
      "image/svg+xml"};
  std::uint64_t min_bytes = 1024;  ///< smaller files go as they are
  bool growing = false;            ///< growing files too, flushed whenever the writer pauses

  friend bool operator==(const CompressOptions&, const CompressOptions&) = default;
};

/// The handler `files`.
struct FileOptions {
  std::string root;
  std::vector<std::string> index = {"index.html"};  ///< names; the first that exists
  bool listing = false;
  Symlinks symlinks = Symlinks::kWithin;
  Follow follow = Follow::kAuto;
  std::string follow_pattern;
  /// Patterns (fnmatch(3)); a path with a component that matches one does not exist for clients.
  std::vector<std::string> hide;
  /// Tried in order, below the root: "{path}", "{path}.html", "{path}/", "/index.html", and as the
  /// last one perhaps "=404". Empty: as {"{path}"}.
  std::vector<std::string> try_files;
  std::vector<Coding> precompressed;  ///< siblings looked for, in order of preference
  CompressOptions compress;
  bool sniff = true;  ///< look at the first bytes where the extension says nothing
  std::string default_type = "application/octet-stream";
  std::size_t open_files_max = 1024;  ///< kept open, for each worker

  friend bool operator==(const FileOptions&, const FileOptions&) = default;
};

/// The handler `redirect`.
struct RedirectOptions {
  /// May hold {host}, {path} (as the client sent it), {rest} (behind the route's path, with its
  /// leading slash) and {query} ("?..." or nothing).
  std::string to;
  int status = 308;

  friend bool operator==(const RedirectOptions&, const RedirectOptions&) = default;
};

/// The handler `answer`.
struct AnswerOptions {
  int status = 200;
  std::string body;
  std::string type = "text/plain; charset=utf-8";

  friend bool operator==(const AnswerOptions&, const AnswerOptions&) = default;
};

using HandlerOptions = std::variant<FileOptions, RedirectOptions, AnswerOptions>;

/// Changes to the fields of responses, in this order: remove, set, add.
struct HeaderRules {
  using Fields = std::vector<std::pair<std::string, std::string>>;
  std::vector<std::string> remove;
  Fields set;              ///< instead of what is there
  Fields add;              ///< beside what is there
  bool on_errors = false;  ///< also where the status is 400 or above

  [[nodiscard]] bool empty() const noexcept { return remove.empty() && set.empty() && add.empty(); }
  friend bool operator==(const HeaderRules&, const HeaderRules&) = default;
};

/// Status to file: what is sent instead of the small text. The files are read when the
/// configuration is. 4 and 5 stand for every status of 4xx and 5xx that is not there itself.
using ErrorPages = std::map<int, std::string>;

struct RouteOptions {
  /// A path and all below it: "/a" takes /a and /a/b, not /ab. The longest one wins.
  std::string path = "/";
  /// Patterns (fnmatch(3)) for the last component of the path; empty: any. Among routes of the same
  /// path those with names come first, in the order written.
  std::vector<std::string> names;
  HandlerOptions handler;
  HeaderRules headers;     ///< after those of the site
  ErrorPages error_pages;  ///< before those of the site

  friend bool operator==(const RouteOptions&, const RouteOptions&) = default;
};

struct SiteOptions {
  /// "example.org", "*.example.org"; empty: every host that no other site has.
  std::vector<std::string> hosts;
  std::vector<RouteOptions> routes;
  HeaderRules headers;
  ErrorPages error_pages;

  friend bool operator==(const SiteOptions&, const SiteOptions&) = default;
};

}  // namespace midstream::site
