"""H2, H3: what is malformed or too large gets one readable answer, and nothing behind it is read."""

import re

import pytest

from harness.client import request_bytes
from harness.message import COMPLETE
from harness.payload import MIB

CONTENT = b"content that no malformed request may get"
BEHIND = b"GET /behind.txt HTTP/1.1\r\nHost: a\r\n\r\n"

GET = b"GET /file.txt HTTP/1.1\r\n"
HOST = b"Host: a\r\n"
CHUNKED = GET + HOST + b"Transfer-Encoding: chunked\r\n\r\n"


@pytest.fixture(scope="module", autouse=True)
def files(server):
    server.put("file.txt", CONTENT)
    server.put("behind.txt", b"behind")


MALFORMED = {
    # Host (RFC 9112 3.2)
    "host-missing": GET + b"\r\n",
    "host-twice": GET + HOST + HOST + b"\r\n",
    "host-twice-differing": GET + HOST + b"Host: b\r\n\r\n",
    # Framing (RFC 9112 6)
    "length-and-chunked": GET + HOST + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunked-and-length": GET + HOST + b"Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n0\r\n\r\n",
    "lengths-differ": GET + HOST + b"Content-Length: 0\r\nContent-Length: 5\r\n\r\n",
    "lengths-differ-in-a-list": GET + HOST + b"Content-Length: 0, 5\r\n\r\n",
    "length-with-plus": GET + HOST + b"Content-Length: +0\r\n\r\n",
    "length-negative": GET + HOST + b"Content-Length: -1\r\n\r\n",
    "length-hexadecimal": GET + HOST + b"Content-Length: 0x0\r\n\r\n",
    "length-with-letters": GET + HOST + b"Content-Length: 0a\r\n\r\n",
    "length-empty": GET + HOST + b"Content-Length:\r\n\r\n",
    "length-with-a-blank-inside": GET + HOST + b"Content-Length: 0 0\r\n\r\n",
    "length-beyond-64-bit": GET + HOST + b"Content-Length: 99999999999999999999999999\r\n\r\n",
    "coding-unknown": GET + HOST + b"Transfer-Encoding: gzip\r\n\r\n",
    "coding-identity": GET + HOST + b"Transfer-Encoding: identity\r\n\r\n",
    "coding-chunked-not-last": GET + HOST + b"Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
    "coding-chunked-not-last-in-two-fields":
        GET + HOST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: gzip\r\n\r\n0\r\n\r\n",
    "coding-chunked-twice": GET + HOST + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    "coding-almost-chunked": GET + HOST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "coding-quoted": GET + HOST + b'Transfer-Encoding: "chunked"\r\n\r\n0\r\n\r\n',
    "coding-with-vertical-tab": GET + HOST + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
    "coding-empty": GET + HOST + b"Transfer-Encoding:\r\n\r\n",
    "coding-in-http10": b"GET /file.txt HTTP/1.0\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    # Chunks (RFC 9112 7.1)
    "chunk-size-not-hexadecimal": CHUNKED + b"g\r\n\r\n0\r\n\r\n",
    "chunk-size-empty": CHUNKED + b"\r\n0\r\n\r\n",
    "chunk-size-negative": CHUNKED + b"-1\r\na\r\n0\r\n\r\n",
    "chunk-size-with-plus": CHUNKED + b"+1\r\na\r\n0\r\n\r\n",
    "chunk-size-with-0x": CHUNKED + b"0x1\r\na\r\n0\r\n\r\n",
    "chunk-size-after-a-blank": CHUNKED + b" 1\r\na\r\n0\r\n\r\n",
    "chunk-size-beyond-64-bit": CHUNKED + b"10000000000000001\r\na\r\n0\r\n\r\n",
    "chunk-size-line-ends-with-lf": CHUNKED + b"1\na\r\n0\r\n\r\n",
    "chunk-longer-than-its-size": CHUNKED + b"1\r\nab\r\n0\r\n\r\n",
    "chunk-ends-with-lf": CHUNKED + b"1\r\na\n0\r\n\r\n",
    # Fields (RFC 9112 5, RFC 9110 5.5)
    "request-line-ends-with-lf": b"GET /file.txt HTTP/1.1\nHost: a\r\n\r\n",
    "field-line-ends-with-lf": GET + b"Host: a\nX: y\r\n\r\n",
    "head-ends-with-lf": GET + b"Host: a\r\n\n",
    "all-lines-end-with-lf": b"GET /file.txt HTTP/1.1\nHost: a\n\n",
    "cr-in-a-value": GET + HOST + b"X: a\rb\r\n\r\n",
    "nul-in-a-value": GET + HOST + b"X: a\0b\r\n\r\n",
    "control-byte-in-a-value": GET + HOST + b"X: a\x01b\r\n\r\n",
    "nul-in-a-name": GET + HOST + b"X\0Y: a\r\n\r\n",
    "blank-before-the-colon": GET + HOST + b"X : a\r\n\r\n",
    "tab-before-the-colon": GET + HOST + b"X\t: a\r\n\r\n",
    "blank-before-the-colon-of-a-length": GET + HOST + b"Content-Length : 5\r\n\r\n",
    "folded-field": GET + HOST + b"X: a\r\n b\r\n\r\n",
    "folded-field-with-tab": GET + HOST + b"X: a\r\n\tb\r\n\r\n",
    "first-field-line-indented": GET + b" " + HOST + b"\r\n",
    "name-empty": GET + HOST + b": a\r\n\r\n",
    "name-with-a-blank": GET + HOST + b"X Y: a\r\n\r\n",
    "name-with-a-bracket": GET + HOST + b"X(: a\r\n\r\n",
    "name-not-ascii": GET + HOST + b"X\xc3\xa4: a\r\n\r\n",
    "no-colon": GET + HOST + b"something\r\n\r\n",
    # The request line (RFC 9112 3)
    "http09": b"GET /file.txt\r\n\r\n",
    "no-method": b"/file.txt HTTP/1.1\r\n" + HOST + b"\r\n",
    "no-target": b"GET HTTP/1.1\r\n" + HOST + b"\r\n",
    "two-blanks-before-the-target": b"GET  /file.txt HTTP/1.1\r\n" + HOST + b"\r\n",
    "two-blanks-before-the-version": b"GET /file.txt  HTTP/1.1\r\n" + HOST + b"\r\n",
    "blank-in-the-target": b"GET /file.txt x HTTP/1.1\r\n" + HOST + b"\r\n",
    "blank-behind-the-version": b"GET /file.txt HTTP/1.1 \r\n" + HOST + b"\r\n",
    "blank-before-the-method": b" GET /file.txt HTTP/1.1\r\n" + HOST + b"\r\n",
    "tab-before-the-target": b"GET\t/file.txt HTTP/1.1\r\n" + HOST + b"\r\n",
    "version-in-lower-case": b"GET /file.txt http/1.1\r\n" + HOST + b"\r\n",
    "version-of-another-protocol": b"GET /file.txt FTP/1.1\r\n" + HOST + b"\r\n",
    "version-without-dot": b"GET /file.txt HTTP/11\r\n" + HOST + b"\r\n",
    "version-with-three-digits": b"GET /file.txt HTTP/1.10\r\n" + HOST + b"\r\n",
    "version-cut": b"GET /file.txt HTTP/1.\r\n" + HOST + b"\r\n",
    "method-not-a-token": b"G(T /file.txt HTTP/1.1\r\n" + HOST + b"\r\n",
    "target-without-slash": b"GET file.txt HTTP/1.1\r\n" + HOST + b"\r\n",
    "target-star-for-get": b"GET * HTTP/1.1\r\n" + HOST + b"\r\n",
    "target-with-nul": b"GET /file.txt\0 HTTP/1.1\r\n" + HOST + b"\r\n",
    "target-with-control-byte": b"GET /file.txt\x01 HTTP/1.1\r\n" + HOST + b"\r\n",
    "cr-in-the-target": b"GET /file\r.txt HTTP/1.1\r\n" + HOST + b"\r\n",
    "binary": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 TLS hello\r\n\r\n",
}


