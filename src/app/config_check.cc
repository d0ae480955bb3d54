#include "app/config_check.h"

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "http/status.h"
#include "net/listen_address.h"

namespace midstream::app {
namespace {

std::string item_path(std::string_view list, std::size_t i) {
  return std::string(list) + "[" + std::to_string(i) + "]";
}

std::string line_text(Position at) { return "line " + std::to_string(at.line); }

class Checker {
 public:
  Checker(const Config& config, ConfigReading& reading) : config_(config), reading_(reading) {}

  void check() {
    check_listen();
    if (!config_.group.empty() && config_.user.empty() && !was_refused("user"))
      complain("group", R"("group" is here without "user", expected both)");
    if (config_.sites.empty())
      reading_.complain({}, "there is no site, expected at least one [[site]]");
    check_hosts();
    for (std::size_t i = 0; i < config_.sites.size(); ++i)
      check_site(config_.sites[i], item_path("site", i));
  }

 private:
  // Where a value stands; where it was not written, what is around it.
  [[nodiscard]] Position at(std::string_view path) const {
    while (!path.empty()) {
      const auto place = reading_.places.find(path);
      if (place != reading_.places.end()) return place->second;
      path = path.substr(
          0, path.find_last_of(".[") == std::string_view::npos ? 0 : path.find_last_of(".["));
    }
    return {};
  }

  [[nodiscard]] bool was_refused(std::string_view path) const {
    const auto place = reading_.places.find(path);
    if (place == reading_.places.end()) return false;
    for (const ConfigProblem& problem : reading_.problems) {
      if (Position{problem.line, problem.column} == place->second) return true;
    }
    return false;
  }

  void complain(std::string_view path, std::string text) {
    reading_.complain(at(path), std::move(text));
  }

  void check_listen() {
    std::map<std::string, Position> seen;
    for (std::size_t i = 0; i < config_.listen.size(); ++i) {
      const std::string path = item_path("listen", i);
      const std::string address = path + ".address";
      const std::string& text = config_.listen[i].address;
      if (reading_.places.count(address) == 0 || was_refused(address)) continue;
      if (!text.starts_with("unix:") && reading_.places.count(path + ".mode") != 0)
        complain(path + ".mode", R"("mode" is here, expected it with "unix:..." only)");
      const auto parsed = net::parse_listen_address(text);
      if (!parsed) continue;
      const auto* endpoint = std::get_if<net::Endpoint>(&*parsed);
      if (endpoint != nullptr && endpoint->port() == 0) continue;  // each gets a port of its own
      const auto [first, is_new] = seen.emplace(net::text_of(*parsed), at(address));
      if (!is_new)
        complain(address, "the address " + quote_toml(text) +
                              " is there twice, expected it only in " + line_text(first->second));
    }
  }

  void check_hosts() {
    std::map<std::string_view, std::size_t> owners;
    bool has_default = false;
    for (std::size_t i = 0; i < config_.sites.size(); ++i) {
      const std::string path = item_path("site", i) + ".hosts";
      const auto& hosts = config_.sites[i].hosts;
      if (hosts.empty() && !was_refused(path)) {
        if (has_default)
          complain(path, R"(a second site without "hosts", expected only one: it takes the hosts )"
                         "that no other site has");
        has_default = true;
      }
      for (std::size_t k = 0; k < hosts.size(); ++k) {
        if (hosts[k].empty()) continue;  // refused
        const auto [owner, is_new] = owners.emplace(hosts[k], i);
        if (!is_new && owner->second != i)
          complain(item_path(path, k), "the host " + quote_toml(hosts[k]) +
                                           " has a site already, expected it only in " +
                                           line_text(at(item_path("site", owner->second))));
      }
    }
  }

  void check_site(const site::SiteOptions& site, const std::string& path) {
    if (site.routes.empty())
      complain(path, "this site has no route, expected at least one [[site.route]]");
    std::map<std::pair<std::string, std::vector<std::string>>, std::size_t> seen;
    for (std::size_t i = 0; i < site.routes.size(); ++i) {
      const site::RouteOptions& route = site.routes[i];
      const std::string route_path = item_path(path + ".route", i);
      check_route(route, route_path);
      if (was_refused(route_path + ".path") || was_refused(route_path + ".names")) continue;
      const auto [first, is_new] = seen.emplace(std::pair(route.path, route.names), i);
      if (!is_new)
        complain(route_path + ".path",
                 "the route " + quote_toml(route.path) +
                     (route.names.empty() ? "" : " with these names") +
                     " is there twice, expected it only in " +
                     line_text(at(item_path(path + ".route", first->second))));
    }
  }

  void check_route(const site::RouteOptions& route, const std::string& path) {
    if (const auto* files = std::get_if<site::FileOptions>(&route.handler)) {
      for (std::size_t i = 0; i + 1 < files->try_files.size(); ++i) {
        if (files->try_files[i].starts_with('='))
          complain(
              item_path(path + ".files.try_files", i),
              quote_toml(files->try_files[i]) + " is not the last one, expected it at the end");
      }
    } else if (const auto* answer = std::get_if<site::AnswerOptions>(&route.handler)) {
      if (http::is_bodiless(answer->status) && !answer->body.empty())
        complain(path + ".answer.body", "there is a body, expected none with the status " +
                                            std::to_string(answer->status));
    }
  }

  const Config& config_;
  ConfigReading& reading_;
};

}  // namespace

void check_config(const Config& config, ConfigReading& reading) {
  Checker(config, reading).check();
}

}  // namespace midstream::app
