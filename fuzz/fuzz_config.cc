// A configuration file. Nothing outside of the text is asked. What is right means the same when it
// is printed and read again; what is wrong has a place in the text.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>

#include "app/config_file.h"
#include "base/check.h"

namespace {

using midstream::app::LoadedConfig;
using midstream::app::parse_config;
using midstream::app::ParseSettings;

std::optional<std::string> variable(const std::string& name) {
  if (name == "PORT") return "8080";
  if (name == "DIR") return "a\"b${c}";
  return std::nullopt;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const ParseSettings settings{
      .base_directory = "/etc/site", .environment = &variable, .check_files = false};
  const LoadedConfig loaded = parse_config(text, settings);
  if (!loaded.problems.empty()) {
    const auto lines = static_cast<unsigned>(std::count(text.begin(), text.end(), '\n')) + 1;
    for (const auto& problem : loaded.problems) {
      MIDSTREAM_CHECK(problem.line <= lines);
      MIDSTREAM_CHECK(!problem.text.empty());
      MIDSTREAM_CHECK(problem.text.find('\n') == std::string::npos);
    }
    return 0;
  }
  const std::string printed = midstream::app::print_config(loaded.config);
  const LoadedConfig again = parse_config(printed, {.check_files = false});
  MIDSTREAM_CHECK(again.problems.empty());
  MIDSTREAM_CHECK(again.config == loaded.config);
  MIDSTREAM_CHECK(midstream::app::print_config(again.config) == printed);
  return 0;
}
