"""The server under test as a process."""

import collections
import os
import re
import signal
import subprocess
import threading
import weakref

from harness import procfs
from harness.client import Client
from harness.limits import Deadline, limit, wait_until
from harness.payload import MIB
from harness.writers import GrowingFile

_REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
_LISTENING = re.compile(r"midstream: listening on (?:http://(\[?[0-9a-fA-F.:]+?\]?):([0-9]+)|unix:(.+))\Z")
_ERROR_LINE = re.compile(r"^\S+Z (error|critical) |Sanitizer|runtime error:|terminate called|CHECK failed|^midstream: ")

# Created at first use and then kept for the life of a worker: they may be added once, per worker.
_LAZY_KINDS = ("inotify", "timerfd", "eventfd", "eventpoll")


def binary():
    path = os.environ.get("MIDSTREAM_BIN", os.path.join(_REPOSITORY, "build", "dev", "midstream"))
    assert os.access(path, os.X_OK), f"no server at {path}: build it, or name it in MIDSTREAM_BIN"
    return path


class Lines:
    """Collects the lines of a pipe in the background."""

    def __init__(self, pipe):
        self._lines = []
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._run, args=(pipe,), daemon=True)
        self._thread.start()

    def _run(self, pipe):
        for line in pipe:
            with self._changed:
                self._lines.append(line.rstrip("\n"))
                self._changed.notify_all()
        pipe.close()
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def all(self):
        with self._changed:
            return list(self._lines)

    def wait(self, enough, what, seconds=10):
        """Waits until `enough(lines)` gives something true, and returns it."""
        deadline = Deadline(seconds, what)
        with self._changed:
            while True:
                found = enough(self._lines)
                if found:
                    return found
                assert not self._closed, f"{what}: the process ended; it said {self._lines}"
                try:
                    left = deadline.left()
                except AssertionError:
                    raise AssertionError(f"{what}; lines so far: {self._lines[-20:]}") from None
                self._changed.wait(left)

    def wait_closed(self, seconds=10):
        self._thread.join(limit(seconds))
        return self.all()


def run(*arguments, seconds=20, wrapper=(), executable=None):
    """Runs the binary to its end: for the command line's errors."""
    return subprocess.run([*wrapper, executable or binary(), *map(str, arguments)], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=limit(seconds))


