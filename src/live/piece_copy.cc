#include "live/piece_copy.h"

#include <span>

#include <midstream/reader.h>

namespace midstream {

std::string_view PieceCopy::get(const std::shared_ptr<LiveFile>& file, std::uint64_t offset,
                                std::uint64_t count) {
  if (count > kBytesMax) return {};
  const auto text = std::string_view(reinterpret_cast<const char*>(bytes_.data()),
                                     static_cast<std::size_t>(count));
  if (file_id_ == file->id_ && offset_ == offset && count_ == count) return text;
  const auto out = std::span(bytes_).first(static_cast<std::size_t>(count));
  const auto read = detail::read_published(*file, offset, out);
  if (!read || *read != count) {
    file_id_ = 0;
    return {};
  }
  file_id_ = file->id_;
  offset_ = offset;
  count_ = static_cast<std::size_t>(count);
  return text;
}

}  // namespace midstream
