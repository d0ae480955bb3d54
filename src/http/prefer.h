#pragma once

#include <cstdint>
#include <optional>

#include "http/request_head.h"

namespace midstream::http {

/// The seconds of `Prefer: wait=N` (RFC 7240 4.3): how long the client is ready to wait for an
/// answer. The first wait counts, as the RFC says of every preference. nullopt when there is none
/// or it is malformed; numbers beyond 32 bit are UINT32_MAX. The caller has its own limit.
[[nodiscard]] std::optional<std::uint32_t> preferred_wait_seconds(const RequestHead& head);

}  // namespace midstream::http
