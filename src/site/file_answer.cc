// FileHandler: from a file to the response. Preconditions, ranges, codings.
#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "http/precondition.h"
#include "http/range.h"
#include "serve/error_response.h"
#include "site/compressed_source.h"
#include "site/encoder.h"
#include "site/file_handler.h"
#include "site/file_source.h"
#include "site/live_source.h"
#include "site/multipart_source.h"

namespace midstream::site {

using serve::respond_error;

namespace {

template <class Source, class... Args>
void respond_coded(serve::Exchange& exchange, http::Coding coding,
                   std::optional<std::uint64_t> size_bytes, Args&&... args) {
  exchange.respond<CompressedSource>(200, std::make_unique<Source>(std::forward<Args>(args)...),
                                     make_encoder(coding, size_bytes));
}

}  // namespace

FileHandler::Outcome FileHandler::answer_file(Walk& walk, const std::string& path,
                                              std::shared_ptr<const OpenFile> file) {
  serve::Exchange& exchange = walk.exchange;
  const http::RequestHead& head = exchange.head();
  const std::string_view media_type = file->media_type;  // of a sibling, too
  Variant variant{.file = std::move(file)};
  if (http::is_present(head.accept_encoding) && !options_.precompressed.empty() &&
      choose_sibling(walk, path, variant) == Outcome::kMustWait) {
    return Outcome::kMustWait;
  }
  // Without a length HTTP/1.0 has only the close as the end, which costs the connection.
  const bool may_code = !variant.coding && !http::is_present(head.range) && head.version >= 11 &&
                        variant.file->size_bytes >= options_.compress.min_bytes;
  if (may_code && may_be_coded(media_type)) {
    variant.coding = http::choose_coding(head, options_.compress.codings);
    variant.on_the_fly = variant.coding.has_value();
  }
  if (variant.on_the_fly) {
    answer_coded(exchange, variant);
  } else {
    answer_plain(exchange, variant, media_type);
  }
  return Outcome::kAnswered;
}

// F10. Leaves `variant` as it is where no sibling will do.
FileHandler::Outcome FileHandler::choose_sibling(Walk& walk, const std::string& path,
                                                 Variant& variant) {
  std::vector<http::Coding> left = options_.precompressed;
  while (const auto coding = http::choose_coding(walk.exchange.head(), left)) {
    const std::string name = path + std::string(http::suffix_of(*coding));
    FileLookup::Found found = lookup_.find_sibling(name, walk.prepared);
    if (found.kind == FileLookup::Found::Kind::kMustWait) return Outcome::kMustWait;
    const bool serves = found.kind == FileLookup::Found::Kind::kFile &&
                        found.file->mtime_ns >= variant.file->mtime_ns;
    if (serves) {
      variant = {.file = std::move(found.file), .coding = coding};
      break;
    }
    left.erase(std::find(left.begin(), left.end(), *coding));
  }
  return Outcome::kAnswered;
}

bool FileHandler::may_be_coded(std::string_view media_type) const {
  return !options_.compress.codings.empty() &&
         http::is_compressible(media_type, options_.compress.types);
}

void FileHandler::answer_plain(serve::Exchange& exchange, const Variant& variant,
                               std::string_view media_type) {
  const http::RequestHead& head = exchange.head();
  const OpenFile& file = *variant.file;
  switch (http::evaluate(head, file.etag, file.mtime_seconds)) {
    case http::Verdict::kProceed: break;
    case http::Verdict::kPreconditionFailed: return respond_error(exchange, 412);
    case http::Verdict::kNotModified:
      exchange.fields().append_raw(file.validators);
      return exchange.respond(304);
  }
  const bool ranged = head.method == http::Method::kGet && http::is_present(head.range) &&
                      (!http::is_present(head.if_range) ||
                       http::if_range_matches(head.if_range, file.etag, file.mtime_seconds));
  if (ranged) return answer_part(exchange, variant, media_type);
  append_fields(exchange.fields(), variant, media_type);
  exchange.respond<FileSource>(200, variant.file, std::uint64_t{0}, file.size_bytes, pool_);
}

// Content-Type, validators and the like.
void FileHandler::append_fields(http::FieldList& fields, const Variant& variant,
                                std::string_view media_type) {
  if (!variant.coding) return fields.append_raw(variant.file->fields);
  fields.append("Content-Type", media_type);
  fields.append("Content-Encoding", http::name_of(*variant.coding));
  fields.append_raw(variant.file->validators);
  fields.append_raw("Accept-Ranges: bytes\r\n");
}

// There is a Range that counts (RFC 9110 section 14.2).
void FileHandler::answer_part(serve::Exchange& exchange, const Variant& variant,
                              std::string_view media_type) {
  const std::uint64_t size = variant.file->size_bytes;
  http::FieldList& fields = exchange.fields();
  const auto ranges = http::parse_ranges(exchange.head().range);
  const auto decision = ranges ? http::decide_ranges(*ranges, size) : http::RangeDecision();
  if (decision.outcome == http::RangeOutcome::kUnsatisfiable) {
    respond_error(exchange, 416);
    return fields.append("Content-Range", http::format_unsatisfied_range(size).view());
  }
  if (decision.outcome == http::RangeOutcome::kWhole) {
    append_fields(fields, variant, media_type);
    exchange.respond<FileSource>(200, variant.file, std::uint64_t{0}, size, pool_);
    return;
  }
  if (decision.count == 1) {
    const http::ByteRange part = decision.ranges[0];
    fields.append("Content-Range", http::format_content_range(part, size).view());
    append_fields(fields, variant, media_type);
    exchange.respond<FileSource>(206, variant.file, part.offset, part.count, pool_);
    return;
  }
  const Boundary boundary = Boundary::random();
  append_fields(fields, variant, media_type);
  fields.remove("Content-Type");
  fields.append("Content-Type", multipart_media_type(boundary));
  const Parts parts{.media_type = media_type, .size_bytes = size, .ranges = decision.items()};
  auto open_part = [file = variant.file, &pool = pool_](serve::Body& place,
                                                        const http::ByteRange& range) {
    place.emplace<FileSource>(file, range.offset, range.count, pool);
  };
  exchange.respond<MultipartSource>(206, parts, boundary, std::move(open_part));
}

// No validator that a range could be asked with, and no length.
void FileHandler::answer_coded(serve::Exchange& exchange, const Variant& variant) {
  const OpenFile& file = *variant.file;
  http::FieldList& fields = exchange.fields();
  const std::string etag = http::coded_etag(file.etag, *variant.coding);
  const auto verdict = http::evaluate(exchange.head(), etag, file.mtime_seconds);
  if (verdict == http::Verdict::kPreconditionFailed) return respond_error(exchange, 412);
  fields.append_raw(file.validators);
  fields.remove("ETag");
  fields.append("ETag", etag);
  if (verdict == http::Verdict::kNotModified) return exchange.respond(304);
  fields.append("Content-Type", file.media_type);
  fields.append("Content-Encoding", http::name_of(*variant.coding));
  respond_coded<FileSource>(exchange, *variant.coding, file.size_bytes, variant.file,
                            std::uint64_t{0}, file.size_bytes, pool_);
}

void FileHandler::answer_growing(serve::Exchange& exchange, const std::string& path,
                                 std::shared_ptr<LiveFile> live) {
  // No validators: what they would name does not exist yet.
  const std::string_view media_type = files_.rules.type_of(path, {});
  http::FieldList& fields = exchange.fields();
  fields.append("Content-Type", media_type);
  fields.append_raw(files_.rules.vary);
  const bool may_code = options_.compress.growing && may_be_coded(media_type) &&
                        !http::is_present(exchange.head().range) && exchange.head().version >= 11;
  const auto coding =
      may_code ? http::choose_coding(exchange.head(), options_.compress.codings) : std::nullopt;
  if (!coding) {
    exchange.respond<LiveSource>(200, std::move(live), worker_, pool_);
    return;
  }
  fields.append("Content-Encoding", http::name_of(*coding));
  respond_coded<LiveSource>(exchange, *coding, std::nullopt, std::move(live), worker_, pool_);
}

}  // namespace midstream::site
