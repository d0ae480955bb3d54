"""H1, H5-H8: connections, pipelining, expectations, HEAD, the fields every answer has."""

import datetime
import email.utils
import random
import socket

import pytest

from harness.client import request_bytes
from harness.message import COMPLETE
from harness.payload import KIB, payload, sha256

FILES = {f"{size}.bin": payload(size) for size in (0, 1, 100, 4 * KIB, 8 * KIB, 8 * KIB + 1, 70_000, 300_000)}
LAST = payload(5_000_000)


@pytest.fixture(scope="module", autouse=True)
def files(server):
    for name, content in FILES.items():
        server.put(name, content)
    server.put("5000000.bin", LAST)
    server.put("a b.txt", b"blank")
    server.put("a%20b.txt", b"percent")
    server.put("grüße.txt", b"umlaut")


# -- H1 -------------------------------------------------------------------------------------------

def test_H1_many_requests_on_one_connection(site):
    with site.connect() as client:
        for name, content in list(FILES.items()) * 5:
            response = client.get(f"/{name}")
            assert (response.status, response.length, response.body == content) == (200, len(content), True)
            assert response.keeps_connection


def test_H1_pipeline_100_deep_is_answered_in_order(site):
    choice = random.Random(1)
    asked = []
    for number in range(100):
        name = choice.choice(list(FILES))
        kind = choice.choice(["GET", "GET", "GET", "HEAD", "missing", "range", "method"])
        asked.append((number, name, kind))
    wire = b""
    for number, name, kind in asked:
        if kind == "missing":
            wire += request_bytes(f"/missing-{number}")
        elif kind == "range":
            wire += request_bytes(f"/{name}", fields=[("Range", f"bytes={number}-{number + 9}")])
        elif kind == "method":
            wire += request_bytes(f"/{name}", method="DELETE")
        else:
            wire += request_bytes(f"/{name}", method=kind)
    with site.connect() as client:
        client.send(wire)
        for number, name, kind in asked:
            content = FILES[name]
            response = client.read_response("HEAD" if kind == "HEAD" else "GET")
            where = f"request {number}: {kind} {name}: {response}"
            assert response.ending == COMPLETE, where
            if kind == "missing":
                assert response.status == 404, where
            elif kind == "method":
                assert response.status == 405, where
            elif kind == "HEAD":
                assert (response.status, response.length) == (200, len(content)), where
            elif kind == "range" and not content:
                assert response.status == 200, where
            elif kind == "range" and number >= len(content):
                assert response.status == 416, where
            elif kind == "range":
                assert (response.status, response.body) == (206, content[number:number + 10]), where
            else:
                assert (response.status, response.sha256) == (200, sha256(content)), where


def test_H1_pipeline_whose_client_reads_only_after_sending_all(site):
    """Answers far larger than the socket buffers wait in the server; requests are not lost."""
    with site.connect(receive_buffer=16 * KIB) as client:
        client.send(request_bytes("/300000.bin") * 40)
        for _ in range(40):
            response = client.read_response()
            assert (response.status, response.sha256) == (200, sha256(FILES["300000.bin"]))


@pytest.mark.parametrize("fragment_size", [1, 2, 3, 7, 16, 61])
def test_H1_requests_in_fragments_of_any_size(site, fragment_size):
    wire = request_bytes("/100.bin", fields=[("Accept", "*/*")]) * 3
    with site.connect() as client:
        for start in range(0, len(wire), fragment_size):
            client.send(wire[start:start + fragment_size])
        for _ in range(3):
            assert client.read_response().body == FILES["100.bin"]


def test_H1_blank_lines_before_a_request_are_skipped(site):
    with site.connect() as client:
        client.send(b"\r\n" + request_bytes("/100.bin") + b"\r\n" + request_bytes("/1.bin"))
        assert client.read_response().body == FILES["100.bin"]
        assert client.read_response().body == FILES["1.bin"]


def test_H1_http10_closes_after_the_answer(site):
    with site.connect() as client:
        response = client.get("/70000.bin", version="HTTP/1.0")
        assert (response.status, response.length, response.sha256) == (200, 70_000, sha256(FILES["70000.bin"]))
        assert client.read_end() == (b"", "fin")


def test_H1_http10_without_host(site):
    with site.connect() as client:
        client.request("/100.bin", version="HTTP/1.0", host=None)
        assert client.read_response().body == FILES["100.bin"]


def test_H1_http10_with_keep_alive(site):
    with site.connect() as client:
        for _ in range(3):
            response = client.get("/100.bin", version="HTTP/1.0", fields=[("Connection", "keep-alive")])
            assert response.body == FILES["100.bin"]
            assert "keep-alive" in response.tokens("connection"), response
        assert client.get("/100.bin", version="HTTP/1.0").status == 200
        assert client.read_end() == (b"", "fin")


