// Lists all keys, by the schema.
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "app/config_file.h"
#include "app/config_schema.h"

namespace midstream::app {
namespace {

template <typename T>
class KeyLister {
 public:
  KeyLister(std::string prefix, std::vector<ConfigKey>& keys)
      : prefix_(std::move(prefix)), keys_(keys) {}

  template <typename Access, typename Kind>
  void key(std::string_view name, Access access, const Kind& kind, std::string_view help,
           Need need = Need::kOptional) {
    std::string value = "none";
    if constexpr (!requires { kind.entries(std::invoke(access, kDefaults)); }) {
      const std::string text = kind.print(std::invoke(access, kDefaults));
      if (text != "\"\"" && text != "[]") value = text;
    }
    if (need == Need::kRequired) value = "required";
    keys_.push_back(
        {prefix_ + std::string(name), kind.type(), std::move(value), std::string(help)});
  }

  template <typename Member>
  void table(std::string_view name, Member T::* /*access*/, std::string_view /*help*/) {
    list<Member>(name);
  }

  template <typename Member>
  void tables(std::string_view name, std::vector<Member> T::* /*access*/,
              std::string_view /*help*/) {
    list<Member>(name);
  }

  template <typename Alternative, typename Access>
  void choice(std::string_view name, Access /*access*/, std::string_view /*help*/) {
    list<Alternative>(name);
  }

  template <typename Part>
  void part(Part T::* /*access*/) {
    KeyLister<Part> inner(prefix_, keys_);
    describe(inner, Keys<Part>());
  }

 private:
  template <typename U>
  void list(std::string_view name) {
    KeyLister<U> inner(prefix_ + std::string(name) + ".", keys_);
    describe(inner, Keys<U>());
  }

  static inline const T kDefaults{};
  std::string prefix_;
  std::vector<ConfigKey>& keys_;
};

}  // namespace

std::vector<ConfigKey> config_keys() {
  std::vector<ConfigKey> keys;
  KeyLister<Config> lister({}, keys);
  describe(lister, Keys<Config>());
  return keys;
}

}  // namespace midstream::app
