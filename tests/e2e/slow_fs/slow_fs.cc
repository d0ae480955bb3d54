// slow_fs: a read-only file system in user space (FUSE) that shows the content of a directory and
// answers the kernel only when a test lets it.
//
//   slow_fs SOURCE MOUNTPOINT        says "ready", then takes commands until its input ends
//
// Commands come line by line and are answered with one line each:
//   hold OP PATH BEYOND          requests OP that concern PATH wait: lookup, open, read, readdir.
//                                PATH is below the mount point; "*": any. Reads wait if they reach
//                                beyond that byte
//   fail OP PATH BEYOND ERRNO    they fail
//   release                      what waits goes on, and no rule is left
//   await OP COUNT               is answered when so many wait
//
// One thread, which polls for requests and commands: a request that waits is an entry in a list, so
// any number of them may wait and nobody sleeps. Names that the kernel has looked up, and what it
// has read of an open file, it keeps: the first time is slow. The source must not change meanwhile.
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fuse_lowlevel.h>

#include "base/unique_fd.h"

namespace midstream::test {
namespace {

constexpr double kKept = 3600;  // seconds that the kernel may keep names and attributes

struct Request {
  std::string op;
  std::string path;
  std::uint64_t end = 0;  ///< of a read: where it ends in the file
  fuse_req_t to = nullptr;
  std::function<void()> answer;
};

struct Rule {
  std::string op;
  std::string path;
  std::uint64_t beyond = 0;
  int error = 0;  ///< 0: hold

  [[nodiscard]] bool matches(const Request& request) const {
    if (op != request.op || (path != "*" && path != request.path)) return false;
    return op != "read" || request.end > beyond;
  }
};

// Decides what happens to a request, and keeps those that wait.
class Gate {
 public:
  void take(Request request) {
    const auto rule = std::find_if(rules_.begin(), rules_.end(),
                                   [&](const Rule& each) { return each.matches(request); });
    if (rule == rules_.end()) return request.answer();
    if (rule->error != 0) {
      fuse_reply_err(request.to, rule->error);
      return;
    }
    held_.push_back(std::move(request));
    tell_who_awaits();
  }

  void command(const std::string& line) {
    std::istringstream words(line);
    std::string verb;
    words >> verb;
    if (verb == "release") return release();
    if (verb == "await") {
      words >> awaited_op_ >> awaited_count_;
      return tell_who_awaits();
    }
    Rule rule;
    words >> rule.op >> rule.path >> rule.beyond;
    if (verb == "fail") words >> rule.error;
    rules_.push_back(std::move(rule));
    say(words.fail() ? "not understood" : "ok");
  }

  static void say(std::string_view text) { std::cout << text << std::endl; }

 private:
  void release() {
    rules_.clear();
    for (const Request& request : std::exchange(held_, {}))
      request.answer();
    say("ok");
  }

  void tell_who_awaits() {
    const auto count = std::count_if(held_.begin(), held_.end(), [this](const Request& request) {
      return request.op == awaited_op_;
    });
    if (awaited_count_ == 0 || count < awaited_count_) return;
    awaited_count_ = 0;
    say("ok");
  }

  std::vector<Rule> rules_;
  std::vector<Request> held_;
  std::string awaited_op_;
  std::ptrdiff_t awaited_count_ = 0;
};

class SlowFs {
 public:
  explicit SlowFs(UniqueFd source) : source_(std::move(source)), paths_{"", ""} {}

  Gate& gate() { return gate_; }

  void lookup(fuse_req_t to, fuse_ino_t parent, const char* name) {
    std::string path = paths_[parent].empty() ? name : paths_[parent] + "/" + name;
    gate_.take({"lookup", path, 0, to, [this, to, path] { answer_lookup(to, path); }});
  }

  void getattr(fuse_req_t to, fuse_ino_t ino) {
    struct stat status {};
    if (const int error = stat_of(paths_[ino], status)) {
      fuse_reply_err(to, error);
    } else {
      fuse_reply_attr(to, &status, kKept);
    }
  }

