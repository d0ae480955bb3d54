// FileHandler: answers with the files below one root, also with those that somebody is still
// writing. One for each route and worker; belongs to its worker's thread.
//
// A request is walked from its path to an answer without waiting. Where something has to be waited
// for, the walk says so, the disk pool does it, and the walk begins anew with what is known then.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <midstream/follower.h>

#include "http/coding.h"
#include "net/disk_pool.h"
#include "serve/exchange.h"
#include "serve/worker.h"
#include "site/file_lookup.h"
#include "site/listing.h"
#include "site/sites.h"
#include "site/watches.h"

namespace midstream::site {

class FileHandler {
 public:
  /// All of them outlive it.
  FileHandler(serve::Worker& worker, net::DiskPool& pool, Follower& follower, Watches& watches,
              const Files& files);

  /// What the router found out about the target. The path below the root is exchange.scratch().
  struct Place {
    std::string_view prefix;  ///< of the route: "" or "/a/b"
    bool trailing_slash = false;
  };

  /// False: something has to be waited for; await answer(), with scratch() as it is.
  [[nodiscard]] bool try_answer(serve::Exchange& exchange, Place place);
  [[nodiscard]] net::Awaitable<void> answer(serve::Exchange& exchange, Place place);

 private:
  enum class Outcome : bool { kAnswered, kMustWait };

  /// One request, with what has been waited for so far.
  struct Walk {
    serve::Exchange& exchange;
    Place place;
    FileLookup::Prepared prepared = {};
    UniqueFd directory = {};  // to be listed
    std::optional<result<ListingAnswer>> listing = {};
  };

  /// What is sent for a file: itself, a precompressed sibling, or its coding on the fly.
  struct Variant {
    std::shared_ptr<const OpenFile> file;
    std::optional<http::Coding> coding = {};
    bool on_the_fly = false;
  };

  [[nodiscard]] Outcome walk(Walk& walk);
  [[nodiscard]] Outcome answer_name(Walk& walk, const std::string& path);
  [[nodiscard]] Outcome answer_directory(Walk& walk, const std::string& path);
  [[nodiscard]] Outcome answer_candidates(Walk& walk);
  [[nodiscard]] std::optional<Outcome> answer_candidate(Walk& walk, std::string_view candidate);
  [[nodiscard]] Outcome answer_found(Walk& walk, const std::string& path, FileLookup::Found found);
  [[nodiscard]] Outcome answer_listing(Walk& walk, UniqueFd directory);
  [[nodiscard]] net::Awaitable<void> wait_for_disk(Walk& walk);
  [[nodiscard]] ListingRequest listing_request(const Walk& walk) const;
  [[nodiscard]] bool is_hidden(std::string_view path) const;
  [[nodiscard]] bool is_index(std::string_view path) const;

  // file_answer.cc
  [[nodiscard]] Outcome answer_file(Walk& walk, const std::string& path,
                                    std::shared_ptr<const OpenFile> file);
  void answer_growing(serve::Exchange& exchange, const std::string& path,
                      std::shared_ptr<LiveFile> live);
  [[nodiscard]] Outcome choose_sibling(Walk& walk, const std::string& path, Variant& variant);
  [[nodiscard]] bool may_be_coded(std::string_view media_type) const;
  void answer_plain(serve::Exchange& exchange, const Variant& variant, std::string_view media_type);
  static void append_fields(http::FieldList& fields, const Variant& variant,
                            std::string_view media_type);
  void answer_part(serve::Exchange& exchange, const Variant& variant, std::string_view media_type);
  void answer_coded(serve::Exchange& exchange, const Variant& variant);

  serve::Worker& worker_;
  net::DiskPool& pool_;
  const Files& files_;
  const FileOptions& options_;
  FileLookup lookup_;
};

}  // namespace midstream::site
