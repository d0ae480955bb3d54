// Sites: what a configuration says, ready for use: hosts to sites, sites to routes, routes to what
// answers. Shared by all workers, never changes: a reload makes another one.
#pragma once

#include <array>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <variant>
#include <vector>

#include "http/fields.h"
#include "http/media_type.h"
#include "site/open_file.h"
#include "site/options.h"
#include "site/root.h"

namespace midstream::site {

/// The handler `files`. Stays where it is: others keep references.
struct Files {
  FileOptions options;
  Root root;
  std::size_t index;  ///< among all Files of the configuration
  TypeRules rules;
};

/// The handler `redirect`.
struct Redirect {
  std::string to;
  int status;
};

/// The handler `answer`, and an error page.
struct FixedAnswer {
  int status;  ///< of an error page: 0, it is sent with the status of the error
  std::string media_type;
  std::string body;
};

/// HeaderRules, ready for use.
struct HeaderEdit {
  std::vector<std::string> removed;
  std::string added;  // "Name: value\r\n" ...
  bool on_errors = false;

  void apply(http::FieldList& fields, int status) const;
};

struct Route {
  std::string prefix;  ///< "" or "/a/b", decoded
  std::vector<std::string> names;
  std::variant<std::unique_ptr<Files>, Redirect, std::shared_ptr<const FixedAnswer>> handler;
  std::vector<HeaderEdit> edits;  ///< those of the site, then its own
  /// By status; 4 and 5 for the others of 4xx and 5xx. Its own, then those of the site.
  std::array<std::map<int, std::shared_ptr<const FixedAnswer>>, 2> error_pages;

  /// nullptr: none.
  [[nodiscard]] const std::shared_ptr<const FixedAnswer>* error_page(int status) const;

  /// `path`: decoded, relative, as http::decode_path gives it.
  [[nodiscard]] bool takes(std::string_view path) const;
};

struct Site {
  std::vector<Route> routes;  ///< the first one that takes a path is the one

  /// nullptr: none.
  [[nodiscard]] const Route* find(std::string_view path) const;
};

class Sites {
 public:
  struct Failure {
    std::string what;  ///< "cannot serve /srv/x"
    error_code why;
  };

  /// `types` outlives it. Errors: what cannot be opened or read.
  [[nodiscard]] static boost::system::result<std::shared_ptr<const Sites>, Failure> build(
      const std::vector<SiteOptions>& sites, std::shared_ptr<const http::MediaTypes> types);

  /// The site of a host: its name, then the longest "*." that matches, then the default.
  /// `authority`: host[:port] as in Host. nullptr: none.
  [[nodiscard]] const Site* find(std::string_view authority) const;

  /// Every Files, in order of its index.
  [[nodiscard]] const std::vector<const Files*>& files() const noexcept { return files_; }

 private:
  Sites() = default;
  [[nodiscard]] boost::system::result<void, Failure> add(const SiteOptions& options);
  [[nodiscard]] boost::system::result<Route, Failure> make_route(const SiteOptions& site,
                                                                 const RouteOptions& options);

  std::shared_ptr<const http::MediaTypes> types_;
  std::vector<std::unique_ptr<Site>> sites_;
  std::vector<const Files*> files_;
  std::unordered_map<std::string, const Site*> by_host_;  // "a.example", "*.example": lower case
  const Site* default_ = nullptr;
};

}  // namespace midstream::site
