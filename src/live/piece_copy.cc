#include "live/piece_copy.h"

#include <span>

#include <midstream/reader.h>

namespace midstream {

std::string_view PieceCopy::get(const std::shared_ptr<LiveFile>& file, std::uint64_t offset,
                                std::uint64_t count) {
  if (count > kBytesMax) return {};
  const auto text = std::string_view(reinterpret_cast<const char*>(bytes_.data()),
                                     static_cast<std::size_t>(count));
  const bool same_file = !file_.owner_before(file) && !file.owner_before(file_);
  if (same_file && offset_ == offset && count_ == count) return text;
  const auto out = std::span(bytes_).first(static_cast<std::size_t>(count));
  const auto read = detail::read_published(*file, offset, out);
  if (!read || *read != count) {
    file_.reset();
    return {};
  }
  file_ = file;
  offset_ = offset;
  count_ = static_cast<std::size_t>(count);
  return text;
}

}  // namespace midstream
