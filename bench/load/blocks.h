// The growing file of the benchmarks: blocks of one size. Each begins with the time it was written
// (CLOCK_MONOTONIC, ns) and its index, both 8 bytes little endian; the rest is a fixed pattern, so
// that a reader can tell lost, doubled, moved and altered bytes. go/readwhilewrite.go writes the
// same.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "client.h"

namespace load {

inline constexpr std::size_t kStampSize = 16;

inline std::string block_pattern(std::size_t size) {
  std::string bytes(size, '\0');
  for (std::size_t i = 0; i < size; ++i)
    bytes[i] = static_cast<char>(i * 31 + (i >> 8) * 7);
  return bytes;
}

/// The blocks, one after the other.
class Blocks {
 public:
  explicit Blocks(std::size_t block_size) : block_(block_pattern(block_size)) {}

  /// Stamped with this very moment. Valid until the next call.
  std::string_view next() {
    const std::int64_t stamp = now_ns();
    std::memcpy(block_.data(), &stamp, 8);
    std::memcpy(block_.data() + 8, &index_, 8);
    ++index_;
    return block_;
  }

 private:
  std::uint64_t index_ = 0;
  std::string block_;
};

/// Appends blocks to a file; gives each its stamp just before the write. One thread.
class BlockWriter {
 public:
  BlockWriter(int fd, std::size_t block_size) : fd_(fd), blocks_(block_size) {}

  void append() {
    const std::string_view block = blocks_.next();
    if (::write(fd_, block.data(), block.size()) != static_cast<ssize_t>(block.size()))
      die("append", errno);
  }

 private:
  int fd_;
  Blocks blocks_;
};

/// Checks one reader's body. `on_block(index, stamp)` is called when the last byte of a block is
/// there.
class BlockChecker {
 public:
  template <class OnBlock>
  void take(const char* data, std::size_t size, const std::string& pattern, OnBlock&& on_block) {
    while (size > 0) {
      std::size_t count;
      if (position_ < kStampSize) {
        count = std::min(size, kStampSize - position_);
        std::memcpy(stamp_ + position_, data, count);
      } else {
        count = std::min(size, pattern.size() - position_);
        if (std::memcmp(data, pattern.data() + position_, count) != 0) wrong_ = true;
      }
      position_ += count;
      data += count;
      size -= count;
      if (position_ == pattern.size()) finish_block(on_block);
    }
  }
  std::uint64_t blocks() const { return blocks_; }
  /// True if a byte was wrong, or if the body ended within a block.
  bool wrong() const { return wrong_ || position_ != 0; }

 private:
  template <class OnBlock>
  void finish_block(OnBlock&& on_block) {
    std::int64_t stamp;
    std::uint64_t index;
    std::memcpy(&stamp, stamp_, 8);
    std::memcpy(&index, stamp_ + 8, 8);
    if (index != blocks_) wrong_ = true;
    on_block(blocks_, stamp);
    ++blocks_;
    position_ = 0;
  }

  bool wrong_ = false;
  std::size_t position_ = 0;  // within the block
  std::uint64_t blocks_ = 0;
  char stamp_[kStampSize];
};

/// Gives the value below which `share` of the values lie. Reorders them.
inline double percentile(std::vector<float>& values, double share) {
  if (values.empty()) return 0;
  const auto at =
      values.begin() + static_cast<std::ptrdiff_t>(share * static_cast<double>(values.size() - 1));
  std::nth_element(values.begin(), at, values.end());
  return *at;
}

}  // namespace load
