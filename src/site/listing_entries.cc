#include "site/listing_entries.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <memory>
#include <optional>
#include <tuple>
#include <utility>

#include <fnmatch.h>

#include "base/errno_error.h"
#include "live/write_lease.h"
#include "site/listing_text.h"

namespace midstream::site {
namespace {

// Whether somebody writes a file costs six system calls to ask, so it is asked only where it is
// likely: of files that changed in the last ten minutes, and of the 256 youngest of them. A writer
// that was silent for longer goes without a mark in the listing; who gets the file is still told
// the truth by the file handler.
constexpr std::int64_t kYoungSeconds = 600;
constexpr std::size_t kAskedMax = 256;

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

bool is_hidden(const char* name, const std::vector<std::string>* patterns) {
  if (name[0] == '.') return true;
  const std::string_view text = name;
  if (std::any_of(text.begin(), text.end(), is_control)) return true;
  return patterns != nullptr &&
         std::any_of(patterns->begin(), patterns->end(), [name](const std::string& pattern) {
           return ::fnmatch(pattern.c_str(), name, 0) == 0;
         });
}

// The root decides whether a link may be followed, as it does when the client asks for it.
result<Root::Opened> open_link(const ListingRequest& request, std::string_view name) {
  if (request.root == nullptr) return errno_error(ELOOP);
  std::string path = request.below_root;
  if (!path.empty()) path.push_back('/');
  return request.root->open_below(path.append(name));
}

std::optional<ListingEntry> read_entry(int directory_fd, const char* name,
                                       const ListingRequest& request) {
  struct stat status {};
  if (::fstatat(directory_fd, name, &status, AT_SYMLINK_NOFOLLOW) != 0) return std::nullopt;
  ListingEntry entry;
  if (S_ISLNK(status.st_mode)) {
    const auto target = open_link(request, name);
    if (!target) return std::nullopt;
    status = target->status;
    entry.through_symlink = true;
  }
  entry.directory = S_ISDIR(status.st_mode);
  if (!entry.directory && !S_ISREG(status.st_mode)) return std::nullopt;
  entry.name = name;
  entry.key = natural_key(entry.name);
  if (!entry.directory) entry.size_bytes = static_cast<std::uint64_t>(status.st_size);
  entry.modified_seconds = status.st_mtim.tv_sec;
  return entry;
}

UniqueFd open_entry(int directory_fd, const ListingEntry& entry, const ListingRequest& request) {
  if (entry.through_symlink) {
    auto opened = open_link(request, entry.name);
    return opened ? std::move(opened->fd) : UniqueFd();
  }
  // O_NONBLOCK: should it have become a FIFO meanwhile.
  return UniqueFd(::openat(directory_fd, entry.name.c_str(),
                           O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC));
}

void mark_growing(int directory_fd, const ListingRequest& request,
                  std::vector<ListingEntry>& entries) {
  const std::int64_t young_since = ::time(nullptr) - kYoungSeconds;
  std::vector<ListingEntry*> young;
  for (ListingEntry& entry : entries) {
    if (!entry.directory && entry.modified_seconds >= young_since) young.push_back(&entry);
  }
  if (young.size() > kAskedMax) {
    std::nth_element(young.begin(), young.begin() + kAskedMax, young.end(),
                     [](const ListingEntry* a, const ListingEntry* b) {
                       return a->modified_seconds > b->modified_seconds;
                     });
    young.resize(kAskedMax);
  }
  for (ListingEntry* entry : young) {
    const UniqueFd fd = open_entry(directory_fd, *entry, request);
    if (!fd.valid()) continue;
    entry->growing = probe_writers(fd.get()) == Writers::kSome;
    // Asked in this order, a file without the mark is shown with its last size: the page asks no
    // more once nothing grows.
    struct stat status {};
    if (::fstat(fd.get(), &status) != 0 || !S_ISREG(status.st_mode)) continue;
    entry->size_bytes = static_cast<std::uint64_t>(status.st_size);
    entry->modified_seconds = status.st_mtim.tv_sec;
  }
}

}  // namespace

ListingOrder natural_order(ListingOrder::By by) { return {by, by != ListingOrder::By::kName}; }

ListingOrder parse_order(std::string_view query) {
  ListingOrder::By by = ListingOrder::By::kName;
  std::optional<bool> descending;
  while (!query.empty()) {
    const std::string_view one = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(query.size(), one.size() + 1));
    if (one == "sort=name") by = ListingOrder::By::kName;
    if (one == "sort=size") by = ListingOrder::By::kSize;
    if (one == "sort=time") by = ListingOrder::By::kTime;
    if (one == "order=asc") descending = false;
    if (one == "order=desc") descending = true;
  }
  return {by, descending.value_or(natural_order(by).descending)};
}

void sort_entries(std::vector<ListingEntry>& entries, ListingOrder order) {
  using By = ListingOrder::By;
  const auto by_name = [](const ListingEntry& a, const ListingEntry& b) {
    const int keys = a.key.compare(b.key);
    return keys != 0 ? keys < 0 : a.name < b.name;
  };
  std::sort(entries.begin(), entries.end(), [&](const ListingEntry& a, const ListingEntry& b) {
    if (a.directory != b.directory) return a.directory;
    if (order.by == By::kSize && a.size_bytes != b.size_bytes) {
      return (a.size_bytes < b.size_bytes) != order.descending;
    }
    if (order.by == By::kTime && a.modified_seconds != b.modified_seconds) {
      return (a.modified_seconds < b.modified_seconds) != order.descending;
    }
    return order.by == By::kName && order.descending ? by_name(b, a) : by_name(a, b);
  });
}

result<std::vector<ListingEntry>> read_entries(int directory_fd, const ListingRequest& request) {
  // A position of its own: the caller's descriptor may be shared.
  UniqueFd own(::openat(directory_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!own.valid()) return errno_error();
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(::fdopendir(own.get()), &::closedir);
  if (!stream) return errno_error();
  std::ignore = own.release();
  std::vector<ListingEntry> entries;
  for (;;) {
    errno = 0;
    const dirent* found = ::readdir(stream.get());
    if (found == nullptr) {
      if (errno != 0) return errno_error();
      break;
    }
    if (is_hidden(found->d_name, request.hide)) continue;
    auto entry = read_entry(directory_fd, found->d_name, request);
    if (entry) entries.push_back(std::move(*entry));
  }
  if (request.follow) mark_growing(directory_fd, request, entries);
  return entries;
}

}  // namespace midstream::site