@pytest.mark.parametrize("name", MALFORMED)
def test_H2_malformed_is_400_and_nothing_behind_it_is_read(site, name):
    with site.connect() as client:
        client.send(MALFORMED[name] + BEHIND * 2)
        response = client.read_response()
        assert (response.status, response.ending) == (400, COMPLETE), response
        assert CONTENT not in response.body
        assert "close" in response.tokens("connection"), response
        rest, _ = client.read_end()
        assert rest == b"", "something behind the malformed request was answered"


@pytest.mark.parametrize("name", ["host-missing", "lengths-differ", "nul-in-a-value", "folded-field",
                                  "blank-before-the-colon", "length-and-chunked"])
@pytest.mark.parametrize("fragment_size", [1, 5])
def test_H2_malformed_in_fragments(site, name, fragment_size):
    wire = MALFORMED[name]
    with site.connect() as client:
        for start in range(0, len(wire), fragment_size):
            if not client.try_send(wire[start:start + fragment_size]):
                break
        assert client.read_response().status == 400
        assert client.read_end()[0] == b""


@pytest.mark.parametrize("name", [name for name in MALFORMED if name.startswith("chunk-")])
def test_H2_malformed_chunks_of_a_refused_request(site, name):
    """The refusal may come first; what is behind bad chunks is not read in any case."""
    with site.connect() as client:
        client.send(MALFORMED[name].replace(b"GET", b"DELETE", 1) + BEHIND * 2)
        assert client.read_response().status in (400, 405)
        assert client.read_end()[0] == b""