class Server:
    """`midstream serve ROOT`, ready to be asked. Its first listener is `address`: (host, port), or a path."""

    def __init__(self, root, *arguments, listeners=("127.0.0.1:0",), wrapper=(), executable=None):
        self.root = os.fspath(root)
        command = [*wrapper, executable or binary(), "serve", self.root]
        for listener in listeners:
            command += ["--listen", listener]
        self.process = subprocess.Popen([*command, *map(str, arguments)], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                        errors="backslashreplace")
        self.pid = self.process.pid
        self.stdout = Lines(self.process.stdout)
        self.stderr = Lines(self.process.stderr)
        self.expected_errors = []
        self._clients = weakref.WeakSet()
        self.base = None
        try:
            self.addresses = self.stdout.wait(lambda lines: self._listening(lines, len(listeners)),
                                              "the server does not say that it listens")
        except AssertionError as error:
            self.kill()
            raise AssertionError(f"{error}; stderr: {self.stderr.wait_closed()}") from None
        self.address = self.addresses[0]

    @staticmethod
    def _listening(lines, count):
        found = [match for match in map(_LISTENING.match, lines) if match]
        if len(found) < count:
            return None
        return [match[3] or (match[1].strip("[]"), int(match[2])) for match in found]

    # -- the served directory ---------------------------------------------------------------------

    def path(self, name):
        return os.path.join(self.root, name)

    def put(self, name, content=b"", mtime=None):
        """Makes a finished file; an earlier one of that name is replaced by rename."""
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        temporary = path + ".new"
        with open(temporary, "wb") as file:
            file.write(content)
        if mtime is not None:
            os.utime(temporary, (mtime, mtime))
        os.rename(temporary, path)
        return path

    def grow(self, name):
        """Starts a file that stays open for writing."""
        return GrowingFile(self.path(name))

    # -- asking -----------------------------------------------------------------------------------

    def connect(self, receive_buffer=None, address=None):
        client = Client(address or self.address, receive_buffer)
        self._clients.add(client)
        return client

    def close_clients(self):
        """Closes what a test that failed in the middle left open, so that it does not fail the next."""
        for client in list(self._clients):
            client.close()

    def get(self, target, method="GET", fields=(), version="HTTP/1.1", keep_body=True, seconds=30):
        """One request on a connection of its own."""
        with self.connect() as client:
            return client.get(target, method, fields, version, keep_body, seconds)

    # -- watching ---------------------------------------------------------------------------------

    @property
    def alive(self):
        return self.process.poll() is None

    def fd_kinds(self):
        return procfs.fd_kinds(self.pid)

    def cpu_ticks(self):
        return procfs.cpu_ticks(self.pid)

    def warm_up(self):
        """Uses each way of serving once, so that what is opened lazily counts into the base."""
        self.put(".warm-up", b"x" * MIB)
        self.get("/.warm-up")
        with self.grow(".warm-up-growing") as growing, self.connect() as client:
            client.request("/.warm-up-growing")
            response = client.read_head()
            growing.append(b"x")
            growing.close()
            client.read_rest(response)
        os.unlink(self.path(".warm-up"))
        os.unlink(self.path(".warm-up-growing"))
        self.base = self._stable_fds()

    def _stable_fds(self):
        seen = collections.deque(maxlen=10)

        def stable():
            seen.append(self.fd_kinds())
            return len(seen) == seen.maxlen and all(kinds == seen[0] for kinds in seen)

        wait_until(stable, "the server's descriptors do not come to rest")
        return seen[0]

    def excess_fds(self):
        """Descriptors beyond the base, by kind or by path. Two things may be kept for good: what each worker
        makes at its first use, and one descriptor of a finished file per worker (the open-file cache)."""
        excess = {kind: count - self.base[kind] for kind, count in self.fd_kinds().items()
                  if count > self.base[kind] and kind not in (*_LAZY_KINDS, "file")}
        workers = procfs.thread_count(self.pid)
        files = collections.Counter(target for target in procfs.fd_targets(self.pid) if target.startswith(self.root))
        excess |= {path: count for path, count in files.items() if count > workers or path.endswith(" (deleted)")}
        return excess

    def descriptors_of(self, name):
        """How many descriptors the server has of one served file."""
        return procfs.fd_targets(self.pid).count(self.path(name))

    def wait_for_base(self, what="after the test", seconds=10):
        """Waits until no connection is open any more, and no file but what the cache may keep."""
        def back():
            return not self.excess_fds()

        back.explain = lambda: f"excess {self.excess_fds()}: {sorted(procfs.fd_targets(self.pid))}"
        wait_until(back, f"descriptors are not back to the base {what}:", seconds)

    def error_lines(self):
        return [line for line in self.stderr.all() if _ERROR_LINE.search(line)
                and not any(re.search(pattern, line) for pattern in self.expected_errors)]

    def check_healthy(self):
        assert self.alive, f"the server ended with {self.process.returncode}: {self.stderr.wait_closed()}"
        self.wait_for_base()
        assert not self.error_lines(), self.error_lines()

    # -- ending -----------------------------------------------------------------------------------

    def signal(self, number):
        self.process.send_signal(number)

    def wait_exit(self, seconds=15):
        code = self.process.wait(limit(seconds))
        self.stdout.wait_closed()
        self.stderr.wait_closed()
        return code

    def stop(self):
        """Ends it the orderly way; gives its exit code."""
        if self.alive:
            self.signal(signal.SIGTERM)
        try:
            return self.wait_exit()
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"the server does not end on SIGTERM; stderr: {self.stderr.all()[-20:]}") from None

    def kill(self):
        if self.alive:
            self.process.kill()
        self.process.wait(limit(10))
