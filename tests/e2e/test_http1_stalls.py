"""H4: a client that takes nothing is cut off; one that is slow but moves is not. Each end frees its descriptor."""

import pytest

from harness.limits import duration, limit, observe
from harness.message import BROKEN, COMPLETE, RESET
from harness.payload import KIB, MIB, payload, sha256

TIMEOUT = 1  # seconds, before MIDSTREAM_TIME_FACTOR
SERVER_ARGUMENTS = ("--header-timeout", duration(TIMEOUT), "--idle-timeout", duration(TIMEOUT),
                    "--stall-timeout", duration(TIMEOUT))

LARGE = payload(20 * MIB, seed="large")


@pytest.fixture(scope="module", autouse=True)
def files(server):
    server.put("large.bin", LARGE)


def test_H4_clients_that_never_read_are_dropped_and_what_they_got_does_not_look_complete(site):
    clients = [site.connect(receive_buffer=16 * KIB) for _ in range(50)]
    responses = []
    for number, client in enumerate(clients):
        client.request("/large.bin", version="HTTP/1.0" if number % 2 else "HTTP/1.1")
        responses.append(client.read_head())
    site.wait_for_base("while 50 clients do not read and do not leave")
    for client, response in zip(clients, responses):
        client.read_rest(response)
        assert response.ending in BROKEN
        assert response.body == LARGE[:response.size]
        client.close()


def test_H4_readers_of_a_growing_file_that_never_read_are_dropped(site):
    with site.grow("unread.bin") as growing:
        clients = [site.connect(receive_buffer=16 * KIB) for _ in range(10)]
        responses = []
        for number, client in enumerate(clients):
            client.request("/unread.bin", version="HTTP/1.0" if number % 2 else "HTTP/1.1")
            responses.append(client.read_head())
        growing.append(LARGE)
        site.wait_for_base("while 10 clients do not read and the file still grows")
        for client, response in zip(clients, responses):
            client.read_rest(response)
            assert response.ending == RESET
            assert response.body == LARGE[:response.size]
            client.close()


def test_H4_a_slow_but_steady_reader_lives_on(site):
    """Several times the stall timeout, a few KiB at a time; each is progress that the kernel sees acknowledged."""
    with site.connect(receive_buffer=16 * KIB) as client:
        client.request("/large.bin")
        response = client.read_head(keep_body=False)
        for _ in range(int(3 * TIMEOUT / 0.05)):
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
        observe(limit(TIMEOUT * 1.5))
        growing.append(b"second")
        client.read_size(response, 11)
        growing.close()
        client.read_rest(response)
        assert (response.ending, response.body) == (COMPLETE, b"firstsecond")