  void open(fuse_req_t to, fuse_ino_t ino, fuse_file_info info) {
    gate_.take({"open", paths_[ino], 0, to, [this, to, ino, info]() mutable {
                  if ((info.flags & O_ACCMODE) != O_RDONLY) {
                    fuse_reply_err(to, EROFS);
                    return;
                  }
                  const int fd = ::openat(source_.get(), paths_[ino].c_str(), O_RDONLY | O_CLOEXEC);
                  info.fh = static_cast<std::uint64_t>(fd);
                  if (fd < 0) {
                    fuse_reply_err(to, errno);
                  } else if (fuse_reply_open(to, &info) != 0) {
                    ::close(fd);  // whoever asked is gone
                  }
                }});
  }

  void read(fuse_req_t to, fuse_ino_t ino, std::size_t size, off_t offset,
            const fuse_file_info& info) {
    const int fd = static_cast<int>(info.fh);
    gate_.take({"read", paths_[ino], static_cast<std::uint64_t>(offset) + size, to,
                [to, fd, size, offset] {
                  std::string bytes(size, '\0');
                  const ssize_t got = ::pread(fd, bytes.data(), size, offset);
                  if (got < 0) {
                    fuse_reply_err(to, errno);
                  } else {
                    fuse_reply_buf(to, bytes.data(), static_cast<std::size_t>(got));
                  }
                }});
  }

  static void release(fuse_req_t to, const fuse_file_info& info) {
    ::close(static_cast<int>(info.fh));
    fuse_reply_err(to, 0);
  }

  void readdir(fuse_req_t to, fuse_ino_t ino, std::size_t size, off_t offset) {
    gate_.take({"readdir", paths_[ino], 0, to,
                [this, to, ino, size, offset] { answer_readdir(to, ino, size, offset); }});
  }

 private:
  // Gives errno, 0 if fine.
  [[nodiscard]] int stat_of(const std::string& path, struct stat& status) const {
    const char* const name = path.empty() ? "." : path.c_str();
    return ::fstatat(source_.get(), name, &status, AT_SYMLINK_NOFOLLOW) == 0 ? 0 : errno;
  }

  void answer_lookup(fuse_req_t to, const std::string& path) {
    fuse_entry_param entry{};
    if (const int error = stat_of(path, entry.attr)) {
      fuse_reply_err(to, error);
      return;
    }
    const auto [known, is_new] = inodes_.try_emplace(path, paths_.size());
    if (is_new) paths_.push_back(path);
    entry.ino = known->second;
    entry.attr_timeout = kKept;
    entry.entry_timeout = kKept;
    fuse_reply_entry(to, &entry);
  }

