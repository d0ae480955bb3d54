// What can stand in a configuration file: every key once, with its member, its kind and a word of
// help. The reader, the printer and the lister walk through these descriptions;
// docs/configuration.md is held against the list by a test. A new key is one line here and one
// there.
//
// A walker W has, for the table that it is at:
//   key(name, access, kind, help, need)     one value
//   table(name, access, help)               a table within
//   tables(name, access, help)              a list of tables, [[name]]
//   choice<T>(name, access, help)           a table that is one alternative of a variant
//   part(access)                            keys of a member that are in the same table
// `access` is a pointer to a member, or std::identity where a kind reads several members.
#pragma once

#include <functional>
#include <string_view>

#include "app/config.h"
#include "app/config_kinds.h"

namespace midstream::app {

enum class Need : std::uint8_t {
  kOptional,
  kShown,    ///< optional, but always printed
  kRequired  ///< an error when it is not there
};

/// Names the struct that is described.
template <typename T>
struct Keys {};

inline constexpr Words<std::string_view>::Word kLogLevels[] = {
    {"trace", "trace"}, {"debug", "debug"}, {"info", "info"},
    {"warn", "warn"},   {"error", "error"}, {"off", "off"}};
inline constexpr Words<serve::LogFormat>::Word kLogFormats[] = {
    {"combined", serve::LogFormat::kCombined}, {"json", serve::LogFormat::kJson}};
inline constexpr Words<site::Symlinks>::Word kSymlinks[] = {{"never", site::Symlinks::kNever},
                                                            {"within", site::Symlinks::kWithin},
                                                            {"follow", site::Symlinks::kFollow}};
inline constexpr Words<site::Coding>::Word kCodings[] = {
    {"br", site::Coding::kBrotli}, {"zstd", site::Coding::kZstd}, {"gzip", site::Coding::kGzip}};
inline constexpr int kRedirectStatuses[] = {301, 302, 303, 307, 308};
inline constexpr std::int64_t kMany = 1'000'000;
inline constexpr std::uint64_t kMiB = 1 << 20;

template <typename W>
void describe(W& walker, Keys<http::HeadLimits>) {
  using T = http::HeadLimits;
  walker.key("head_bytes", &T::head_bytes_max, Size{256, 16 * kMiB}, "of a request head");
  walker.key("target_bytes", &T::target_bytes_max, Size{64, 16 * kMiB}, "of a request target");
  walker.key("fields", &T::fields_max, Integer{1, 10'000}, "header fields of a request");
}

template <typename W>
void describe(W& walker, Keys<serve::Limits>) {
  using T = serve::Limits;
  walker.key("header_timeout", &T::header_timeout, Duration{}, "for a request head");
  walker.key("idle_timeout", &T::idle_timeout, Duration{}, "between two requests");
  walker.key("body_timeout", &T::body_timeout, Duration{}, "between two bytes of a request body");
  walker.key("stall_timeout", &T::stall_timeout, Duration{}, "a client that takes no byte");
  walker.key("linger_timeout", &T::linger_timeout, Duration{}, "after an error");
  walker.key("grace", &T::grace, Duration{}, "for running transfers at the stop");
  walker.part(&T::head);
  walker.key("request_body_bytes", &T::request_body_bytes_max, Size{}, "of a request body");
  walker.key("unwanted_body_bytes", &T::unwanted_body_bytes_max, Size{}, "read and dropped");
  walker.key("linger_bytes", &T::linger_bytes_max, Size{}, "read and dropped after an error");
  walker.key("turn_bytes", &T::turn_bytes, Size{4096, 1024 * kMiB}, "sent before others' turn");
}

template <typename W>
void describe(W& walker, Keys<AccessLogOptions>) {
  using T = AccessLogOptions;
  walker.key("file", &T::file, Path{{"-", "off"}}, "\"-\": standard output");
  walker.key("format", &T::format, Words<serve::LogFormat>{kLogFormats}, "of a line");
}

template <typename W>
void describe(W& walker, Keys<ListenOptions>) {
  using T = ListenOptions;
  walker.key("address", &T::address, Address{}, "", Need::kRequired);
  walker.key("mode", &T::mode, Mode{}, "of a Unix socket's file");
}

template <typename W>
void describe(W& walker, Keys<site::HeaderRules>) {
  using T = site::HeaderRules;
  walker.key("remove", &T::remove, List<Text>{{&check_field_name}}, "");
  walker.key("set", &T::set, FieldTable{}, "instead of what is there");
  walker.key("add", &T::add, FieldTable{}, "beside what is there");
  walker.key("on_errors", &T::on_errors, Boolean{}, "for status 400 and above too");
}

template <typename W>
void describe(W& walker, Keys<site::CompressOptions>) {
  using T = site::CompressOptions;
  const List<Words<site::Coding>> codings{{kCodings}};
  walker.key("codings", &T::codings, codings, "in order of preference");
  walker.key("types", &T::types, List<Text>{{&check_media_range}}, "that are compressed");
  walker.key("min_bytes", &T::min_bytes, Size{0}, "smaller files go as they are");
  walker.key("growing", &T::growing, Boolean{}, "growing files too");
}

template <typename W>
void describe(W& walker, Keys<site::FileOptions>) {
  using T = site::FileOptions;
  const List<Words<site::Coding>> codings{{kCodings}};
  walker.key("root", &T::root, Path{}, "the directory", Need::kRequired);
  walker.key("index", &T::index, List<Text>{{&check_name_pattern}}, "the first that exists");
  walker.key("listing", &T::listing, Boolean{}, "for directories without an index");
  walker.key("symlinks", &T::symlinks, Words<site::Symlinks>{kSymlinks}, "");
  walker.key("follow", std::identity(), FollowWord{}, "files that others still write");
  walker.key("hide", &T::hide, List<Text>{{&check_name_pattern}}, "not there for clients");
  walker.key("try_files", &T::try_files, List<Text>{{&check_try_file}}, "the first that exists");
  walker.key("precompressed", &T::precompressed, codings, "siblings that are looked for");
  walker.table("compress", &T::compress, "while they are sent");
  walker.key("sniff", &T::sniff, Boolean{}, "the type from the first bytes");
  walker.key("default_type", &T::default_type, Text{&check_media_type}, "of everything else");
  walker.key("open_files_max", &T::open_files_max, Integer{1, kMany}, "kept open per worker");
}

template <typename W>
void describe(W& walker, Keys<site::RedirectOptions>) {
  using T = site::RedirectOptions;
  walker.key("to", &T::to, Text{&check_redirect_target}, "", Need::kRequired);
  walker.key("status", &T::status, IntegerOf{kRedirectStatuses}, "");
}

template <typename W>
void describe(W& walker, Keys<site::AnswerOptions>) {
  using T = site::AnswerOptions;
  walker.key("status", &T::status, Integer{200, 599}, "", Need::kShown);
  walker.key("body", &T::body, Text{}, "");
  walker.key("type", &T::type, Text{&check_media_type}, "of the body");
}

template <typename W>
void describe(W& walker, Keys<site::RouteOptions>) {
  using T = site::RouteOptions;
  walker.key("path", &T::path, Text{&check_route_path}, "and all below it", Need::kShown);
  walker.key("names", &T::names, List<Text>{{&check_name_pattern}}, "of files");
  walker.template choice<site::FileOptions>("files", &T::handler, "");
  walker.template choice<site::RedirectOptions>("redirect", &T::handler, "");
  walker.template choice<site::AnswerOptions>("answer", &T::handler, "");
  walker.table("headers", &T::headers, "after those of the site");
  walker.key("error_pages", &T::error_pages, ErrorPageTable{}, "before those of the site");
}

template <typename W>
void describe(W& walker, Keys<site::SiteOptions>) {
  using T = site::SiteOptions;
  walker.key("hosts", &T::hosts, List<Text>{{&check_host}}, "");
  walker.table("headers", &T::headers, "");
  walker.key("error_pages", &T::error_pages, ErrorPageTable{}, "");
  walker.tables("route", &T::routes, "");
}

template <typename W>
void describe(W& walker, Keys<Config>) {
  using T = Config;
  walker.key("threads", &T::threads, Integer{1, 1024, "one per core"}, "workers");
  walker.key("user", &T::user, Text{&check_name}, "to change to once everything is open");
  walker.key("group", &T::group, Text{&check_name}, "to change to");
  walker.key("log_level", &T::log_level, Words<std::string_view>{kLogLevels}, "");
  walker.table("access_log", &T::access_log, "");
  walker.table("limits", &T::limits, "");
  walker.key("media_types", &T::media_types, MediaTypeTable{}, "");
  walker.tables("listen", &T::listen, "");
  walker.tables("site", &T::sites, "");
}

}  // namespace midstream::app
