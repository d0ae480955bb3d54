"""`midstream run` as a process: a server that a configuration file describes."""

import os
import subprocess
import weakref

from harness.server import Lines, Server, binary


class ConfiguredServer(Server):
    """Ready to be asked. `root` is where put() and grow() make files; the file may name any others."""

    def __init__(self, config, root, *arguments, listeners=1, environment=None):
        self.root = os.fspath(root)
        self.config = os.fspath(config)
        self.process = subprocess.Popen([binary(), "run", "--config", self.config, *map(str, arguments)],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        text=True, errors="backslashreplace",
                                        env={**os.environ, **(environment or {})})
        self.pid = self.process.pid
        self.stdout = Lines(self.process.stdout)
        self.stderr = Lines(self.process.stderr)
        self.expected_errors = []
        self._clients = weakref.WeakSet()
        self.base = None
        try:
            self.addresses = self.stdout.wait(lambda lines: self._listening(lines, listeners),
                                              "the server does not say that it listens")
        except AssertionError as error:
            self.kill()
            raise AssertionError(f"{error}; stderr: {self.stderr.wait_closed()}") from None
        self.address = self.addresses[0]
