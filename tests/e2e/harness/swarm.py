"""Many clients in one thread, for tests with hundreds of readers."""

import selectors
import socket

from harness.client import request_bytes
from harness.limits import Deadline
from harness.message import Response

_PIECE = 256 * 1024


class Reader:
    def __init__(self, address, target, fields, version, receive_buffer):
        self.response = Response(keep_body=False)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        if receive_buffer is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(Deadline(20, "connect").left())
        self.socket.connect(address)
        self.socket.sendall(request_bytes(target, fields=fields, version=version))
        self.socket.setblocking(False)

    def on_readable(self):
        """Reads once; True when nothing more will come."""
        try:
            data = self.socket.recv(_PIECE)
        except BlockingIOError:
            return False
        except ConnectionResetError:
            self.response.end_of_stream(reset=True)
            return True
        if data:
            rest = self.response.feed(data)
            assert not rest, f"bytes behind the end of a response: {rest[:100]!r}"
        else:
            self.response.end_of_stream(reset=False)
        return self.response.ending is not None


class Swarm:
    """Readers that have all sent the same request. They read only inside `pump`."""

    def __init__(self, address, count, target, fields=(), version="HTTP/1.1", receive_buffer=None):
        self._selector = selectors.DefaultSelector()
        self.readers = []
        for _ in range(count):
            self.add(Reader(address, target, fields, version, receive_buffer))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def add(self, reader):
        self.readers.append(reader)
        self._selector.register(reader.socket, selectors.EVENT_READ, reader)

    @property
    def responses(self):
        return [reader.response for reader in self.readers]

    def pump(self, done, what, seconds=30):
        """Reads whatever comes to any of them until `done(response)` holds, or it ended, for all."""
        deadline = Deadline(seconds, what)
        waiting = {reader for reader in self.readers
                   if not done(reader.response) and not reader.response.ending}
        while waiting:
            try:
                left = deadline.left()
            except AssertionError:
                raise AssertionError(f"{what}: {len(waiting)} of {len(self.readers)} are late, one is "
                                     f"{next(iter(waiting)).response!r}") from None
            for key, _ in self._selector.select(left):
                reader = key.data
                if reader.on_readable():
                    self._selector.unregister(reader.socket)
                if done(reader.response) or reader.response.ending:
                    waiting.discard(reader)

    def pump_heads(self, seconds=30):
        self.pump(lambda response: response.framing, "waiting for all heads", seconds)

    def pump_size(self, size, seconds=60):
        self.pump(lambda response: response.size >= size, f"waiting until all have {size} bytes", seconds)

    def pump_ends(self, seconds=60):
        self.pump(lambda response: response.ending, "waiting for all responses to end", seconds)

    def close(self):
        for reader in self.readers:
            reader.socket.close()
        self._selector.close()
