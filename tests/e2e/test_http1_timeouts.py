"""H4: who is too slow with a request is cut off. Each end frees its descriptor."""

import select

import pytest

from harness.client import request_bytes
from harness.limits import Deadline, duration, limit, observe
from harness.message import COMPLETE
from harness.payload import MIB

TIMEOUT = 1  # seconds, before MIDSTREAM_TIME_FACTOR
SERVER_ARGUMENTS = ("--header-timeout", duration(TIMEOUT), "--idle-timeout", duration(TIMEOUT),
                    "--body-timeout", duration(TIMEOUT))


@pytest.fixture(scope="module", autouse=True)
def files(server):
    server.put("small.txt", b"small")


def expect_408_or_close(client):
    """The end of a client that did not get its head together."""
    response = client.read_response()
    if response.status is not None:
        assert (response.status, response.ending) == (408, COMPLETE), response
        assert client.read_end()[0] == b""


def test_H4_a_head_that_never_ends_is_cut(site):
    clients = []
    for sent in (b"", b"\r\n", b"G", b"GET / HTTP/1.1\r\n", b"GET / HTTP/1.1\r\nHost: a\r\nX: "):
        clients.append(site.connect())
        if sent:
            clients[-1].send(sent)
    for client in clients:
        expect_408_or_close(client)
        client.close()


def test_H4_a_head_sent_byte_by_byte_is_cut_though_it_moves(site):
    """The timeout is for the whole head: a byte now and then does not extend it."""
    wire = request_bytes("/small.txt", fields=[("X", "x" * 4000)])
    deadline = Deadline(15 * TIMEOUT, "a slow head is not cut")
    with site.connect() as client:
        sent = 0
        while client.try_send(wire[sent:sent + 1]):
            sent += 1
            deadline.left()
            assert sent < len(wire), "the whole slow head was accepted"
            # The pace of the sender, and a look for an answer or an end.
            if select.select([client.socket], [], [], limit(0.02))[0]:
                break
        assert client.read_response().status in (None, 408)


def test_H4_a_slow_second_head_is_cut_too(site):
    with site.connect() as client:
        assert client.get("/small.txt").body == b"small"
        client.send(b"GET /small.txt HTTP/1.1\r\nHos")
        expect_408_or_close(client)


def test_H4_an_idle_connection_is_closed_silently(site):
    with site.connect() as client:
        assert client.get("/small.txt").body == b"small"
        assert client.read_end() == (b"", "fin")


def test_H4_idle_time_starts_anew_with_each_request(site):
    with site.connect() as client:
        for _ in range(4):
            assert client.get("/small.txt").body == b"small"
            observe(limit(TIMEOUT * 0.4))
        assert client.get("/small.txt").body == b"small"


@pytest.mark.parametrize("method, status", [("GET", 200), ("POST", 405)])
@pytest.mark.parametrize("size", [10, MIB], ids=["small", "large"])
def test_H4_a_request_body_that_never_comes(site, method, status, size):
    """Nobody wants it, so the answer does not wait for it; but the connection does not wait for ever either."""
    with site.connect() as client:
        client.request("/small.txt", method=method, fields=[("Content-Length", size)])
        assert client.read_response().status == status
        assert client.read_end()[0] == b""


def test_H4_chunks_that_stop_coming(site):
    """Whether the request is well-formed is not known: no content, and the descriptor is free."""
    with site.connect() as client:
        client.request("/small.txt", fields=[("Transfer-Encoding", "chunked")])
        client.send(b"5\r\nhel")
        response = client.read_response()
        assert (response.status, response.ending) == (408, COMPLETE)
        assert client.read_end()[0] == b""
