// Errors of Midstream: our own codes beside those of the operating system, and whose fault each is.
#pragma once

#include <cstdint>
#include <type_traits>

#include <boost/system/error_category.hpp>
#include <boost/system/error_code.hpp>
#include <boost/system/result.hpp>

namespace midstream {

using boost::system::error_code;

/// A value, or the error that took its place.
template <class T>
using result = boost::system::result<T>;

/// Whose fault an error is. A server derives the status (4xx, 502/504 or 500) and the counter
/// from it.
enum class Side : std::uint8_t { kClient, kOrigin, kFile, kSelf };

/// What can go wrong with a growing file and with sending it. Errors of the operating system stay
/// in `boost::system::system_category()`.
enum class Errc : int {
  kWriterFailed = 1,  ///< the writer aborted, or was lost without sealing the file
  kWriterStalled,     ///< the writer gave no byte for longer than its stall timeout
  kIncomplete,  ///< the end came before the declared size, or before the bytes that were asked for
  kBeyondDeclaredSize,  ///< a write past the declared size; nothing of it was written
  kNotGrowing,          ///< a write after the file was sealed
  kTruncated,           ///< the file became shorter than what was already readable
  kReplaced,     ///< the file lost its name (unlink, rename over it) while it was still growing
  kPeerGone,     ///< the client closed or reset the connection
  kPeerStalled,  ///< the client took no byte for longer than the stall timeout
};

const boost::system::error_category& error_category() noexcept;

error_code make_error_code(Errc value) noexcept;

/// Whose fault `error` is. Unknown codes count as our own.
Side side_of(const error_code& error) noexcept;

}  // namespace midstream

template <>
struct boost::system::is_error_code_enum<midstream::Errc> : std::true_type {};