  // The offset of an entry is its number: the source does not change.
  void answer_readdir(fuse_req_t to, fuse_ino_t ino, std::size_t size, off_t offset) const {
    const char* const name = paths_[ino].empty() ? "." : paths_[ino].c_str();
    const int fd = ::openat(source_.get(), name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const std::unique_ptr<DIR, int (*)(DIR*)> directory(::fdopendir(fd), ::closedir);
    if (!directory) {
      fuse_reply_err(to, errno);
      return;
    }
    std::string entries(size, '\0');
    std::size_t used = 0;
    off_t number = 0;
    while (const dirent* const entry = ::readdir(directory.get())) {
      if (++number <= offset) continue;
      struct stat status {};
      status.st_ino = entry->d_ino;
      status.st_mode = static_cast<mode_t>(entry->d_type << 12);  // DTTOIF
      const std::size_t needed =
          fuse_add_direntry(to, entries.data() + used, size - used, entry->d_name, &status, number);
      if (needed > size - used) break;
      used += needed;
    }
    fuse_reply_buf(to, entries.data(), used);
  }

  UniqueFd source_;
  Gate gate_;
  std::vector<std::string> paths_;            // by inode number; 1 is the root
  std::map<std::string, fuse_ino_t> inodes_;  // kept for good: a test is short
};

SlowFs& self(fuse_req_t request) { return *static_cast<SlowFs*>(fuse_req_userdata(request)); }

fuse_lowlevel_ops operations() {
  fuse_lowlevel_ops ops{};
  ops.init = [](void*, fuse_conn_info* connection) {
    // By default twelve requests in the background stop all others.
    connection->max_background = 10'000;
    connection->congestion_threshold = 10'000;
  };
  ops.lookup = [](fuse_req_t request, fuse_ino_t parent, const char* name) {
    self(request).lookup(request, parent, name);
  };
  ops.getattr = [](fuse_req_t request, fuse_ino_t ino, fuse_file_info*) {
    self(request).getattr(request, ino);
  };
  ops.open = [](fuse_req_t request, fuse_ino_t ino, fuse_file_info* info) {
    self(request).open(request, ino, *info);
  };
  ops.read = [](fuse_req_t request, fuse_ino_t ino, std::size_t size, off_t offset,
                fuse_file_info* info) { self(request).read(request, ino, size, offset, *info); };
  ops.release = [](fuse_req_t request, fuse_ino_t, fuse_file_info* info) {
    SlowFs::release(request, *info);
  };
  ops.readdir = [](fuse_req_t request, fuse_ino_t ino, std::size_t size, off_t offset,
                   fuse_file_info*) { self(request).readdir(request, ino, size, offset); };
  return ops;
}

// Commands from standard input. False: the input has ended.
bool read_commands(Gate& gate, std::string& pending) {
  std::array<char, 4096> buffer;
  const ssize_t got = ::read(STDIN_FILENO, buffer.data(), buffer.size());
  if (got <= 0) return false;
  pending.append(buffer.data(), static_cast<std::size_t>(got));
  for (std::size_t end; (end = pending.find('\n')) != std::string::npos;) {
    gate.command(pending.substr(0, end));
    pending.erase(0, end + 1);
  }
  return true;
}

void serve(fuse_session* session, SlowFs& fs) {
  std::string pending;
  fuse_buf request{};
  std::array<pollfd, 2> ready{{{fuse_session_fd(session), POLLIN, 0}, {STDIN_FILENO, POLLIN, 0}}};
  while (fuse_session_exited(session) == 0) {
    if (::poll(ready.data(), ready.size(), -1) < 0) break;
    if (ready[0].revents != 0) {
      if (fuse_session_receive_buf(session, &request) <= 0) break;  // unmounted
      fuse_session_process_buf(session, &request);
    }
    if (ready[1].revents != 0 && !read_commands(fs.gate(), pending)) break;
  }
  std::free(request.mem);
}

int run(const char* program, const char* source, const char* mount_point) {
  UniqueFd directory(::open(source, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory.valid()) return std::perror(source), 2;
  SlowFs fs(std::move(directory));
  std::array<std::string, 3> words{program, "-o",
                                   "ro,default_permissions,fsname=midstream-slow-fs"};
  std::array<char*, 3> pointers{words[0].data(), words[1].data(), words[2].data()};
  fuse_args arguments{static_cast<int>(pointers.size()), pointers.data(), 0};
  const fuse_lowlevel_ops ops = operations();
  fuse_session* const session = fuse_session_new(&arguments, &ops, sizeof ops, &fs);
  if (session == nullptr) return 2;
  int exit_code = 1;
  if (fuse_session_mount(session, mount_point) == 0) {
    Gate::say("ready");
    serve(session, fs);
    fuse_session_unmount(session);  // what waits fails
    exit_code = 0;
  }
  fuse_session_destroy(session);
  return exit_code;
}

}  // namespace
}  // namespace midstream::test

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fputs("usage: slow_fs SOURCE MOUNTPOINT\n", stderr);
    return 2;
  }
  return midstream::test::run(argv[0], argv[1], argv[2]);
}
