#pragma once

#include <cerrno>

#include <midstream/error.h>

namespace midstream {

/// The error of the operating system that `number` (an errno) names.
inline error_code errno_error(int number = errno) noexcept {
  return {number, boost::system::system_category()};
}

}  // namespace midstream
