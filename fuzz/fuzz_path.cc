// A request target and its path: the parts are the text's own, and the path that the file system
// gets is what a second, naive reading gives: never outside the root, never twice decoded.
//
// The first byte of the input chooses the method.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "http/chars.h"
#include "http/target.h"

namespace midstream::http {
namespace {

bool is_control(char c) {
  const auto byte = static_cast<std::uint8_t>(c);
  return byte < 0x20 || byte == 0x7f;
}

// RFC 3986 2.1, once. nullopt: a broken escape or a control byte.
std::optional<std::string> naive_decode(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    char c = text.front();
    text.remove_prefix(1);
    if (c == '%') {
      if (text.size() < 2) return std::nullopt;
      const int high = hex_value(text[0]);
      const int low = hex_value(text[1]);
      if (high < 0 || low < 0) return std::nullopt;
      c = static_cast<char>(high * 16 + low);
      text.remove_prefix(2);
    }
    if (is_control(c)) return std::nullopt;
    out += c;
  }
  return out;
}

// Components on a stack.
std::string naive_resolve(std::string_view text, bool& names_directory) {
  std::vector<std::string_view> components;
  for (;;) {
    const std::size_t size = std::min(text.find('/'), text.size());
    const std::string_view component = text.substr(0, size);
    names_directory = component.empty() || component == "." || component == "..";
    if (component == ".." && !components.empty()) components.pop_back();
    if (!names_directory) components.push_back(component);
    if (size == text.size()) break;
    text.remove_prefix(size + 1);
  }
  std::string out;
  for (const std::string_view component : components)
    out.append(out.empty() ? "" : "/").append(component);
  return out;
}

std::string encode(std::string_view path) {
  constexpr std::string_view kHex = "0123456789aBcDeF";
  std::string out = "/";
  for (const char c : path) {
    const auto byte = static_cast<std::uint8_t>(c);
    if (c == '/') {
      out += c;
    } else {
      out.append("%").append(1, kHex[byte >> 4]).append(1, kHex[byte & 15]);
    }
  }
  return out;
}

void check_inside(std::string_view relative) {
  const std::string inside = "/" + std::string(relative) + "/";
  MIDSTREAM_CHECK(inside.find("/../") == std::string::npos);
  MIDSTREAM_CHECK(inside.find("/./") == std::string::npos);
  MIDSTREAM_CHECK(relative.empty() || inside.find("//") == std::string::npos);
  MIDSTREAM_CHECK(std::none_of(relative.begin(), relative.end(), is_control));
}

void check_path(std::string_view path_raw) {
  const std::vector<char> copy(path_raw.begin(), path_raw.end());
  std::string storage = "what was there before";
  const auto path = decode_path({copy.data(), copy.size()}, storage);
  const std::optional<std::string> decoded = naive_decode(path_raw);
  MIDSTREAM_CHECK(path.has_value() == decoded.has_value());
  if (!path) return;
  check_inside(path->relative);
  MIDSTREAM_CHECK(path->relative == storage);
  MIDSTREAM_CHECK(std::strlen(storage.c_str()) == storage.size());
  bool names_directory = false;
  MIDSTREAM_CHECK(storage == naive_resolve(*decoded, names_directory));
  MIDSTREAM_CHECK(path->trailing_slash == names_directory);

  // Decoded once: what came out, encoded anew, comes out again; and a plain one stays what it is.
  std::string again;
  MIDSTREAM_CHECK(decode_path(encode(storage), again).has_value() && again == storage);
  if (storage.find('%') == std::string::npos) {
    MIDSTREAM_CHECK(decode_path("/" + storage, again).has_value() && again == storage);
  }
  MIDSTREAM_CHECK(decode_path("/" + std::string(path_raw) + "/../..", again).has_value());
  check_inside(again);
}

void check_target(Method method, std::string_view text) {
  const std::optional<Target> target = parse_target(method, text);
  if (!target) return;
  MIDSTREAM_CHECK(target->path_raw.empty() || target->path_raw.front() == '/');
  MIDSTREAM_CHECK(target->path_raw.find('?') == std::string_view::npos);
  MIDSTREAM_CHECK(target->has_query || target->query.empty());
  MIDSTREAM_CHECK(target->path_raw.empty() == (target->asterisk || method == Method::kConnect));
  MIDSTREAM_CHECK(target->authority.empty() || is_authority(target->authority));
  MIDSTREAM_CHECK(!target->asterisk || method == Method::kOptions);
  if (text.front() == '/' && method != Method::kConnect) {
    std::string again(target->path_raw);
    if (target->has_query) again.append("?").append(target->query);
    MIDSTREAM_CHECK(again == text && !target->absolute);
  }
  if (target->absolute) {
    MIDSTREAM_CHECK(!target->authority.empty());
    MIDSTREAM_CHECK(target->authority.find_first_of("/?#@ \\") == std::string_view::npos);
  }
}

void run(Method method, std::string_view text) {
  check_target(method, text);
  check_path(text);
  check_path("/" + std::string(text));
}

}  // namespace
}  // namespace midstream::http

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using midstream::http::Method;
  constexpr std::array kMethods = {Method::kGet, Method::kOptions, Method::kConnect, Method::kPut};
  if (size == 0) return 0;
  const std::vector<char> text(data + 1, data + size);
  midstream::http::run(kMethods[data[0] % kMethods.size()], {text.data(), text.size()});
  return 0;
}
