#include "app/config_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <utility>

#include <midstream/error.h>

#include "app/config_check.h"
#include "app/config_read.h"
#include "base/errno_error.h"
#include "base/unique_fd.h"

namespace midstream::app {
namespace {

constexpr std::size_t kFileMax = 1 << 20;

LoadedConfig failed(std::string what) {
  LoadedConfig loaded;
  loaded.problems.push_back({0, 0, std::move(what)});
  return loaded;
}

// Also of a pipe: `midstream run --config <(generate)`.
result<std::string> read_file(const std::string& file) {
  const UniqueFd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return errno_error();
  std::string text;
  std::array<char, 16384> buffer;
  while (text.size() <= kFileMax) {
    const ssize_t got = ::read(fd.get(), buffer.data(), buffer.size());
    if (got == 0) return text;
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno_error();
    text.append(buffer.data(), static_cast<std::size_t>(got));
  }
  return errno_error(EFBIG);
}

std::optional<std::string> variable(const std::string& name) {
  const char* const value = ::secure_getenv(name.c_str());
  return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

}  // namespace

LoadedConfig parse_config(std::string_view text, const ParseSettings& settings) {
  LoadedConfig loaded;
  auto tree = parse_toml(text);
  if (!tree) {
    loaded.problems.push_back(tree.error());
    return loaded;
  }
  ConfigReading reading(settings.base_directory);
  const Environment nothing = [](const std::string&) { return std::nullopt; };
  reading.problems = expand_variables(*tree, settings.environment ? settings.environment : nothing);
  loaded.config = read_config(*tree, reading);
  check_config(loaded.config, reading);
  if (settings.check_files) check_config_files(loaded.config, reading);
  loaded.problems = std::move(reading.problems);
  std::stable_sort(loaded.problems.begin(), loaded.problems.end(),
                   [](const auto& a, const auto& b) {
                     return std::pair(a.line, a.column) < std::pair(b.line, b.column);
                   });
  return loaded;
}

LoadedConfig load_config(const std::string& file) {
  auto text = read_file(file);
  if (!text) return failed("cannot be read: " + text.error().message());
  std::error_code no_directory;
  const std::filesystem::path path = std::filesystem::absolute(file, no_directory);
  if (no_directory) return failed("has no directory: " + no_directory.message());
  ParseSettings settings;
  settings.base_directory = path.parent_path().string();
  settings.environment = &variable;
  return parse_config(*text, settings);
}

std::string print_problem(const std::string& file, const ConfigProblem& problem) {
  std::string out = file + ":";
  if (problem.line != 0)
    out += std::to_string(problem.line) + ":" + std::to_string(problem.column) + ":";
  return out + " " + problem.text;
}

}  // namespace midstream::app
