// Bytes to send, and a hash to compare them by.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace midstream::test {

/// FNV-1a. Fed in pieces: hash(b, hash(a)) is the hash of a and b.
inline std::uint64_t hash_of(std::string_view bytes, std::uint64_t before = 0xcbf29ce484222325U) {
  for (const char byte : bytes) {
    before = (before ^ static_cast<unsigned char>(byte)) * 0x100000001b3U;
  }
  return before;
}

/// `size` bytes without a period, the same ones each time for the same seed.
inline std::string payload(std::size_t size, std::uint64_t seed = 1) {
  std::string bytes(size, '\0');
  std::uint64_t state = seed * 0x9e3779b97f4a7c15U + 1;
  for (char& byte : bytes) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    byte = static_cast<char>(state >> 32);
  }
  return bytes;
}

/// The body as chunked coding would carry it, put together once more (RFC 9112 section 7.1).
/// `complete`: the final chunk was there, and nothing after it.
struct Unchunked {
  std::string body;
  bool complete = false;
  bool malformed = false;
};

inline Unchunked unchunk(std::string_view wire) {
  Unchunked out;
  while (!wire.empty()) {
    std::size_t size = 0;
    std::size_t at = 0;
    for (; at < wire.size() && wire[at] != '\r'; ++at) {
      const char c = wire[at];
      const int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
      if (digit < 0) return out.malformed = true, out;
      size = size * 16 + static_cast<std::size_t>(digit);
    }
    if (wire.size() < at + 2) return out;  // cut off inside a chunk head
    if (at == 0 || wire[at + 1] != '\n') return out.malformed = true, out;
    wire.remove_prefix(at + 2);
    const std::string_view data = wire.substr(0, size);
    out.body += data;
    wire.remove_prefix(data.size());
    if (data.size() < size || wire.size() < 2) return out;  // cut off inside a chunk
    if (!wire.starts_with("\r\n")) return out.malformed = true, out;
    wire.remove_prefix(2);
    if (size == 0) return out.complete = wire.empty(), out.malformed = !wire.empty(), out;
  }
  return out;
}

}  // namespace midstream::test
