"""H4: whoever is too slow is cut off; whoever is slow but moves is not. Each end frees its descriptor."""

import select

import pytest

from harness.client import request_bytes
from harness.limits import Deadline, duration, limit, observe
from harness.message import BROKEN, COMPLETE
from harness.payload import KIB, MIB, payload, sha256

TIMEOUT = 1  # seconds, before MIDSTREAM_TIME_FACTOR
SERVER_ARGUMENTS = ("--header-timeout", duration(TIMEOUT), "--idle-timeout", duration(TIMEOUT),
                    "--stall-timeout", duration(TIMEOUT))

LARGE = payload(20 * MIB, seed="large")


@pytest.fixture(scope="module", autouse=True)
def files(server):
    server.put("small.txt", b"small")
    server.put("large.bin", LARGE)


def expect_408_or_close(client):
    """The end of a client that did not get its head together."""
    response = client.read_response()
    if response.status is not None:
        assert (response.status, response.ending) == (408, COMPLETE), response
        assert client.read_end()[0] == b""


@pytest.mark.parametrize("sent", [b"", b"G", b"GET / HTTP/1.1\r\n", b"GET / HTTP/1.1\r\nHost: a\r\nX: "],
                         ids=["nothing", "a-byte", "a-line", "half-a-field"])
def test_H4_a_head_that_never_ends_is_cut(site, sent):
    with site.connect() as client:
        if sent:
            client.send(sent)
        expect_408_or_close(client)


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
def test_H4_a_request_body_that_never_comes(site, method, status):
    with site.connect() as client:
        client.request("/small.txt", method=method, fields=[("Content-Length", MIB)])
        response = client.read_response()
        assert response.status in (status, 408)
        assert client.read_end()[0] == b""


def test_H4_a_client_that_never_reads_is_dropped(site):
    with site.connect(receive_buffer=16 * KIB) as client:
        client.request("/large.bin")
        client.read_head()
        site.wait_for_base("while the client still does not read and does not leave")


def test_H4_what_a_dropped_client_got_does_not_look_complete(site):
    with site.connect(receive_buffer=16 * KIB) as client:
        client.request("/large.bin")
        response = client.read_head(keep_body=True)
        site.wait_for_base("while the client still does not read")
        client.read_rest(response)
        assert response.ending in BROKEN
        assert response.body == LARGE[:response.size]


def test_H4_many_clients_that_never_read_are_all_dropped(site):
    clients = [site.connect(receive_buffer=8 * KIB) for _ in range(50)]
    for client in clients:
        client.request("/large.bin")
        client.read_head(keep_body=False)
    site.wait_for_base("while 50 clients do not read")
    for client in clients:
        client.close()


def test_H4_a_slow_but_steady_reader_lives_on(site):
    """Several times the stall timeout, a few KiB at a time; each is progress that the kernel sees acknowledged."""
    with site.connect(receive_buffer=16 * KIB) as client:
        client.request("/large.bin")
        response = client.read_head(keep_body=False)
        for _ in range(int(4 * TIMEOUT / 0.05)):
            client.read_size(response, response.size + 4 * KIB, most=8 * KIB)
            observe(limit(0.05))
        client.read_rest(response)
        assert (response.ending, response.sha256) == (COMPLETE, sha256(LARGE))


def test_H4_a_pause_shorter_than_the_stall_timeout_is_nothing(site):
    with site.connect(receive_buffer=16 * KIB) as client:
        client.request("/large.bin")
        response = client.read_head(keep_body=False)
        for _ in range(3):
            observe(limit(TIMEOUT * 0.5))
            client.read_size(response, response.size + 2 * MIB)
        client.read_rest(response)
        assert (response.ending, response.sha256) == (COMPLETE, sha256(LARGE))


def test_H4_waiting_for_a_growing_file_is_neither_idle_nor_a_stall(site):
    """Nothing is written for longer than every timeout of the client's side; the reader stays."""
    with site.grow("growing.log") as growing, site.connect() as client:
        client.request("/growing.log")
        growing.append(b"first")
        response = client.read_head()
        client.read_size(response, 5)
        observe(limit(TIMEOUT * 2.5))
        growing.append(b"second")
        client.read_size(response, 11)
        growing.close()
        client.read_rest(response)
        assert (response.ending, response.body) == (COMPLETE, b"firstsecond")
