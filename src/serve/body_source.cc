#include "serve/body_source.h"

#include <algorithm>

namespace midstream::serve {

// Sources that never give kPending keep this one.
net::Awaitable<void> BodySource::wait(asio::cancellation_slot) { co_return; }

Piece TextSource::next(std::uint64_t limit_bytes) {
  const std::string_view rest = std::string_view(text_).substr(given_);
  if (rest.empty()) return {};
  const std::string_view now =
      rest.substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(limit_bytes, rest.size())));
  given_ += now.size();
  const auto after = given_ == text_.size() ? Piece::After::kEnd : Piece::After::kMore;
  return {.kind = Piece::Kind::kMemory, .after = after, .memory = now};
}

}  // namespace midstream::serve
