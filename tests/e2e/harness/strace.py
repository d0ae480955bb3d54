"""Watches the system calls of a running server."""

import os
import re
import shutil
import signal
import subprocess
import threading

import pytest

from harness.limits import limit, wait_until

_WHOLE = re.compile(r"^(?P<thread>\d+) +(?P<name>\w+)\((?P<args>.*)\) += (?P<result>-?\d+)")


class Call:
    def __init__(self, thread, name, arguments, result):
        self.thread = thread
        self.name = name
        self.arguments = arguments
        self.result = result

    @property
    def fd(self):
        """The first argument: the descriptor that is written to."""
        return int(re.match(r"\d+", self.arguments)[0])

    def __repr__(self):
        return f"{self.name}({self.arguments[:160]}) = {self.result}"


class Strace:
    """`with Strace(pid, ["sendfile"], directory) as trace: ...`, then `trace.calls`."""

    def __init__(self, pid, names, directory, string_size=64, inject=()):
        if not shutil.which("strace"):
            pytest.skip("strace is not installed")
        self._pid = pid
        self._output = os.path.join(os.fspath(directory), f"strace-{pid}-{'-'.join(names)}"[:80])
        self._command = ["strace", "-f", "-s", str(string_size), "-e", f"trace={','.join(names)}",
                         "-e", "signal=none", "-o", self._output, "-p", str(pid)]
        for fault in inject:  # for example "sendfile:error=EIO:when=3", strace(1)
            self._command += ["-e", f"inject={fault}"]
        self.calls = []

    def __enter__(self):
        self._process = subprocess.Popen(self._command, stderr=subprocess.PIPE, text=True)
        said = []
        reader = threading.Thread(target=lambda: said.extend([self._process.stderr.readline()]), daemon=True)
        reader.start()
        reader.join(limit(10))
        if not said or "attached" not in said[0]:
            self._process.kill()
            self._process.wait()
            pytest.skip(f"strace cannot attach here: {said}")
        wait_until(self._rests_and_is_traced, "strace does not attach to every thread")
        return self

    def _rests_and_is_traced(self):
        """Every thread sleeps in a call that strace let it make: no stop is left that strace has to handle."""
        for thread in os.listdir(f"/proc/{self._pid}/task"):
            with open(f"/proc/{self._pid}/task/{thread}/status") as file:
                status = file.read()
            if "TracerPid:\t0\n" in status or not re.search(r"^State:\tS", status, re.MULTILINE):
                return False
        return True

    def __exit__(self, *_):
        # The client may have its answer before the call that sent it has returned to strace, which
        # forgets the calls that are under way when it is told to end.
        wait_until(self._rests_and_is_traced, "the server does not come to rest under strace")
        self._process.send_signal(signal.SIGINT)
        self._process.communicate(timeout=limit(10))
        self.calls = list(self._parse())

    def _parse(self):
        """Joins calls that strace shows in two halves (`<unfinished ...>`, `<... resumed>`)."""
        unfinished = {}
        with open(self._output, errors="replace") as file:
            for line in file:
                pid = line.split(" ", 1)[0]
                if line.rstrip().endswith("<unfinished ...>"):
                    unfinished[pid] = line.rstrip().removesuffix("<unfinished ...>").rstrip()
                    continue
                resumed = re.match(r"^\d+ +<\.\.\. \w+ resumed>", line)
                if resumed:
                    line = unfinished.pop(pid, "") + line[resumed.end():]
                match = _WHOLE.match(line)
                if match:
                    yield Call(int(match["thread"]), match["name"], match["args"], int(match["result"]))

    def named(self, *names):
        return [call for call in self.calls if call.name in names]
