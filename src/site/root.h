// Root: the served directory. Nothing outside it can be opened through it.
#pragma once

#include <sys/stat.h>

#include <string>

#include <midstream/error.h>

#include "base/unique_fd.h"

namespace midstream::site {

class Root {
 public:
  /// Errors: those of open(2); `not_a_directory`; `permission_denied` where it cannot be searched;
  /// `function_not_supported` without openat2(2) (Linux 5.6).
  [[nodiscard]] static result<Root> open(const std::string& path);

  struct Opened {
    UniqueFd fd;  ///< regular files: for reading; directories: for reading; else O_PATH only
    struct stat status {};
    bool through_symlink = false;
  };

  /// `relative`: as http::decode_path gives it; empty is the root itself. Never blocks on a FIFO or
  /// a device. Errors: ENOENT, ENOTDIR, EACCES, EXDEV (a symbolic link leaves the root) ...
  [[nodiscard]] result<Opened> open_below(const std::string& relative) const;

  [[nodiscard]] int fd() const noexcept { return directory_.get(); }

 private:
  explicit Root(UniqueFd directory) : directory_(std::move(directory)) {}
  UniqueFd directory_;
};

}  // namespace midstream::site
