// The part of the checks that asks the system.
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include <grp.h>
#include <pwd.h>

#include "app/config_check.h"
#include "base/errno_error.h"

namespace midstream::app {
namespace {

constexpr std::string_view kUnix = "unix:";

std::string directory_of(const std::string& file) {
  const std::size_t slash = file.rfind('/');
  return slash == std::string::npos || slash == 0 ? "/" : file.substr(0, slash);
}

bool user_exists(const std::string& name) {
  std::array<char, 16384> buffer;
  passwd entry{};
  passwd* found = nullptr;
  return ::getpwnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found) == 0 &&
         found != nullptr;
}

// A group with too many members for the buffer is there nevertheless (ERANGE).
bool group_exists(const std::string& name) {
  std::array<char, 16384> buffer;
  group entry{};
  group* found = nullptr;
  const int failed = ::getgrnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found);
  return failed == ERANGE || (failed == 0 && found != nullptr);
}

class FileChecker {
 public:
  FileChecker(const Config& config, ConfigReading& reading) : config_(config), reading_(reading) {}

  void check() {
    if (!config_.user.empty() && !user_exists(config_.user))
      complain("user", quote_toml(config_.user) + " is no user of this system");
    if (!config_.group.empty() && !group_exists(config_.group))
      complain("group", quote_toml(config_.group) + " is no group of this system");
    if (config_.access_log.file.starts_with('/'))
      check_directory("access_log.file", directory_of(config_.access_log.file));
    for (std::size_t i = 0; i < config_.listen.size(); ++i) {
      const std::string& address = config_.listen[i].address;
      if (address.starts_with(kUnix))
        check_directory(item("listen", i) + ".address", directory_of(address.substr(kUnix.size())));
    }
    for (std::size_t i = 0; i < config_.sites.size(); ++i)
      check_site(config_.sites[i], item("site", i));
  }

 private:
  static std::string item(const std::string& list, std::size_t i) {
    return list + "[" + std::to_string(i) + "]";
  }

  void check_site(const site::SiteOptions& site, const std::string& path) {
    check_error_pages(site.error_pages, path);
    for (std::size_t i = 0; i < site.routes.size(); ++i) {
      const std::string route = item(path + ".route", i);
      check_error_pages(site.routes[i].error_pages, route);
      const auto* files = std::get_if<site::FileOptions>(&site.routes[i].handler);
      if (files != nullptr && !files->root.empty())
        check_directory(route + ".files.root", files->root);
    }
  }

  void check_error_pages(const site::ErrorPages& pages, const std::string& path) {
    for (const auto& [status, file] : pages) {
      const std::string key = std::to_string(status) + (status < 10 ? "xx" : "");
      struct stat found {};
      std::string why;
      if (::stat(file.c_str(), &found) != 0 || ::access(file.c_str(), R_OK) != 0)
        why = errno_error().message();
      else if (!S_ISREG(found.st_mode))
        why = "not a regular file";
      if (!why.empty())
        complain(path + ".error_pages." + key,
                 quote_toml(file) + " cannot be read: " + why + ", expected a file");
    }
  }

  void check_directory(const std::string& path, const std::string& directory) {
    struct stat found {};
    if (::stat(directory.c_str(), &found) != 0)
      complain(path,
               quote_toml(directory) + ": " + errno_error().message() + ", expected a directory");
    else if (!S_ISDIR(found.st_mode))
      complain(path, quote_toml(directory) + " is not a directory, expected one");
  }

  // Only of what was written: a Config from elsewhere has no places.
  void complain(const std::string& path, std::string text) {
    const auto place = reading_.places.find(path);
    reading_.complain(place == reading_.places.end() ? Position{} : place->second, std::move(text));
  }

  const Config& config_;
  ConfigReading& reading_;
};

}  // namespace

void check_config_files(const Config& config, ConfigReading& reading) {
  FileChecker(config, reading).check();
}

}  // namespace midstream::app
