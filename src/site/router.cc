#include "site/router.h"

#include <algorithm>
#include <utility>

#include "http/chars.h"
#include "http/status.h"
#include "http/target.h"
#include "serve/error_response.h"

namespace midstream::site {
namespace {

/// A text that is shared by all who send it.
class SharedText final : public serve::BodySource {
 public:
  explicit SharedText(std::shared_ptr<const FixedAnswer> answer) noexcept
      : answer_(std::move(answer)) {}

  [[nodiscard]] std::optional<std::uint64_t> size() const override { return answer_->body.size(); }
  [[nodiscard]] serve::Piece next(std::uint64_t limit_bytes) override {
    using serve::Piece;
    const auto rest = std::string_view(answer_->body).substr(given_);
    if (rest.empty()) return {};
    const auto now = rest.substr(0, static_cast<std::size_t>(limit_bytes));
    given_ += now.size();
    const auto after = now.size() == rest.size() ? Piece::After::kEnd : Piece::After::kMore;
    return {.kind = Piece::Kind::kMemory, .after = after, .memory = now};
  }

 private:
  std::shared_ptr<const FixedAnswer> answer_;
  std::size_t given_ = 0;
};

void respond_fixed(serve::Exchange& exchange, int status,
                   const std::shared_ptr<const FixedAnswer>& answer) {
  if (!http::is_bodiless(status)) exchange.fields().append("Content-Type", answer->media_type);
  exchange.respond<SharedText>(status, answer);
}

// RFC 3986 section 3.3, pchar and "/".
void append_encoded(std::string& out, std::string_view path) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  constexpr std::string_view kPlain = "-._~!$&'()*+,;=:@/";
  for (const char c : path) {
    const char lower = http::to_lower(c);
    const bool letter = lower >= 'a' && lower <= 'z';
    if (letter || http::is_digit(c) || kPlain.find(c) != std::string_view::npos) {
      out.push_back(c);
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    out.append({'%', kHex[byte >> 4], kHex[byte & 15]});
  }
}

// A path of ours from a cleaned one: it begins with one slash, so it never names a host.
std::string path_text(std::string_view relative, bool trailing_slash) {
  std::string out;
  if (!relative.empty()) append_encoded(out.append("/"), relative);
  if (trailing_slash || relative.empty()) out.append("/");
  return out;
}

// Placeholders of RedirectOptions::to.
std::string expand(std::string_view to, serve::Exchange& exchange, std::string_view host,
                   const FileHandler::Place& place) {
  const http::Target& target = exchange.target();
  const bool bare = exchange.scratch().empty() && !place.trailing_slash;  // "/a" of the route "/a"
  const std::string rest = bare ? "" : path_text(exchange.scratch(), place.trailing_slash);
  std::string path(target.path_raw);
  if (path.starts_with("//") || path.starts_with("/\\")) path = std::string(place.prefix) + rest;
  const std::string query = target.has_query ? "?" + std::string(target.query) : std::string();
  const std::pair<std::string_view, std::string_view> known[] = {
      {"{host}", host}, {"{path}", path}, {"{rest}", rest}, {"{query}", query}};
  std::string out;
  while (!to.empty()) {
    bool replaced = false;
    for (const auto& [name, value] : known) {
      if (!to.starts_with(name)) continue;
      out.append(value);
      to.remove_prefix(name.size());
      replaced = true;
      break;
    }
    if (replaced) continue;
    out.push_back(to.front());
    to.remove_prefix(1);
  }
  return out;
}

}  // namespace

Router::Router(serve::Worker& worker, std::shared_ptr<const Sites> sites, net::DiskPool& pool,
               Follower& follower)
    : sites_(std::move(sites)) {
  if (sites_->files().empty()) return;
  watches_.emplace(worker.poll_set());
  for (const Files* files : sites_->files())
    files_.push_back(std::make_unique<FileHandler>(worker, pool, follower, *watches_, *files));
}

void Router::stop() {
  files_.clear();
  watches_.reset();
}

std::string_view Router::authority_of(const serve::Exchange& exchange) {
  const http::Target& target = exchange.target();
  return target.absolute ? target.authority : exchange.head().host;
}

Router::Routed Router::find_route(serve::Exchange& exchange) const {
  if (exchange.target().asterisk) {
    exchange.fields().append("Allow", "GET, HEAD, OPTIONS");
    exchange.respond(204);
    return {};
  }
  const auto path = http::decode_path(exchange.target().path_raw, exchange.scratch());
  if (!path) {
    serve::respond_error(exchange, 400);
    return {};
  }
  const Site* site = sites_->find(authority_of(exchange));
  if (site == nullptr) {
    serve::respond_error(exchange, 421);  // RFC 9110 section 15.5.20
    return {};
  }
  const Route* route = site->find(path->relative);
  if (route == nullptr) {
    serve::respond_error(exchange, 404);
    return {};
  }
  if (const std::size_t size = route->prefix.size(); size > 0) {
    exchange.scratch().erase(0, size);  // without its slash, with the one behind it
  }
  return {route, {.prefix = route->prefix, .trailing_slash = path->trailing_slash}};
}

FileHandler* Router::files_of(const Route& route) const {
  const auto* files = std::get_if<std::unique_ptr<Files>>(&route.handler);
  return files == nullptr ? nullptr : files_[(*files)->index].get();
}

bool Router::try_handle(serve::Exchange& exchange) {
  const Routed routed = find_route(exchange);
  if (routed.route == nullptr) return true;
  if (FileHandler* files = files_of(*routed.route)) {
    if (!files->try_answer(exchange, routed.place)) return false;
  } else {
    answer_without_files(exchange, routed);
  }
  finish(exchange, *routed.route);
  return true;
}

net::Awaitable<void> Router::handle(serve::Exchange& exchange) {
  const Routed routed = find_route(exchange);
  if (routed.route == nullptr) co_return;
  if (FileHandler* files = files_of(*routed.route)) co_await files->answer(exchange, routed.place);
  finish(exchange, *routed.route);
}

void Router::answer_without_files(serve::Exchange& exchange, const Routed& routed) {
  const auto& handler = routed.route->handler;
  if (const auto* answer = std::get_if<std::shared_ptr<const FixedAnswer>>(&handler)) {
    return respond_fixed(exchange, (*answer)->status, *answer);
  }
  const auto& redirect = std::get<Redirect>(handler);
  const std::string location = expand(redirect.to, exchange, authority_of(exchange), routed.place);
  serve::respond_error(exchange, redirect.status);
  if (!exchange.fields().try_append("Location", location)) serve::respond_error(exchange, 400);
}

void Router::finish(serve::Exchange& exchange, const Route& route) {
  const int status = exchange.status();
  const auto* fixed = std::get_if<std::shared_ptr<const FixedAnswer>>(&route.handler);
  const bool has_text = fixed != nullptr && !(*fixed)->body.empty();  // of its own
  const auto* page = status >= 400 && !has_text ? route.error_page(status) : nullptr;
  if (page != nullptr) {
    exchange.fields().remove("Content-Type");
    exchange.fields().remove("Vary");  // the page is the same for all
    respond_fixed(exchange, status, *page);
  }
  for (const HeaderEdit& edit : route.edits)
    edit.apply(exchange.fields(), status);
}

}  // namespace midstream::site