@pytest.mark.parametrize("fragment_size", [1, 5])
@pytest.mark.parametrize("name", [name for name in MALFORMED if name.startswith("chunk-")])
def test_H2_malformed_chunks_in_fragments(site, name, fragment_size):
    wire = MALFORMED[name] + BEHIND
    with site.connect() as client:
        for start in range(0, len(wire), fragment_size):
            if not client.try_send(wire[start:start + fragment_size]):
                break
        assert client.read_response().status == 400
        assert client.read_end()[0] == b""


def test_H2_answers_before_a_malformed_request_are_whole(site):
    with site.connect() as client:
        client.send(request_bytes("/file.txt") * 3 + MALFORMED["nul-in-a-value"] + BEHIND)
        for _ in range(3):
            assert client.read_response().body == CONTENT
        assert client.read_response().status == 400
        assert client.read_end()[0] == b""


WELL_FORMED = {
    "host-empty": GET + b"Host:\r\n\r\n",
    "length-zero": GET + HOST + b"Content-Length: 0\r\n\r\n",
    "value-with-bytes-above-127": GET + HOST + b"X: \xc3\xa4\xff\r\n\r\n",
    "value-with-a-tab": GET + HOST + b"X: a\tb\r\n\r\n",
    "value-empty": GET + HOST + b"X:\r\n\r\n",
    "blanks-around-a-value": GET + b"Host: \t a \t \r\n\r\n",
    "names-in-any-case": GET + b"hOST: a\r\n\r\n",
    "coding-in-capitals": GET + HOST + b"Transfer-Encoding: CHUNKED\r\n\r\n0\r\n\r\n",
    "chunk-size-with-zeros": CHUNKED + b"0001\r\na\r\n000\r\n\r\n",
    "chunk-with-extension": CHUNKED + b'1;a="b"\r\na\r\n0\r\n\r\n',
    "version-1.9": b"GET /file.txt HTTP/1.9\r\n" + HOST + b"\r\n",
    "token-with-odd-characters": GET + HOST + b"X!#$%&'*+-.^_`|~9: a\r\n\r\n",
}


