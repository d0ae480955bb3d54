"""One HTTP/1 response, decoded strictly from bytes in any fragments. No socket in here.

Phases: head -> (length | chunked | close) -> ended. How it ended is told apart, because that is what
the tests of growing files are about:
  complete   the message is whole
  truncated  the server closed (FIN) before the end of the message
  reset      the connection was reset (RST) before the end of the message
  nothing    the connection ended and not one byte of an answer came
Whatever a strict client should refuse raises ProtocolError.
"""

import hashlib
import re

COMPLETE = "complete"
TRUNCATED = "truncated"
RESET = "reset"
NOTHING = "nothing"
BROKEN = (TRUNCATED, RESET)

_STATUS_LINE = re.compile(rb"HTTP/1\.[01] ([1-5][0-9]{2}) [\x20-\x7e]*\Z")
_FIELD_LINE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*?)[ \t]*\Z")
_SIZE_LINE = re.compile(rb"[0-9A-Fa-f]{1,16}\Z")
_ONCE = ("content-length", "transfer-encoding", "content-type", "content-range", "date", "etag",
         "last-modified", "location", "server")


class ProtocolError(AssertionError):
    """The server sent something that is not HTTP/1."""


class Response:
    def __init__(self, method="GET", keep_body=True):
        self.method = method
        self.status = None
        self.version = None
        self.fields = []
        self.informational = []
        self.framing = None
        self.ending = None
        self.size = 0
        self.chunk_sizes = []
        self._digest = hashlib.sha256()
        self._pieces = [] if keep_body else None
        self._step = self._head
        self._line = bytearray()
        self._left = 0

    # -- what was received ------------------------------------------------------------------------

    @property
    def body(self):
        assert self._pieces is not None, "this response was read without keeping its body"
        if len(self._pieces) > 1:
            self._pieces[:] = [b"".join(self._pieces)]
        return self._pieces[0] if self._pieces else b""

    @property
    def sha256(self):
        return self._digest.hexdigest()

    def field(self, name):
        """The value of a field that comes at most once; None when it is absent."""
        values = self.all(name)
        assert len(values) <= 1, f"{name} came {len(values)} times: {values}"
        return values[0] if values else None

    def all(self, name):
        return [value for key, value in self.fields if key.lower() == name.lower()]

    def tokens(self, name):
        """The members of a list field, in lower case."""
        return {token.strip().lower() for value in self.all(name) for token in value.split(",") if token.strip()}

    @property
    def length(self):
        value = self.field("content-length")
        return None if value is None else int(value)

    @property
    def keeps_connection(self):
        if self.framing == "close":
            return False
        options = self.tokens("connection")
        return "close" not in options and (self.version == "HTTP/1.1" or "keep-alive" in options)

    def __repr__(self):
        return (f"<Response {self.status} {self.framing} {self.size} bytes, ending={self.ending}, "
                f"fields={self.fields}>")

    # -- decoding ---------------------------------------------------------------------------------

    def feed(self, data):
        """Takes bytes; returns those behind the end of this message."""
        view = memoryview(data)
        position = 0
        while position < len(view) and self.ending is None:
            position = self._step(view, position)
        return bytes(view[position:])

    def end_of_stream(self, reset):
        if self.ending is not None:
            return
        if self._step == self._head and self.status is None and not self._line and not self.informational:
            self.ending = NOTHING
        elif reset:
            self.ending = RESET
        else:
            self.ending = COMPLETE if self._step == self._until_close else TRUNCATED

    def _take_line(self, view, position):
        """Collects up to CRLF. Gives (line or None, new position)."""
        piece = bytes(view[position:position + 70000])
        end = piece.find(b"\n")
        if end < 0:
            self._line += piece
            if len(self._line) > 65536:
                raise ProtocolError(f"endless line: {bytes(self._line[:100])!r}")
            return None, position + len(piece)
        self._line += piece[:end + 1]
        line = bytes(self._line)
        self._line.clear()
        if not line.endswith(b"\r\n") or b"\r" in line[:-2]:
            raise ProtocolError(f"line does not end with CRLF: {line[:200]!r}")
        return line[:-2], position + end + 1

    def _head(self, view, position):
        line, position = self._take_line(view, position)
        if line is None:
            return position
        if self.status is None:
            match = _STATUS_LINE.match(line)
            if not match:
                raise ProtocolError(f"bad status line: {line[:200]!r}")
            self.status = int(match[1])
            self.version = line[:8].decode()
        elif line:
            match = _FIELD_LINE.match(line)
            if not match or b"\0" in line:
                raise ProtocolError(f"bad field line: {line[:200]!r}")
            self.fields.append((match[1].decode("ascii"), match[2].decode("latin-1")))
        elif self.status < 200:
            self.informational.append((self.status, self.fields))
            self.status, self.version, self.fields = None, None, []
        else:
            self._decide_framing()
        return position

    def _decide_framing(self):
        for name in _ONCE:
            if len(self.all(name)) > 1:
                raise ProtocolError(f"{name} more than once: {self.fields}")
        length = self.field("content-length")
        coding = self.field("transfer-encoding")
        if length is not None and coding is not None:
            raise ProtocolError(f"both framings: {self.fields}")
        if length is not None and not re.fullmatch(r"[0-9]{1,18}", length):
            raise ProtocolError(f"bad Content-Length: {length!r}")
        if coding is not None and coding.lower() != "chunked":
            raise ProtocolError(f"bad Transfer-Encoding: {coding!r}")
        if self.method == "HEAD" or self.status in (204, 304):
            self.framing = "none"
            self.ending = COMPLETE
        elif coding is not None:
            if self.version != "HTTP/1.1":
                raise ProtocolError("chunked in an HTTP/1.0 answer")
            self.framing = "chunked"
            self._step = self._chunk_size
        elif length is not None:
            self.framing = "length"
            self._left = int(length)
            self._step = self._until_length
            if self._left == 0:
                self.ending = COMPLETE
        else:
            self.framing = "close"
            self._step = self._until_close

    def _body(self, piece):
        self.size += len(piece)
        self._digest.update(piece)
        if self._pieces is not None:
            self._pieces.append(bytes(piece))

    def _until_length(self, view, position):
        piece = view[position:position + self._left]
        self._body(piece)
        self._left -= len(piece)
        if self._left == 0:
            self.ending = COMPLETE
        return position + len(piece)

    def _until_close(self, view, position):
        self._body(view[position:])
        return len(view)

    def _chunk_size(self, view, position):
        line, position = self._take_line(view, position)
        if line is not None:
            if not _SIZE_LINE.match(line):
                raise ProtocolError(f"bad chunk size: {line[:100]!r}")
            self._left = int(line, 16)
            if self._left:
                self.chunk_sizes.append(self._left)
            self._step = self._chunk_data if self._left else self._trailer
        return position

    def _chunk_data(self, view, position):
        piece = view[position:position + self._left]
        self._body(piece)
        self._left -= len(piece)
        if self._left == 0:
            self._step = self._chunk_end
        return position + len(piece)

    def _chunk_end(self, view, position):
        line, position = self._take_line(view, position)
        if line is not None:
            if line:
                raise ProtocolError(f"chunk is longer than announced: {line[:100]!r}")
            self._step = self._chunk_size
        return position

    def _trailer(self, view, position):
        line, position = self._take_line(view, position)
        if line is not None:
            if line:
                raise ProtocolError(f"unexpected trailer: {line[:100]!r}")
            self.ending = COMPLETE
        return position
