// What is in a directory, for a listing.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "site/listing.h"

namespace midstream::site {

struct ListingEntry {
  std::string name;  ///< bytes as in the file system
  std::string key;   ///< natural_key(name)
  bool directory = false;
  bool through_symlink = false;
  bool growing = false;          ///< somebody has it open for writing
  std::uint64_t size_bytes = 0;  ///< so far, if it is growing; 0 for a directory
  std::int64_t modified_seconds = 0;
};

struct ListingOrder {
  enum class By : std::uint8_t { kName, kSize, kTime };
  By by = By::kName;
  bool descending = false;

  bool operator==(const ListingOrder&) const = default;
};

/// The natural order of a column: names forwards, the largest and the latest first.
[[nodiscard]] ListingOrder natural_order(ListingOrder::By by);

/// Reads "sort=size&order=asc". Unknown parameters and values are ignored, the last one counts.
[[nodiscard]] ListingOrder parse_order(std::string_view query);

/// Directories first, each group by `order`; what is equal goes by its name, forwards.
void sort_entries(std::vector<ListingEntry>& entries, ListingOrder order);

/// In no order. See make_listing.
[[nodiscard]] result<std::vector<ListingEntry>> read_entries(int directory_fd,
                                                             const ListingRequest& request);

}  // namespace midstream::site
