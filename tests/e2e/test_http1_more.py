"""H1-H8 once more: clauses at their exact borders, and what comes in combination."""

import os
import random

import pytest

from harness.client import request_bytes
from harness.limits import duration, limit, observe
from harness.message import COMPLETE
from harness.payload import KIB, MIB, payload, sha256

CONTENT = payload(3000, seed="more")
GET = b"GET /file.bin HTTP/1.1\r\n"
HOST = b"Host: a\r\n"
CHUNKED = GET + HOST + b"Transfer-Encoding: chunked\r\n\r\n"
BEHIND = b"GET /behind.txt HTTP/1.1\r\nHost: a\r\n\r\n"

# serve/limits.h and http/head_parser.h
TARGET_BYTES_MAX = 8 * KIB
HEAD_BYTES_MAX = 32 * KIB
FIELDS_MAX = 100
BODY_BYTES_MAX = MIB


@pytest.fixture(scope="module", autouse=True)
def files(server):
    server.put("file.bin", CONTENT)
    server.put("behind.txt", b"behind")
    server.put("dir/file.txt", b"in dir")
    os.mkfifo(server.path("fifo"))


def chunk(data):
    return b"%x\r\n%s\r\n" % (len(data), data)


# -- H1 -------------------------------------------------------------------------------------------

def test_H1_pipelined_http10_with_keep_alive(site):
    wire = request_bytes("/file.bin", version="HTTP/1.0", fields=[("Connection", "keep-alive")])
    with site.connect() as client:
        client.send(wire * 20 + request_bytes("/behind.txt", version="HTTP/1.0") + BEHIND)
        for _ in range(20):
            response = client.read_response()
            assert (response.sha256, "keep-alive" in response.tokens("connection")) == (sha256(CONTENT), True)
        assert client.read_response().body == b"behind"
        assert client.read_end()[0] == b"", "a request behind the last one was answered"


def test_H1_both_versions_on_one_connection(site):
    with site.connect() as client:
        for version in ("HTTP/1.0", "HTTP/1.1", "HTTP/1.0", "HTTP/1.1"):
            response = client.get("/file.bin", version=version, fields=[("Connection", "keep-alive")])
            assert (response.status, response.sha256) == (200, sha256(CONTENT))
            assert response.keeps_connection


def test_H1_a_pipeline_cut_anywhere(site):
    """Bodies of requests, errors and files in between; the pieces end where they like."""
    choice = random.Random(11)
    requests = [
        (request_bytes("/file.bin"), 200), (request_bytes("/missing"), 404),
        (request_bytes("/file.bin", "POST", [("Content-Length", 5000)]) + b"b" * 5000, 405),
        (CHUNKED + chunk(b"c" * 700) + chunk(BEHIND) + b"0\r\nA: b\r\n\r\n", 200),
        (request_bytes("/file.bin", fields=[("Range", "bytes=0-9")]), 206), (b"\r\n" + BEHIND, 200),
    ]
    asked = [choice.choice(requests) for _ in range(100)]
    wire = b"".join(text for text, _ in asked)
    with site.connect() as client:
        while wire:
            size = choice.choice([1, 7, 100, 1500, 9000])
            client.send(wire[:size])
            wire = wire[size:]
        for text, status in asked:
            response = client.read_response()
            assert (response.status, response.ending) == (status, COMPLETE), text[:60]
            if status == 200:
                assert response.body == (b"behind" if b"/behind" in text[:30] else CONTENT)


# -- H2 -------------------------------------------------------------------------------------------

