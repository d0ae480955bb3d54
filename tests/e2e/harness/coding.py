"""Content codings: decoders that show how far a stream can be decoded, encoders, and text to encode."""

import random
import zlib

import brotli
import zstandard

CODINGS = ("zstd", "br", "gzip")

_WORDS = "the file grows while it is sent , and nobody waits ; readers watermark\n 0123 <p> </p> { }".split(" ")


def text(size, seed=0):
    """`size` bytes that a coding makes smaller, without a period."""
    chosen = random.Random(f"text/{seed}/{size}").choices(_WORDS, k=size // 2 + 1)
    return " ".join(chosen).encode()[:size]


class Decoder:
    """`feed` returns all that can be decoded now. `complete`: the end was there, checksum and all."""

    def __init__(self, coding):
        self.plain = bytearray()
        self._inner, self._feed, self._ended = {
            "gzip": lambda: self._of(zlib.decompressobj(31), "decompress", lambda inner: inner.eof),
            "zstd": lambda: self._of(zstandard.ZstdDecompressor(max_window_size=8 * 1024 * 1024).decompressobj(),
                                     "decompress", lambda inner: inner.eof),
            "br": lambda: self._of(brotli.Decompressor(), "process", lambda inner: inner.is_finished()),
        }[coding]()

    @staticmethod
    def _of(inner, feed, ended):
        return inner, getattr(inner, feed), ended

    def feed(self, data):
        plain = self._feed(data)
        self.plain += plain
        return plain

    @property
    def complete(self):
        return self._ended(self._inner) and not getattr(self._inner, "unused_data", b"")


def decode(coding, data):
    """The whole of a complete stream; `coding` None: as it is."""
    if coding is None:
        return data
    decoder = Decoder(coding)
    decoder.feed(data)
    assert decoder.complete, f"the {coding} stream has no end"
    return bytes(decoder.plain)


def encode(coding, data):
    if coding == "gzip":
        encoder = zlib.compressobj(wbits=31)
        return encoder.compress(data) + encoder.flush()
    return brotli.compress(data, quality=5) if coding == "br" else zstandard.ZstdCompressor().compress(data)