@pytest.mark.parametrize("name", WELL_FORMED)
def test_H2_unusual_but_well_formed_is_answered(site, name):
    with site.connect() as client:
        client.send(WELL_FORMED[name] + BEHIND)
        assert client.read_response().body == CONTENT
        assert client.read_response().body == b"behind"


# -- H3 -------------------------------------------------------------------------------------------

REFUSED = {
    "405-known-method": (405, b"DELETE /file.txt HTTP/1.1\r\n" + HOST),
    "405-post": (405, b"POST /file.txt HTTP/1.1\r\n" + HOST),
    "405-put": (405, b"PUT /new.txt HTTP/1.1\r\n" + HOST),
    "501-unknown-method": (501, b"FROBNICATE /file.txt HTTP/1.1\r\n" + HOST),
    "501-method-in-lower-case": (501, b"get /file.txt HTTP/1.1\r\n" + HOST),
    "505-version-2": (505, b"GET /file.txt HTTP/2.0\r\n" + HOST),
    "505-version-0": (505, b"GET /file.txt HTTP/0.9\r\n" + HOST),
    "413-large-body": (413, GET + HOST + b"Content-Length: 99999999999\r\n"),
    "414-long-target": (414, b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n" + HOST),
    "431-long-field": (431, GET + HOST + b"X: " + b"a" * MIB + b"\r\n"),
    "431-many-fields": (431, GET + HOST + b"".join(b"X-%d: a\r\n" % number for number in range(60_000))),
    "431-endless-name": (431, GET + HOST + b"X" * MIB),
}


@pytest.mark.parametrize("name", REFUSED)
def test_H3_refusals_are_readable(site, name):
    status, head = REFUSED[name]
    with site.connect() as client:
        client.try_send(head + b"\r\n")
        response = client.read_response()
        assert (response.status, response.ending) == (status, COMPLETE)
        if status == 405:
            assert {"get", "head"} <= response.tokens("allow"), response
        if not response.keeps_connection:
            assert client.read_end()[0] == b""


@pytest.mark.parametrize("name", REFUSED)
def test_H3_refusals_are_readable_with_an_unread_body_behind(site, name):
    """The client sends all of 1 MiB before it reads. No reset may eat the answer."""
    status, head = REFUSED[name]
    if b"Content-Length" not in head:
        head += b"Content-Length: %d\r\n" % MIB
    with site.connect() as client:
        client.try_send(head + b"\r\n" + b"b" * MIB)
        response = client.read_response()
        assert (response.status, response.ending) == (status, COMPLETE)
        if response.keeps_connection:
            client.send(BEHIND)
            assert client.read_response().body == b"behind"
        else:
            assert client.read_end()[0] == b""


def test_H3_a_malformed_request_with_a_body_behind_is_readable(site):
    with site.connect() as client:
        client.try_send(MALFORMED["host-missing"] + b"b" * MIB)
        assert client.read_response().status == 400
        assert client.read_end()[0] == b""


def test_H3_allow_names_only_methods(site):
    response = site.get("/file.txt", method="DELETE")
    assert re.fullmatch(r"[A-Z]+(, [A-Z]+)*", response.field("allow")), response


def test_H3_a_head_just_within_reason_is_accepted(site):
    response = site.get("/file.txt?" + "q" * 4000, fields=[(f"X-{number}", "v" * 100) for number in range(30)])
    assert response.body == CONTENT


def test_H3_a_chunked_body_beyond_the_limit_is_413(site):
    with site.connect() as client:
        client.try_send(GET + HOST + b"Transfer-Encoding: chunked\r\n\r\n" +
                        b"10000\r\n" + b"c" * 65536 + b"\r\n" +
                        (b"10000\r\n" + b"c" * 65536 + b"\r\n") * 20)
        response = client.read_response()
        assert (response.status, response.ending) == (413, COMPLETE)
        assert not response.keeps_connection
        assert client.read_end()[0] == b""
