#include "app/options.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <thread>
#include <utility>

#include <CLI/CLI.hpp>

#include <midstream/version.h>

namespace midstream::app {

std::optional<std::chrono::milliseconds> parse_duration(std::string_view text) {
  std::uint64_t count = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (failed != std::errc() || count == 0) return std::nullopt;
  const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  constexpr std::pair<std::string_view, std::uint64_t> kUnits[] = {
      {"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}};
  for (const auto& [name, factor] : kUnits) {
    if (unit != name) continue;
    constexpr std::uint64_t kMax = 366ULL * 24 * 3'600'000;  // a year: more is a mistake
    if (count > kMax / factor) return std::nullopt;
    return std::chrono::milliseconds(count * factor);
  }
  return std::nullopt;
}

std::optional<net::Endpoint> parse_endpoint(const std::string& text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string::npos) return std::nullopt;
  std::string host = text.substr(0, colon);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']')
    host = host.substr(1, host.size() - 2);
  const char* first = text.data() + colon + 1;
  const char* last = text.data() + text.size();
  unsigned port = 0;
  const auto [end, failed] = std::from_chars(first, last, port);
  if (failed != std::errc() || end != last || port > 65535) return std::nullopt;
  error_code bad;
  const auto address = asio::ip::make_address(host, bad);
  if (bad) return std::nullopt;
  return net::Endpoint(address, static_cast<unsigned short>(port));
}

namespace {

void add_duration(CLI::App& command, const std::string& name, std::chrono::milliseconds& value,
                  const std::string& help) {
  const auto check = [](const std::string& text) {
    return parse_duration(text) ? "" : "not a duration such as 250ms, 30s or 5m: " + text;
  };
  const auto take = [&value](const std::string& text) { value = *parse_duration(text); };
  command.add_option_function<std::string>(name, take, help)
      ->check(CLI::Validator(check, "DURATION"));
}

struct Texts {
  std::vector<std::string> listen;
  std::string follow = "auto";
  std::string format = "combined";
  bool no_listing = false;
};

void describe_serve(CLI::App& serve, Options& options, Texts& texts) {
  serve.add_option("DIR", options.directory, "The directory to serve")->required();
  serve.add_option("--listen", texts.listen,
                   "ADDR:PORT, may be repeated; port 0 picks a free one [127.0.0.1:8080]");
  serve.add_flag("--no-listing", texts.no_listing, "403 for directories without index.html");
  serve.add_option(
      "--follow", texts.follow,
      "Files that others are still writing: auto, never, or only paths matching a GLOB [auto]");
  serve.add_option("--threads", options.threads, "Workers [one per core]")
      ->check(CLI::Range(1, 1024));
  serve.add_option("--log-level", options.log_level, "trace, debug, info, warn, error, off [info]")
      ->check(CLI::IsMember({"trace", "debug", "info", "warn", "error", "off"}));
  serve.add_option("--access-log", options.access_log, "FILE, - for standard output, or off [off]");
  serve.add_option("--access-log-format", texts.format, "combined or json [combined]")
      ->check(CLI::IsMember({"combined", "json"}));
  add_duration(serve, "--header-timeout", options.limits.header_timeout,
               "For a request head [30s]");
  add_duration(serve, "--body-timeout", options.limits.body_timeout,
               "Between two bytes of a request body [30s]");
  add_duration(serve, "--idle-timeout", options.limits.idle_timeout, "Between two requests [75s]");
  add_duration(serve, "--stall-timeout", options.limits.stall_timeout,
               "How long a client may take no byte [60s]");
  add_duration(serve, "--grace", options.limits.grace, "For running transfers at the stop [10s]");
}

int complain(const std::string& what) {
  std::string line = what;
  std::replace(line.begin(), line.end(), '\n', ' ');
  std::fprintf(stderr, "midstream: %s\n", line.c_str());
  return 2;
}

}  // namespace

std::optional<Options> parse_command_line(int argc, const char* const* argv, int& exit_code) {
  Options options;
  Texts texts;
  options.threads = std::max(1U, std::thread::hardware_concurrency());
  CLI::App app(
      "Midstream serves files over HTTP with zero copy, also while they are still being written.",
      "midstream");
  app.set_version_flag("--version", "midstream " MIDSTREAM_VERSION);
  app.require_subcommand(0, 1);  // none is told below: CLI11 would hide what was written instead
  CLI::App& serve = *app.add_subcommand("serve", "Serve the files of a directory");
  describe_serve(serve, options, texts);
  exit_code = 0;
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp& call) {
    app.exit(call);
    return std::nullopt;
  } catch (const CLI::CallForVersion& call) {
    app.exit(call);
    return std::nullopt;
  } catch (const CLI::ParseError& wrong) {
    exit_code = complain(std::string(wrong.what()) + " (see midstream --help)");
    return std::nullopt;
  }
  if (app.get_subcommands().empty()) {
    exit_code = complain("a command is missing (see midstream --help)");
    return std::nullopt;
  }
  for (const std::string& text : texts.listen) {
    const auto endpoint = parse_endpoint(text);
    if (!endpoint) {
      exit_code = complain("--listen: not an address and port such as 127.0.0.1:8080: " + text);
      return std::nullopt;
    }
    options.listen.push_back(*endpoint);
  }
  if (options.listen.empty()) options.listen.push_back(*parse_endpoint("127.0.0.1:8080"));
  options.files.listing = !texts.no_listing;
  options.files.follow_pattern = texts.follow;
  options.files.follow = texts.follow == "auto"    ? site::Follow::kAuto
                         : texts.follow == "never" ? site::Follow::kNever
                                                   : site::Follow::kMatching;
  if (texts.format == "json") options.access_log_format = serve::LogFormat::kJson;
  return options;
}

}  // namespace midstream::app
