#include "site/file_system.h"

#include <sys/vfs.h>

#include <algorithm>
#include <cerrno>
#include <iterator>

namespace midstream::site {
namespace {

// statfs(2) and linux/magic.h; bcachefs and ZFS from their own sources. In numbers, because older
// headers lack some of them.
constexpr std::uint32_t kLocal[] = {
    0x0000ef53,  // ext2, ext3, ext4
    0x58465342,  // xfs
    0x9123683e,  // btrfs
    0xf2f52010,  // f2fs
    0x01021994,  // tmpfs
    0x858458f6,  // ramfs
    0x794c7630,  // overlayfs; to change its layers beneath it is undefined (its documentation)
    0x2fc12fc1,  // zfs
    0xca451a4e,  // bcachefs
    0x73717368,  // squashfs
    0xe0f5e1e2,  // erofs
    0x00009660,  // iso9660
    0x52654973,  // reiserfs
    0x3153464a,  // jfs
    0x00004d44,  // vfat
    0x2011bab0,  // exfat
};

}  // namespace

bool tells_of_changes(std::uint32_t type) noexcept {
  return std::find(std::begin(kLocal), std::end(kLocal), type) != std::end(kLocal);
}

bool is_told_of_changes(int fd) noexcept {
  struct statfs about {};
  while (::fstatfs(fd, &about) != 0) {
    if (errno != EINTR) return false;
  }
  return tells_of_changes(static_cast<std::uint32_t>(about.f_type));
}

}  // namespace midstream::site
