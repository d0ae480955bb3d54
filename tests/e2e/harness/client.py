"""A client over a raw socket: sends any bytes, reads strictly, and says how the connection ended."""

import errno
import socket
import struct

from harness.limits import Deadline
from harness.message import Response

_PIECE = 256 * 1024
_GONE = (errno.ECONNRESET, errno.EPIPE, errno.ENOTCONN)


def request_bytes(target, method="GET", fields=(), version="HTTP/1.1", host="midstream.test"):
    """A request head. `host=None` leaves the Host field out."""
    lines = [f"{method} {target} {version}"]
    if host is not None:
        lines.append(f"Host: {host}")
    lines += [f"{name}: {value}" for name, value in fields]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


class Client:
    """One connection, to (host, port) or the path of a Unix socket. Reads are bounded; a bound that passes is a
    failure of the test.

    `ended` is None while the server has not closed, then "fin" or "reset".
    """

    def __init__(self, address, receive_buffer=None):
        if isinstance(address, str):
            family = socket.AF_UNIX
        else:
            family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        if receive_buffer is not None:  # before connect, so that the window never grows beyond it
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(Deadline(10, "connect").left())
        self.socket.connect(address)
        if family != socket.AF_UNIX:
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.ended = None
        self._unread = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def reset(self):
        """Leaves with RST instead of FIN."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def finish_sending(self):
        self.socket.shutdown(socket.SHUT_WR)

    # -- sending ----------------------------------------------------------------------------------

    def send(self, data, seconds=20):
        self.socket.settimeout(Deadline(seconds, "send").left())
        self.socket.sendall(data)

    def try_send(self, data, seconds=20):
        """Like a simple client that sends everything before it reads. False: the server had closed."""
        try:
            self.send(data, seconds)
        except (BrokenPipeError, ConnectionResetError):
            return False
        return True

    def request(self, target, method="GET", fields=(), version="HTTP/1.1", host="midstream.test"):
        self.send(request_bytes(target, method, fields, version, host))

    # -- reading ----------------------------------------------------------------------------------

    def receive(self, deadline, most=_PIECE):
        """What is there next; b"" at the end of the stream, whose kind is then in `ended`."""
        if self._unread:
            data, self._unread = self._unread, b""
            return data
        if self.ended:
            return b""
        self.socket.settimeout(deadline.left())
        try:
            data = self.socket.recv(most)
        except OSError as error:
            if isinstance(error, TimeoutError):
                deadline.left()
                raise
            if error.errno not in _GONE:
                raise
            self.ended = "reset"
            return b""
        if not data:
            self.ended = "fin"
        return data

    def pump(self, response, done, seconds, what, most=_PIECE):
        """Reads into `response` until `done()` or until its end."""
        deadline = Deadline(seconds, f"{what}; so far {response!r}")
        while response.ending is None and not done():
            try:
                data = self.receive(deadline, most)
            except AssertionError as error:
                raise type(error)(f"{what}; so far {response!r}") from None
            if data:
                self._unread = response.feed(data)
            else:
                response.end_of_stream(self.ended == "reset")
        return response

    def read_head(self, method="GET", keep_body=True, seconds=20):
        """Reads up to the end of the (final) head. Continue with `read_size` or `read_rest`."""
        response = Response(method, keep_body)
        return self.pump(response, lambda: response.framing is not None, seconds, "waiting for a head")

    def read_size(self, response, size, seconds=20, most=_PIECE):
        """Reads until `size` bytes of body have come (or the message ended)."""
        return self.pump(response, lambda: response.size >= size, seconds,
                         f"waiting for {size} bytes of body", most)

    def read_rest(self, response, seconds=30):
        return self.pump(response, lambda: False, seconds, "waiting for the end of a message")

    def read_response(self, method="GET", keep_body=True, seconds=30):
        response = Response(method, keep_body)
        return self.pump(response, lambda: False, seconds, "waiting for a response")

    def read_interim(self, seconds=20):
        """Reads until an informational answer has come, or the final head."""
        response = Response()
        return self.pump(response, lambda: response.informational or response.framing, seconds,
                         "waiting for an interim answer")

    def get(self, target, method="GET", fields=(), version="HTTP/1.1", keep_body=True, seconds=30):
        self.request(target, method, fields, version)
        return self.read_response(method, keep_body, seconds)

    def read_end(self, seconds=10):
        """Waits for the server to close; gives (bytes that still came, "fin" or "reset")."""
        deadline = Deadline(seconds, "waiting for the server to close")
        rest = bytearray()
        while data := self.receive(deadline):
            rest += data
        return bytes(rest), self.ended
