// Root: the served directory. Nothing outside it can be opened through it, unless its symbolic
// links may lead there.
#pragma once

#include <sys/stat.h>

#include <string>

#include <midstream/error.h>

#include "base/unique_fd.h"
#include "site/options.h"

namespace midstream::site {

/// Whether a call may wait for a disk or a network file system.
enum class Wait : bool { kNever, kAllowed };

class Root {
 public:
  /// Errors: those of open(2); `not_a_directory`; `permission_denied` where it cannot be searched;
  /// `function_not_supported` without openat2(2) (Linux 5.6).
  [[nodiscard]] static result<Root> open(const std::string& path,
                                         Symlinks symlinks = Symlinks::kWithin);

  struct Opened {
    UniqueFd fd;  ///< regular files: for reading; directories: for reading; else O_PATH only
    struct stat status {};
    bool through_symlink = false;
    bool told_of_changes = false;  ///< inotify(7) tells of every change of it (file_system.h)
  };

  /// `relative`: as http::decode_path gives it; empty is the root itself. Never blocks on a FIFO or
  /// a device. With Wait::kNever only what the kernel knows without asking a disk (RESOLVE_CACHED),
  /// on a file system of this machine. Errors: EAGAIN (only with kNever: it would have to wait),
  /// ENOENT, ENOTDIR, EACCES or EXDEV (also for a symbolic link that may not be followed) ...
  [[nodiscard]] result<Opened> open_below(const std::string& relative,
                                          Wait wait = Wait::kAllowed) const;

  [[nodiscard]] int fd() const noexcept { return directory_.get(); }
  [[nodiscard]] bool told_of_changes() const noexcept { return told_of_changes_; }

 private:
  Root(UniqueFd directory, Symlinks symlinks)
      : directory_(std::move(directory)), symlinks_(symlinks) {}
  [[nodiscard]] result<Opened> find(const char* path, Wait wait) const;

  UniqueFd directory_;
  Symlinks symlinks_;
  dev_t device_ = 0;
  bool told_of_changes_ = false;
};

}  // namespace midstream::site
