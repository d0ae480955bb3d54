#include "site/file_handler.h"

#include <fcntl.h>

#include <cerrno>
#include <utility>

#include <fnmatch.h>
#include <spdlog/spdlog.h>

#include "base/errno_error.h"
#include "http/precondition.h"
#include "http/range.h"
#include "serve/error_response.h"
#include "site/live_source.h"

namespace midstream::site {

using serve::respond_error;

namespace {

constexpr std::string_view kAllow = "GET, HEAD, OPTIONS";
constexpr std::string_view kIndex = "index.html";

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

}  // namespace

FileHandler::FileHandler(serve::Worker& worker, const Root& root, const http::MediaTypes& types,
                         Follower& follower, FileOptions options)
    : worker_(worker),
      root_(root),
      types_(types),
      follower_(follower),
      options_(std::move(options)),
      cache_(std::make_unique<OpenFileCache>(root, worker.poll_set(), options_.open_files_max)) {}

void FileHandler::stop() { cache_.reset(); }

net::Awaitable<void> FileHandler::handle(serve::Exchange& exchange) {
  answer(exchange);
  co_return;
}

bool FileHandler::try_handle(serve::Exchange& exchange) {
  answer(exchange);
  return true;
}

void FileHandler::answer(serve::Exchange& exchange) {
  const http::Method method = exchange.head().method;
  if (method == http::Method::kOptions) {
    exchange.fields().append("Allow", kAllow);
    return exchange.respond(204);
  }
  if (method != http::Method::kGet && method != http::Method::kHead) {
    exchange.fields().append("Allow", kAllow);
    return respond_error(exchange, 405);
  }
  const auto path = http::decode_path(exchange.target().path_raw, exchange.scratch());
  if (!path) return respond_error(exchange, 400);
  answer_path(exchange, path->trailing_slash || path->relative.empty());
}

void FileHandler::answer_path(serve::Exchange& exchange, bool trailing_slash) {
  std::string& path = exchange.scratch();
  if (!exchange.just_arrived()) cache_->catch_up();
  if (!trailing_slash) {
    if (path == kIndex || path.ends_with("/index.html")) return redirect(exchange, "./");
    if (const auto file = cache_->find(path)) return answer_file(exchange, file);
    auto opened = open(path);
    if (!opened) return respond_failure(exchange, path, opened.error());
    if (S_ISDIR(opened->status.st_mode)) {
      return redirect(exchange, own_name_with_slash(exchange.target().path_raw));
    }
    return answer_opened(exchange, path, std::move(*opened));
  }
  const std::string index = path.empty() ? std::string(kIndex) : path + "/" + std::string(kIndex);
  if (const auto file = cache_->find(index)) return answer_file(exchange, file);
  auto directory = open(path);
  if (!directory) return respond_failure(exchange, path, directory.error());
  if (!S_ISDIR(directory->status.st_mode)) return respond_error(exchange, 404);
  auto opened = open(index);
  if (opened && S_ISREG(opened->status.st_mode))
    return answer_opened(exchange, index, std::move(*opened));
  if (!opened && status_of(opened.error()) != 404)
    return respond_failure(exchange, index, opened.error());
  answer_directory(exchange, path, directory->fd.get());
}

// A request that is there goes before what might be asked for again.
bool FileHandler::make_room(const error_code& error) {
  if (error.value() != EMFILE && error.value() != ENFILE) return false;
  if (cache_->size() == 0) return false;
  cache_->forget_all();
  return true;
}

result<Root::Opened> FileHandler::open(const std::string& path) {
  auto opened = root_.open_below(path);
  if (opened || !make_room(opened.error())) return opened;
  return root_.open_below(path);
}

void FileHandler::answer_directory(serve::Exchange& exchange, const std::string& path, int fd) {
  if (!options_.listing) return respond_error(exchange, 403);
  auto page = listing_page(fd, "/" + path);
  if (!page && make_room(page.error())) page = listing_page(fd, "/" + path);
  if (!page) return respond_failure(exchange, path, page.error());
  exchange.fields().append("Content-Type", "text/html; charset=utf-8");
  exchange.fields().append("X-Content-Type-Options", "nosniff");
  exchange.respond<serve::TextSource>(200, std::move(*page));
}

bool FileHandler::follows(const std::string& path) const {
  if (options_.follow == Follow::kMatching) {
    return ::fnmatch(options_.follow_pattern.c_str(), path.c_str(), FNM_PERIOD) == 0;
  }
  return options_.follow == Follow::kAuto;
}

void FileHandler::answer_opened(serve::Exchange& exchange, const std::string& path,
                                Root::Opened opened) {
  if (!S_ISREG(opened.status.st_mode)) return respond_error(exchange, 403);  // FIFO, socket, device
  const std::optional<int> watch = cache_->watch(path, opened);
  // Watch first, then ask: a writer that comes later shows as an event.
  const Writers writers = probe_writers(opened.fd.get());
  if (!follows(path) || writers == Writers::kNone) {
    return answer_finished(exchange, path, std::move(opened.fd), watch, writers);
  }
  UniqueFd second(::fcntl(opened.fd.get(), F_DUPFD_CLOEXEC, 0));
  auto live = follower_.follow(opened.fd.release());
  if (live && (*live)->state() == LiveFile::State::kSealed && second.valid()) {  // or it rests
    return answer_finished(exchange, path, std::move(second), watch, writers);
  }
  if (watch) cache_->drop_watch(*watch);
  if (!live) return respond_failure(exchange, path, live.error());
  // No validators: what they would name does not exist yet.
  exchange.fields().append("Content-Type", types_.by_name(path));
  exchange.respond<LiveSource>(200, std::move(*live), worker_);
}

void FileHandler::answer_finished(serve::Exchange& exchange, const std::string& path, UniqueFd fd,
                                  std::optional<int> watch, Writers writers) {
  const auto file = OpenFile::from(std::move(fd), path, types_);
  if (watch && file && writers != Writers::kSome) {
    cache_->keep(path, *watch, *file, writers);
  } else if (watch) {
    cache_->drop_watch(*watch);
  }
  if (!file) return respond_failure(exchange, path, file.error());
  answer_file(exchange, *file);
}

void FileHandler::answer_file(serve::Exchange& exchange,
                              const std::shared_ptr<const OpenFile>& file) {
  const http::RequestHead& head = exchange.head();
  switch (http::evaluate(head, file->etag, file->mtime_seconds)) {
    case http::Verdict::kProceed: break;
    case http::Verdict::kPreconditionFailed: return respond_error(exchange, 412);
    case http::Verdict::kNotModified:
      exchange.fields().append_raw(file->validators);
      return exchange.respond(304);
  }
  std::uint64_t offset = 0;
  std::uint64_t count = file->size_bytes;
  int status = 200;
  const bool ranged = head.method == http::Method::kGet && http::is_present(head.range) &&
                      (!http::is_present(head.if_range) ||
                       http::if_range_matches(head.if_range, file->etag, file->mtime_seconds));
  const auto ranges = ranged ? http::parse_ranges(head.range) : std::nullopt;
  if (ranges) {
    const http::RangeDecision decision = http::decide_ranges(*ranges, file->size_bytes);
    if (decision.outcome == http::RangeOutcome::kUnsatisfiable) {
      respond_error(exchange, 416);
      exchange.fields().append("Content-Range",
                               http::format_unsatisfied_range(file->size_bytes).view());
      return;
    }
    if (decision.outcome == http::RangeOutcome::kPartial && decision.count == 1) {
      status = 206;
      offset = decision.ranges[0].offset;
      count = decision.ranges[0].count;
      exchange.fields().append(
          "Content-Range", http::format_content_range(decision.ranges[0], file->size_bytes).view());
    }
  }
  exchange.fields().append_raw(file->fields);
  exchange.respond<FileSource>(status, file, offset, count);
}

}  // namespace midstream::site
