#include "site/file_system.h"

#include <fcntl.h>
#include <linux/magic.h>

#include <gtest/gtest.h>

#include "base/unique_fd.h"

namespace midstream::site {
namespace {

struct TypeCase {
  const char* name;
  std::uint32_t type;
  bool told;
};

constexpr TypeCase kTypeCases[] = {
    {"Ext4", EXT4_SUPER_MAGIC, true},
    {"Xfs", XFS_SUPER_MAGIC, true},
    {"Btrfs", BTRFS_SUPER_MAGIC, true},
    {"F2fs", F2FS_SUPER_MAGIC, true},
    {"Tmpfs", TMPFS_MAGIC, true},
    {"Ramfs", RAMFS_MAGIC, true},
    {"Overlay", OVERLAYFS_SUPER_MAGIC, true},
    {"Zfs", 0x2fc12fc1, true},
    {"Squashfs", SQUASHFS_MAGIC, true},
    {"Erofs", EROFS_SUPER_MAGIC_V1, true},
    {"Iso9660", ISOFS_SUPER_MAGIC, true},
    {"Reiserfs", REISERFS_SUPER_MAGIC, true},
    {"Vfat", MSDOS_SUPER_MAGIC, true},
    {"Nfs", NFS_SUPER_MAGIC, false},
    {"Smb", SMB_SUPER_MAGIC, false},
    {"Cifs", 0xff534d42, false},
    {"Smb2", 0xfe534d42, false},
    {"NinePAndVirtio", V9FS_MAGIC, false},
    {"FuseAndVirtiofs", FUSE_SUPER_MAGIC, false},
    {"Ceph", 0x00c36400, false},
    {"Afs", AFS_SUPER_MAGIC, false},
    {"Ocfs2", 0x7461636f, false},
    {"Gfs2", 0x01161970, false},
    {"Proc", PROC_SUPER_MAGIC, false},
    {"Sysfs", SYSFS_MAGIC, false},
    {"Unknown", 0, false},
};

class FileSystemTypes : public testing::TestWithParam<TypeCase> {};

TEST_P(FileSystemTypes, AreTrustedOnlyWhereThisKernelMakesEveryChange) {
  EXPECT_EQ(tells_of_changes(GetParam().type), GetParam().told);
}

INSTANTIATE_TEST_SUITE_P(All, FileSystemTypes, testing::ValuesIn(kTypeCases),
                         [](const auto& one) { return std::string(one.param.name); });

TEST(FileSystem, IsAskedThroughADescriptor) {
  const UniqueFd proc(::open("/proc/self/status", O_RDONLY | O_CLOEXEC));
  EXPECT_FALSE(is_told_of_changes(proc.get()));
  const UniqueFd handle(::open("/proc/self", O_PATH | O_CLOEXEC));
  EXPECT_FALSE(is_told_of_changes(handle.get()));
}

TEST(FileSystem, ThatCannotBeAskedIsNotTrusted) { EXPECT_FALSE(is_told_of_changes(-1)); }

}  // namespace
}  // namespace midstream::site
