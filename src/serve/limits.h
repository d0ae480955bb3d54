// Every bound of the server in one place. 0 never means infinite.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "http/head_parser.h"

namespace midstream::serve {

struct Limits {
  http::HeadLimits head;  ///< of a request

  /// A request body that the handler does not want is read and dropped up to here, to keep the
  /// connection; a longer one costs the connection.
  std::uint64_t unwanted_body_bytes_max = 64 * 1024;
  /// A request body that is declared longer is refused with 413.
  std::uint64_t request_body_bytes_max = std::uint64_t{1} << 20;
  /// One connection sends at most so much before others of its worker have a turn.
  std::size_t turn_bytes = std::size_t{1} << 20;
  /// After an error the rest of what the client sends is read for so long, and so much, that our
  /// answer arrives.
  std::uint64_t linger_bytes_max = std::uint64_t{16} << 20;
  std::chrono::milliseconds linger_timeout{5000};

  /// From the first byte of a request head (or the opening of the connection) to the head's last.
  std::chrono::milliseconds header_timeout{30'000};
  /// From the end of one exchange to the first byte of the next.
  std::chrono::milliseconds idle_timeout{75'000};
  /// Between two bytes of a request body.
  std::chrono::milliseconds body_timeout{30'000};
  /// How long a client may acknowledge no byte while we have some for it.
  std::chrono::milliseconds stall_timeout{60'000};
  /// How long a stopping server lets transfers go on.
  std::chrono::milliseconds grace{10'000};

  friend bool operator==(const Limits&, const Limits&) = default;
};

}  // namespace midstream::serve
