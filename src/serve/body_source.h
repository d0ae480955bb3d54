// BodySource: where the bytes of a response come from. The connection pulls; it knows framing, TLS
// and zero copy, the source knows none of that. Every source works over every protocol.
//
// Life: { next() -> a piece, sent by the connection }* -> kEnd or kFailed. After kPending the
// connection awaits wait() and then calls next() again. One thread, never concurrently.
#pragma once

#include <cstdint>
#include <memory>
#include <new>
#include <optional>
#include <string_view>
#include <type_traits>
#include <utility>

#include <boost/asio/cancellation_signal.hpp>

#include <midstream/error.h>

#include "base/socket_io.h"
#include "net/awaitable.h"

namespace midstream::serve {

struct Piece {
  enum class Kind : std::uint8_t {
    kMemory,   ///< `memory`, valid until the next call of next()
    kFile,     ///< `file`; `memory` may hold the same bytes, valid until the connection waits
    kPending,  ///< nothing right now: all that was given before must leave the machine, then wait()
    kEnd,      ///< the body is complete
    kFailed,   ///< `error`: the body will never be complete, and must not look so
  };
  enum class After : std::uint8_t {
    kMore,      ///< the next piece is there: it may share a segment with this one
    kCaughtUp,  ///< nothing more right now
    kEnd,       ///< this was the last one
  };

  Kind kind = Kind::kEnd;
  After after = After::kEnd;
  std::string_view memory = {};
  FileRange file = {};
  error_code error = {};
};

class BodySource {
 public:
  virtual ~BodySource() = default;

  /// The length of the body, in bytes, where it is known from the start. Then exactly so many are
  /// given, or the source fails.
  [[nodiscard]] virtual std::optional<std::uint64_t> size() const = 0;

  /// The next piece, of at most `limit_bytes`. Never waits.
  [[nodiscard]] virtual Piece next(std::uint64_t limit_bytes) = 0;

  /// After kPending: returns when next() has something to say, or at once when `cancel` is emitted.
  [[nodiscard]] virtual net::Awaitable<void> wait(asio::cancellation_slot cancel);

  /// The body is still being made while it is sent (for the access log).
  [[nodiscard]] virtual bool is_live() const { return false; }
};

/// Holds one BodySource in place, or on the heap when it is large: no allocation on the usual path.
class Body {
 public:
  Body() = default;
  Body(const Body&) = delete;
  Body& operator=(const Body&) = delete;
  ~Body() { reset(); }

  template <class Source, class... Args>
  Source& emplace(Args&&... args) {
    static_assert(std::is_base_of_v<BodySource, Source>);
    reset();
    Source* made = nullptr;
    if constexpr (sizeof(Source) <= kInPlaceBytes && alignof(Source) <= alignof(std::max_align_t)) {
      made = ::new (static_cast<void*>(place_)) Source(std::forward<Args>(args)...);
    } else {
      made = new Source(std::forward<Args>(args)...);
      on_heap_ = true;
    }
    source_ = made;
    return *made;
  }

  void reset() noexcept {
    if (source_ == nullptr) return;
    if (std::exchange(on_heap_, false)) {
      delete source_;
    } else {
      source_->~BodySource();
    }
    source_ = nullptr;
  }

  [[nodiscard]] explicit operator bool() const noexcept { return source_ != nullptr; }
  [[nodiscard]] BodySource& operator*() const noexcept { return *source_; }
  [[nodiscard]] BodySource* operator->() const noexcept { return source_; }

 private:
  static constexpr std::size_t kInPlaceBytes = 88;

  alignas(std::max_align_t) std::byte place_[kInPlaceBytes];
  BodySource* source_ = nullptr;
  bool on_heap_ = false;
};

/// A small text of its own: error pages, listings, fixed answers.
class TextSource final : public BodySource {
 public:
  explicit TextSource(std::string text) : text_(std::move(text)) {}

  [[nodiscard]] std::optional<std::uint64_t> size() const override { return text_.size(); }
  [[nodiscard]] Piece next(std::uint64_t limit_bytes) override;

 private:
  std::string text_;
  std::size_t given_ = 0;
};

}  // namespace midstream::serve
