"""Programs that write a file while it is served."""

import hashlib
import os
import signal
import subprocess

from harness.limits import limit, wait_until


class GrowingFile:
    """A file that this process keeps open for writing. `content` is what was appended so far."""

    def __init__(self, path, existing=False):
        self.path = os.fspath(path)
        self.content = bytearray()
        if existing:
            with open(self.path, "rb") as file:
                self.content += file.read()
        self._file = open(self.path, "ab" if existing else "wb", buffering=0)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def append(self, data):
        view = memoryview(data)
        while view:
            view = view[self._file.write(view):]
        self.content += data

    def truncate(self, size):
        self._file.truncate(size)

    def close(self):
        self._file.close()

    @property
    def size(self):
        return len(self.content)

    @property
    def sha256(self):
        return hashlib.sha256(self.content).hexdigest()


class WriterProcess:
    """`cat >> FILE`: another process that writes, and that can be killed."""

    def __init__(self, path):
        self.path = os.fspath(path)
        self.content = bytearray()
        self._process = subprocess.Popen(["/bin/sh", "-c", 'exec cat >> "$0"', self.path], stdin=subprocess.PIPE)
        wait_until(lambda: os.path.exists(self.path), f"{self.path} does not appear")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()

    def append(self, data):
        """Returns when the other process has written it."""
        self._process.stdin.write(data)
        self._process.stdin.flush()
        self.content += data
        wait_until(lambda: os.stat(self.path).st_size >= len(self.content), "the writer process does not write")

    def kill(self):
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGKILL)
        self._process.wait(limit(10))
        try:
            self._process.stdin.close()
        except BrokenPipeError:
            pass

    def finish(self):
        self._process.stdin.close()
        assert self._process.wait(limit(10)) == 0

    @property
    def sha256(self):
        return hashlib.sha256(self.content).hexdigest()
