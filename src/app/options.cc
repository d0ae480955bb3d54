#include "app/options.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>
#include <spdlog/spdlog.h>

#include <midstream/version.h>

#include "app/config_file.h"
#include "app/config_units.h"
#include "net/listen_address.h"

namespace midstream::app {
namespace {

// What is wrong with a command line, in one line.
using Wrong = std::optional<std::string>;

constexpr std::string_view kUnix = "unix:";

// Common to `serve` and `run`. There they stand above the file.
struct Overrides {
  std::optional<unsigned> threads;
  std::optional<std::string> log_level;
  std::optional<std::string> access_log;
  std::optional<std::string> access_log_format;

  void apply(Config& config) const;
};

struct Texts {
  Overrides overrides;
  std::string directory;
  std::vector<std::string> listen;
  std::string follow = "auto";
  bool no_listing = false;
  bool print_config = false;
  serve::Limits limits;
  std::string config_file{kConfigFile};
};

std::string absolute(const std::string& path) {
  std::error_code failed;
  std::string made = std::filesystem::absolute(path, failed).string();
  if (path.empty() || failed) return path;
  while (made.ends_with("/."))
    made.resize(made.size() - 2);
  return made.empty() ? "/" : made;
}

void Overrides::apply(Config& config) const {
  if (threads) config.threads = *threads;
  if (log_level) config.log_level = *log_level;
  if (access_log) {
    const bool is_word = *access_log == "-" || *access_log == "off";
    config.access_log.file = is_word ? *access_log : absolute(*access_log);
  }
  if (access_log_format) {
    config.access_log.format =
        *access_log_format == "json" ? serve::LogFormat::kJson : serve::LogFormat::kCombined;
  }
}

void add_duration(CLI::App& command, const std::string& name, std::chrono::milliseconds& value,
                  const std::string& help) {
  const auto check = [](const std::string& text) {
    return parse_duration(text) ? "" : "not a duration such as 250ms, 30s or 5m: " + text;
  };
  const auto take = [&value](const std::string& text) { value = *parse_duration(text); };
  command.add_option_function<std::string>(name, take, help)
      ->check(CLI::Validator(check, "DURATION"));
}

void describe_common(CLI::App& command, Overrides& overrides) {
  command.add_option("--threads", overrides.threads, "Workers [one per core]")
      ->check(CLI::Range(1, 1024));
  command
      .add_option("--log-level", overrides.log_level, "trace, debug, info, warn, error, off [info]")
      ->check(CLI::IsMember({"trace", "debug", "info", "warn", "error", "off"}));
  command.add_option("--access-log", overrides.access_log,
                     "FILE, - for standard output, or off [off]");
  command
      .add_option("--access-log-format", overrides.access_log_format, "combined or json [combined]")
      ->check(CLI::IsMember({"combined", "json"}));
}

void describe_serve(CLI::App& serve, Texts& texts) {
  serve.add_option("DIR", texts.directory, "The directory to serve")->required();
  serve.add_option("--listen", texts.listen,
                   "ADDR:PORT, may be repeated; port 0 picks a free one; unix:PATH, systemd "
                   "[127.0.0.1:8080]");
  serve.add_flag("--no-listing", texts.no_listing, "403 for directories without index.html");
  serve.add_option(
      "--follow", texts.follow,
      "Files that others are still writing: auto, never, or only paths matching a GLOB [auto]");
  describe_common(serve, texts.overrides);
  serve::Limits& limits = texts.limits;
  add_duration(serve, "--header-timeout", limits.header_timeout, "For a request head [30s]");
  add_duration(serve, "--body-timeout", limits.body_timeout,
               "Between two bytes of a request body [30s]");
  add_duration(serve, "--idle-timeout", limits.idle_timeout, "Between two requests [75s]");
  add_duration(serve, "--stall-timeout", limits.stall_timeout,
               "How long a client may take no byte [60s]");
  add_duration(serve, "--grace", limits.grace, "For running transfers at the stop [10s]");
  serve.add_flag("--print-config", texts.print_config,
                 "Print the configuration file that says the same, and exit");
}

void describe_file(CLI::App& command, Texts& texts) {
  command.add_option("--config", texts.config_file,
                     "The configuration file [" + std::string(kConfigFile) + "]");
}

int complain(const std::string& what) {
  std::string line = what;
  std::replace(line.begin(), line.end(), '\n', ' ');
  std::fprintf(stderr, "midstream: %s\n", line.c_str());
  return 2;
}

// One site for every host, one route for every path.
Wrong make_config(const Texts& texts, Config& config) {
  if (texts.directory.empty()) return "the name of the directory is empty";
  for (const std::string& text : texts.listen) {
    if (const auto address = net::parse_listen_address(text); !address)
      return "--listen: " + address.error();
    const bool is_file = text.starts_with(kUnix);
    config.listen.emplace_back().address =
        is_file ? std::string(kUnix) + absolute(text.substr(kUnix.size())) : text;
  }
  if (config.listen.empty()) config.listen.emplace_back();
  config.limits = texts.limits;
  site::FileOptions files;
  files.root = absolute(texts.directory);
  files.listing = !texts.no_listing;
  if (texts.follow == "never") {
    files.follow = site::Follow::kNever;
  } else if (texts.follow != "auto") {
    files.follow = site::Follow::kMatching;
    files.follow_pattern = texts.follow;
  }
  config.sites.emplace_back().routes.emplace_back().handler = std::move(files);
  texts.overrides.apply(config);
  return std::nullopt;
}

std::optional<Invocation> serve_directory(const Texts& texts, int& exit_code) {
  Invocation invocation;
  if (const Wrong wrong = make_config(texts, invocation.config)) {
    exit_code = complain(*wrong);
    return std::nullopt;
  }
  if (!texts.print_config) return invocation;
  const std::string text =
      "# What `midstream serve` means: for `midstream run --config FILE`.\n\n" +
      print_config(invocation.config);
  // A name can hold any byte, TOML cannot.
  if (is_utf8(text))
    std::fputs(text.c_str(), stdout);
  else
    exit_code = complain("only names in UTF-8 can be written as TOML");
  return std::nullopt;
}

std::optional<Invocation> run_file(const Texts& texts, int& exit_code) {
  LoadedConfig loaded = load_config(texts.config_file);
  for (const ConfigProblem& problem : loaded.problems)
    std::fprintf(stderr, "%s\n", print_problem(texts.config_file, problem).c_str());
  if (!loaded.problems.empty()) {
    exit_code = 2;
    return std::nullopt;
  }
  texts.overrides.apply(loaded.config);
  const auto read_again = [file = texts.config_file,
                           overrides = texts.overrides]() -> std::optional<Config> {
    LoadedConfig again = load_config(file);
    for (const ConfigProblem& problem : again.problems)
      spdlog::error("{}", print_problem(file, problem));
    if (!again.problems.empty()) return std::nullopt;
    overrides.apply(again.config);
    return std::move(again.config);
  };
  return Invocation{std::move(loaded.config), texts.config_file, read_again};
}

}  // namespace

std::optional<Invocation> parse_command_line(int argc, const char* const* argv, int& exit_code) {
  Texts texts;
  CLI::App app(
      "Midstream serves files over HTTP with zero copy, also while they are still being written.",
      "midstream");
  app.set_version_flag("--version", "midstream " MIDSTREAM_VERSION);
  app.require_subcommand(0, 1);  // none is told below: CLI11 would hide what was written instead
  CLI::App& serve = *app.add_subcommand("serve", "Serve the files of a directory");
  describe_serve(serve, texts);
  CLI::App& run = *app.add_subcommand("run", "Do what a configuration file says");
  describe_file(run, texts);
  describe_common(run, texts.overrides);
  CLI::App& check = *app.add_subcommand("check", "Say what is wrong with a configuration file");
  describe_file(check, texts);
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
  if (serve.parsed()) return serve_directory(texts, exit_code);
  if (!run.parsed() && !check.parsed()) {
    exit_code = complain("a command is missing (see midstream --help)");
    return std::nullopt;
  }
  auto invocation = run_file(texts, exit_code);
  if (run.parsed()) return invocation;
  if (invocation) std::printf("%s: ok\n", texts.config_file.c_str());
  return std::nullopt;
}

}  // namespace midstream::app
