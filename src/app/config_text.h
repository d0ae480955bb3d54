// What a text of the configuration must be like: hosts, paths of URLs, media types, header fields.
//
// Each check may put the text into the form that the rest of the program works with, and gives
// nullopt where it is right.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace midstream::app {

struct Refusal {
  std::string expected;
  std::string meant;  ///< perhaps: what was meant
};

using Checked = std::optional<Refusal>;

[[nodiscard]] Checked check_any(std::string& text);
/// Anything but nothing, without control bytes.
[[nodiscard]] Checked check_name(std::string& text);
/// Lower case afterwards.
[[nodiscard]] Checked check_host(std::string& text);
/// Without "/" at its end afterwards, unless it is all.
[[nodiscard]] Checked check_route_path(std::string& text);
[[nodiscard]] Checked check_name_pattern(std::string& text);
[[nodiscard]] Checked check_media_type(std::string& text);
/// "text/html", "text/*": without parameters.
[[nodiscard]] Checked check_media_range(std::string& text);
/// Of a file name, without the dot. Lower case afterwards.
[[nodiscard]] Checked check_extension(std::string& text);
[[nodiscard]] Checked check_redirect_target(std::string& text);
/// "{path}", "/index.html", "=404".
[[nodiscard]] Checked check_try_file(std::string& text);
[[nodiscard]] Checked check_field_name(std::string& text);
[[nodiscard]] Checked check_field_value(std::string& text);
/// A path of the file system, not yet resolved.
[[nodiscard]] Checked check_file_path(std::string& text);

/// "=404" as 404.
[[nodiscard]] std::optional<int> parse_try_status(std::string_view text);

}  // namespace midstream::app
