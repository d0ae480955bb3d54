"""A file system that answers only when the test lets it: tests/e2e/slow_fs, mounted over FUSE."""

import contextlib
import errno
import os
import subprocess

import pytest

from harness.limits import limit
from harness.server import Lines, binary


def program():
    return os.path.join(os.path.dirname(os.path.abspath(binary())), "tests", "slow_fs")


class SlowFs:
    """`with SlowFs(source, mount_point) as slow: ...`. Shows `source`, which must not change meanwhile.

    What is held keeps whoever asked in the kernel, and no signal gets it out: hold inside of `with
    slow.holding(...)`, so that everything is released before the server is told to end.
    """

    def __init__(self, source, mount_point):
        if not os.access(program(), os.X_OK):
            pytest.skip(f"no {program()}: it was built without libfuse3")
        if not os.path.exists("/dev/fuse"):
            pytest.skip("no /dev/fuse: file systems in user space do not work here")
        self._mount_point = os.fspath(mount_point)
        self._process = subprocess.Popen([program(), os.fspath(source), self._mount_point], text=True,
                                         stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self._errors = Lines(self._process.stderr)
        self._answers = Lines(self._process.stdout)
        self._taken = 0
        try:
            self._answer("the file system does not say that it is ready", "ready")
        except AssertionError:
            self.close()
            pytest.skip(f"a file system in user space cannot be mounted here: {self._errors.wait_closed()}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _answer(self, what, expected="ok", seconds=10):
        number = self._taken
        self._taken += 1
        answer = self._answers.wait(lambda lines: len(lines) > number and lines[number], what, seconds)
        assert answer == expected, f"{what}: {answer}"

    def _command(self, *words, seconds=10):
        line = " ".join(map(str, words))
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        self._answer(f"waiting for the file system: {line}", seconds=seconds)

    @contextlib.contextmanager
    def holding(self, operation, path="*", beyond=0):
        """Requests of that kind (lookup, open, read, readdir) wait from now on, until `release` or the end of
        the block. Of reads, those that reach beyond a byte of the file."""
        self.hold(operation, path, beyond)
        try:
            yield
        finally:
            self.release()

    def hold(self, operation, path="*", beyond=0):
        self._command("hold", operation, path, beyond)

    def await_held(self, operation, count=1, seconds=10):
        """Returns when that many requests wait."""
        self._command("await", operation, count, seconds=seconds)

    def fail(self, operation, path="*", beyond=0, error=errno.EIO):
        self._command("fail", operation, path, beyond, error)

    def release(self):
        """What waits goes on; nothing is held or fails from now on."""
        self._command("release")

    def close(self):
        """Unmounts, whatever is open there: it then fails."""
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        try:
            self._process.wait(limit(10))
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(limit(10))
        with open("/proc/self/mounts") as mounts:
            left = f" {self._mount_point} " in mounts.read()
        if left:  # it was killed
            subprocess.run(["umount", "--lazy", self._mount_point], check=False)
