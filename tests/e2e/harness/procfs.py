"""What the kernel says about a process."""

import collections
import os

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


def fd_targets(pid):
    """What the open descriptors of a process point to."""
    targets = []
    for name in os.listdir(f"/proc/{pid}/fd"):
        try:
            targets.append(os.readlink(f"/proc/{pid}/fd/{name}"))
        except FileNotFoundError:
            pass  # closed meanwhile
    return targets


def fd_count(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def fd_kinds(pid):
    """Open descriptors counted by kind: socket, pipe, file, or an anonymous inode by its name."""
    kinds = collections.Counter()
    for target in fd_targets(pid):
        if target.startswith("/"):
            kinds["file"] += 1
        elif target.startswith("anon_inode:"):
            kinds[target.removeprefix("anon_inode:").strip("[]")] += 1
        else:
            kinds[target.split(":")[0]] += 1
    return kinds


def thread_count(pid):
    return len(os.listdir(f"/proc/{pid}/task"))


def cpu_ticks(pid):
    """User and system time spent so far, in clock ticks."""
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def memory_bytes(pid, key="VmRSS"):
    with open(f"/proc/{pid}/status") as file:
        for line in file:
            if line.startswith(key + ":"):
                return int(line.split()[1]) * 1024
    raise KeyError(key)