MALFORMED = {
    "trailer-ends-with-lf": CHUNKED + b"0\r\nA: b\n\r\n",
    "trailers-end-with-lf": CHUNKED + b"0\r\nA: b\r\n\n",
    "trailer-with-nul": CHUNKED + b"0\r\nA: \0\r\n\r\n",
    "trailer-with-cr": CHUNKED + b"0\r\nA: a\rb\r\n\r\n",
    "trailer-folded": CHUNKED + b"0\r\nA: a\r\n b\r\n\r\n",
    "trailer-blank-before-the-colon": CHUNKED + b"0\r\nA : b\r\n\r\n",
    "trailer-without-colon": CHUNKED + b"0\r\nsomething\r\n\r\n",
    "trailer-without-name": CHUNKED + b"0\r\n: b\r\n\r\n",
    "trailers-endless": CHUNKED + b"0\r\n" + b"A: b\r\n" * 5000 + b"\r\n",
    "extension-with-nul": CHUNKED + b"1;a=\0\r\na\r\n0\r\n\r\n",
    "extension-with-lf": CHUNKED + b"1;a=b\na\r\n0\r\n\r\n",
    "extension-with-cr": CHUNKED + b"1;a=\rb\r\na\r\n0\r\n\r\n",
    "extension-endless": CHUNKED + b"1;" + b"a" * 100_000 + b"\r\na\r\n0\r\n\r\n",
    "blank-behind-the-size": CHUNKED + b"1 \r\na\r\n0\r\n\r\n",
    "size-with-underscore": CHUNKED + b"1_0\r\n" + b"a" * 16 + b"\r\n0\r\n\r\n",
    "size-of-64-bit": CHUNKED + b"ffffffffffffffff1\r\na\r\n0\r\n\r\n",
    "last-chunk-without-its-end": CHUNKED + b"1\r\na\r\n0\r\nX",
    "host-with-blank": GET + b"Host: a b\r\n\r\n",
    "host-with-slash": GET + b"Host: a/b\r\n\r\n",
    "host-with-user": GET + b"Host: user@a\r\n\r\n",
    "host-with-two-ports": GET + b"Host: a:1:2\r\n\r\n",
    "host-with-a-port-in-letters": GET + b"Host: a:b\r\n\r\n",
    "host-with-an-open-bracket": GET + b"Host: [::1\r\n\r\n",
    "host-list": GET + b"Host: a, b\r\n\r\n",
    "host-twice-in-http10": b"GET /file.bin HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n",
    "host-missing-with-an-absolute-target": b"GET http://a/file.bin HTTP/1.1\r\n\r\n",
    "length-twice-the-same": GET + HOST + b"Content-Length: 0\r\nContent-Length: 0\r\n\r\n",
    "length-list-of-the-same": GET + HOST + b"Content-Length: 0, 0\r\n\r\n",
    "length-in-other-digits": GET + HOST + "Content-Length: ٠\r\n\r\n".encode(),
    "length-and-chunked-in-http10":
        b"GET /file.bin HTTP/1.0\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "absolute-without-host": b"GET http:///file.bin HTTP/1.1\r\n" + HOST + b"\r\n",
    "absolute-with-user": b"GET http://user@a/file.bin HTTP/1.1\r\n" + HOST + b"\r\n",
    "absolute-of-another-scheme": b"GET ftp://a/file.bin HTTP/1.1\r\n" + HOST + b"\r\n",
    "target-with-fragment": b"GET /file.bin#x HTTP/1.1\r\n" + HOST + b"\r\n",
}


@pytest.mark.parametrize("name", MALFORMED)
def test_H2_malformed_is_400_and_nothing_behind_it_is_read(site, name):
    with site.connect() as client:
        client.try_send(MALFORMED[name] + BEHIND * 2)
        response = client.read_response()
        assert (response.status, response.ending) == (400, COMPLETE), response
        assert CONTENT not in response.body
        assert "close" in response.tokens("connection"), response
        assert client.read_end()[0] == b"", "something behind the malformed request was answered"


