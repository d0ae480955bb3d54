#include "site/sites.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <iterator>
#include <utility>

#include <fnmatch.h>

#include "base/errno_error.h"
#include "http/chars.h"
#include "http/status.h"
#include "http/target.h"

namespace midstream::site {
namespace {

using Failure = Sites::Failure;
template <class T>
using Built = boost::system::result<T, Failure>;

constexpr std::uint64_t kErrorPageBytesMax = std::uint64_t{1} << 20;

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), [](char c) { return http::to_lower(c); });
  return out;
}

HeaderEdit edit_of(const HeaderRules& rules) {
  HeaderEdit edit{.removed = rules.remove, .added = {}, .on_errors = rules.on_errors};
  http::FieldList added;
  for (const auto& [name, value] : rules.set) {
    edit.removed.push_back(name);
    (void)added.try_append(name, value);  // the configuration was checked
  }
  for (const auto& [name, value] : rules.add)
    (void)added.try_append(name, value);
  edit.added = added.text();
  return edit;
}

Built<std::shared_ptr<const FixedAnswer>> read_page(const std::string& path,
                                                    const http::MediaTypes& types) {
  const auto failed = [&] { return Failure{"cannot read the error page " + path, errno_error()}; };
  struct stat about {};
  if (::stat(path.c_str(), &about) != 0) return failed();
  errno = S_ISREG(about.st_mode) ? EFBIG : EINVAL;
  if (!S_ISREG(about.st_mode) || about.st_size > static_cast<off_t>(kErrorPageBytesMax)) {
    return failed();
  }
  errno = EIO;
  std::ifstream in(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(in), {}};
  if (in.bad() || text.size() != static_cast<std::size_t>(about.st_size)) return failed();
  return std::make_shared<const FixedAnswer>(
      FixedAnswer{0, std::string(types.by_name(path)), std::move(text)});
}

// "/a/b/" as "/a/b", "/" as "".
std::string prefix_of(const std::string& path) {
  std::string storage;
  const auto decoded = http::decode_path(path, storage);
  if (!decoded || decoded->relative.empty()) return {};
  return "/" + std::string(decoded->relative);
}

}  // namespace

void HeaderEdit::apply(http::FieldList& fields, int status) const {
  if (status >= 400 && !on_errors) return;
  for (const std::string& name : removed)
    fields.remove(name);
  fields.append_raw(added);
}

bool Route::takes(std::string_view path) const {
  const std::size_t size = prefix.empty() ? 0 : prefix.size() - 1;  // without its slash
  if (size > 0) {
    if (!path.starts_with(std::string_view(prefix).substr(1))) return false;
    if (path.size() > size && path[size] != '/') return false;
  }
  if (names.empty()) return true;
  const std::string name(path.substr(path.rfind('/') + 1));
  return std::any_of(names.begin(), names.end(), [&](const std::string& pattern) {
    return ::fnmatch(pattern.c_str(), name.c_str(), 0) == 0;
  });
}

const std::shared_ptr<const FixedAnswer>* Route::error_page(int status) const {
  for (const auto& pages : error_pages) {
    for (const int key : {status, status / 100}) {
      if (const auto found = pages.find(key); found != pages.end()) return &found->second;
    }
  }
  return nullptr;
}

const Route* Site::find(std::string_view path) const {
  for (const Route& route : routes) {
    if (route.takes(path)) return &route;
  }
  return nullptr;
}

Built<std::shared_ptr<const Sites>> Sites::build(const std::vector<SiteOptions>& sites,
                                                 std::shared_ptr<const http::MediaTypes> types) {
  const std::shared_ptr<Sites> built(new Sites());
  built->types_ = std::move(types);
  for (const SiteOptions& options : sites) {
    if (auto added = built->add(options); !added) return std::move(added).error();
  }
  return std::shared_ptr<const Sites>(built);
}

Built<void> Sites::add(const SiteOptions& options) {
  auto site = std::make_unique<Site>();
  for (const RouteOptions& route_options : options.routes) {
    auto route = make_route(options, route_options);
    if (!route) return std::move(route).error();
    site->routes.push_back(std::move(*route));
  }
  std::stable_sort(site->routes.begin(), site->routes.end(), [](const Route& a, const Route& b) {
    if (a.prefix.size() != b.prefix.size()) return a.prefix.size() > b.prefix.size();
    return !a.names.empty() && b.names.empty();
  });
  if (options.hosts.empty()) default_ = site.get();
  for (const std::string& host : options.hosts)
    by_host_.insert_or_assign(lower(host), site.get());
  sites_.push_back(std::move(site));
  return {};
}

Built<Route> Sites::make_route(const SiteOptions& site, const RouteOptions& options) {
  Route route;
  route.prefix = prefix_of(options.path);
  route.names = options.names;
  for (const HeaderRules* rules : {&site.headers, &options.headers}) {
    if (!rules->empty()) route.edits.push_back(edit_of(*rules));
  }
  const ErrorPages* pages[] = {&options.error_pages, &site.error_pages};
  for (std::size_t i = 0; i < route.error_pages.size(); ++i) {
    for (const auto& [status, path] : *pages[i]) {
      auto page = read_page(path, *types_);
      if (!page) return std::move(page).error();
      route.error_pages[i].emplace(status, std::move(*page));
    }
  }
  if (const auto* answer = std::get_if<AnswerOptions>(&options.handler)) {
    route.handler = std::make_shared<const FixedAnswer>(
        FixedAnswer{answer->status, answer->type, answer->body});
  } else if (const auto* redirect = std::get_if<RedirectOptions>(&options.handler)) {
    route.handler = Redirect{redirect->to, redirect->status};
  } else {
    const auto& files = std::get<FileOptions>(options.handler);
    auto root = Root::open(files.root, files.symlinks);
    if (!root) return Failure{"cannot serve " + files.root, root.error()};
    auto made = std::make_unique<Files>(
        Files{files, std::move(*root), files_.size(), TypeRules{*types_, files.sniff, {}, {}}});
    made->rules.default_type = made->options.default_type;
    const bool varies = !files.precompressed.empty() || !files.compress.codings.empty();
    if (varies) made->rules.vary = "Vary: Accept-Encoding\r\n";
    files_.push_back(made.get());
    route.handler = std::move(made);
  }
  return route;
}

const Site* Sites::find(std::string_view authority) const {
  if (by_host_.empty()) return default_;
  const std::size_t bracket = authority.rfind(']');  // "[::1]:80"
  const std::size_t colon = authority.find(':', bracket == std::string_view::npos ? 0 : bracket);
  std::string host = lower(authority.substr(0, colon));
  if (host.ends_with('.')) host.pop_back();  // a name written in full (RFC 1034 section 3.1)
  if (const auto found = by_host_.find(host); found != by_host_.end()) return found->second;
  for (std::size_t dot = host.find('.'); dot != std::string::npos; dot = host.find('.', dot + 1)) {
    const auto found = by_host_.find("*" + host.substr(dot));
    if (found != by_host_.end()) return found->second;
  }
  return default_;
}

}  // namespace midstream::site
