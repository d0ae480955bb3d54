// FileHandler: answers with the files below one root, also with those that somebody is still
// writing.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <midstream/follower.h>

#include "http/media_type.h"
#include "live/write_lease.h"
#include "serve/exchange.h"
#include "serve/worker.h"
#include "site/open_file_cache.h"
#include "site/root.h"

namespace midstream::site {

enum class Follow : std::uint8_t {
  kAuto,     ///< every file that the kernel says somebody has open for writing
  kNever,    ///< the size at open
  kMatching  ///< as kAuto, for paths that match the pattern (fnmatch(3))
};

struct FileOptions {
  bool listing = true;
  Follow follow = Follow::kAuto;
  std::string follow_pattern;
  std::size_t open_files_max = 1024;  ///< kept open, for each worker
};

/// One for each worker; root, types and follower are shared and outlive it.
class FileHandler final : public serve::Handler {
 public:
  FileHandler(serve::Worker& worker, const Root& root, const http::MediaTypes& types,
              Follower& follower, FileOptions options);

  [[nodiscard]] bool try_handle(serve::Exchange& exchange) override;
  [[nodiscard]] net::Awaitable<void> handle(serve::Exchange& exchange) override;
  void stop() override;

 private:
  void answer(serve::Exchange& exchange);
  void answer_path(serve::Exchange& exchange, bool trailing_slash);
  void answer_opened(serve::Exchange& exchange, const std::string& path, Root::Opened opened);
  void answer_directory(serve::Exchange& exchange, const std::string& path, int fd);
  void answer_file(serve::Exchange& exchange, const std::shared_ptr<const OpenFile>& file);
  // Ends `watch`. `writers`: what the kernel said after it was set.
  void answer_finished(serve::Exchange& exchange, const std::string& path, UniqueFd fd,
                       std::optional<int> watch, Writers writers);
  [[nodiscard]] result<Root::Opened> open(const std::string& path);
  // True: it was for want of descriptors, and there are some now.
  [[nodiscard]] bool make_room(const error_code& error);
  [[nodiscard]] bool follows(const std::string& path) const;

  serve::Worker& worker_;
  const Root& root_;
  const http::MediaTypes& types_;
  Follower& follower_;
  FileOptions options_;
  std::unique_ptr<OpenFileCache> cache_;
};

/// The page of a directory. `title`: its path as the client sees it. Errors: those of reading it.
[[nodiscard]] result<std::string> listing_page(int directory_fd, std::string_view title);

}  // namespace midstream::site