def test_H2_a_coding_nobody_here_knows_is_501_and_closes(site):
    """RFC 9112 6.1. Where its body ends is known; what is in it is not."""
    with site.connect() as client:
        client.send(GET + HOST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n" + BEHIND)
        response = client.read_response()
        assert (response.status, response.keeps_connection) == (501, False)
        assert client.read_end()[0] == b""


def test_H2_trailers_are_no_fields_of_the_request(site):
    with site.connect() as client:
        client.send(CHUNKED + b"0\r\nRange: bytes=0-1\r\nIf-None-Match: *\r\nHost: b\r\nContent-Length: 9\r\n"
                              b"Connection: close\r\n\r\n" + BEHIND)
        response = client.read_response()
        assert (response.status, response.body) == (200, CONTENT)
        assert client.read_response().body == b"behind"


# -- H3 -------------------------------------------------------------------------------------------

def head_of_size(size):
    start = GET + HOST + b"X: "
    return start + b"x" * (size - len(start) - 4) + b"\r\n\r\n"


@pytest.mark.parametrize("over", [0, 1])
def test_H3_the_limit_of_a_head(site, over):
    with site.connect() as client:
        client.send(head_of_size(HEAD_BYTES_MAX + over) + BEHIND)
        assert client.read_response().status == (431 if over else 200)
        if over:
            assert client.read_end()[0] == b""
        else:
            assert client.read_response().body == b"behind"


@pytest.mark.parametrize("over", [0, 1])
def test_H3_the_limit_of_the_number_of_fields(site, over):
    fields = [(f"X-{number}", number) for number in range(FIELDS_MAX - 1 + over)]  # and Host
    assert site.get("/file.bin", fields=fields).status == (431 if over else 200)


@pytest.mark.parametrize("over", [0, 1])
def test_H3_the_limit_of_a_target(site, over):
    target = "/file.bin?" + "q" * (TARGET_BYTES_MAX + over - len("/file.bin?"))
    assert site.get(target).status == (414 if over else 200)


@pytest.mark.parametrize("over", [0, 1])
def test_H3_the_limit_of_a_body_with_a_length(site, over):
    body = b"b" * (BODY_BYTES_MAX + over)
    with site.connect() as client:
        client.try_send(request_bytes("/file.bin", fields=[("Content-Length", len(body))]) + body)
        response = client.read_response()
        assert (response.status, response.ending) == (413 if over else 200, COMPLETE)
        if not over:
            assert response.body == CONTENT


@pytest.mark.parametrize("over", [0, 1])
def test_H3_the_limit_of_a_chunked_body(site, over):
    body = b"".join(chunk(b"c" * (64 * KIB)) for _ in range(16)) + (chunk(b"c") if over else b"")
    with site.connect() as client:
        client.try_send(CHUNKED + body + b"0\r\n\r\n" + BEHIND)
        response = client.read_response()
        assert (response.status, response.ending) == (413 if over else 200, COMPLETE)
        if over:
            assert client.read_end()[0] == b""
        else:
            assert response.body == CONTENT
            assert client.read_response().body == b"behind"


GOES_ON = {
    "431": GET + HOST + b"X: " + b"a" * MIB,
    "414": b"GET /" + b"a" * MIB,
    "400": GET + b"\r\n" + b"b" * MIB,
    "505": b"GET / HTTP/2.0\r\n" + HOST + b"\r\n" + b"b" * MIB,
    "501": b"FROBNICATE / HTTP/1.1\r\n" + HOST + b"Content-Length: 2097152\r\n\r\n" + b"b" * MIB,
    "413": GET + HOST + b"Content-Length: 99999999\r\n\r\n" + b"b" * MIB,
}


@pytest.mark.parametrize("name", GOES_ON)
def test_H3_a_client_that_goes_on_sending_gets_the_answer(site, name):
    """It sends first, and reads only when that is done: what it sends meanwhile must not eat the answer."""
    with site.connect() as client:
        client.try_send(GOES_ON[name])
        client.try_send(b"more" * (64 * KIB))
        response = client.read_response()
        assert (response.status, response.ending) == (int(name), COMPLETE)


# -- H4 -------------------------------------------------------------------------------------------

TIMEOUT = 1  # seconds, before MIDSTREAM_TIME_FACTOR


@pytest.fixture
def hasty(launch):
    site = launch("--header-timeout", duration(TIMEOUT), "--idle-timeout", duration(TIMEOUT),
                  "--body-timeout", duration(TIMEOUT), "--stall-timeout", duration(TIMEOUT))
    site.put("file.bin", CONTENT)
    site.put("large.bin", payload(20 * MIB, seed="large"))
    yield site
    site.close_clients()
    site.check_healthy()


def test_H4_a_slow_but_steady_body_is_read_to_its_end(hasty):
    """Several times the timeout in all: each piece is progress."""
    with hasty.connect() as client:
        client.send(CHUNKED)
        for _ in range(10):
            client.send(chunk(b"slow"))
            observe(limit(TIMEOUT * 0.3))
        client.send(b"0\r\n\r\n")
        assert client.read_response().body == CONTENT


@pytest.mark.parametrize("wire, version", [
    (b"", None), (b"GET /", None), (BEHIND[:-2], None), (CHUNKED, None), (CHUNKED + b"5\r\nhel", None),
    (request_bytes("/file.bin", "POST", [("Content-Length", 10)]), None), (None, "HTTP/1.1"), (None, "HTTP/1.0"),
], ids=["silent", "target", "head", "chunks", "chunk", "body", "unread", "unread-http10"])
def test_H4_each_timeout_frees_the_descriptor_of_a_client_that_stays(hasty, wire, version):
    clients = [hasty.connect(receive_buffer=16 * KIB) for _ in range(20)]
    for client in clients:
        client.send(request_bytes("/large.bin", version=version) if wire is None else wire)
    hasty.wait_for_base("while the clients stay", seconds=20)
    for client in clients:
        client.close()


def test_H4_an_idle_connection_that_was_used_is_freed_too(hasty):
    clients = [hasty.connect() for _ in range(20)]
    for client in clients:
        assert client.get("/file.bin").body == CONTENT
    hasty.wait_for_base("while the clients stay", seconds=20)


# -- H5 -------------------------------------------------------------------------------------------

EXPECT = ("Expect", "100-continue")


@pytest.mark.parametrize("target, method, fields, status", [
    ("/missing", "GET", [("Content-Length", 10)], 404),
    ("/file.bin", "GET", [("Content-Length", 10), ("If-Match", '"other"')], 412),
    ("/file.bin", "PUT", [("Content-Length", 10)], 405),
    ("/file.bin", "PUT", [("Transfer-Encoding", "chunked")], 405),
    ("/file.bin", "GET", [("Content-Length", 99_999_999)], 413),
    ("/file.bin", "FROBNICATE", [("Content-Length", 10)], 501),
    ("/%00", "GET", [("Content-Length", 10)], 400),
], ids=["404", "412", "405", "405-chunked", "413", "501", "400"])
def test_H5_a_final_status_comes_at_once_and_no_100(site, target, method, fields, status):
    with site.connect() as client:
        client.request(target, method, fields + [EXPECT])
        response = client.read_response()
        assert (response.status, response.informational, response.ending) == (status, [], COMPLETE)
        if response.keeps_connection:
            assert client.get("/behind.txt").body == b"behind"
        else:
            assert client.read_end()[0] == b""


def test_H5_a_chunked_body_that_is_waited_for_does_not_hang(site):
    with site.connect() as client:
        client.request("/file.bin", fields=[("Transfer-Encoding", "chunked"), EXPECT])
        response = client.read_interim()
        if response.informational:
            client.send(chunk(b"hello") + b"0\r\n\r\n")
        client.read_rest(response)
        assert (response.status, response.body) == (200, CONTENT)


@pytest.mark.parametrize("fields", [[EXPECT], [EXPECT, ("Content-Length", 0)]], ids=["none", "empty"])
def test_H5_without_a_body_nothing_is_to_be_continued(site, fields):
    with site.connect() as client:
        for _ in range(2):
            response = client.get("/file.bin", fields=fields)
            assert (response.status, response.informational, response.body) == (200, [], CONTENT)


def test_H5_a_client_that_does_not_wait_is_read_in_step(site):
    """It sends the body in spite of its expectation: that is no next request."""
    with site.connect() as client:
        client.send(request_bytes("/file.bin", fields=[("Content-Length", len(BEHIND)), EXPECT]) + BEHIND)
        response = client.read_response()
        assert (response.status, response.body) == (200, CONTENT)
        rest, _ = client.read_end() if not response.keeps_connection else (b"", None)
        assert rest == b""


def test_H5_an_expectation_nobody_knows_does_not_hang(site):
    response = site.get("/file.bin", fields=[("Expect", "miracles"), ("Content-Length", 0)])
    assert response.status in (200, 417)


# -- H6 -------------------------------------------------------------------------------------------

@pytest.mark.parametrize("target, status", [("/", 200), ("/dir/", 200), ("/dir", 301), ("/fifo", 403), ("/%00", 400)],
                         ids=["root", "listing", "redirect", "fifo", "bad-path"])
def test_H6_head_is_get_without_a_body(site, target, status):
    with site.connect() as client:
        got = client.get(target)
        head = client.get(target, "HEAD")
        assert got.status == head.status == status
        assert head.length == got.size
        assert ([field for field in head.fields if field[0].lower() != "date"]
                == [field for field in got.fields if field[0].lower() != "date"])
        assert client.get("/behind.txt").body == b"behind"


@pytest.mark.parametrize("target", ["*", "/file.bin", "/missing"])
def test_H6_no_content_has_no_body_and_no_length(site, target):
    with site.connect() as client:
        response = client.get(target, "OPTIONS")
        assert response.status == 204
        assert response.field("content-length") is None and response.field("transfer-encoding") is None
        assert client.get("/behind.txt").body == b"behind"


# -- H7 -------------------------------------------------------------------------------------------

LAST_ANSWERS = {
    "400": GET + b"\r\n",
    "408": None,
    "413": GET + HOST + b"Content-Length: 99999999\r\n\r\n",
    "414": b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n",
    "431": head_of_size(HEAD_BYTES_MAX + 1),
    "501": GET + HOST + b"Transfer-Encoding: gzip, chunked\r\n\r\n",
    "505": b"GET / HTTP/2.0\r\n" + HOST + b"\r\n",
}


@pytest.mark.parametrize("name", LAST_ANSWERS)
def test_H7_an_answer_that_ends_the_connection_says_so(site, hasty, name):
    asked = site if LAST_ANSWERS[name] else hasty
    with asked.connect() as client:
        client.try_send(LAST_ANSWERS[name] or b"GET / HTTP/1.1\r\nHo")
        response = client.read_response()
        assert response.status == int(name)
        assert response.field("server") == "midstream" and response.field("date")
        assert "close" in response.tokens("connection"), response
        assert client.read_end()[0] == b""


@pytest.mark.parametrize("target, method, status", [("/dir", "GET", 301), ("/file.bin", "OPTIONS", 204),
                                                    ("/fifo", "GET", 403), ("/file.bin", "FROBNICATE", 501)])
def test_H7_date_and_server_are_always_there(site, target, method, status):
    response = site.get(target, method)
    assert response.status == status
    assert response.field("server") == "midstream" and response.field("date")


@pytest.mark.parametrize("fields", [[("Connection", "close"), ("Connection", "keep-alive")],
                                    [("Connection", "keep-alive, close")], [("Connection", ", ,close,")]])
@pytest.mark.parametrize("version", ["HTTP/1.0", "HTTP/1.1"])
def test_H7_close_wins_over_keep_alive(site, fields, version):
    with site.connect() as client:
        client.send(request_bytes("/file.bin", fields=fields, version=version) + BEHIND)
        response = client.read_response()
        assert (response.body, "close" in response.tokens("connection")) == (CONTENT, True)
        assert client.read_end()[0] == b""


# -- H8 -------------------------------------------------------------------------------------------

@pytest.mark.parametrize("target", ["http://a", "http://a?query", "http://a/", "https://a:8443", "HTTPS://[::1]:1/"])
def test_H8_absolute_form_without_a_path_is_the_root(site, target):
    response = site.get(target)
    assert (response.status, response.field("content-type")) == (200, "text/html; charset=utf-8")


def test_H8_options_for_the_server_in_absolute_form(site):
    with site.connect() as client:
        for target in ("*", "http://a", "http://a:80"):
            response = client.get(target, "OPTIONS")
            assert (response.status, response.size) == (204, 0)


def test_H8_connect_is_refused_and_opens_nothing(site):
    with site.connect() as client:
        client.request("midstream.test:443", "CONNECT")
        response = client.read_response()
        assert response.status in (400, 405, 501), response
        assert response.ending == COMPLETE


@pytest.mark.parametrize("target", ["/dir/..%2ffile.bin", "/%64ir/../file.bin", "/./file.bin", "//file.bin",
                                    "/dir/%2e%2e/file.bin"])
def test_H8_what_is_decoded_is_resolved_after_it(site, target):
    assert site.get(target).body == CONTENT
