#include "http/target.h"

#include <algorithm>
#include <array>
#include <cstddef>

#include "http/chars.h"
#include "http/fields.h"

namespace midstream::http {
namespace {

bool is_target_byte(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte > 0x20 && byte != 0x7f && byte != '#';
}

bool is_control(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte < 0x20 || byte == 0x7f;
}

// Nothing to decode and nothing to resolve, but for a "/" at the ends. A hidden file (".x") is not
// plain; that only costs it the slow way.
bool is_plain(std::string_view path) {
  char before = '/';
  for (std::size_t i = path.starts_with('/') ? 1 : 0; i < path.size(); ++i) {
    const char c = path[i];
    if (c == '%' || is_control(c)) return false;
    if (before == '/' && (c == '/' || c == '.')) return false;
    before = c;
  }
  return true;
}

// Decodes in place. RFC 3986 2.1.
std::optional<PathError> percent_decode(std::string& text) {
  std::size_t size = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '%') {
      if (text.size() - i < 3) return PathError::kBadEscape;
      const int high = hex_value(text[i + 1]);
      const int low = hex_value(text[i + 2]);
      if (high < 0 || low < 0) return PathError::kBadEscape;
      c = static_cast<char>(high * 16 + low);
      i += 2;
    }
    if (is_control(c)) return PathError::kControlByte;
    text[size++] = c;
  }
  text.resize(size);
  return std::nullopt;
}

// RFC 3986 5.2.4 and empty components, in place. Gives whether the last component names a
// directory.
bool resolve_components(std::string& text) {
  bool directory = true;
  std::size_t size = 0;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find('/', begin), text.size());
    const std::string_view component(text.data() + begin, end - begin);
    directory = component.empty() || component == "." || component == "..";
    if (component == "..") {
      const std::size_t slash = std::string_view(text.data(), size).rfind('/');
      size = slash == std::string_view::npos ? 0 : slash;
    } else if (!directory) {
      if (size != 0) text[size++] = '/';
      std::copy(component.begin(), component.end(),
                text.begin() + static_cast<std::ptrdiff_t>(size));
      size += component.size();
    }
    begin = end + 1;
  }
  text.resize(size);
  return directory;
}

// RFC 3986 3.2.2, without a zone: hexadecimal groups and perhaps an IPv4 tail. Whether it is an
// address that exists is for whoever connects to it.
bool is_ipv6_literal(std::string_view text) {
  constexpr std::size_t kSizeMax = 45;
  if (text.size() < 2 || text.size() > kSizeMax) return false;
  if (std::count(text.begin(), text.end(), ':') < 2) return false;
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return hex_value(c) >= 0 || c == ':' || c == '.'; });
}

// Where a name or an IPv4 address at the start of `text` ends; npos when an escape in it is broken.
std::size_t host_name_size(std::string_view text) {
  std::size_t i = 0;
  for (; i < text.size() && is_host_char(text[i]); ++i) {
    if (text[i] != '%') continue;
    if (text.size() - i < 3 || hex_value(text[i + 1]) < 0 || hex_value(text[i + 2]) < 0) {
      return std::string_view::npos;
    }
    i += 2;
  }
  return i;
}

Target split_query(std::string_view text) {
  Target target;
  const std::size_t mark = text.find('?');
  target.path_raw = text.substr(0, mark);
  if (mark != std::string_view::npos) {
    target.has_query = true;
    target.query = text.substr(mark + 1);
  }
  return target;
}

// RFC 9112 3.2.2. `text` does not begin with "/".
std::optional<Target> parse_absolute(Method method, std::string_view text) {
  const std::size_t scheme_size = text.find("://");
  if (scheme_size == std::string_view::npos) return std::nullopt;
  const std::string_view scheme = text.substr(0, scheme_size);
  if (!iequals(scheme, "http") && !iequals(scheme, "https")) return std::nullopt;
  text.remove_prefix(scheme_size + 3);

  const std::size_t authority_size = std::min(text.find_first_of("/?"), text.size());
  const std::string_view authority = text.substr(0, authority_size);
  if (!is_authority(authority)) return std::nullopt;
  Target target = split_query(text.substr(authority_size));
  target.absolute = true;
  target.authority = authority;
  if (target.path_raw.empty()) {
    if (method == Method::kOptions && !target.has_query) {
      target.asterisk = true;
    } else {
      target.path_raw = "/";
    }
  }
  return target;
}

}  // namespace

bool is_authority(std::string_view text) {
  std::size_t host_size = 0;
  if (text.starts_with('[')) {
    const std::size_t bracket = text.find(']');
    if (bracket == std::string_view::npos) return false;
    if (!is_ipv6_literal(text.substr(1, bracket - 1))) return false;
    host_size = bracket + 1;
  } else {
    host_size = host_name_size(text);
    if (host_size == 0 || host_size == std::string_view::npos) return false;
  }
  if (host_size == text.size()) return true;
  if (text[host_size] != ':') return false;
  for (char c : text.substr(host_size + 1)) {
    if (!is_digit(c)) return false;
  }
  return true;
}

std::optional<Target> parse_target(Method method, std::string_view text) {
  if (text.empty() || !std::all_of(text.begin(), text.end(), is_target_byte)) return std::nullopt;
  if (method == Method::kConnect) {
    if (!is_authority(text)) return std::nullopt;
    Target target;
    target.authority = text;
    return target;
  }
  if (text.front() == '/') return split_query(text);
  if (text == "*") {
    if (method != Method::kOptions) return std::nullopt;
    Target target;
    target.asterisk = true;
    return target;
  }
  return parse_absolute(method, text);
}

boost::system::result<DecodedPath, PathError> decode_path(std::string_view path_raw,
                                                          std::string& storage) {
  if (is_plain(path_raw)) {
    if (path_raw.starts_with('/')) path_raw.remove_prefix(1);
    const bool trailing_slash = path_raw.empty() || path_raw.ends_with('/');
    if (path_raw.ends_with('/')) path_raw.remove_suffix(1);
    storage.assign(path_raw);
    return DecodedPath{storage, trailing_slash};
  }
  storage.assign(path_raw);
  if (const std::optional<PathError> error = percent_decode(storage)) return *error;
  const bool trailing_slash = resolve_components(storage);
  return DecodedPath{storage, trailing_slash};
}

}  // namespace midstream::http