def test_H1_a_request_body_is_skipped(site):
    body = payload(50_000, seed="body")
    with site.connect() as client:
        client.send(request_bytes("/100.bin", fields=[("Content-Length", len(body))]) + body)
        client.send(request_bytes("/1.bin"))
        assert client.read_response().body == FILES["100.bin"]
        assert client.read_response().body == FILES["1.bin"]


def test_H1_a_chunked_request_body_is_skipped(site):
    body = b"".join(b"%x;note=\"a\"\r\n%s\r\n" % (size, payload(size)) for size in (1, 10, 5000))
    with site.connect() as client:
        client.send(request_bytes("/100.bin", fields=[("Transfer-Encoding", "chunked")]))
        client.send(body + b"0\r\nTrailer-Field: x\r\n\r\n" + request_bytes("/1.bin"))
        assert client.read_response().body == FILES["100.bin"]
        assert client.read_response().body == FILES["1.bin"]


@pytest.mark.parametrize("fragment_size", [1, 7, 100_000])
def test_H1_requests_inside_of_a_body_are_no_requests(site, fragment_size):
    smuggled = request_bytes("/4096.bin") * 3
    chunked = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in (smuggled, smuggled)) + b"0\r\n\r\n"
    for target, method, status in (("/100.bin", "GET", 200), ("/missing", "GET", 404), ("/100.bin", "POST", 405)):
        for fields, body in (([("Content-Length", len(smuggled))], smuggled),
                             ([("Transfer-Encoding", "chunked")], chunked)):
            wire = request_bytes(target, method, fields) + body + request_bytes("/1.bin")
            with site.connect() as client:
                for start in range(0, len(wire), fragment_size):
                    client.send(wire[start:start + fragment_size])
                assert client.read_response().status == status
                assert client.read_response().body == FILES["1.bin"]


def test_H1_a_half_closed_client_still_gets_its_answer(site):
    with site.connect() as client:
        client.request("/300000.bin")
        client.finish_sending()
        assert client.read_response().sha256 == sha256(FILES["300000.bin"])
        assert client.read_end() == (b"", "fin")


def test_H1_a_connection_closed_without_a_request_costs_nothing(site):
    for _ in range(20):
        with site.connect():
            pass
    for _ in range(20):
        with site.connect() as client:
            client.send(b"GET / HT")


# -- H5 -------------------------------------------------------------------------------------------

def test_H5_expectation_on_a_refused_method_gets_the_final_status_at_once(site):
    with site.connect() as client:
        client.request("/100.bin", method="POST", fields=[("Content-Length", 10), ("Expect", "100-continue")])
        response = client.read_response()
        assert (response.status, response.informational) == (405, [])
        # The body was never sent. Whatever comes next must not be taken for it and for a request at once.
        if response.keeps_connection:
            assert client.get("/1.bin").body == FILES["1.bin"]
        else:
            client.read_end()


def test_H5_expectation_on_a_get_does_not_hang(site):
    with site.connect() as client:
        client.request("/100.bin", fields=[("Content-Length", 5), ("Expect", "100-continue")])
        response = client.read_interim()
        if response.informational:
            assert [status for status, _ in response.informational] == [100]
            client.send(b"hello")
            client.read_rest(response)
            assert (response.status, response.body) == (200, FILES["100.bin"])
            assert client.get("/1.bin").body == FILES["1.bin"]
        else:
            assert client.read_rest(response).status == 200


def test_H5_expectation_of_an_http10_client_gets_no_interim_answer(site):
    with site.connect() as client:
        client.send(request_bytes("/100.bin", version="HTTP/1.0",
                                  fields=[("Content-Length", 5), ("Expect", "100-continue")]) + b"hello")
        response = client.read_response()
        assert (response.status, response.informational) == (200, [])


# -- H6 -------------------------------------------------------------------------------------------

@pytest.mark.parametrize("target, fields, status", [
    ("/70000.bin", [], 200),
    ("/0.bin", [], 200),
    ("/missing", [], 404),
    ("/100.bin", [("If-None-Match", "*")], 304),
    ("/100.bin", [("If-Match", '"other"')], 412),
], ids=["file", "empty", "missing", "not-modified", "precondition"])
def test_H6_head_is_get_without_a_body(site, target, fields, status):
    with site.connect() as client:
        got = client.get(target, fields=fields)
        head = client.get(target, method="HEAD", fields=fields)
        assert got.status == head.status == status
        varying = ("date",)
        assert ([field for field in head.fields if field[0].lower() not in varying]
                == [field for field in got.fields if field[0].lower() not in varying])
        assert client.get("/1.bin").body == FILES["1.bin"]  # nothing of a body was in between


