#include "site/file_handler.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include <fnmatch.h>
#include <spdlog/spdlog.h>

#include "http/accept.h"
#include "http/precondition.h"
#include "serve/error_response.h"

namespace midstream::site {

using serve::respond_error;

namespace {

constexpr std::string_view kAllow = "GET, HEAD, OPTIONS";

// F5. No text of the operating system reaches the client.
int status_of(const error_code& error) {
  switch (error.value()) {
    case ENOENT:
    case ENOTDIR:
    case ENAMETOOLONG:
    case ELOOP: return 404;
    case EACCES:
    case EPERM:
    case EXDEV: return 403;
    default: return 500;
  }
}

void respond_failure(serve::Exchange& exchange, const std::string& path, const error_code& error) {
  const int status = status_of(error);
  if (status == 500) spdlog::error("{}: {}", path, error.message());
  respond_error(exchange, status);
}

void redirect(serve::Exchange& exchange, std::string location) {
  const http::Target& target = exchange.target();
  if (target.has_query) location.append("?").append(target.query);
  respond_error(exchange, 301);
  if (!exchange.fields().try_append("Location", location)) respond_error(exchange, 404);
}

// The last component of the path as the client sent it, as a relative reference (RFC 3986
// section 4.2).
std::string own_name_with_slash(std::string_view path_raw) {
  std::string name(path_raw.substr(path_raw.rfind('/') + 1));
  if (name.find(':') != std::string::npos) name.insert(0, "./");
  return name.append("/");
}

std::string_view last_component(std::string_view path) { return path.substr(path.rfind('/') + 1); }

std::string below(const std::string& directory, const std::string& name) {
  return directory.empty() ? name : directory + "/" + name;
}

}  // namespace

FileHandler::FileHandler(serve::Worker& worker, net::DiskPool& pool, Follower& follower,
                         Watches& watches, const Files& files)
    : worker_(worker),
      pool_(pool),
      files_(files),
      options_(files.options),
      lookup_({watches, pool, follower, files.root, files.options, files.rules}) {}

bool FileHandler::try_answer(serve::Exchange& exchange, Place place) {
  Walk one{.exchange = exchange, .place = place};
  return walk(one) == Outcome::kAnswered;
}

net::Awaitable<void> FileHandler::answer(serve::Exchange& exchange, Place place) {
  Walk one{.exchange = exchange, .place = place};
  while (walk(one) == Outcome::kMustWait)
    co_await wait_for_disk(one);
}

net::Awaitable<void> FileHandler::wait_for_disk(Walk& walk) {
  if (!walk.directory.valid()) co_return co_await lookup_.prepare(walk.prepared);
  auto job = [fd = walk.directory.get(), request = listing_request(walk)] {
    return make_listing(fd, request);
  };
  auto listing = pool_.run(std::move(job));
  walk.listing.emplace(co_await std::move(listing));
  walk.directory.reset();
}

FileHandler::Outcome FileHandler::walk(Walk& walk) {
  serve::Exchange& exchange = walk.exchange;
  const http::Method method = exchange.head().method;
  if (method != http::Method::kGet && method != http::Method::kHead) {
    exchange.fields().append("Allow", kAllow);
    if (method == http::Method::kOptions) {
      exchange.respond(204);
    } else {
      respond_error(exchange, 405);
    }
    return Outcome::kAnswered;
  }
  const std::string& path = exchange.scratch();
  if (!walk.prepared.empty() || walk.listing || !exchange.just_arrived()) lookup_.catch_up();
  if (is_hidden(path)) {
    respond_error(exchange, 404);
    return Outcome::kAnswered;
  }
  const bool directory = walk.place.trailing_slash || path.empty();
  if (path.empty() && !walk.place.trailing_slash && !walk.place.prefix.empty()) {  // "/a" of "/a"
    redirect(exchange, own_name_with_slash(exchange.target().path_raw));
    return Outcome::kAnswered;
  }
  if (!directory && is_index(path)) {
    redirect(exchange, "./");
    return Outcome::kAnswered;
  }
  if (!options_.try_files.empty()) return answer_candidates(walk);
  return directory ? answer_directory(walk, path) : answer_name(walk, path);
}

FileHandler::Outcome FileHandler::answer_name(Walk& walk, const std::string& path) {
  if (auto file = lookup_.find_cached(path)) return answer_file(walk, path, std::move(file));
  FileLookup::Found found = lookup_.find(path, walk.prepared);
  if (found.kind == FileLookup::Found::Kind::kDirectory) {
    redirect(walk.exchange, own_name_with_slash(walk.exchange.target().path_raw));
    return Outcome::kAnswered;
  }
  return answer_found(walk, path, std::move(found));
}

FileHandler::Outcome FileHandler::answer_directory(Walk& walk, const std::string& path) {
  using Kind = FileLookup::Found::Kind;
  for (const std::string& name : options_.index) {
    const std::string index = below(path, name);
    FileLookup::Found found = lookup_.find(index, walk.prepared);
    const bool missing = found.kind == Kind::kFailed && status_of(found.error) == 404;
    const bool no_file = found.kind == Kind::kDirectory || found.kind == Kind::kOther;
    if (!missing && !no_file) return answer_found(walk, index, std::move(found));
  }
  FileLookup::Found found = lookup_.find(path, walk.prepared);
  if (found.kind == Kind::kDirectory) return answer_listing(walk, std::move(found.directory));
  if (found.kind == Kind::kMustWait || found.kind == Kind::kFailed) {
    return answer_found(walk, path, std::move(found));
  }
  respond_error(walk.exchange, 404);
  return Outcome::kAnswered;
}

FileHandler::Outcome FileHandler::answer_candidates(Walk& walk) {
  for (const std::string& candidate : options_.try_files) {
    if (const auto outcome = answer_candidate(walk, candidate)) return *outcome;
  }
  respond_error(walk.exchange, 404);
  return Outcome::kAnswered;
}

// nullopt: there is no such file; the next one.
std::optional<FileHandler::Outcome> FileHandler::answer_candidate(Walk& walk,
                                                                  std::string_view candidate) {
  using Kind = FileLookup::Found::Kind;
  constexpr std::string_view kPath = "{path}";
  if (candidate.starts_with('=')) {
    respond_error(walk.exchange, std::stoi(std::string(candidate.substr(1))));
    return Outcome::kAnswered;
  }
  const std::string& path = walk.exchange.scratch();
  std::string name(candidate);
  if (const std::size_t at = name.find(kPath); at != std::string::npos) {
    if (walk.place.trailing_slash && !candidate.ends_with('/')) return std::nullopt;  // F2
    name.replace(at, kPath.size(), path);
  }
  const bool directory = name.empty() || name.ends_with('/');
  if (name.starts_with('/')) name.erase(0, 1);
  if (directory && name.ends_with('/')) name.pop_back();
  if (directory && !candidate.ends_with('/')) return std::nullopt;  // the root is no file
  if (is_hidden(name)) return std::nullopt;
  FileLookup::Found found = lookup_.find(name, walk.prepared);
  if (found.kind == Kind::kFailed && status_of(found.error) == 404) return std::nullopt;
  if (found.kind == Kind::kMustWait) return Outcome::kMustWait;
  if ((found.kind == Kind::kDirectory) != directory) return std::nullopt;
  if (!directory) return answer_found(walk, name, std::move(found));
  if (walk.place.trailing_slash || path.empty()) return answer_directory(walk, name);
  redirect(walk.exchange, own_name_with_slash(walk.exchange.target().path_raw));
  return Outcome::kAnswered;
}

FileHandler::Outcome FileHandler::answer_found(Walk& walk, const std::string& path,
                                               FileLookup::Found found) {
  using Kind = FileLookup::Found::Kind;
  switch (found.kind) {
    case Kind::kMustWait: return Outcome::kMustWait;
    case Kind::kFailed: respond_failure(walk.exchange, path, found.error); break;
    case Kind::kOther:
    case Kind::kDirectory: respond_error(walk.exchange, 403); break;
    case Kind::kFile: return answer_file(walk, path, std::move(found.file));
    case Kind::kGrowing: answer_growing(walk.exchange, path, std::move(found.live)); break;
  }
  return Outcome::kAnswered;
}

FileHandler::Outcome FileHandler::answer_listing(Walk& walk, UniqueFd directory) {
  serve::Exchange& exchange = walk.exchange;
  if (!options_.listing) {
    respond_error(exchange, 403);
    return Outcome::kAnswered;
  }
  if (walk.listing && !*walk.listing && lookup_.make_room(walk.listing->error())) {
    walk.listing.reset();
  }
  if (!walk.listing) {
    walk.directory = std::move(directory);
    return Outcome::kMustWait;
  }
  if (!*walk.listing) {
    respond_failure(exchange, exchange.scratch(), walk.listing->error());
    return Outcome::kAnswered;
  }
  ListingAnswer& page = **walk.listing;
  const auto verdict = http::evaluate(exchange.head(), page.etag, std::nullopt);
  if (verdict == http::Verdict::kPreconditionFailed) {
    respond_error(exchange, 412);
    return Outcome::kAnswered;
  }
  exchange.fields().append("ETag", page.etag);
  exchange.fields().append_raw(page.fields);
  if (verdict == http::Verdict::kNotModified) {
    exchange.respond(304);
    return Outcome::kAnswered;
  }
  exchange.fields().append("Content-Type", page.media_type);
  exchange.respond<serve::TextSource>(200, std::move(page.body));
  return Outcome::kAnswered;
}

ListingRequest FileHandler::listing_request(const Walk& walk) const {
  serve::Exchange& exchange = walk.exchange;
  const http::RequestHead& head = exchange.head();
  ListingRequest request;
  request.url_path = std::string(walk.place.prefix) + "/";
  request.url_path.append(exchange.scratch());
  if (!request.url_path.ends_with('/')) request.url_path.push_back('/');
  request.query = exchange.target().query;
  request.json =
      http::media_quality(head, "application/json") > http::media_quality(head, "text/html");
  request.root = &files_.root;
  request.below_root = exchange.scratch();
  request.hide = &options_.hide;
  request.follow = options_.follow != Follow::kNever;
  return request;
}

bool FileHandler::is_hidden(std::string_view path) const {
  if (options_.hide.empty()) return false;
  while (!path.empty()) {
    const std::string name(path.substr(0, path.find('/')));
    for (const std::string& pattern : options_.hide) {
      if (::fnmatch(pattern.c_str(), name.c_str(), 0) == 0) return true;
    }
    path.remove_prefix(std::min(path.size(), name.size() + 1));
  }
  return false;
}

bool FileHandler::is_index(std::string_view path) const {
  const std::string_view name = last_component(path);
  return std::find(options_.index.begin(), options_.index.end(), name) != options_.index.end();
}

}  // namespace midstream::site
