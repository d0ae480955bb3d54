#include "http/method.h"

#include <array>
#include <cstddef>

namespace midstream::http {
namespace {

// In the order of the enum.
constexpr std::array<std::string_view, 10> kNames = {
    "GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "TRACE", "CONNECT", "",
};

}  // namespace

Method method_from(std::string_view token) {
  if (token == "GET") return Method::kGet;
  for (std::size_t i = 1; i < static_cast<std::size_t>(Method::kOther); ++i) {
    if (token == kNames[i]) return static_cast<Method>(i);
  }
  return Method::kOther;
}

std::string_view name_of(Method method) { return kNames[static_cast<std::size_t>(method)]; }

bool is_safe(Method method) {
  return method == Method::kGet || method == Method::kHead || method == Method::kOptions ||
         method == Method::kTrace;
}

bool is_idempotent(Method method) {
  return is_safe(method) || method == Method::kPut || method == Method::kDelete;
}

}  // namespace midstream::http