def test_H6_not_modified_has_no_body_and_no_length(site):
    with site.connect() as client:
        response = client.get("/70000.bin", fields=[("If-None-Match", "*")])
        assert (response.status, response.field("content-length")) == (304, None)
        assert response.field("transfer-encoding") is None
        assert client.get("/1.bin").body == FILES["1.bin"]


# -- H7 -------------------------------------------------------------------------------------------

@pytest.mark.parametrize("request_wire, status", [
    (request_bytes("/100.bin"), 200),
    (request_bytes("/100.bin", method="HEAD"), 200),
    (request_bytes("/100.bin", fields=[("Range", "bytes=0-1")]), 206),
    (request_bytes("/100.bin", fields=[("If-None-Match", "*")]), 304),
    (request_bytes("/100.bin", fields=[("Range", "bytes=500-")]), 416),
    (request_bytes("/missing"), 404),
    (request_bytes("/100.bin", method="DELETE"), 405),
    (request_bytes("/100.bin", host=None), 400),
], ids=["200", "head", "206", "304", "416", "404", "405", "400"])
def test_H7_date_and_server_are_always_there(site, request_wire, status):
    with site.connect() as client:
        client.send(request_wire)
        response = client.read_response("HEAD" if request_wire.startswith(b"HEAD") else "GET")
        assert response.status == status
        assert response.field("server") == "midstream"
        date = response.field("date")
        parsed = datetime.datetime.strptime(date, "%a, %d %b %Y %H:%M:%S GMT")
        assert email.utils.format_datetime(parsed.replace(tzinfo=datetime.timezone.utc), usegmt=True) == date
        assert abs((datetime.datetime.utcnow() - parsed).total_seconds()) < 300


@pytest.mark.parametrize("option", ["close", "Close", "foo, close", "close, foo"])
def test_H7_connection_close_is_honoured_and_announced(site, option):
    with site.connect() as client:
        client.send(request_bytes("/100.bin", fields=[("Connection", option)]) + request_bytes("/1.bin"))
        response = client.read_response()
        assert response.body == FILES["100.bin"]
        assert "close" in response.tokens("connection")
        assert client.read_end()[0] == b""  # the request behind it is not answered


@pytest.mark.parametrize("version, fields", [("HTTP/1.1", [("Connection", "close")]), ("HTTP/1.0", [])],
                         ids=["close", "http10"])
def test_H7_what_comes_behind_a_last_answer_does_not_eat_it(site, version, fields):
    """A server that closes over unread bytes resets the connection, and the rest of the answer is lost."""
    with site.connect(receive_buffer=16 * KIB) as client:
        client.request("/5000000.bin", version=version, fields=fields)
        response = client.read_head()
        client.read_size(response, 50_000)
        client.send(request_bytes("/1.bin") * 100)
        client.read_rest(response)
        assert (response.ending, response.sha256) == (COMPLETE, sha256(LAST))
        assert client.read_end()[0] == b""


# -- H8 -------------------------------------------------------------------------------------------

def test_H8_absolute_form(site):
    with site.connect() as client:
        for target in ("http://midstream.test/100.bin", "http://other.test:8080/100.bin?query",
                       "HTTP://midstream.test/100.bin"):
            assert client.get(target).body == FILES["100.bin"], target


def test_H8_options_for_the_server_and_for_a_file(site):
    with site.connect() as client:
        for target in ("*", "/100.bin"):
            response = client.get(target, method="OPTIONS")
            assert response.status in (200, 204), target
            assert {"get", "head", "options"} <= response.tokens("allow"), response
            assert response.size == 0


@pytest.mark.parametrize("target, content", [
    ("/a%20b.txt", b"blank"),
    ("/a%2520b.txt", b"percent"),
    ("/%61%20b%2etxt", b"blank"),
    ("/gr%C3%BC%c3%9fe.txt", b"umlaut"),
    ("/a%20b.txt?x=%00&y", b"blank"),
])
def test_H8_the_path_is_decoded_once(site, target, content):
    response = site.get(target)
    assert (response.status, response.body) == (200, content)


@pytest.mark.parametrize("target", [
    "/%00", "/100.bin%00", "/100.bin%00.txt", "/%0a", "/a%0d%0ab", "/%1f", "/%7f", "/%01",
    "/%", "/%4", "/%zz", "/100.bin%", "/%g0",
])
def test_H8_control_bytes_and_bad_escapes_are_400(site, target):
    assert site.get(target).status == 400


def test_H8_raw_utf8_in_the_target_is_no_crash(site):
    with site.connect() as client:
        client.send("GET /grüße.txt HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        response = client.read_response()
        assert response.status in (200, 400), response


def test_H1_many_connections_at_once(site):
    clients = [site.connect() for _ in range(100)]
    for client in clients:
        client.request("/70000.bin")
    for client in clients:
        assert client.read_response().sha256 == sha256(FILES["70000.bin"])
    for client in clients:
        client.socket.shutdown(socket.SHUT_RDWR)
        client.close()
