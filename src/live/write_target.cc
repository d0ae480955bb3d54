#include "live/write_target.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <string>
#include <utility>

#include "base/errno_error.h"

namespace midstream::detail {
namespace {

std::string link_of(int fd) { return "/proc/self/fd/" + std::to_string(fd); }  // proc(5)

// Calls `make(name)`, which gives -1 and errno when it fails, with names beside `name` until one is
// free: what a crash left behind may be in the way, since process numbers come again.
template <class Make>
result<std::pair<std::string, int>> with_temporary_name(const std::string& name, const Make& make) {
  static std::atomic<unsigned> counter{0};
  constexpr std::size_t kNameBytesMax = 200;  // of NAME_MAX (255); the rest is for what is added
  for (;;) {
    std::string temporary = "." + name.substr(0, kNameBytesMax) + "." + std::to_string(::getpid()) +
                            "-" + std::to_string(counter++) + ".midstream-part";
    const int made = make(temporary.c_str());
    if (made >= 0) return std::pair(std::move(temporary), made);
    if (errno != EEXIST) return errno_error();
  }
}

class FdTarget : public WriteTarget {
 public:
  explicit FdTarget(UniqueFd fd) : fd_(std::move(fd)) {}

  int fd() const noexcept override { return fd_.get(); }

  result<std::size_t> write_at(std::span<const std::byte> bytes, std::uint64_t offset) override {
    for (;;) {
      const ssize_t count =
          ::pwrite(fd_.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
      if (count > 0) return static_cast<std::size_t>(count);
      if (count == 0) return errno_error(EIO);
      if (errno != EINTR) return errno_error();
    }
  }

  error_code sync() override { return ::fsync(fd_.get()) == 0 ? error_code() : errno_error(); }

  error_code close() override {
    const int failed = fd_.close_checked();
    return failed == 0 ? error_code() : errno_error(failed);
  }

  error_code commit(int) override { return {}; }
  error_code sync_directory() override { return {}; }
  void discard() noexcept override {}

 private:
  UniqueFd fd_;
};

// A file that gets its name at the commit. Unnamed until then (O_TMPFILE, open(2)) where the file
// system can, so that a crash leaves nothing; else under a hidden temporary name.
class NamedTarget final : public FdTarget {
 public:
  NamedTarget(UniqueFd fd, UniqueFd directory, std::string name, std::string temporary)
      : FdTarget(std::move(fd)),
        directory_(std::move(directory)),
        name_(std::move(name)),
        temporary_(std::move(temporary)) {}
  ~NamedTarget() override { remove_temporary(); }

  error_code commit(int read_fd) override {
    if (temporary_.empty()) {
      const std::string source = link_of(read_fd);
      if (::linkat(AT_FDCWD, source.c_str(), directory_.get(), name_.c_str(), AT_SYMLINK_FOLLOW) ==
          0) {
        return {};
      }
      if (errno != EEXIST) return errno_error();
      // linkat(2) cannot replace: link a temporary name, then rename(2) it over the old one.
      auto linked = with_temporary_name(name_, [&](const char* temporary) {
        return ::linkat(AT_FDCWD, source.c_str(), directory_.get(), temporary, AT_SYMLINK_FOLLOW);
      });
      if (!linked) return linked.error();
      temporary_ = std::move(linked->first);
    }
    if (::renameat(directory_.get(), temporary_.c_str(), directory_.get(), name_.c_str()) != 0) {
      return errno_error();
    }
    temporary_.clear();
    return {};
  }

  error_code sync_directory() override {
    return ::fsync(directory_.get()) == 0 ? error_code() : errno_error();
  }

  void discard() noexcept override { remove_temporary(); }

 private:
  void remove_temporary() noexcept {
    if (temporary_.empty()) return;
    ::unlinkat(directory_.get(), temporary_.c_str(), 0);
    temporary_.clear();
  }

  UniqueFd directory_;
  std::string name_;
  std::string temporary_;  // empty: the file has no name yet
};

// A descriptor of its own for the readers: the writer's is closed, and checked, before the seal.
result<UniqueFd> open_for_reading(int fd) {
  UniqueFd read_fd(::open(link_of(fd).c_str(), O_RDONLY | O_CLOEXEC));
  if (!read_fd.valid()) return errno_error();
  return read_fd;
}

}  // namespace

result<OpenedTarget> open_named_target(const std::filesystem::path& path, mode_t mode) {
  const std::string name = path.filename().string();
  const std::string parent = path.has_parent_path() ? path.parent_path().string() : ".";
  if (name.empty() || name == "." || name == "..") return errno_error(EISDIR);
  UniqueFd directory(::open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory.valid()) return errno_error();
  struct stat status {};
  if (::fstatat(directory.get(), name.c_str(), &status, 0) == 0 && S_ISDIR(status.st_mode)) {
    return errno_error(EISDIR);
  }
  std::string temporary;
  UniqueFd fd(::openat(directory.get(), ".", O_TMPFILE | O_RDWR | O_CLOEXEC, mode));
  if (!fd.valid() && (errno == EOPNOTSUPP || errno == EISDIR || errno == ENOENT)) {
    auto made = with_temporary_name(name, [&](const char* free) {
      return ::openat(directory.get(), free, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, mode);
    });
    if (!made) return made.error();
    temporary = std::move(made->first);
    fd.reset(made->second);
  }
  if (!fd.valid()) return errno_error();
  auto target = std::make_unique<NamedTarget>(std::move(fd), std::move(directory), name, temporary);
  auto read_fd = open_for_reading(target->fd());
  if (!read_fd) return read_fd.error();
  return OpenedTarget{std::move(target), std::move(*read_fd), 0};
}

result<OpenedTarget> open_attached_target(UniqueFd fd) {
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) return errno_error();
  if (!S_ISREG(status.st_mode)) return errno_error(EOPNOTSUPP);
  if ((::fcntl(fd.get(), F_GETFL) & O_ACCMODE) == O_RDONLY) return errno_error(EBADF);
  auto read_fd = open_for_reading(fd.get());
  if (!read_fd) return read_fd.error();
  return OpenedTarget{std::make_unique<FdTarget>(std::move(fd)), std::move(*read_fd),
                      static_cast<std::uint64_t>(status.st_size)};
}

}  // namespace midstream::detail
